"""Pictures of forecasts."""

from __future__ import annotations

import numpy as np
import pandas as pd
from sklearn.utils.validation import check_is_fitted

from sklstm._data.time_index import index_of
from sklstm.model_selection import _forecaster, _target_names
from sklstm.plotting._panels import (
    axis_values,
    check_matplotlib,
    draw_lines,
    finish_time_panel,
    make_panels,
    target_label,
)


class ForecastDisplay:
    """Forecasts against the values that came.

    Make one by `from_estimator` or `from_predictions`. Several targets are drawn in
    one panel each. The x axis is the pandas index of the rows, if they have one.

    Parameters
    ----------
    y_true : array-like of shape (n_timesteps,) or (n_timesteps, n_targets), or None
        Actual values; None where the future is not known yet.
    y_pred : array-like of shape (n_timesteps,) or (n_timesteps, n_targets)
        Forecasts of the same rows.
    naive : array-like of the shape of y_pred, default=None
        The naive forecast of the same rows.
    past : array-like of shape (n_past,) or (n_past, n_targets), default=None
        Actual values right before those rows, drawn in front of them.

    Attributes
    ----------
    axes_ : list of matplotlib Axes
        One panel for each target.
    ax_ : matplotlib Axes
        The first of them.
    figure_ : matplotlib Figure
        The figure they are in.
    lines_ : list of dict of matplotlib Line2D
        For each panel its lines: "forecast" and, if given, "actual", "naive", "past".

    See Also
    --------
    WalkForwardDisplay : Forecasts and errors of `walk_forward`.

    Examples
    --------
    >>> import numpy as np
    >>> from sklstm import ForecastDisplay, LSTMForecaster
    >>> y = np.sin(np.arange(120) / 5)
    >>> X = y[:, None]
    >>> forecaster = LSTMForecaster(window_length=20, horizon=10, epochs=2)
    >>> forecaster = forecaster.fit(X[:100], y[:100])
    >>> display = ForecastDisplay.from_estimator(
    ...     forecaster, X[100:], y[100:], past=y[:100]
    ... )
    >>> sorted(display.lines_[0])
    ['actual', 'forecast', 'naive', 'past']
    """

    def __init__(self, *, y_true, y_pred, naive=None, past=None):
        self.y_true = y_true
        self.y_pred = y_pred
        self.naive = naive
        self.past = past

    def plot(self, ax=None, **kwargs):
        """Draw the forecasts.

        Parameters
        ----------
        ax : matplotlib Axes or sequence of them, default=None
            Where to draw: one Axes for each target, or one that is divided among
            them. By default a new figure.
        **kwargs : dict
            Passed to matplotlib's ``plot`` for the line of the forecast.

        Returns
        -------
        self : ForecastDisplay

        Raises
        ------
        ValueError
            If the shapes or indices of the arrays do not fit together.
        """
        check_matplotlib(f"{type(self).__name__}.plot")
        y_pred = _by_target(self.y_pred)
        columns = {"actual": self.y_true, "naive": self.naive}
        arrays = {
            name: _by_target(values)
            for name, values in columns.items()
            if values is not None
        }
        for name, parameter in (("actual", "y_true"), ("naive", "naive")):
            if name in arrays and arrays[name].shape != y_pred.shape:
                raise ValueError(
                    f"{parameter} and y_pred must have the same shape, got "
                    f"{np.shape(columns[name])} and {np.shape(self.y_pred)}. Pass the "
                    "values of the very rows that were forecast."
                )
        arrays["forecast"] = y_pred
        n_targets = y_pred.shape[1]
        past = _check_past(self.past, n_targets)
        x_past, x, x_name = self._x_values(len(past))

        names = _target_names(self.y_pred if self.y_true is None else self.y_true)
        self.axes_ = make_panels(
            ax, heights=[1] * n_targets, size=(9, 1 + 2.6 * n_targets)
        )
        self.lines_ = []
        for target, panel in enumerate(self.axes_):
            series = {"past": (x_past, past[:, target])} if len(past) else {}
            for name, values in arrays.items():
                series[name] = (x, values[:, target])
            self.lines_.append(draw_lines(panel, series, kwargs))
            finish_time_panel(panel, x, target_label(names, target))
        self.axes_[-1].set_xlabel(x_name)
        self.ax_, self.figure_ = self.axes_[0], self.axes_[0].figure
        return self

    @classmethod
    def from_estimator(
        cls, estimator, X, y, *, naive=True, past=None, ax=None, **kwargs
    ):
        """Forecast the rows of X and draw the forecasts against y.

        Parameters
        ----------
        estimator : estimator
            A fitted forecaster, or a fitted Pipeline or search that ends in one.
        X : array-like of shape (n_timesteps, n_features)
            The rows right after those that the estimator has seen.
        y : array-like of shape (n_timesteps,) or (n_timesteps, n_targets)
            Their actual values.
        naive : bool, default=True
            Whether to draw the naive forecast too, which repeats the last value known
            before each block of the forecaster's ``horizon`` rows. Before the first
            block that is the last row of ``past``: without it, the first block has
            none.
        past : array-like of shape (n_past,) or (n_past, n_targets), default=None
            Actual values right before the rows of X, drawn in front of them.
        ax : matplotlib Axes or sequence of them, default=None
            As in `plot`.
        **kwargs : dict
            Passed to matplotlib's ``plot`` for the line of the forecast.

        Returns
        -------
        display : ForecastDisplay

        Raises
        ------
        sklearn.exceptions.NotFittedError
            If the estimator is not fitted.
        ValueError
            If the shapes or indices of the arrays do not fit together.
        """
        check_matplotlib(f"{cls.__name__}.from_estimator")
        check_is_fitted(estimator)
        y_pred = estimator.predict(X)
        if index_of(X) is not None:
            y_pred = pd.DataFrame(_by_target(y_pred), index=index_of(X))
        repeated = None
        if naive:
            horizon = getattr(_forecaster(estimator), "horizon", len(y))
            repeated = _repeat_last_known(_by_target(y), past, horizon)
        return cls.from_predictions(
            y, y_pred, naive=repeated, past=past, ax=ax, **kwargs
        )

    @classmethod
    def from_predictions(
        cls, y_true, y_pred, *, naive=None, past=None, ax=None, **kwargs
    ):
        """Draw forecasts that were made already.

        Parameters
        ----------
        y_true : array-like of shape (n_timesteps,) or (n_timesteps, n_targets), or None
            Actual values; None where the future is not known yet.
        y_pred : array-like of shape (n_timesteps,) or (n_timesteps, n_targets)
            Forecasts of the same rows, as `LSTMForecaster.forecast` gives them.
        naive : array-like of the shape of y_pred, default=None
            The naive forecast of the same rows.
        past : array-like of shape (n_past,) or (n_past, n_targets), default=None
            Actual values right before those rows, drawn in front of them.
        ax : matplotlib Axes or sequence of them, default=None
            As in `plot`.
        **kwargs : dict
            Passed to matplotlib's ``plot`` for the line of the forecast.

        Returns
        -------
        display : ForecastDisplay

        Raises
        ------
        ValueError
            If the shapes or indices of the arrays do not fit together.
        """
        display = cls(y_true=y_true, y_pred=y_pred, naive=naive, past=past)
        return display.plot(ax=ax, **kwargs)

    def _x_values(self, n_past):
        """Where the past and the forecast rows lie, and what that is called."""
        index = index_of(self.y_true, self.y_pred)
        if index is None:
            x = np.arange(-n_past, len(self.y_pred))
            return x[:n_past], x[n_past:], "row"
        if n_past:
            if index_of(self.past) is None:
                raise ValueError(
                    "past must have a pandas index, since the rows forecast have one, "
                    f"got {type(self.past).__name__}. Pass it as a Series or DataFrame "
                    "with the index of its rows."
                )
            index = index_of(self.past).append(index)
        x = axis_values(index)
        backwards = np.flatnonzero(x[1:] < x[:-1])
        if len(backwards):
            row = int(backwards[0])
            raise ValueError(
                "rows must be in time order, past before those forecast, but row "
                f"{index[row + 1]} comes after row {index[row]}. Sort them, and end "
                "past where the forecasts begin."
            )
        return x[:n_past], x[n_past:], index.name


def _by_target(values) -> np.ndarray:
    """Values as an array of shape (n_timesteps, n_targets)."""
    array = np.asarray(values, dtype=float)
    return array.reshape(len(array), -1)


def _check_past(past, n_targets) -> np.ndarray:
    """Values before the rows forecast: none, or with their targets."""
    if past is None:
        return np.empty((0, n_targets))
    if _by_target(past).shape[1] != n_targets:
        raise ValueError(
            f"past must have as many targets as the rows forecast, {n_targets}, got "
            f"shape {np.shape(past)}."
        )
    return _by_target(past)


def _repeat_last_known(y, past, horizon) -> np.ndarray | None:
    """Forecast each block by the value before it, as far as that is known."""
    before = _check_past(past, y.shape[1])[-1:]
    if not len(before):
        if horizon >= len(y):
            return None
        before = np.full((1, y.shape[1]), np.nan)
    rows = np.arange(len(y))
    # Row -1, the last of the stack, is the one before y's first.
    return np.vstack([y, before])[rows - rows % horizon - 1]
