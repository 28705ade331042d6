"""Windows of a series: scaling, gathering and decoding (NumPy only)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import NamedTuple

import numpy as np

from sklstm._data.missing import NEVER, Gaps, carry_forward, interpolate
from sklstm._data.scaling import mean_and_scale
from sklstm.engine import MAX_LINEAR_CATEGORIES, WindowData
from sklstm.forecasting._target_columns import TargetColumn

# The spread of a window is at least this fraction of the median window's: otherwise the
# row after a nearly constant window would look huge.
_SPREAD_FLOOR = 0.1

# Value of an indicator where a value is missing. At 1, the network would learn where
# values were missing rather than the series.
_MISSING = 0.2

# A spread below this fraction of the whole series' is rounding error (of float32).
_ROUNDING = 1e-5

# Number of windows from which the median spread is computed, at most.
_FLOOR_WINDOWS = 10_000

# Values of windows that are copied at once: bounds the memory.
_SPREAD_CHUNK = 2**20


class WindowShape(NamedTuple):
    """Sizes of a window and of its targets."""

    window_length: int
    horizon: int
    n_columns: int
    n_targets: int
    n_target_columns: int  # targets whose history is among the columns
    n_future_columns: int
    # Categorical columns: pairs of an index among the columns, and the number of ids.
    categories: tuple[tuple[int, int], ...] = ()

    @property
    def n_future_categories(self) -> int:
        """Number of future covariates that are categorical, the last columns."""
        first = self.n_columns - self.n_future_columns
        return sum(column >= first for column, _ in self.categories)

    @property
    def linear_categories(self) -> list[tuple[int, int]]:
        """The categorical future covariates that the linear maps read."""
        first = self.n_columns - self.n_future_columns
        return [
            (column, n_ids)
            for column, n_ids in self.categories
            if column >= first and n_ids - 1 <= MAX_LINEAR_CATEGORIES
        ]

    @property
    def span(self) -> int:
        """Number of rows of a window and its targets."""
        return self.window_length + self.horizon

    @property
    def n_covariate_changes(self) -> int:
        """Number of changes of future covariates that the linear maps read."""
        n_numbers = self.n_future_columns - self.n_future_categories
        n_categories = sum(n_ids - 1 for _, n_ids in self.linear_categories)
        return self.span * (n_numbers + n_categories)

    @property
    def n_history_rows(self) -> int:
        """Number of rows that the next window, with its targets, may reach back to."""
        return self.span - 1


class ScalingSettings(NamedTuple):
    """Settings of the scaling, the same for all series of a forecaster."""

    normalize: str | None
    window_length: int
    future_columns: np.ndarray  # columns of X whose future values are known
    # Columns of X with missing values in fit: the model reads which ones are missing.
    incomplete_columns: np.ndarray = np.array([], dtype=int)
    # Categorical columns of X: pairs of an index and the number of ids.
    categories: tuple[tuple[int, int], ...] = ()
    # Mean and scale of the columns of X that are scaled alike in all series, NaN for
    # the others; None if each series has scales of its own.
    shared: tuple[np.ndarray, np.ndarray] | None = None

    @property
    def categorical_columns(self) -> np.ndarray:
        """Categorical columns of X."""
        return np.array([column for column, _ in self.categories], dtype=int)


class ScaledSeries(NamedTuple):
    """A series as the model reads it, up to the level and spread of each window.

    Missing values are filled by interpolation, those of future covariates by the last
    value.
    """

    values: np.ndarray  # (n_rows, n_columns)
    gaps: Gaps | None = None  # if values are missing

    def extended(self, n_rows: int) -> ScaledSeries:
        """Repeat the last row, as observed, at the end."""
        values = np.pad(self.values, [(0, n_rows), (0, 0)], mode="edge")
        if self.gaps is None:
            return ScaledSeries(values)
        pad = [(0, n_rows), (0, 0)]
        return ScaledSeries(values, Gaps(*(np.pad(gap, pad) for gap in self.gaps)))


@dataclass(frozen=True)
class SeriesScaling:
    """Mapping between a series in its own units and what the model reads and predicts.

    The model reads the target columns first, then the past covariates, then the future
    covariates. Those of each kind are in this order: numbers, which values are missing
    in incomplete columns, categories. It predicts the targets that have a target column
    first, then the others. A target and its column are scaled alike, so that the level
    and spread of a window apply to both.

    Use `fit` to create one.
    """

    settings: ScalingSettings
    target_columns: np.ndarray  # columns of X with the history of a target
    past_columns: np.ndarray  # columns of X that are past covariates
    past_numbers: np.ndarray  # those of them that are not categorical
    future_numbers: np.ndarray  # future covariates that are not categorical
    order: np.ndarray  # the targets, those with a target column first
    slope: np.ndarray  # target = slope * target column + offset
    offset: np.ndarray
    covariate_mean: np.ndarray  # of past, then future covariates that are numbers
    covariate_scale: np.ndarray
    target_mean: np.ndarray  # in `order`
    target_scale: np.ndarray
    typical_spread: np.ndarray  # of a window, for each target column

    @classmethod
    def fit(
        cls,
        X: np.ndarray,
        Y: np.ndarray,
        targets: Sequence[TargetColumn],
        settings: ScalingSettings,
    ) -> SeriesScaling:
        """Fit the scaling to training rows.

        Parameters
        ----------
        X : ndarray of shape (n_rows, n_columns)
        Y : ndarray of shape (n_rows, n_targets)
        targets : sequence of TargetColumn
            The column of each target.
        settings : ScalingSettings

        Returns
        -------
        scaling : SeriesScaling
        """
        normalize, window_length, future_columns = settings[:3]
        has_column = np.array([target.column is not None for target in targets])
        order = np.argsort(~has_column, kind="stable")
        found = [targets[i] for i in order if has_column[i]]
        target_columns = np.array([target.column for target in found], dtype=int)
        past_columns = np.setdiff1d(
            np.arange(X.shape[1]), np.append(target_columns, future_columns)
        )
        categorical = settings.categorical_columns
        past_numbers = past_columns[~np.isin(past_columns, categorical)]
        future_numbers = future_columns[~np.isin(future_columns, categorical)]
        covariates = np.append(past_numbers, future_numbers)
        if normalize is None:
            covariate_mean = np.zeros(len(covariates))
            covariate_scale = np.ones(len(covariates))
            target_mean, target_scale = np.zeros(Y.shape[1]), np.ones(Y.shape[1])
        else:
            covariate_mean, covariate_scale = mean_and_scale(X[:, covariates])
            if settings.shared is not None:
                mean, scale = (values[covariates] for values in settings.shared)
                covariate_mean = np.where(np.isnan(mean), covariate_mean, mean)
                covariate_scale = np.where(np.isnan(scale), covariate_scale, scale)
            target_mean, target_scale = mean_and_scale(Y[:, order])
        scaling = cls(
            settings=settings,
            target_columns=target_columns,
            past_columns=past_columns,
            past_numbers=past_numbers,
            future_numbers=future_numbers,
            order=order,
            slope=np.array([target.slope for target in found]),
            offset=np.array([target.offset for target in found]),
            covariate_mean=covariate_mean,
            covariate_scale=covariate_scale,
            target_mean=target_mean,
            target_scale=target_scale,
            typical_spread=np.ones(len(found)),
        )
        if normalize == "window" and found:
            history = interpolate(scaling._scale_targets(X))
            spread = _find_typical_spread(history, window_length)
            return replace(scaling, typical_spread=spread)
        return scaling

    @property
    def future_columns(self) -> np.ndarray:
        """Columns of X that are future covariates."""
        return self.settings.future_columns

    @property
    def n_target_columns(self) -> int:
        """Number of targets with a target column."""
        return len(self.target_columns)

    @property
    def past_indicators(self) -> np.ndarray:
        """Incomplete columns of X that are no future covariates."""
        incomplete = self.settings.incomplete_columns
        return incomplete[~np.isin(incomplete, self.future_columns)]

    @property
    def future_indicators(self) -> np.ndarray:
        """Incomplete columns of X that are future covariates."""
        incomplete = self.settings.incomplete_columns
        return incomplete[np.isin(incomplete, self.future_columns)]

    @property
    def n_columns(self) -> int:
        """Number of columns that the model reads."""
        n_past = len(self.target_columns) + len(self.past_columns)
        return n_past + len(self.past_indicators) + self.n_future_columns

    @property
    def read_columns(self) -> np.ndarray:
        """Column of X from which each column that the model reads is made."""
        parts = [self.target_columns]
        for columns, numbers, indicators in (
            (self.past_columns, self.past_numbers, self.past_indicators),
            (self.future_columns, self.future_numbers, self.future_indicators),
        ):
            parts += [numbers, indicators, columns[~np.isin(columns, numbers)]]
        return np.concatenate(parts).astype(int)

    @property
    def categories(self) -> tuple[tuple[int, int], ...]:
        """Pairs of a column index, as the model reads them, and its number of ids."""
        n_ids = dict(self.settings.categories)
        past = [column for column in self.past_columns if column in n_ids]
        future = [column for column in self.future_columns if column in n_ids]
        n_past = self.n_columns - self.n_future_columns
        return tuple(
            (last - len(columns) + i, n_ids[column])
            for last, columns in ((n_past, past), (self.n_columns, future))
            for i, column in enumerate(columns)
        )

    @property
    def n_future_columns(self) -> int:
        """Number of columns that the model reads in the forecast rows, too."""
        return len(self.future_columns) + len(self.future_indicators)

    def window_shape(self, horizon: int) -> WindowShape:
        """Return the sizes of the windows that the model reads."""
        return WindowShape(
            window_length=self.settings.window_length,
            horizon=horizon,
            n_columns=self.n_columns,
            n_targets=len(self.order),
            n_target_columns=self.n_target_columns,
            n_future_columns=self.n_future_columns,
            categories=self.categories,
        )

    def column_of_each_target(self) -> list[TargetColumn]:
        """Return the column of each target, in the order of the targets."""
        found = [TargetColumn()] * len(self.order)
        for i, column in enumerate(self.target_columns):
            slope, offset = float(self.slope[i]), float(self.offset[i])
            found[self.order[i]] = TargetColumn(int(column), slope, offset)
        return found

    def encode(self, X: np.ndarray) -> ScaledSeries:
        """Scale X, up to the level and spread of each window, and fill gaps."""
        # Column by column, so that the whole series is not copied on the way.
        series = np.empty((len(X), self.n_columns), np.float32)
        n_before = self.n_columns - self.n_future_columns
        series[:, : self.n_target_columns] = self._scale_targets(X)
        n_past_numbers = len(self.past_numbers)
        mean, scale = self.covariate_mean, self.covariate_scale
        for first, columns, numbers, indicators, scales in (
            (
                self.n_target_columns,
                self.past_columns,
                self.past_numbers,
                self.past_indicators,
                (mean[:n_past_numbers], scale[:n_past_numbers]),
            ),
            (
                n_before,
                self.future_columns,
                self.future_numbers,
                self.future_indicators,
                (mean[n_past_numbers:], scale[n_past_numbers:]),
            ),
        ):
            parts = [X[:, column] for column in numbers]
            parts = [(x - m) / s for x, m, s in zip(parts, *scales, strict=True)]
            parts += [_MISSING * np.isnan(X[:, column]) for column in indicators]
            categories = columns[~np.isin(columns, numbers)]
            parts += [X[:, column] for column in categories]
            for i, part in enumerate(parts, start=first):
                series[:, i] = part
        return fill_gaps(series, n_before)

    def _scale_targets(self, X: np.ndarray) -> np.ndarray:
        """Scale the target columns, up to the level and spread of each window."""
        series = np.empty((len(X), self.n_target_columns), np.float32)
        for i, column in enumerate(self.target_columns):
            target = self.slope[i] * X[:, column] + self.offset[i]
            series[:, i] = (target - self.target_mean[i]) / self.target_scale[i]
        return series

    def encode_targets(self, Y: np.ndarray) -> np.ndarray:
        """Scale targets, up to the level and spread of each window."""
        scaled = (Y[:, self.order] - self.target_mean) / self.target_scale
        return scaled.astype(np.float32)

    def windows(self, series: ScaledSeries, starts: np.ndarray) -> WindowData:
        """Describe windows of a series.

        Parameters
        ----------
        series : ScaledSeries
        starts : ndarray of int
            First rows of the windows.

        Returns
        -------
        data : WindowData
            With what is subtracted from each window and its targets, and the divisor.
        """
        normalize, window_length = self.settings.normalize, self.settings.window_length
        values, gaps = series
        shape = (len(starts), len(self.order))
        level, spread = np.zeros(shape, np.float32), np.ones(shape, np.float32)
        data = WindowData(values, starts, level, spread)
        if gaps is not None:
            data = data._replace(since=gaps.since, until=gaps.until)
        targets = slice(self.n_target_columns)
        last_rows = starts + window_length - 1
        if normalize in ("window", "last"):
            level[:, targets] = last_observed(data, last_rows)[:, targets]
        if normalize == "window":
            found = window_spread(data, window_length, self.n_target_columns)
            floor = _SPREAD_FLOOR * self.typical_spread
            spread[:, targets] = np.maximum(found, floor)
            # A window without observations does not show its spread.
            unknown = is_empty(data, window_length, self.n_target_columns)
            spread[:, targets] = np.where(
                unknown, self.typical_spread, spread[:, targets]
            )
        return data

    def decode(
        self, outputs: np.ndarray, level: np.ndarray, spread: np.ndarray
    ) -> np.ndarray:
        """Map outputs, (n_windows, horizon, n_targets), to the units of the targets."""
        scaled = outputs * spread[:, None] + level[:, None]
        Y = np.empty(scaled.shape)
        Y[:, :, self.order] = scaled * self.target_scale + self.target_mean
        return Y

    def targets_from_columns(self, X: np.ndarray) -> np.ndarray:
        """Compute the targets from rows of X; NaN for those without a target column."""
        Y = np.full((len(X), len(self.order)), np.nan)
        Y[:, self.order[: self.n_target_columns]] = (
            self.slope * X[:, self.target_columns] + self.offset
        )
        return Y

    def columns_from_targets(self, Y: np.ndarray) -> np.ndarray:
        """Compute the values of the target columns of X from rows of targets."""
        return (Y[:, self.order[: self.n_target_columns]] - self.offset) / self.slope


def gather_windows(data: WindowData, shape: WindowShape, *, flat: bool) -> np.ndarray:
    """Gather all windows in one array, each with its level and spread removed.

    This is for regressors that read arrays; the engine gathers windows batch by batch.

    Parameters
    ----------
    data : WindowData
    shape : WindowShape
    flat : bool
        Whether to concatenate the rows of a window, and the future covariates after
        them. Otherwise the future covariates are further columns, the same in each row.

    Returns
    -------
    windows : ndarray of shape (n_windows, window_length * n_columns [+ horizon * \
            n_future]) or (n_windows, window_length, n_columns [+ horizon * n_future])
    """
    windows = np.concatenate(
        [
            gather_history(data, shape),
            cut_windows(data, shape.window_length, slice(shape.n_target_columns, None)),
        ],
        axis=2,
    )
    if flat:
        windows = windows.reshape(len(windows), -1)
    if not shape.n_future_columns:
        return windows
    future = data.series[
        target_rows(data, shape), shape.n_columns - shape.n_future_columns :
    ]
    future = future.reshape(len(windows), -1)
    if flat:
        return np.hstack([windows, future])
    repeated = np.repeat(future[:, None], shape.window_length, axis=1)
    return np.concatenate([windows, repeated], axis=2)


def gather_history(data: WindowData, shape: WindowShape) -> np.ndarray:
    """Gather the target columns of all windows, without their level and spread.

    Returns
    -------
    history : ndarray of shape (n_windows, window_length, n_target_columns)
    """
    targets = slice(shape.n_target_columns)
    history = cut_windows(data, shape.window_length, targets)
    history = history - data.level[:, None, targets]
    return history / data.spread[:, None, targets]


def gather_covariate_changes(data: WindowData, shape: WindowShape) -> np.ndarray:
    """Gather the future covariates relative to the last row of each window.

    A categorical covariate counts as one column for each category, 1 where it is.

    Returns
    -------
    changes : ndarray of shape (n_windows, n_covariate_changes)
        Row after row, of the window and of the forecast.
    """
    first = shape.n_columns - shape.n_future_columns
    last = shape.n_columns - shape.n_future_categories
    parts = [_cut(data.series[:, first:last], data, shape.span)]
    for column, n_ids in shape.linear_categories:
        ids = _cut(data.series[:, [column]], data, shape.span)
        parts.append((ids == np.arange(1, n_ids)).astype(np.float32))
    rows = np.concatenate(parts, axis=2)
    changes = rows - rows[:, [shape.window_length - 1]]
    return changes.reshape(len(changes), -1)


def gather_targets(data: WindowData, shape: WindowShape) -> np.ndarray:
    """Gather the targets of all windows, with the window's level and spread removed.

    Returns
    -------
    targets : ndarray of shape (n_windows, horizon, n_targets)
    """
    assert data.targets is not None
    targets = data.targets[target_rows(data, shape)]
    return (targets - data.level[:, None]) / data.spread[:, None]


def gather_weights(data: WindowData, shape: WindowShape) -> np.ndarray:
    """Gather the weights of the target rows of all windows.

    Returns
    -------
    weights : ndarray of shape (n_windows, horizon)
    """
    assert data.weight is not None
    return data.weight[target_rows(data, shape)]


def step_weights(data: WindowData, shape: WindowShape, step: int) -> np.ndarray:
    """Return the weights of one of the target rows of each window.

    Returns
    -------
    weights : ndarray of shape (n_windows, 1 or n_targets)
        One weight for all targets, unless targets are missing, whose weight is zero.
    """
    assert data.weight is not None
    assert data.targets is not None
    rows = data.starts + shape.window_length + step
    weights = data.weight[rows, None]
    if data.since is None:
        return weights
    return weights * ~np.isnan(data.targets[rows])


def weights_vary_within_windows(data: WindowData, shape: WindowShape) -> bool:
    """Return whether the targets of any window have different weights."""
    assert data.weight is not None
    assert data.targets is not None
    if data.since is not None and np.isnan(data.targets).any():
        return True
    # Number of changes of the weight up to each row.
    n_changes = np.append(0, np.cumsum(np.diff(data.weight) != 0))
    first = data.starts + shape.window_length
    return bool((n_changes[first + shape.horizon - 1] != n_changes[first]).any())


def is_trainable(data: WindowData, shape: WindowShape) -> np.ndarray:
    """Return whether each window has a known target, and history to forecast it from.

    Without an observed value of any target column there is nothing to learn from.
    """
    assert data.targets is not None
    known = np.append(0, np.cumsum(~np.isnan(data.targets).all(axis=1)))
    first = data.starts + shape.window_length
    trainable = known[first + shape.horizon] > known[first]
    if shape.n_target_columns:
        empty = is_empty(data, shape.window_length, shape.n_target_columns)
        trainable &= ~empty.all(axis=1)
    return trainable


def target_rows(data: WindowData, shape: WindowShape) -> np.ndarray:
    """Return the rows that follow each window, of shape (n_windows, horizon)."""
    first = data.starts[:, None] + shape.window_length
    return first + np.arange(shape.horizon)


def _cut(rows: np.ndarray, data: WindowData, length: int) -> np.ndarray:
    """Copy the rows from the start of each window, (n_windows, length, n_columns)."""
    if rows.shape[1] == 0:
        return np.empty((len(data.starts), length, 0), rows.dtype)
    views = np.lib.stride_tricks.sliding_window_view(rows, length, axis=0)
    return views.swapaxes(1, 2)[data.starts]


def cut_windows(
    data: WindowData, window_length: int, columns: slice, windows: slice = slice(None)
) -> np.ndarray:
    """Copy columns of windows, with missing values filled from the window alone.

    At the end of a window, its last observed value is repeated, or the last one before
    the window; at the beginning, the first one in the window.

    Parameters
    ----------
    data : WindowData
    window_length : int
    columns, windows : slice
        The columns of the series, and the windows, to cut.

    Returns
    -------
    windows : ndarray of shape (n_windows, window_length, n_columns)
    """
    data = data.take(windows)
    values = _cut(data.series[:, columns], data, window_length)
    if data.since is None or data.until is None or not values.size:
        return values
    last = data.starts + window_length - 1
    since = data.since[last, columns][:, None]
    until = data.until[data.starts, columns]
    until = np.where(until < window_length, until, 0)[:, None]
    first_value = np.take_along_axis(values, until, axis=1)
    last_value = last_observed(data, last)[:, None, columns]
    offsets = np.arange(window_length)[:, None]
    values = np.where(offsets < until, first_value, values)
    return np.where(window_length - 1 - offsets < since, last_value, values)


def is_empty(data: WindowData, window_length: int, n_columns: int) -> np.ndarray:
    """Return which of the first columns have no observed value in each window.

    Returns
    -------
    is_empty : ndarray of bool, shape (n_windows, n_columns)
    """
    if data.since is None or data.until is None:
        return np.zeros((len(data.starts), n_columns), bool)
    last = data.starts + window_length - 1
    since, until = data.since[last, :n_columns], data.until[last, :n_columns]
    return (since >= window_length) | ((since == 0) & (until > 0))


def last_observed(data: WindowData, rows: np.ndarray) -> np.ndarray:
    """Return the last values observed up to rows of the series.

    Returns
    -------
    values : ndarray of shape (n_rows, n_columns)
        0 where none was observed.
    """
    if data.since is None:
        return data.series[rows]
    observed = rows[:, None] - data.since[rows]
    return np.take_along_axis(data.series, observed, axis=0)


def window_spread(data: WindowData, window_length: int, n_columns: int) -> np.ndarray:
    """Compute the standard deviation of windows around their own straight lines.

    The trend of a window does not count as spread: otherwise the model's output after a
    steadily rising or falling window would be multiplied by the size of its trend.

    The spread is computed window by window, not from running sums, so that the rows
    outside a window do not change it, not even by rounding.

    Parameters
    ----------
    data : WindowData
    window_length : int
    n_columns : int
        Number of columns, the first ones.

    Returns
    -------
    spread : ndarray of shape (n_windows, n_columns)
    """
    starts = data.starts
    if n_columns == 0:
        return np.empty((len(starts), 0))
    time = np.arange(window_length) - (window_length - 1) / 2
    time /= np.linalg.norm(time) or 1.0
    chunk = max(_SPREAD_CHUNK // (n_columns * window_length), 1)
    spread = np.empty((len(starts), n_columns))
    for i in range(0, len(starts), chunk):
        part = slice(i, i + chunk)
        windows = cut_windows(data, window_length, slice(n_columns), part)
        values = windows.swapaxes(1, 2).astype(np.float64, order="C")
        values -= values.mean(axis=2, keepdims=True)
        values -= (values @ time)[:, :, None] * time
        spread[i : i + chunk] = np.sqrt(np.mean(values**2, axis=2))
    return spread


def _find_typical_spread(history: np.ndarray, window_length: int) -> np.ndarray:
    """Compute the median spread of a window for each target column."""
    n_windows, n_columns = len(history) - window_length, history.shape[1]
    starts = np.arange(0, n_windows, -(-n_windows // _FLOOR_WINDOWS))
    nothing = np.empty((len(starts), 0))
    data = WindowData(history, starts, nothing, nothing)
    spread = window_spread(data, window_length, n_columns)
    median, overall = np.median(spread, axis=0), history.std(axis=0)
    # If most windows are straight lines up to rounding, use the whole series' spread.
    typical = np.where(median > _ROUNDING * overall, median, overall)
    return np.where(typical > 0, typical, 1.0 / _SPREAD_FLOOR)


def fill_gaps(series: np.ndarray, n_past_columns: int) -> ScaledSeries:
    """Fill the missing values of a scaled series.

    Parameters
    ----------
    series : ndarray of shape (n_rows, n_columns)
    n_past_columns : int
        Number of columns that are no future covariates, the first ones.

    Returns
    -------
    filled : ScaledSeries
    """
    if not np.isnan(series).any():
        return ScaledSeries(series)
    past, future = series[:, :n_past_columns], series[:, n_past_columns:]
    since, until = Gaps.find(past)
    filled = interpolate(past, Gaps(since, until))
    # Rows before the first observation count as zeros that were observed: at the
    # beginning of a window that reaches it, it stands for them.
    filled[since == NEVER], since[since == NEVER] = 0.0, 0
    n_future = future.shape[1]
    none = np.zeros((len(series), n_future), np.int32)
    return ScaledSeries(
        np.hstack([filled, carry_forward(future)]),
        Gaps(np.hstack([since, none]), np.hstack([until, none])),
    )
