"""The rows of a series that a forecaster remembers."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from sklstm._data.labels import Labels
from sklstm._data.panel import SeriesInput
from sklstm._data.scaling import is_constant
from sklstm._data.time_index import index_of, warn_of_irregular_rows
from sklstm._data.time_steps import MIN_STEP_ROWS
from sklstm._data.user_warnings import warn_user
from sklstm._data.windows import count_windows
from sklstm.engine import WindowData
from sklstm.forecasting._target_columns import TargetColumn
from sklstm.forecasting._windows import (
    ScalingSettings,
    SeriesScaling,
    WindowShape,
    gather_weights,
    is_trainable,
)

# How far y may be from the value computed from its column, as a fraction of its spread
# and size: enough for the noise that a named column may have, but not for other units.
_UNIT_TOLERANCE = 0.1

_REWIND_HINT = "update(..., replace=True) goes back in time"


@dataclass(frozen=True)
class SeriesRows:
    """Consecutive rows of a series: features, targets and weights."""

    X: np.ndarray  # (n_rows, n_features)
    Y: np.ndarray  # (n_rows, n_targets); NaN where a target is unknown
    weight: np.ndarray  # (n_rows,)

    def __len__(self) -> int:
        return len(self.X)

    def append(self, rows: SeriesRows) -> SeriesRows:
        """Append rows."""
        return SeriesRows(
            np.vstack([self.X, rows.X]),
            np.vstack([self.Y, rows.Y]),
            np.append(self.weight, rows.weight),
        )

    def last(self, n_rows: int) -> SeriesRows:
        """Copy at least the last rows, so that the others can be freed."""
        first = max(len(self) - n_rows, 0)
        missing = np.isnan(self.X[first])
        if first and missing.any():
            # Keep the last value observed up to the first row, which stands for it.
            observed = ~np.isnan(self.X[:first, missing])
            rows = first - 1 - np.argmax(observed[::-1], axis=0)
            first = min(rows[observed.any(axis=0)], default=first)
        last = slice(first, None)
        return SeriesRows(
            self.X[last].copy(), self.Y[last].copy(), self.weight[last].copy()
        )

    def pad_left(self, n_rows: int) -> SeriesRows:
        """Repeat the first row, with weight zero, up to a minimum number of rows."""
        n_missing = max(n_rows - len(self), 0)
        return SeriesRows(
            np.repeat(self.X[:1], n_missing, axis=0),
            np.repeat(self.Y[:1], n_missing, axis=0),
            np.zeros(n_missing),
        ).append(self)


@dataclass(frozen=True)
class ValueRange:
    """The smallest and the largest value of each column of a series so far."""

    low: np.ndarray  # (n_features,); NaN without any value
    high: np.ndarray

    @classmethod
    def of_rows(cls, X: np.ndarray) -> ValueRange:
        """Return the range of rows."""
        # Unlike nanmin, these do not warn of columns without any value.
        return cls(np.fmin.reduce(X, axis=0), np.fmax.reduce(X, axis=0))

    def extended_by(self, X: np.ndarray) -> ValueRange:
        """Include further rows."""
        new = ValueRange.of_rows(X)
        return ValueRange(np.fmin(self.low, new.low), np.fmax(self.high, new.high))

    def find_far_columns(self, X: np.ndarray) -> np.ndarray:
        """Find the columns all of whose new values lie far outside the range.

        Far is a whole range from its nearer end. Other units bring all values there, a
        trend or an outlier only some. Columns that have been constant show no range.
        """
        new, width = ValueRange.of_rows(X), self.high - self.low
        # Comparisons with missing values are false.
        far = (new.low > self.high + width) | (new.high < self.low - width)
        return np.flatnonzero(far & (width > 0))


@dataclass(frozen=True)
class History:
    """Rows of a series that later windows reach back to, their scaling and labels."""

    rows: SeriesRows
    scaling: SeriesScaling
    labels: Labels
    seen: ValueRange

    @classmethod
    def fit(
        cls,
        rows: SeriesRows,
        labels: Labels,
        targets: Sequence[TargetColumn],
        settings: ScalingSettings,
        *,
        n_training_rows: int | None = None,
    ) -> History:
        """Create the history of a new series.

        Parameters
        ----------
        rows : SeriesRows
        labels : Labels
        targets : sequence of TargetColumn
            The column of each target.
        settings : ScalingSettings
        n_training_rows : int, optional
            Number of rows, the first ones, to fit the scaling to; by default all.

        Returns
        -------
        history : History
        """
        X, Y = rows.X[:n_training_rows], rows.Y[:n_training_rows]
        scaling = SeriesScaling.fit(X, Y, targets, settings)
        return cls(rows, scaling, labels, ValueRange.of_rows(rows.X))

    def with_step_of(self, others: Iterable[History], n_rows: int) -> History:
        """Use the time step of other series if the rows are too few to show their own.

        Parameters
        ----------
        others : iterable of History
        n_rows : int
            Number of rows that have labels.

        Returns
        -------
        history : History
        """
        if n_rows >= MIN_STEP_ROWS:
            return self
        times = self.labels.times.with_step_of(*(each.labels.times for each in others))
        return replace(self, labels=replace(self.labels, times=times))

    def extended_by(self, rows: SeriesRows, series: SeriesInput) -> History:
        """Append the rows that follow.

        Parameters
        ----------
        rows : SeriesRows
        series : SeriesInput
            The same rows as they were passed, for their labels.

        Returns
        -------
        history : History

        Raises
        ------
        ValueError
            If the rows were seen before, by their labels.
        """
        self.labels.times.check_continued(
            series.time_index, name=series.name, rewind_hint=_REWIND_HINT
        )
        return replace(
            self,
            rows=self.rows.append(rows),
            labels=self.labels.extended_by(series.X, series.y),
            seen=self.seen.extended_by(rows.X),
        )

    def replaced_by(self, rows: SeriesRows, series: SeriesInput) -> History:
        """Replace all rows, whatever their labels."""
        warn_of_irregular_rows(series.time_index, name=series.name)
        labels = self.labels.extended_by(series.X, series.y)
        seen = self.seen.extended_by(rows.X)
        return replace(self, rows=rows, labels=labels, seen=seen)

    def last(self, n_rows: int) -> History:
        """Keep the last rows."""
        return replace(self, rows=self.rows.last(n_rows))

    def check_future_index(self, index: Any) -> None:
        """Raise an error if the labels of future covariates are not the next ones."""
        self.labels.times.check_next(index, name="X_future", rewind_hint=_REWIND_HINT)

    def warn_unless_next(self, series: SeriesInput) -> None:
        """Warn if rows to predict were seen before, or do not follow the history."""
        times, index = self.labels.times, index_of(series.X)
        if times.was_seen(index):
            warn_user(
                f"{series.name} begins at {index[0]}, but rows up to {times.last} were "
                "seen before: the rows of X are forecast as if they came after them. "
                "fitted_values forecasts training rows.",
            )
        else:
            times.warn_of_gaps(index, name=series.name)

    def warn_of_other_units(
        self,
        X: np.ndarray,
        names: Sequence,
        *,
        name: str,
        columns: np.ndarray | None = None,
    ) -> None:
        """Warn of columns whose new values lie far outside those seen before.

        Parameters
        ----------
        X : ndarray of shape (n_rows, n_columns)
        names : sequence
            Labels of the columns of X in fit.
        name : str
            Name of the rows in messages.
        columns : ndarray of int, optional
            The columns that the rows have; by default all of fit.
        """
        if columns is None:
            columns = np.arange(self.rows.X.shape[1])
        low, high = self.seen.low[columns], self.seen.high[columns]
        is_category = np.isin(columns, self.scaling.settings.categorical_columns)
        for i in ValueRange(low, high).find_far_columns(X):
            if is_category[i]:
                continue
            values = X[:, i][~np.isnan(X[:, i])]
            warn_user(
                f"{name} has values from {values.min():.6g} to {values.max():.6g} in "
                f"column {names[columns[i]]!r}, far outside those seen before, from "
                f"{low[i]:.6g} to {high[i]:.6g}. If they have other units, convert "
                "them. If the forecaster is the last step of a pipeline, pass rows to "
                "the pipeline, which transforms them: a ForecastPipeline has update, "
                "forecast and the other methods of a forecaster."
            )

    def check_target_columns(self, X: np.ndarray, Y: np.ndarray) -> None:
        """Raise an error if new targets do not match their columns of X as before.

        A target that has been constant is not checked: its unit is unknown.
        """
        expected = self.scaling.targets_from_columns(X)
        columns = self.scaling.column_of_each_target()
        for i, before in enumerate(self.rows.Y.T):
            known = before[~np.isnan(before)]
            spread = known.std() if len(known) else 0.0
            # Comparisons with missing values are false.
            allowed = _UNIT_TOLERANCE * (spread + np.abs(expected[:, i]))
            excess = np.abs(Y[:, i] - expected[:, i]) - allowed
            if not (excess > 0).any() or is_constant(spread, known.mean()):
                continue
            row = int(np.nanargmax(excess))
            raise ValueError(
                f"y must match column {columns[i].column} of X, which held the history "
                f"of the target in fit, but in row {row} y is {Y[row, i]:.6g}, "
                f"while {expected[row, i]:.6g} is expected from the column. Pass both "
                "in the units of fit."
            )

    def windows(self, shape: WindowShape) -> WindowData:
        """Return all windows that have all their target rows, with the targets."""
        series = self.scaling.encode(self.rows.X)
        n_rows = len(self.rows)
        starts = np.arange(count_windows(n_rows, shape.window_length, shape.horizon))
        data = self.scaling.windows(series, starts)._replace(
            targets=self.scaling.encode_targets(self.rows.Y), weight=self.rows.weight
        )
        if data.since is None and np.isnan(self.rows.Y).any():
            complete = np.zeros(data.series.shape, np.int32)
            return data._replace(since=complete, until=complete)
        return data

    def windows_to_score(self, shape: WindowShape) -> WindowData:
        """Return the windows with a known target and target rows of positive weight."""
        data = self.windows(shape)
        usable = is_trainable(data, shape)
        usable &= (gather_weights(data, shape) > 0).all(axis=1)
        return data.take(np.flatnonzero(usable))


def median_slope(histories: Sequence[History], target: int) -> float:
    """Return the median slope from the column of a target to the target."""
    columns = [history.scaling.column_of_each_target()[target] for history in histories]
    return float(np.median([column.slope for column in columns]))
