"""pandas in and out: the labels of the rows given, and of the next ones forecast."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any, NamedTuple

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
            # Rows without labels: from here on nobody knows where we are.
            return replace(self, last=None, step=None)
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

        if self.step is None:
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


class Given(NamedTuple):
    """One series as it was passed."""

    X: Any
    y: Any = None
    weight: Any = None
    place: str = ""  # what to call it in an error; nothing if it is the only one
    rows: Any = None  # its rows within a frame of several

    def with_targets(self, names: tuple) -> Given:
        """With the columns of y in the order of the given names."""
        columns = list(getattr(self.y, "columns", names))
        if columns == list(names) or not names:
            return self
        if set(columns) != set(names):
            raise ValueError(
                f"y must have the targets {list(names)}, as in fit, got {columns}."
            )
        return self._replace(y=self.y[list(names)])


@dataclass(frozen=True)
class Panel:
    """How several series were passed: in a list, or in one frame.

    Parameters
    ----------
    names : list, optional
        The series' labels in a frame with an index of (series, time).
    levels : list, optional
        Names of the index' levels that label the series.
    """

    names: list | None = None
    levels: list | None = None

    def join(self, results: list, given: list[Given]):
        """Results of the series, as rows of X: a list, or an array like the frame."""
        if self.names is None:
            return results
        n_rows = sum(len(each.rows) for each in given)
        joined = np.empty((n_rows, *results[0].shape[1:]), results[0].dtype)
        for result, each in zip(results, given, strict=True):
            joined[each.rows] = result
        return joined

    def concat(self, results: list):
        """Results of the series, labelled: a list, or one frame."""
        if self.names is None:
            return results
        import pandas as pd

        return pd.concat(results, keys=self.names, names=self.levels)


def split_series(X, y=None, weight=None) -> tuple[Panel | None, list[Given]]:
    """Split several series into single ones.

    Parameters
    ----------
    X : array-like of shape (n_rows, n_columns), list of them, or a frame with an index
            of (series, time)
    y, weight : as X, optional

    Returns
    -------
    panel : Panel or None
        How they were passed; None if X is one series.
    given : list of Given
    """
    if is_list_of_tables(X):
        lists = {"y": y, "sample_weight": weight}
        for name, values in lists.items():
            if values is not None and len(values) != len(X):
                raise ValueError(
                    f"{name} must be a list with an entry for each series: X holds "
                    f"{len(X)}, {name} {len(values)}."
                )
        return Panel(), [
            Given(
                x,
                None if y is None else y[i],
                None if weight is None else weight[i],
                f"X[{i}]",
            )
            for i, x in enumerate(X)
        ]
    index = index_of(X)
    if index is None or index.nlevels == 1:
        if index_of(y) is not None and index_of(y).nlevels > 1:
            raise ValueError(
                "y has an index of (series, time), but X has not: pass X as a frame "
                "with the index of y."
            )
        return None, [Given(X, y, weight)]
    for name, values in {"y": y, "sample_weight": weight}.items():
        own = index_of(values)
        if values is not None and (
            len(values) != len(X) or (own is not None and not own.equals(index))
        ):
            raise ValueError(
                f"{name} must have the rows of X, in their order. Pass {name} with the "
                "index of X, as by .reindex(X.index)."
            )
    if any(index.get_level_values(i).isna().any() for i in range(index.nlevels - 1)):
        raise ValueError("X has rows without the name of a series in their index.")
    levels = list(range(index.nlevels - 1))
    groups = X.groupby(level=levels if len(levels) > 1 else 0, sort=False).indices
    given = []
    for name, rows in groups.items():

        def part(values, rows=rows):
            if values is None:
                return None
            if hasattr(values, "iloc"):
                return values.iloc[rows].droplevel(levels)
            return np.asarray(values)[rows]

        place = f"series {name!r}"
        series = part(X)
        if not series.index.is_monotonic_increasing:
            raise ValueError(
                f"{place}: rows must be in time order. Sort X, as by X.sort_index(), "
                "and what belongs to its rows."
            )
        given.append(Given(series, part(y), part(weight), place, rows))
    return Panel(list(groups), [index.names[level] for level in levels]), given


def split_plans(X_future, panel: Panel | None, n_series: int) -> list:
    """Split what is known of the future of several series into that of each."""
    if panel is None or X_future is None:
        return [X_future] * n_series
    plans, given = split_series(X_future)
    if plans is None or (plans.names is None) != (panel.names is None):
        raise ValueError(
            "X_future must be passed as the series are: a list with an entry for each, "
            "or a frame with an index of (series, time)."
        )
    if plans.names is None or panel.names is None:
        if len(given) != n_series:
            raise ValueError(
                f"X_future must have an entry for each of the {n_series} series, got "
                f"{len(given)}."
            )
        return [each.X for each in given]
    by_name = {name: each.X for name, each in zip(plans.names, given, strict=True)}
    missing = [name for name in panel.names if name not in by_name]
    if missing:
        raise ValueError(f"X_future lacks the series {missing}.")
    return [by_name[name] for name in panel.names]


def is_list_of_tables(X) -> bool:
    """Whether X is a list of series, and not of the rows of one."""
    if not isinstance(X, list | tuple) or not len(X):
        return False
    first = X[0]
    if hasattr(first, "ndim"):
        return first.ndim > 1
    if not isinstance(first, list | tuple) or not len(first):
        return False
    return isinstance(first[0], list | tuple)


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
