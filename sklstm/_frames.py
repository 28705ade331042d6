"""pandas in and out: the labels of the rows given, and of the next ones forecast."""

from __future__ import annotations

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

    def label_interval(self, interval: np.ndarray, index=None):
        """Label the ends of an interval of the rows that come next.

        Parameters
        ----------
        interval : ndarray of shape (steps, n_targets, 2)
        index : pandas.Index, optional
            The rows' labels where they are known.

        Returns
        -------
        interval : ndarray or DataFrame
        """
        if index is None and not self.has_index:
            return interval[:, 0] if self.one_target_1d else interval
        import pandas as pd

        if index is None:
            index = self._next_index(len(interval))
        names = ["lower", "upper"]
        if self.one_target_1d:
            return pd.DataFrame(interval[:, 0], index=index, columns=names)
        targets = list(self.targets) or list(range(interval.shape[1]))
        columns = pd.MultiIndex.from_product([targets, names])
        return pd.DataFrame(interval.reshape(len(interval), -1), index, columns)

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
