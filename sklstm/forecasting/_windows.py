"""Windows of a series: scaling, gathering and decoding (NumPy only)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from sklstm._data.scaling import mean_and_scale
from sklstm.forecasting._target_columns import TargetColumn

if TYPE_CHECKING:
    from sklstm.engine import WindowData

# The spread of a window is at least this fraction of the median window's: otherwise the
# row after a nearly constant window would look huge.
_SPREAD_FLOOR = 0.1

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

    @property
    def span(self) -> int:
        """Number of rows of a window and its targets."""
        return self.window_length + self.horizon

    @property
    def n_covariate_changes(self) -> int:
        """Number of values of the future covariates that a window reaches over."""
        return self.span * self.n_future_columns

    @property
    def n_history_rows(self) -> int:
        """Number of rows that the next window, with its targets, may reach back to."""
        return self.span - 1


class ScalingSettings(NamedTuple):
    """Settings of the scaling, the same for all series of a forecaster."""

    normalize: str | None
    window_length: int
    future_columns: np.ndarray  # columns of X whose future values are known


@dataclass(frozen=True)
class SeriesScaling:
    """Mapping between a series in its own units and what the model reads and predicts.

    The model reads the target columns first, then the past covariates, then the future
    covariates. It predicts the targets that have a target column first, then the
    others. A target and its column are scaled alike, so that the level and spread of a
    window apply to both.

    Use `fit` to create one.
    """

    settings: ScalingSettings
    target_columns: np.ndarray  # columns of X with the history of a target
    past_columns: np.ndarray  # columns of X that are past covariates
    order: np.ndarray  # the targets, those with a target column first
    slope: np.ndarray  # target = slope * target column + offset
    offset: np.ndarray
    covariate_mean: np.ndarray  # of past, then future covariates
    covariate_scale: np.ndarray
    target_mean: np.ndarray  # in `order`
    target_scale: np.ndarray
    spread_floor: np.ndarray  # least spread of a window, for each target column

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
        normalize, window_length, future_columns = settings
        has_column = np.array([target.column is not None for target in targets])
        order = np.argsort(~has_column, kind="stable")
        found = [targets[i] for i in order if has_column[i]]
        target_columns = np.array([target.column for target in found], dtype=int)
        past_columns = np.setdiff1d(
            np.arange(X.shape[1]), np.append(target_columns, future_columns)
        )
        covariates = np.append(past_columns, future_columns)
        if normalize is None:
            covariate_mean = np.zeros(len(covariates))
            covariate_scale = np.ones(len(covariates))
            target_mean, target_scale = np.zeros(Y.shape[1]), np.ones(Y.shape[1])
        else:
            covariate_mean, covariate_scale = mean_and_scale(X[:, covariates])
            target_mean, target_scale = mean_and_scale(Y[:, order])
        scaling = cls(
            settings=settings,
            target_columns=target_columns,
            past_columns=past_columns,
            order=order,
            slope=np.array([target.slope for target in found]),
            offset=np.array([target.offset for target in found]),
            covariate_mean=covariate_mean,
            covariate_scale=covariate_scale,
            target_mean=target_mean,
            target_scale=target_scale,
            spread_floor=np.zeros(len(found)),
        )
        if normalize == "window" and found:
            history = scaling.encode(X)[:, : len(found)]
            floor = _find_spread_floor(history, window_length)
            return replace(scaling, spread_floor=floor)
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
    def n_columns(self) -> int:
        """Number of columns that the model reads."""
        return (
            len(self.target_columns) + len(self.past_columns) + len(self.future_columns)
        )

    def window_shape(self, horizon: int) -> WindowShape:
        """Return the sizes of the windows that the model reads."""
        return WindowShape(
            window_length=self.settings.window_length,
            horizon=horizon,
            n_columns=self.n_columns,
            n_targets=len(self.order),
            n_target_columns=self.n_target_columns,
            n_future_columns=len(self.future_columns),
        )

    def column_of_each_target(self) -> list[TargetColumn]:
        """Return the column of each target, in the order of the targets."""
        found = [TargetColumn()] * len(self.order)
        for i, column in enumerate(self.target_columns):
            slope, offset = float(self.slope[i]), float(self.offset[i])
            found[self.order[i]] = TargetColumn(int(column), slope, offset)
        return found

    def encode(self, X: np.ndarray) -> np.ndarray:
        """Scale X, up to the level and spread of each window."""
        # Column by column, so that the whole series is not copied on the way.
        series = np.empty((len(X), self.n_columns), np.float32)
        for i, column in enumerate(self.target_columns):
            target = self.slope[i] * X[:, column] + self.offset[i]
            series[:, i] = (target - self.target_mean[i]) / self.target_scale[i]
        covariates = np.append(self.past_columns, self.future_columns)
        for i, column in enumerate(covariates):
            scaled = (X[:, column] - self.covariate_mean[i]) / self.covariate_scale[i]
            series[:, self.n_target_columns + i] = scaled
        return series

    def encode_targets(self, Y: np.ndarray) -> np.ndarray:
        """Scale targets, up to the level and spread of each window."""
        scaled = (Y[:, self.order] - self.target_mean) / self.target_scale
        return scaled.astype(np.float32)

    def level_and_spread(
        self, series: np.ndarray, starts: np.ndarray
    ) -> tuple[np.ndarray, np.ndarray]:
        """Compute what is subtracted from each window and its targets, and the divisor.

        Parameters
        ----------
        series : ndarray of shape (n_rows, n_columns)
            Scaled by `encode`.
        starts : ndarray of int
            First rows of the windows.

        Returns
        -------
        level, spread : ndarrays of shape (n_windows, n_targets)
        """
        normalize, window_length = self.settings.normalize, self.settings.window_length
        shape = (len(starts), len(self.order))
        level, spread = np.zeros(shape, np.float32), np.ones(shape, np.float32)
        n_found = self.n_target_columns
        if normalize in ("window", "last"):
            level[:, :n_found] = series[starts + window_length - 1, :n_found]
        if normalize == "window":
            spread[:, :n_found] = np.maximum(
                window_spread(series[:, :n_found], window_length, starts),
                self.spread_floor,
            )
        return level, spread

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
            _cut(data.series[:, shape.n_target_columns :], data, shape.window_length),
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
    history = _cut(data.series[:, targets], data, shape.window_length)
    history = history - data.level[:, None, targets]
    return history / data.spread[:, None, targets]


def gather_covariate_changes(data: WindowData, shape: WindowShape) -> np.ndarray:
    """Gather the future covariates relative to the last row of each window.

    Returns
    -------
    changes : ndarray of shape (n_windows, n_covariate_changes)
        Row after row, of the window and of the forecast.
    """
    covariates = data.series[:, shape.n_columns - shape.n_future_columns :]
    rows = _cut(covariates, data, shape.span)
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
    """Return the weight of one of the target rows of each window."""
    assert data.weight is not None
    return data.weight[data.starts + shape.window_length + step]


def weights_vary_within_windows(data: WindowData, shape: WindowShape) -> bool:
    """Return whether the target rows of any window have different weights."""
    assert data.weight is not None
    # Number of changes of the weight up to each row.
    n_changes = np.append(0, np.cumsum(np.diff(data.weight) != 0))
    first = data.starts + shape.window_length
    return bool((n_changes[first + shape.horizon - 1] != n_changes[first]).any())


def has_targets(data: WindowData, shape: WindowShape) -> np.ndarray:
    """Return for each window whether all its targets are known."""
    return np.isfinite(gather_targets(data, shape)).all(axis=(1, 2))


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


def window_spread(
    series: np.ndarray, window_length: int, starts: np.ndarray
) -> np.ndarray:
    """Compute the standard deviation of windows around their own straight lines.

    The trend of a window does not count as spread: otherwise the model's output after a
    steadily rising or falling window would be multiplied by the size of its trend.

    The spread is computed window by window, not from running sums, so that the rows
    outside a window do not change it, not even by rounding.

    Parameters
    ----------
    series : ndarray of shape (n_rows, n_columns)
    window_length : int
    starts : ndarray of int
        First rows of the windows.

    Returns
    -------
    spread : ndarray of shape (n_windows, n_columns)
    """
    if series.shape[1] == 0:
        return np.empty((len(starts), 0))
    windows = np.lib.stride_tricks.sliding_window_view(series, window_length, axis=0)
    time = np.arange(window_length) - (window_length - 1) / 2
    time /= np.linalg.norm(time) or 1.0
    chunk = max(_SPREAD_CHUNK // (series.shape[1] * window_length), 1)
    spread = np.empty((len(starts), series.shape[1]))
    for i in range(0, len(starts), chunk):
        values = windows[starts[i : i + chunk]].astype(np.float64)
        values -= values.mean(axis=2, keepdims=True)
        values -= (values @ time)[:, :, None] * time
        spread[i : i + chunk] = np.sqrt(np.mean(values**2, axis=2))
    return spread


def _find_spread_floor(history: np.ndarray, window_length: int) -> np.ndarray:
    """Compute the least spread of a window for each target column."""
    n_windows = len(history) - window_length
    starts = np.arange(0, n_windows, -(-n_windows // _FLOOR_WINDOWS))
    spread = window_spread(history, window_length, starts)
    median, overall = np.median(spread, axis=0), history.std(axis=0)
    # If most windows are straight lines up to rounding, use the whole series' spread.
    typical = np.where(median > _ROUNDING * overall, median, overall)
    return np.where(typical > 0, _SPREAD_FLOOR * typical, 1.0)
