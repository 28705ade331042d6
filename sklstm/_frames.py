"""pandas in and out: the labels of the rows given, and of the next ones forecast."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np


@dataclass(frozen=True)
class Labels:
    """Labels of the rows and targets that an estimator was given.

    Parameters
    ----------
    has_index : bool
        Whether the rows came with a pandas index.
    last : label, optional
        The last row's label.
    step : int or pandas offset, optional
        From one row's label to the next; None if the labels are irregular.
    index_name : hashable, optional
    targets : tuple of hashable, optional
        Names of the targets.
    one_target_1d : bool
        Whether the target was given as one-dimensional.
    """

    has_index: bool = False
    last: Any = None
    step: Any = None
    index_name: Any = None
    targets: tuple = ()
    one_target_1d: bool = False

    @classmethod
    def of(cls, X, y, *, targets: tuple, one_target_1d: bool) -> Labels:
        """Labels of the rows of X (or, where it has none, of y).

        Parameters
        ----------
        X : array-like of shape (n_timesteps, n_features)
        y : array-like or None
        targets : tuple of hashable
            Names of the targets, where y has none.
        one_target_1d : bool
            Whether y is one-dimensional.
        """
        if hasattr(y, "columns"):
            targets = tuple(y.columns)
        elif hasattr(y, "name"):
            targets = (y.name,)
        labels = cls(targets=targets, one_target_1d=one_target_1d)
        index = index_of(X, y)
        if index is None:
            return labels
        return replace(
            labels,
            has_index=True,
            last=index[-1],
            step=_index_step(index),
            index_name=index.name,
        )

    def after(self, X, y) -> Labels:
        """The labels once the rows of X have followed."""
        index = index_of(X, y)
        if index is None and self.has_index:
            # Rows without labels: until some come with them, nobody knows where we are.
            return replace(self, last=None)
        if index is None:
            return self
        return replace(self, has_index=True, last=index[-1], index_name=index.name)

    def check_continued(self, index, *, name: str) -> None:
        """Refuse times that do not come after those seen, and warn of a gap.

        Parameters
        ----------
        index : pandas.Index or None
            Labels of the rows that are to follow.
        name : str
            What holds the rows.
        """
        if not self._tells_of(index):
            return
        if self.was_seen(index):
            raise ValueError(
                f"{name} must begin after the last row seen, {self.last}, but begins "
                f"at {index[0]}. Leave out what was seen before; update(..., "
                "replace=True) goes back in time."
            )
        if self.step is not None and index[0] != (next_ := self._next_index(1)[0]):
            warnings.warn(
                f"{name} begins at {index[0]}, but after the last row seen, "
                f"{self.last}, {next_} is the next. The rows are taken as if nothing "
                "was missing: fill the gap, or fit anew.",
                UserWarning,
                stacklevel=2,
            )

    def was_seen(self, index) -> bool:
        """Whether the first of the labels is one of rows seen, or of before."""
        return self._tells_of(index) and bool(index[0] <= self.last)

    def _tells_of(self, index) -> bool:
        """Whether labels of time can be compared with those seen."""
        if index is None or self.last is None or not len(index):
            return False
        one, last = index[0], self.last
        return (
            is_time(index)
            and type(one) is type(last)
            and getattr(one, "tz", None) == getattr(last, "tz", None)
            and getattr(one, "freq", None) == getattr(last, "freq", None)
        )

    def label(self, forecast: np.ndarray, index=None):
        """Label a forecast of the rows that come next.

        Parameters
        ----------
        forecast : ndarray of shape (steps, n_targets)
        index : pandas.Index, optional
            The rows' labels where they are known.

        Returns
        -------
        forecast : ndarray, Series or DataFrame
            As the target was given.
        """
        if self.one_target_1d:
            forecast = forecast[:, 0]
        if index is None and not self.has_index:
            return forecast
        import pandas as pd

        if index is None:
            index = self._next_index(len(forecast))
        if self.one_target_1d:
            name = self.targets[0] if self.targets else None
            return pd.Series(forecast, index=index, name=name)
        columns = list(self.targets) if self.targets else None
        return pd.DataFrame(forecast, index=index, columns=columns)

    def label_several(self, told: np.ndarray, names: Sequence, index=None):
        """Label several values told of each target in the rows that come next.

        Parameters
        ----------
        told : ndarray of shape (steps, n_targets, n_names)
        names : sequence
            What they are called, as ("lower", "upper").
        index : pandas.Index, optional
            The rows' labels where they are known.

        Returns
        -------
        told : ndarray or DataFrame
        """
        if index is None and not self.has_index:
            return told[:, 0] if self.one_target_1d else told
        import pandas as pd

        if index is None:
            index = self._next_index(len(told))
        if self.one_target_1d:
            return pd.DataFrame(told[:, 0], index=index, columns=list(names))
        targets = list(self.targets) or list(range(told.shape[1]))
        columns = pd.MultiIndex.from_product([targets, names])
        return pd.DataFrame(told.reshape(len(told), -1), index, columns)

    def _next_index(self, steps):
        import pandas as pd

        if self.step is None or self.last is None:
            # Nobody knows which rows come next (trading days, say): count them.
            return pd.RangeIndex(1, steps + 1, name="step")
        if isinstance(self.last, pd.Timestamp):
            index = pd.date_range(self.last, periods=steps + 1, freq=self.step)
            # A date that is not on the frequency's grid would not be the first.
            index = index[index > self.last][:steps]
        elif isinstance(self.last, pd.Period):
            index = pd.period_range(self.last + 1, periods=steps)
        else:
            first = self.last + self.step
            index = pd.RangeIndex(first, first + steps * self.step, self.step)
        return index.rename(self.index_name)


def index_of(*frames):
    """The pandas index of the first of the frames that has one, or None."""
    for frame in frames:
        # A list has a method of that name.
        if hasattr(frame, "iloc"):
            return frame.index
    return None


def is_time(index) -> bool:
    """Whether labels are points in time or periods."""
    import pandas as pd

    return isinstance(index, pd.DatetimeIndex | pd.PeriodIndex | pd.TimedeltaIndex)


def same(index, other) -> bool:
    """Whether labels are the same; times may be counted in other units."""
    if index.equals(other):
        return True
    alike = type(index) is type(other) and len(index) == len(other)
    return alike and bool(np.all(index == other))


def check_rows_in_order(X, y) -> None:
    """Refuse rows whose labels say that they are not in time order.

    Parameters
    ----------
    X : array-like
    y : array-like or None
    """
    index, own = index_of(X), index_of(y)
    for name, labels in (("X", index), ("y", own)):
        if labels is None or not (is_time(labels) or labels.dtype.kind in "iu"):
            continue
        if not labels.is_monotonic_increasing:
            raise ValueError(
                f"rows must be in time order, but the index of {name} falls. Sort X "
                "and what belongs to its rows, as by X.sort_index(); or number them "
                "anew, as by X.reset_index(drop=True), if their order is right."
            )
    if index is None or own is None or len(index) != len(own) or same(index, own):
        return
    of_one_kind = type(index) is type(own)
    if (is_time(index) and of_one_kind) or not len(index.difference(own)):
        raise ValueError(
            f"y must have the rows of X, in their order, but the index of X begins "
            f"{list(index[:2])}, and that of y {list(own[:2])}. Pass y with the index "
            "of X, as by y.reindex(X.index)."
        )


def _index_step(index):
    """What leads from one label to the next, or None if nothing regular does."""
    import pandas as pd

    if isinstance(index, pd.PeriodIndex):
        return 1 if (np.diff(index.asi8) == 1).all() else None
    if isinstance(index, pd.DatetimeIndex):
        if index.freq is not None:
            return index.freq
        if len(index) < 3 or not index.is_monotonic_increasing:
            return None
        return pd.infer_freq(index)
    if pd.api.types.is_integer_dtype(index.dtype):
        steps = np.unique(np.diff(index))
        return int(steps[0]) if len(steps) == 1 and steps[0] > 0 else None
    return None
