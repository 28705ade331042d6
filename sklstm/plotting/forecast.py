"""Plot of forecasts against actual values."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Self

import numpy as np
import pandas as pd
from sklearn.utils.validation import check_is_fitted

from sklstm._core.introspection import find_forecaster, target_names
from sklstm._data.time_index import index_of
from sklstm.plotting._panels import (
    axis_values,
    check_matplotlib,
    draw_lines,
    finish_time_panel,
    make_panels,
    target_label,
)

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure, SubFigure
    from matplotlib.lines import Line2D


class ForecastDisplay:
    """Plot of forecasts against actual values.

    It is recommended to create a display with `from_estimator` or `from_predictions`.
    All parameters are stored as attributes. Each target has a panel of its own. The x
    axis is the pandas index of the rows if they have one, and the row numbers
    otherwise.

    Parameters
    ----------
    y_true : array-like of shape (n_timesteps,) or (n_timesteps, n_targets), or None
        Actual values; None if they are not known yet.
    y_pred : array-like of shape (n_timesteps,) or (n_timesteps, n_targets)
        Forecasts of the same rows.
    naive : array-like of the shape of y_pred, default=None
        Naive forecasts of the same rows.
    past : array-like of shape (n_past,) or (n_past, n_targets), default=None
        Actual values of the rows right before the forecast, to plot before it.

    Attributes
    ----------
    axes_ : list of matplotlib Axes
        One panel for each target.
    ax_ : matplotlib Axes
        The first panel.
    figure_ : matplotlib Figure
        The figure of the panels.
    lines_ : list of dict of str to matplotlib Line2D
        The lines of each panel: "forecast" and, if passed, "actual", "naive" and
        "past".

    See Also
    --------
    WalkForwardDisplay : Plot of the forecasts and errors of `walk_forward`.

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

    axes_: list[Axes]
    ax_: Axes
    figure_: Figure | SubFigure
    lines_: list[dict[str, Line2D]]

    def __init__(
        self, *, y_true: Any, y_pred: Any, naive: Any = None, past: Any = None
    ) -> None:
        self.y_true = y_true
        self.y_pred = y_pred
        self.naive = naive
        self.past = past

    def plot(self, ax: Axes | Sequence[Axes] | None = None, **kwargs: Any) -> Self:
        """Plot the forecasts.

        Parameters
        ----------
        ax : matplotlib Axes or sequence of them, default=None
            Axes to plot on: one for each target, or a single one to divide among the
            targets. By default a new figure.
        **kwargs : dict
            Keyword arguments of matplotlib's ``plot`` for the line of the forecast.

        Returns
        -------
        self : ForecastDisplay
            The display.

        Raises
        ------
        ValueError
            If the shapes or indices of the arrays do not match.
        """
        check_matplotlib(f"{type(self).__name__}.plot")
        y_pred = _as_columns(self.y_pred)
        columns = {"actual": self.y_true, "naive": self.naive}
        arrays = {
            name: _as_columns(values)
            for name, values in columns.items()
            if values is not None
        }
        for name, parameter in (("actual", "y_true"), ("naive", "naive")):
            if name in arrays and arrays[name].shape != y_pred.shape:
                raise ValueError(
                    f"{parameter} and y_pred must have the same shape, got "
                    f"{np.shape(columns[name])} and {np.shape(self.y_pred)}. Pass the "
                    "values of the rows that were forecast."
                )
        arrays["forecast"] = y_pred
        n_targets = y_pred.shape[1]
        past = _check_past(self.past, n_targets)
        x_past, x, x_label = self._x_values(len(past))

        names = target_names(self.y_pred if self.y_true is None else self.y_true)
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
        self.axes_[-1].set_xlabel(x_label)
        self.ax_, self.figure_ = self.axes_[0], self.axes_[0].figure
        return self

    @classmethod
    def from_estimator(
        cls,
        estimator: Any,
        X: Any,
        y: Any,
        *,
        naive: bool = True,
        past: Any = None,
        ax: Axes | Sequence[Axes] | None = None,
        **kwargs: Any,
    ) -> Self:
        """Forecast the rows of X and plot the forecasts against y.

        Parameters
        ----------
        estimator : estimator
            A fitted forecaster, or a fitted Pipeline or search that ends in one.
        X : array-like of shape (n_timesteps, n_features)
            The rows right after the last one that the estimator has seen.
        y : array-like of shape (n_timesteps,) or (n_timesteps, n_targets)
            Actual values of these rows.
        naive : bool, default=True
            Whether to plot the naive forecast too. It repeats the last value before
            each block of ``horizon`` rows that the forecaster forecasts at once. For
            the first block this is the last row of ``past``; without ``past`` the
            first block has no naive forecast.
        past : array-like of shape (n_past,) or (n_past, n_targets), default=None
            Actual values of the rows right before X, to plot before the forecast.
        ax : matplotlib Axes or sequence of them, default=None
            Axes to plot on, as in `plot`; by default a new figure.
        **kwargs : dict
            Keyword arguments of matplotlib's ``plot`` for the line of the forecast.

        Returns
        -------
        display : ForecastDisplay
            The display, plotted.

        Raises
        ------
        sklearn.exceptions.NotFittedError
            If the estimator is not fitted.
        ValueError
            If the shapes or indices of the arrays do not match.
        """
        check_matplotlib(f"{cls.__name__}.from_estimator")
        check_is_fitted(estimator)
        y_pred = estimator.predict(X)
        if index_of(X) is not None:
            y_pred = pd.DataFrame(_as_columns(y_pred), index=index_of(X))
        naive_forecast = None
        if naive:
            horizon = getattr(find_forecaster(estimator), "horizon", len(y))
            naive_forecast = _repeat_last_known(_as_columns(y), past, horizon)
        return cls.from_predictions(
            y, y_pred, naive=naive_forecast, past=past, ax=ax, **kwargs
        )

    @classmethod
    def from_predictions(
        cls,
        y_true: Any,
        y_pred: Any,
        *,
        naive: Any = None,
        past: Any = None,
        ax: Axes | Sequence[Axes] | None = None,
        **kwargs: Any,
    ) -> Self:
        """Plot existing forecasts.

        Parameters
        ----------
        y_true : array-like of shape (n_timesteps,) or (n_timesteps, n_targets), or None
            Actual values; None if they are not known yet.
        y_pred : array-like of shape (n_timesteps,) or (n_timesteps, n_targets)
            Forecasts of the same rows, such as those of `LSTMForecaster.forecast`.
        naive : array-like of the shape of y_pred, default=None
            Naive forecasts of the same rows.
        past : array-like of shape (n_past,) or (n_past, n_targets), default=None
            Actual values of the rows right before the forecast, to plot before it.
        ax : matplotlib Axes or sequence of them, default=None
            Axes to plot on, as in `plot`; by default a new figure.
        **kwargs : dict
            Keyword arguments of matplotlib's ``plot`` for the line of the forecast.

        Returns
        -------
        display : ForecastDisplay
            The display, plotted.

        Raises
        ------
        ValueError
            If the shapes or indices of the arrays do not match.
        """
        display = cls(y_true=y_true, y_pred=y_pred, naive=naive, past=past)
        return display.plot(ax=ax, **kwargs)

    def _x_values(self, n_past: int) -> tuple[np.ndarray, np.ndarray, Any]:
        """Return the x values of the past and of the forecast, and the axis label."""
        index = index_of(self.y_true, self.y_pred)
        if index is None:
            x = np.arange(-n_past, len(self.y_pred))
            return x[:n_past], x[n_past:], "row"
        if n_past:
            if index_of(self.past) is None:
                raise ValueError(
                    "past must have a pandas index, because the forecast rows have "
                    f"one, got {type(self.past).__name__}. Pass a Series or DataFrame "
                    "with the index of its rows."
                )
            index = index_of(self.past).append(index)
        x = axis_values(index)
        backwards = np.flatnonzero(x[1:] < x[:-1])
        if len(backwards):
            row = int(backwards[0])
            raise ValueError(
                "rows must be in time order, past before the forecast rows, but row "
                f"{index[row + 1]} comes after row {index[row]}. Sort them, and end "
                "past right before the first forecast row."
            )
        return x[:n_past], x[n_past:], index.name


def _as_columns(values: Any) -> np.ndarray:
    """Return values as an array of shape (n_timesteps, n_targets)."""
    array = np.asarray(values, dtype=float)
    return array.reshape(len(array), -1)


def _check_past(past: Any, n_targets: int) -> np.ndarray:
    """Return past values of shape (n_past, n_targets), checked; no rows for None."""
    if past is None:
        return np.empty((0, n_targets))
    values = _as_columns(past)
    if values.shape[1] != n_targets:
        raise ValueError(
            f"past must have as many targets as the forecast, {n_targets}, got shape "
            f"{np.shape(past)}."
        )
    return values


def _repeat_last_known(y: np.ndarray, past: Any, horizon: int) -> np.ndarray | None:
    """Forecast each block of rows by repeating the value before it.

    Without past values the first block is NaN; if it is the only one, return None.
    """
    last_past = _check_past(past, y.shape[1])[-1:]
    if not len(last_past):
        if horizon >= len(y):
            return None
        last_past = np.full((1, y.shape[1]), np.nan)
    rows = np.arange(len(y))
    # Index -1 of the stacked array is the row right before y.
    return np.vstack([y, last_past])[rows - rows % horizon - 1]
