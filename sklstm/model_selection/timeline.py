"""Several series on a common timeline, and the rows of each that belong to a fold."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
from sklearn.utils import indexable

from sklstm._data.input_types import refuse_non_numbers
from sklstm._data.panel import Panel, split_series
from sklstm._data.time_index import has_order, index_of
from sklstm._data.time_labels import as_times, is_number, is_time
from sklstm._sklearn import num_samples, safe_indexing

# Rows of some series: the number of each series, and positions among its own rows.
RowsOfSeries = Mapping[int, np.ndarray]


class SeriesTimes(NamedTuple):
    """Labels and times of the rows of a series."""

    name: Any
    labels: pd.Index  # of its rows
    positions: np.ndarray  # of its rows on the timeline, ascending
    rows: np.ndarray  # its rows in a frame of several series


@dataclass(frozen=True)
class Timeline:
    """The times at which at least one series has a row, in order.

    The series of a frame share the labels of their times. Those of a list end at the
    same time, because every forecast begins after the last row of its series.

    Parameters
    ----------
    panel : Panel or None
        None for a single series.
    index : Index
        The times; their numbers if the labels of the rows are no times.
    series : list of SeriesTimes
    """

    panel: Panel | None
    index: pd.Index
    series: list[SeriesTimes]

    @classmethod
    def from_data(cls, X: Any, y: Any = None) -> Timeline:
        """Find the times of a single series, a list of series, or a frame of several.

        Parameters
        ----------
        X : array-like of shape (n_timesteps, n_features), list of them, or a frame with
                an index of (series, time)
        y : as X, optional

        Returns
        -------
        timeline : Timeline
        """
        panel, inputs = split_series(X, y)
        for each in inputs:
            indexable(each.X, each.y)
        labels = [_row_labels(each.X, each.y) for each in inputs]
        index: pd.Index
        rows = [np.arange(len(index)) for index in labels]
        if panel is None:
            series = [SeriesTimes(0, labels[0], rows[0], rows[0])]
            return cls(None, _times_or_numbers(as_times(labels[0])), series)
        if panel.names is None:
            n_times = max(len(index) for index in labels)
            index = pd.RangeIndex(n_times)
            positions = [each + n_times - len(each) for each in rows]
            names: list = list(range(panel.n_series))
        else:
            rows = [each.rows for each in inputs]
            times = as_times(X.index.get_level_values(-1))
            if has_order(times):
                index = times.unique().sort_values()
            else:
                # The longest series show the order best.
                index = times[np.concatenate(sorted(rows, key=len)[::-1])].unique()
            positions = [index.get_indexer(times[each]) for each in rows]
            names = panel.names
        for each, steps in zip(inputs, map(np.diff, positions), strict=True):
            if (steps < 0).any():
                raise ValueError(
                    f"{each.place}: rows must be in time order, but the index "
                    "decreases. Sort X and y by time, for example with X.sort_index()."
                    if has_order(index)
                    else f"{each.place}: the labels of the rows are no times, and come "
                    "in another order than in other series. Give X an index of "
                    "(series, time)."
                )
        series = list(map(SeriesTimes, names, labels, positions, rows))
        return cls(panel, _times_or_numbers(index), series)

    def targets(self, y: Any) -> list[np.ndarray]:
        """Return the targets of each series, of shape (n_timesteps, n_targets)."""
        if self.panel is None:
            values = [y]
        elif self.panel.names is None:
            values = y
        else:
            values = [safe_indexing(y, series.rows) for series in self.series]
        for each in values:
            refuse_non_numbers(each, "y")
        return [
            np.asarray(each, dtype=float).reshape(len(series.labels), -1)
            for each, series in zip(values, self.series, strict=True)
        ]

    def rows_between(self, begin: int, end: int) -> dict[int, np.ndarray]:
        """Return the rows of each series from one time up to, excluding, another."""
        rows = {}
        for number, series in enumerate(self.series):
            first, last = np.searchsorted(series.positions, [begin, end])
            if first < last:
                rows[number] = np.arange(first, last)
        return rows

    def select(self, values: Any, rows: RowsOfSeries) -> Any:
        """Select rows of series, in the format of X."""
        if values is None:
            return None
        if self.panel is not None and self.panel.names is None:
            return [safe_indexing(values[i], each) for i, each in rows.items()]
        return safe_indexing(values, self.rows_in_data(rows))

    def rows_in_data(self, rows: RowsOfSeries) -> np.ndarray:
        """Return the positions of rows of series in X (not a list), ascending."""
        return np.sort(np.concatenate([self._rows_of(i, rows[i]) for i in rows]))

    def split(self, predictions: Any, rows: RowsOfSeries) -> dict[int, np.ndarray]:
        """Split predictions for selected rows, which have the format of X, by series.

        Returns
        -------
        predictions : dict of int to ndarray
            Of each series, with a row for each of its rows.
        """
        if self.panel is not None and self.panel.names is None:
            return dict(zip(rows, map(np.asarray, predictions), strict=True))
        predictions = np.asarray(predictions)
        if self.panel is None:
            return dict.fromkeys(rows, predictions)
        order = self.rows_in_data(rows)
        return {
            i: predictions[np.searchsorted(order, self._rows_of(i, each))]
            for i, each in rows.items()
        }

    def _rows_of(self, number: int, rows: np.ndarray) -> np.ndarray:
        return self.series[number].rows[rows]


def _times_or_numbers(index: pd.Index) -> pd.Index:
    """Return times as they are, and numbers for other labels, which sktime refuses."""
    usable = is_time(index) or is_number(index)
    if usable and index.is_unique and index.is_monotonic_increasing:
        return index
    return pd.RangeIndex(len(index))


def _row_labels(X: Any, y: Any) -> pd.Index:
    """Return the pandas index of X, or else that of y, or else the row numbers."""
    index = index_of(X, y)
    return pd.RangeIndex(num_samples(X)) if index is None else index
