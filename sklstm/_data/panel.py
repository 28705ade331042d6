"""Panels: several series in a list or in one frame."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from sklstm._data.labels import column_labels
from sklstm._data.time_index import has_order, index_of, same_labels
from sklstm._data.time_labels import as_times, is_time
from sklstm._sklearn import safe_indexing

if TYPE_CHECKING:
    import pandas as pd


class SeriesInput(NamedTuple):
    """One series as the user passed it."""

    X: Any
    y: Any = None
    weight: Any = None
    place: str = ""  # its place in a panel, for messages; empty for a single series
    rows: Any = None  # its rows in a frame of several series

    @property
    def name(self) -> str:
        """Name of the series in messages."""
        return self.place or "X"

    @property
    def time_index(self) -> Any:
        """Labels of the rows, or None."""
        return index_of(self.X, self.y)

    def with_targets(self, names: pd.Index | None) -> SeriesInput:
        """Put the columns of y in the order of these names."""
        columns = column_labels(self.y) if hasattr(self.y, "columns") else None
        if names is None or columns is None or columns.equals(names):
            return self
        if set(columns) != set(names):
            raise ValueError(
                f"y must have the targets {list(names)}, as in fit, got "
                f"{list(columns)}."
            )
        positions = [list(columns).index(name) for name in names]
        return self._replace(y=safe_indexing(self.y, positions, axis=1))


@dataclass(frozen=True)
class Panel:
    """Format in which several series were passed: a list, or one frame.

    Parameters
    ----------
    n_series : int
        Number of series.
    names : list, optional
        Names of the series in a frame with an index of (series, time).
    levels : list, optional
        Names of the index levels that hold the names of the series.
    """

    n_series: int
    names: list | None = None
    levels: list | None = None

    def join(self, results: list, inputs: Sequence[SeriesInput]) -> Any:
        """Join arrays with a row for each row of X, in the format of X."""
        if self.names is None:
            return results
        n_rows = sum(len(series.rows) for series in inputs)
        joined = np.empty((n_rows, *results[0].shape[1:]), results[0].dtype)
        for result, series in zip(results, inputs, strict=True):
            joined[series.rows] = result
        return joined

    def concat(self, results: list) -> Any:
        """Join labelled results of all series: a list, or one frame."""
        if self.names is None:
            return results
        import pandas as pd

        return pd.concat(results, keys=self.names, names=self.levels)


def split_series(
    X: Any, y: Any = None, weight: Any = None
) -> tuple[Panel | None, list[SeriesInput]]:
    """Split a panel into its series.

    Parameters
    ----------
    X : array-like of shape (n_rows, n_columns), list of them, or a frame with an index
            of (series, time)
    y, weight : as X, optional

    Returns
    -------
    panel : Panel or None
        None if X is a single series.
    inputs : list of SeriesInput
    """
    if is_list_of_tables(X):
        return Panel(len(X)), _split_list(X, y, weight)
    index = index_of(X)
    if index is None or index.nlevels == 1:
        if index_of(y) is not None and index_of(y).nlevels > 1:
            raise ValueError(
                "y has an index of (series, time), but X has not: pass X as a frame "
                "with the index of y. A transformer before the estimator keeps the "
                'index with set_output(transform="pandas").'
            )
        return None, [SeriesInput(X, y, weight)]
    return _split_frame(X, y, weight)


def _split_list(X: Any, y: Any, weight: Any) -> list[SeriesInput]:
    for name, values in {"y": y, "sample_weight": weight}.items():
        if values is not None and len(values) != len(X):
            raise ValueError(
                f"{name} must be a list with an entry for each series: X holds "
                f"{len(X)}, {name} {len(values)}."
            )
    return [
        SeriesInput(
            x,
            None if y is None else y[i],
            None if weight is None else weight[i],
            f"X[{i}]",
        )
        for i, x in enumerate(X)
    ]


def _check_levels(index: Any) -> None:
    """Raise an error if the levels of an index seem to be (time, series)."""
    last = as_times(index.levels[-1])
    if is_time(last) or not len(index):
        return
    for i, level in enumerate(index.levels[:-1]):
        is_text = level.dtype.kind in "OUT" and isinstance(level[0], str)
        # Series of numbered rows may be named by days: as text, they can be told.
        if is_time(as_times(level)) and not (has_order(last) and is_text):
            raise ValueError(
                f"X must have an index of (series, time), but its level {i}, "
                f"{index.names[i]!r}, holds times such as {level[0]}, and its last "
                f"one, {index.names[-1]!r}, holds {last[0]!r}. Swap them with "
                "X.swaplevel(0, -1).sort_index(). If times do name the series, make "
                "them text: X.rename(str, level=0)."
            )


def _split_frame(X: Any, y: Any, weight: Any) -> tuple[Panel, list[SeriesInput]]:
    index = X.index
    _check_levels(index)
    for name, values in {"y": y, "sample_weight": weight}.items():
        other = index_of(values)
        if values is not None and (
            len(values) != len(X)
            or (other is not None and not same_labels(other, index))
        ):
            raise ValueError(
                f"{name} must have the rows of X, in their order. Pass {name} with the "
                "index of X, for example with .reindex(X.index)."
            )
    if any(index.get_level_values(i).isna().any() for i in range(index.nlevels - 1)):
        raise ValueError("X has rows without the name of a series in their index.")
    levels = list(range(index.nlevels - 1))
    by = levels if len(levels) > 1 else 0
    groups = X.groupby(level=by, sort=False, observed=True).indices

    def select(values: Any, rows: np.ndarray) -> Any:
        if values is None:
            return None
        if hasattr(values, "iloc"):
            return values.iloc[rows].droplevel(levels)
        return np.asarray(values)[rows]

    inputs = [
        SeriesInput(
            select(X, rows),
            select(y, rows),
            select(weight, rows),
            f"series {name!r}",
            rows,
        )
        for name, rows in groups.items()
    ]
    level_names = [index.names[level] for level in levels]
    return Panel(len(groups), list(groups), level_names), inputs


def match_fitted_series(
    X: Any, y: Any = None, weight: Any = None, *, fitted: Panel | None
) -> dict[int, SeriesInput]:
    """Match series with those passed to fit.

    Parameters
    ----------
    X : array-like of shape (n_rows, n_columns), list of them, or a frame with an index
            of (series, time)
        All series of fit if that got a single one or a list; all or some of them if it
        got a frame.
    y, weight : as X, optional
    fitted : Panel or None
        Format of the series in fit.

    Returns
    -------
    inputs : dict of int to SeriesInput
        For each series passed, its position in fit.
    """
    panel, inputs = split_series(X, y, weight)
    if (panel is None) != (fitted is None):
        raise ValueError(
            f"X must be passed as in fit, which got {_count(fitted)} series, but X "
            f"holds {_count(panel)}. forecast(X=...) forecasts other series."
        )
    if panel is None or fitted is None:
        return dict(enumerate(inputs))
    if not _same_container(panel, fitted):
        raise ValueError(
            "X must be passed as in fit: a list of series, or a frame with an "
            "index of (series, time)."
        )
    if panel.names is None and panel.n_series != fitted.n_series:
        raise ValueError(
            f"X must hold the {fitted.n_series} series of fit, in their order, got "
            f"{panel.n_series}. forecast(X=...) forecasts other series."
        )
    positions, unknown = _find_positions(panel, fitted)
    if unknown:
        raise ValueError(
            f"X holds the series {unknown}, which were not in fit. forecast(X=...) "
            "forecasts them."
        )
    return dict(zip(positions, inputs, strict=True))


def match_future_covariates(X_future: Any, panel: Panel | None) -> list:
    """Match future covariates with the series that are forecast.

    Parameters
    ----------
    X_future : array-like of shape (n_rows, n_columns), list of them, frame with an
            index of (series, time), or None
    panel : Panel or None
        Format of the series that are forecast.

    Returns
    -------
    X_future : list of (array-like or None)
        The future covariates of each series that is forecast.
    """
    if panel is None:
        return [X_future]
    if X_future is None:
        return [None] * panel.n_series
    passed, inputs = split_series(X_future)
    if passed is None or not _same_container(passed, panel):
        raise ValueError(
            "X_future must be passed as the series are: a list with an entry for each, "
            "or a frame with an index of (series, time)."
        )
    if passed.names is None and passed.n_series != panel.n_series:
        raise ValueError(
            f"X_future must have an entry for each of the {panel.n_series} series, got "
            f"{passed.n_series}."
        )
    positions, missing = _find_positions(panel, passed)
    if missing:
        raise ValueError(f"X_future lacks the series {missing}.")
    return [inputs[position].X for position in positions]


def _count(panel: Panel | None) -> int | str:
    return "one" if panel is None else panel.n_series


def _same_container(panel: Panel, other: Panel) -> bool:
    """Return whether both panels are lists, or both are frames."""
    return (panel.names is None) == (other.names is None)


def _find_positions(panel: Panel, other: Panel) -> tuple[list[int], list]:
    """Find the series of a panel in another one, by name or, in lists, by position.

    Returns
    -------
    positions : list of int
        Of the series that the other panel holds.
    missing : list
        Names of those that it does not hold.
    """
    if panel.names is None or other.names is None:
        return list(range(panel.n_series)), []
    names = other.names
    positions = [names.index(name) for name in panel.names if name in names]
    return positions, [name for name in panel.names if name not in names]


def is_list_of_tables(X: Any) -> bool:
    """Return whether X is a list of series, and not of the rows of one."""
    if not isinstance(X, list | tuple) or not len(X):
        return False
    first = X[0]
    if hasattr(first, "shape"):
        return len(first.shape) > 1
    if not isinstance(first, list | tuple) or not len(first):
        return False
    return isinstance(first[0], list | tuple)
