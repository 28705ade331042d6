"""Windows of a series: scaling, gathering and decoding (NumPy only)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import NamedTuple

import numpy as np

from sklstm._data.scaling import mean_and_scale
from sklstm.forecasting._target_columns import TargetColumn

# A window's spread counts as at least this share of the median window's: a nearly
# constant window must not make the step after it look huge.
_SPREAD_FLOOR = 0.1


# A spread below this share of the whole series' is rounding (of float32).
_ROUNDING = 1e-5


# The median is told from about so many windows.
_FLOOR_WINDOWS = 10_000


# Values of windows that are copied at once: bounds the memory.
_SPREAD_CHUNK = 2**20


class WindowShape(NamedTuple):
    """What goes into a window, and what is told of it."""

    window_length: int  # rows that are read ...
    horizon: int  # ... and rows told from them
    n_columns: int
    n_targets: int
    n_target_columns: int  # targets with an own past among the columns
    n_future_columns: int  # columns that are known at the rows told


@dataclass(frozen=True)
class SeriesScaling:
    """What a network reads of a series, and what its outputs mean.

    The network's columns are the targets' own pasts, then the other columns, then
    those known ahead; its targets are those with an own past, then the others. Own
    pasts and targets share the target's scale, so that a window's level and spread
    apply to both. Make one with `fit`.
    """

    own: np.ndarray  # columns of X with a target's own past
    plain: np.ndarray  # the other columns ...
    known: np.ndarray  # ... and those whose future is known
    order: np.ndarray  # the targets, those with an own past first
    slope: np.ndarray  # own past in the target's units: slope * x + offset
    offset: np.ndarray
    x_mean: np.ndarray  # of plain and known columns
    x_scale: np.ndarray
    y_mean: np.ndarray  # of targets, in `order`
    y_scale: np.ndarray
    normalize: str | None
    floor: np.ndarray  # least spread of a window, for each own past

    @classmethod
    def fit(
        cls,
        X: np.ndarray,
        Y: np.ndarray,
        own: Sequence[TargetColumn],
        known: np.ndarray,
        *,
        normalize: str | None,
        window_length: int,
    ) -> SeriesScaling:
        """Learn the scales from the rows to train on.

        Parameters
        ----------
        X : ndarray of shape (n_rows, n_columns)
        Y : ndarray of shape (n_rows, n_targets)
        own : sequence of TargetColumn
            One for each target.
        known : ndarray of int
            Columns whose future is known.
        normalize : {"window", "last", "standard"} or None
        window_length : int

        Returns
        -------
        scaling : SeriesScaling
        """
        has_past = np.array([past.column is not None for past in own])
        order = np.argsort(~has_past, kind="stable")
        found = [own[i] for i in order if has_past[i]]
        own_columns = np.array([past.column for past in found], dtype=int)
        plain = np.setdiff1d(np.arange(X.shape[1]), np.append(own_columns, known))
        others = np.append(plain, known)
        if normalize is None:
            x_mean, x_scale = np.zeros(len(others)), np.ones(len(others))
            y_mean, y_scale = np.zeros(Y.shape[1]), np.ones(Y.shape[1])
        else:
            x_mean, x_scale = mean_and_scale(X[:, others])
            y_mean, y_scale = mean_and_scale(Y[:, order])
        scaling = cls(
            own=own_columns,
            plain=plain,
            known=known,
            order=order,
            slope=np.array([past.slope for past in found]),
            offset=np.array([past.offset for past in found]),
            x_mean=x_mean,
            x_scale=x_scale,
            y_mean=y_mean,
            y_scale=y_scale,
            normalize=normalize,
            floor=np.zeros(len(found)),
        )
        if normalize == "window" and found:
            past = scaling.encode(X)[:, : len(found)]
            return replace(scaling, floor=_spread_floor(past, window_length))
        return scaling

    def column_of_each_target(self) -> list[TargetColumn]:
        """For each target the column of X that holds its own past, if one does."""
        found = [TargetColumn()] * len(self.order)
        for i, column in enumerate(self.own):
            slope, offset = float(self.slope[i]), float(self.offset[i])
            found[self.order[i]] = TargetColumn(int(column), slope, offset)
        return found

    @property
    def n_target_columns(self) -> int:
        """Number of targets with an own past."""
        return len(self.own)

    @property
    def n_columns(self) -> int:
        """Number of columns that the network reads."""
        return len(self.own) + len(self.plain) + len(self.known)

    def encode(self, X: np.ndarray) -> np.ndarray:
        """The columns as the network reads them, before a window's level and spread."""
        # Column by column, so that no copy of the whole series is made on the way.
        series = np.empty((len(X), self.n_columns), np.float32)
        for i, column in enumerate(self.own):
            past = self.slope[i] * X[:, column] + self.offset[i]
            series[:, i] = (past - self.y_mean[i]) / self.y_scale[i]
        others = np.append(self.plain, self.known)
        for i, column in enumerate(others):
            scaled = (X[:, column] - self.x_mean[i]) / self.x_scale[i]
            series[:, self.n_target_columns + i] = scaled
        return series

    def encode_targets(self, Y: np.ndarray) -> np.ndarray:
        """The targets on the network's scale."""
        return ((Y[:, self.order] - self.y_mean) / self.y_scale).astype(np.float32)

    def level_and_spread(
        self, series: np.ndarray, window_length: int, starts: np.ndarray
    ) -> tuple[np.ndarray, np.ndarray]:
        """What is taken off own past and target in each window, and the divisor.

        Parameters
        ----------
        series : ndarray of shape (n_rows, n_columns)
            As `encode` gives it.
        window_length : int
        starts : ndarray of int
            First rows of the windows.

        Returns
        -------
        level, spread : ndarrays of shape (n_windows, n_targets)
        """
        shape = (len(starts), len(self.order))
        level, spread = np.zeros(shape, np.float32), np.ones(shape, np.float32)
        if self.normalize in ("window", "last"):
            level[:, : self.n_target_columns] = series[
                starts + window_length - 1, : self.n_target_columns
            ]
        if self.normalize == "window":
            past = series[:, : self.n_target_columns]
            spread[:, : self.n_target_columns] = np.maximum(
                window_spread(past, window_length, starts), self.floor
            )
        return level, spread

    def decode(
        self, outputs: np.ndarray, level: np.ndarray, spread: np.ndarray
    ) -> np.ndarray:
        """Outputs (n_windows, horizon, n_targets) in the targets' units."""
        scaled = outputs * spread[:, None] + level[:, None]
        Y = np.empty(scaled.shape)
        Y[:, :, self.order] = scaled * self.y_scale + self.y_mean
        return Y

    def targets_from_columns(self, X: np.ndarray) -> np.ndarray:
        """The targets of rows of X; NaN for those without an own past."""
        Y = np.full((len(X), len(self.order)), np.nan)
        Y[:, self.order[: self.n_target_columns]] = (
            self.slope * X[:, self.own] + self.offset
        )
        return Y

    def columns_from_targets(self, Y: np.ndarray) -> np.ndarray:
        """Values of the own-past columns of X for rows of targets."""
        return (Y[:, self.order[: self.n_target_columns]] - self.offset) / self.slope


def gather_windows(data, shape: WindowShape, *, flat: bool) -> np.ndarray:
    """All windows of a series as one array, normalised each by itself.

    The engine gathers them batch by batch instead; this is for regressors that take
    arrays.

    Parameters
    ----------
    data : WindowData
    shape : WindowShape
    flat : bool
        Whether the rows of a window stand side by side, what is known ahead behind
        them; else that makes further columns, the same in each row.

    Returns
    -------
    windows : ndarray of shape (n_windows, window_length * n_columns [+ horizon * \
            n_future]) or (n_windows, window_length, n_columns [+ horizon * n_future])
    """
    views = np.lib.stride_tricks.sliding_window_view(
        data.series, shape.window_length, axis=0
    )
    windows = views.swapaxes(1, 2)[data.starts]
    own = slice(shape.n_target_columns)
    windows[:, :, own] -= data.level[:, None, own]
    windows[:, :, own] /= data.spread[:, None, own]
    if flat:
        windows = windows.reshape(len(windows), -1)
    if not shape.n_future_columns:
        return windows
    known = data.series[
        target_rows(data, shape), shape.n_columns - shape.n_future_columns :
    ]
    known = known.reshape(len(windows), -1)
    if flat:
        return np.hstack([windows, known])
    repeated = np.repeat(known[:, None], shape.window_length, axis=1)
    return np.concatenate([windows, repeated], axis=2)


def gather_targets(data, shape: WindowShape) -> np.ndarray:
    """What follows each window, normalised by it.

    Returns
    -------
    targets : ndarray of shape (n_windows, horizon, n_targets)
    """
    told = data.targets[target_rows(data, shape)]
    return (told - data.level[:, None]) / data.spread[:, None]


def target_rows(data, shape: WindowShape) -> np.ndarray:
    """The rows that follow each window.

    Returns
    -------
    rows : ndarray of int of shape (n_windows, horizon)
    """
    first = data.starts[:, None] + shape.window_length
    return first + np.arange(shape.horizon)


def window_spread(
    series: np.ndarray, window_length: int, starts: np.ndarray
) -> np.ndarray:
    """Standard deviation of each column's windows around their own straight lines.

    A trend is no spread: a window that falls or rises steadily must not make all that
    the network has learnt of other windows count several times.

    Computed window by window, not by running sums, so that a window's value does not
    depend on the rows outside it, not even by rounding.

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


def _spread_floor(past, window_length):
    """The least spread that a window counts as having, for each own past."""
    n_windows = len(past) - window_length
    starts = np.arange(0, n_windows, -(-n_windows // _FLOOR_WINDOWS))
    spread = window_spread(past, window_length, starts)
    middle, whole = np.median(spread, axis=0), past.std(axis=0)
    # Where most windows are straight lines, but for rounding, the whole series tells
    # the scale.
    typical = np.where(middle > _ROUNDING * whole, middle, whole)
    return np.where(typical > 0, _SPREAD_FLOOR * typical, 1.0)
