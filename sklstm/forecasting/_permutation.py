"""Forecasts from windows in which values were exchanged."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import numpy as np

from sklstm._data.missing import carry_forward
from sklstm.engine import WindowData
from sklstm.forecasting._history import History
from sklstm.forecasting._windows import (
    WindowShape,
    cut_windows,
    gather_history,
    target_rows,
)

if TYPE_CHECKING:
    from sklstm.forecasting._base import Forecaster


class PermutableWindows:
    """The windows whose forecasts reach new rows, copied so that they can be changed.

    Values are replaced by those of windows in the training rows. Those of target
    columns are relative to the level of the window and in units of its spread, as the
    model reads them: with the level, a window would get a jump.

    Parameters
    ----------
    forecaster : Forecaster
    training : History
        Of a series in the training rows.
    history : History
        Of the same series, extended by the new rows.
    n_new : int
        Number of new rows, the last ones.
    donors : WindowData
        Windows whose values replace others.

    Attributes
    ----------
    lags : ndarray of int
        Lag of each row of a window: 0 for the last one, positive for rows to forecast,
        where there are future covariates.
    columns : list
        Labels of the columns of X.
    actual : ndarray of shape (n_windows, horizon, n_targets)
        Targets in their own units; NaN unless they are of new rows.
    naive : ndarray of the same shape
        The last known value of each target.
    """

    def __init__(
        self,
        forecaster: Forecaster,
        training: History,
        history: History,
        n_new: int,
        donors: WindowData,
    ):
        self._forecaster = forecaster
        shape = self._shape = forecaster._shape
        scaling = self._scaling = history.scaling
        self._donors = donors
        data = history.windows(shape)
        rows = target_rows(data, shape)
        is_new = rows >= len(history.rows) - n_new
        used = np.flatnonzero(is_new.any(axis=1))
        data, rows, is_new = data.take(used), rows[used], is_new[used]
        self._level, self._spread = data.level, data.spread
        self._windows = _copy_windows(data, shape)
        self.lags = np.arange(1 - shape.window_length, shape.horizon + 1)
        if not shape.n_future_columns:
            self.lags = self.lags[: shape.window_length]
        self.columns = list(forecaster._column_names)
        self._read_columns = scaling.read_columns
        Y = history.rows.Y
        self.actual = np.where(is_new[:, :, None], Y[rows], np.nan)
        # The history is short; before it, the last known value is a training row's.
        known = np.concatenate([training.rows.Y, Y[len(Y) - n_new :]])
        origins = rows[:, 0] - 1 + len(known) - len(Y)
        last = carry_forward(known, before=np.nan)[np.maximum(origins, 0)]
        self.naive = np.broadcast_to(last[:, None], self.actual.shape)

    def __len__(self) -> int:
        return len(self._windows)

    def draw(self, rng: np.random.Generator) -> np.ndarray:
        """Draw a training window for each window.

        Returns
        -------
        donors : ndarray of shape (n_windows, window_length + horizon, n_columns)
        """
        drawn = rng.integers(len(self._donors.starts), size=len(self))
        return _copy_windows(self._donors.take(drawn), self._shape)

    def forecast(
        self, donors: np.ndarray | None = None, columns: Any = (), lags: Any = ()
    ) -> np.ndarray:
        """Forecast from the windows, with some values of other windows.

        Parameters
        ----------
        donors : ndarray, optional
            Windows whose values are taken, from `draw`; by default none.
        columns : array-like of int
            Columns of X whose values are replaced.
        lags : array-like of int
            Rows in which they are replaced.

        Returns
        -------
        forecast : ndarray of shape (n_windows, horizon, n_targets)
            In the units of the targets.
        """
        windows = self._windows
        if donors is not None:
            windows = windows.copy()
            rows = np.asarray(lags) + self._shape.window_length - 1
            read = np.flatnonzero(np.isin(self._read_columns, columns))
            where = np.ix_(np.arange(len(windows)), rows, read)
            windows[where] = donors[where]
        n_windows, span, n_columns = windows.shape
        scale = (n_windows, self._shape.n_targets)
        data = WindowData(
            windows.reshape(-1, n_columns),
            np.arange(n_windows) * span,
            np.zeros(scale, np.float32),
            np.ones(scale, np.float32),
        )
        predicted = self._forecaster._predict_windows(data)
        median = self._forecaster._select_median(predicted)[..., 0]
        return self._scaling.decode(median, self._level, self._spread)


def _copy_windows(data: WindowData, shape: WindowShape) -> np.ndarray:
    """Copy windows with their rows to forecast, without level and spread.

    Returns
    -------
    windows : ndarray of shape (n_windows, window_length + horizon, n_columns)
    """
    first = slice(shape.n_target_columns, None)
    past = [gather_history(data, shape), cut_windows(data, shape.window_length, first)]
    ahead = data.series[target_rows(data, shape)]
    both = [np.concatenate(past, axis=2), ahead]
    return np.concatenate(both, axis=1).astype(np.float32)


def permutable_windows(
    forecaster: Forecaster, training: tuple[Any, Any], new: tuple[Any, Any]
) -> Iterator[PermutableWindows]:
    """Yield the windows of each series whose forecasts reach new rows.

    Parameters
    ----------
    forecaster : Forecaster
    training, new : tuple of (X, y)
        The rows of fit, and those that follow.
    """
    before = forecaster._extend_histories(*training, replace=True)
    donors = {i: each.windows(forecaster._shape) for i, each in before.items()}
    for position, history in forecaster._extend_histories(*new).items():
        n_new = len(history.rows) - len(forecaster._histories[position].rows)
        own = donors[position]
        if not len(own.starts):
            # A young series takes values of the others, which are scaled alike.
            own = WindowData.join(
                [each for each in donors.values() if len(each.starts)]
            )
        yield PermutableWindows(forecaster, before[position], history, n_new, own)
