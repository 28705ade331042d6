"""Pictures of forecasts, of walk-forward validation and of training."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd
from sklearn.metrics import get_scorer, get_scorer_names
from sklearn.utils.validation import check_is_fitted

from sklstm._frames import index_of
from sklstm.model_selection import (
    _forecaster,
    _insides,
    _score,
    _target_names,
    walk_forward,
)

_STYLES: dict[str, dict[str, Any]] = {
    "past": {"color": "0.65", "linewidth": 1.2},
    "actual": {"color": "0.2", "linewidth": 1.2},
    "naive": {"color": "#e6820e", "linewidth": 1.2, "linestyle": "--"},
    "seasonal_naive": {"color": "#2b9348", "linewidth": 1.2, "linestyle": ":"},
    "forecast": {"color": "#1769aa", "linewidth": 1.6},
    "loss": {"color": "0.2", "linewidth": 1.6},
    "val_loss": {"color": "#1769aa", "linewidth": 1.6},
}
_LABELS = {
    "seasonal_naive": "seasonal naive",
    "loss": "training loss",
    "val_loss": "validation loss",
}
_FORECASTERS = ("forecast", "naive", "seasonal_naive")

# More folds than this leave no room to number each of them.
_MAX_NUMBERED_FOLDS = 12


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
        _check_matplotlib(f"{type(self).__name__}.plot")
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
        self.axes_ = _panels(ax, heights=[1] * n_targets, size=(9, 1 + 2.6 * n_targets))
        self.lines_ = []
        for target, panel in enumerate(self.axes_):
            series = {"past": (x_past, past[:, target])} if len(past) else {}
            for name, values in arrays.items():
                series[name] = (x, values[:, target])
            self.lines_.append(_draw_lines(panel, series, kwargs))
            _finish_time_panel(panel, x, _target_label(names, target))
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
        _check_matplotlib(f"{cls.__name__}.from_estimator")
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
        x = _axis_values(index)
        backwards = np.flatnonzero(x[1:] < x[:-1])
        if len(backwards):
            row = int(backwards[0])
            raise ValueError(
                "rows must be in time order, past before those forecast, but row "
                f"{index[row + 1]} comes after row {index[row]}. Sort them, and end "
                "past where the forecasts begin."
            )
        return x[:n_past], x[n_past:], index.name


class WalkForwardDisplay:
    """Forecasts of `walk_forward` against the values that came, and the errors by fold.

    Make one by `from_results` or `from_estimator`. Above are the forecasts of all
    folds, one panel for each target, with light lines where the folds begin; beneath
    them the error of each fold, beside that of the naive forecasts.

    Parameters
    ----------
    result : WalkForwardResult
        What `walk_forward` returned.
    target : label, default=None
        The one target to draw, as ``result.forecasts["target"]`` names it; by default
        all.
    metric : str, default=None
        The error to draw, as ``result.scores`` names it; by default the first.

    Attributes
    ----------
    axes_ : list of matplotlib Axes
        A panel for each target, and last the errors.
    ax_ : matplotlib Axes
        The first of them.
    figure_ : matplotlib Figure
        The figure they are in.
    lines_ : list of dict of matplotlib Line2D
        For each target its lines: "actual", "forecast" and, if asked for, "naive" and
        "seasonal_naive".
    bars_ : dict of matplotlib BarContainer
        The errors by fold of "forecast", "naive" and, if the result has it,
        "seasonal_naive".

    See Also
    --------
    sklstm.walk_forward : Forecast fold by fold, beside the naive forecasts.

    Examples
    --------
    >>> import numpy as np
    >>> from sktime.split import ExpandingWindowSplitter
    >>> from sklstm import LSTMForecaster, WalkForwardDisplay
    >>> y = np.sin(np.arange(120) / 5)
    >>> cv = ExpandingWindowSplitter(
    ...     fh=np.arange(1, 11), initial_window=90, step_length=10
    ... )
    >>> forecaster = LSTMForecaster(window_length=20, epochs=2)
    >>> display = WalkForwardDisplay.from_estimator(forecaster, y[:, None], y, cv=cv)
    >>> len(display.axes_), len(display.bars_["forecast"])
    (2, 3)
    """

    def __init__(self, *, result, target=None, metric=None):
        self.result = result
        self.target = target
        self.metric = metric

    def plot(self, ax=None, *, naive=False, **kwargs):
        """Draw the forecasts and the errors.

        Parameters
        ----------
        ax : matplotlib Axes or sequence of them, default=None
            Where to draw: one Axes for each target and one for the errors, or one
            that is divided among them. By default a new figure.
        naive : bool, default=False
            Whether to draw the naive forecasts themselves too, besides their errors.
            One step ahead, they lie on the other lines.
        **kwargs : dict
            Passed to matplotlib's ``plot`` for the line of the forecast.

        Returns
        -------
        self : WalkForwardDisplay

        Raises
        ------
        ValueError
            If the result has no such target or metric.
        """
        _check_matplotlib(f"{type(self).__name__}.plot")
        table, targets = self._table()
        errors, overall, metric = self._errors(table)
        drawn = [name for name in _FORECASTERS if name in table]
        if not naive:
            drawn = ["forecast"]

        n_targets = len(targets)
        self.axes_ = _panels(
            ax,
            heights=[2] * n_targets + [1],
            size=(9, 2.4 + 2.8 * n_targets),
            n_shared=n_targets,
        )
        self.lines_ = []
        for panel, target in zip(self.axes_, targets, strict=False):
            rows = table[table["target"] == target]
            x = _axis_values(rows.index)
            begins = np.flatnonzero(np.diff(rows["fold"], prepend=-1))
            # Folds may overlap, so that only the actual values are one line.
            x_actual, first = np.unique(x, return_index=True)
            series = {"actual": (x_actual, rows["actual"].to_numpy()[first])}
            for name in reversed(drawn):
                values = np.insert(rows[name].to_numpy(), begins[1:], np.nan)
                series[name] = (np.insert(x, begins[1:], x[begins[1:]]), values)
            self.lines_.append(_draw_lines(panel, series, kwargs))
            _mark_folds(panel, x[begins], rows["fold"].to_numpy()[begins])
            _finish_time_panel(panel, x, _target_label(targets, targets.index(target)))
        self.axes_[n_targets - 1].set_xlabel(table.index.name)
        self.bars_ = _draw_errors(self.axes_[-1], errors, overall, metric)
        self.ax_, self.figure_ = self.axes_[0], self.axes_[0].figure
        return self

    @classmethod
    def from_estimator(
        cls,
        estimator,
        X,
        y=None,
        *,
        cv,
        scoring=("neg_mean_absolute_error", "neg_root_mean_squared_error"),
        season_length=None,
        refit=True,
        n_jobs=None,
        target=None,
        metric=None,
        naive=False,
        ax=None,
        **kwargs,
    ):
        """Validate an estimator by `walk_forward` and draw the result.

        The result stays at hand as the display's ``result``.

        Parameters
        ----------
        estimator : estimator
            An `LSTMForecaster`, a Pipeline that ends in one, or a search over them.
        X : array-like of shape (n_timesteps, n_features)
            Rows in time order.
        y : array-like of shape (n_timesteps,) or (n_timesteps, n_targets), optional
            Targets; by default the columns of X.
        cv : sktime splitter or cross-validator
            Folds whose test rows follow their training rows.
        scoring, season_length, refit, n_jobs
            As in `walk_forward`.
        target : label, default=None
            The one target to draw; by default all.
        metric : str, default=None
            The error to draw, without "neg_"; by default the first of ``scoring``.
        naive : bool, default=False
            Whether to draw the naive forecasts themselves too.
        ax : matplotlib Axes or sequence of them, default=None
            As in `plot`.
        **kwargs : dict
            Passed to matplotlib's ``plot`` for the line of the forecast.

        Returns
        -------
        display : WalkForwardDisplay

        Raises
        ------
        ValueError
            As in `walk_forward`, or if there is no such target or metric.
        """
        _check_matplotlib(f"{cls.__name__}.from_estimator")
        result = walk_forward(
            estimator,
            X,
            y,
            cv=cv,
            scoring=scoring,
            season_length=season_length,
            refit=refit,
            n_jobs=n_jobs,
        )
        return cls.from_results(
            result, target=target, metric=metric, naive=naive, ax=ax, **kwargs
        )

    @classmethod
    def from_results(
        cls, result, *, target=None, metric=None, naive=False, ax=None, **kwargs
    ):
        """Draw the result of `walk_forward`.

        Parameters
        ----------
        result : WalkForwardResult
            What `walk_forward` returned.
        target : label, default=None
            The one target to draw, as ``result.forecasts["target"]`` names it; by
            default all.
        metric : str, default=None
            The error to draw, as ``result.scores`` names it; by default the first.
        naive : bool, default=False
            Whether to draw the naive forecasts themselves too.
        ax : matplotlib Axes or sequence of them, default=None
            As in `plot`.
        **kwargs : dict
            Passed to matplotlib's ``plot`` for the line of the forecast.

        Returns
        -------
        display : WalkForwardDisplay

        Raises
        ------
        ValueError
            If the result has no such target or metric.
        """
        display = cls(result=result, target=target, metric=metric)
        return display.plot(ax=ax, naive=naive, **kwargs)

    def _table(self):
        """Select the forecasts to be drawn, and name their targets."""
        table = self.result.forecasts
        targets = list(table["target"].unique())
        if self.target is None:
            return table, targets
        if self.target not in targets:
            raise ValueError(
                f"target must be one of those in the result, {targets}, got "
                f"{self.target!r}."
            )
        return table[table["target"] == self.target], [self.target]

    def _errors(self, table):
        """Errors by fold and over all folds of what is drawn, and the metric's name."""
        metrics = list(self.result.summary.index)
        metric = metrics[0] if self.metric is None else self.metric
        if metric not in metrics:
            raise ValueError(
                f"metric must be one of those in the result, {metrics}, got "
                f"{metric!r}. Name it in walk_forward's scoring."
            )
        if len(table) == len(self.result.forecasts):
            return self.result.scores[metric], self.result.summary.loc[metric], metric
        # The result's scores are over all its targets.
        scorer_names = get_scorer_names()
        name = f"neg_{metric}" if f"neg_{metric}" in scorer_names else metric
        if name not in scorer_names:
            raise ValueError(
                f"metric={metric!r} is not known to scikit-learn by name, so it cannot "
                f"be told for target={self.target!r} alone. Pass another metric, or "
                "target=None."
            )
        scorers = {name: get_scorer(name)}
        by_fold = {
            fold: _score(rows, scorers).loc[metric]
            for fold, rows in table.groupby("fold")
        }
        return pd.DataFrame(by_fold).T, _score(table, scorers).loc[metric], metric


class TrainingDisplay:
    """The loss of each epoch of training.

    Make one by `from_estimator`. With early stopping, the loss on the validation rows
    is drawn too, and the epoch where it is lowest is marked: its weights are kept.

    Parameters
    ----------
    history : dict of list of float
        "loss" and, with early stopping, "val_loss" of each epoch: an estimator's
        ``history_``.
    name : str, default=None
        What to call the estimator in the legend, where there are several.

    Attributes
    ----------
    ax_ : matplotlib Axes
        The axes drawn on.
    figure_ : matplotlib Figure
        The figure it is in.
    lines_ : dict of matplotlib Line2D
        The lines "loss" and, with early stopping, "val_loss".
    best_epoch_ : int or None
        The epoch, from 1, with the lowest loss on the validation rows.

    Examples
    --------
    >>> import numpy as np
    >>> from sklstm import LSTMForecaster, TrainingDisplay
    >>> y = np.sin(np.arange(120) / 5)
    >>> forecaster = LSTMForecaster(window_length=20, epochs=2, early_stopping=True)
    >>> forecaster = forecaster.fit(y[:, None], y)
    >>> display = TrainingDisplay.from_estimator(forecaster, log_scale=True)
    >>> list(display.lines_)
    ['loss', 'val_loss']
    """

    def __init__(self, *, history, name=None):
        self.history = history
        self.name = name

    def plot(self, ax=None, *, log_scale=False, **kwargs):
        """Draw the losses.

        Parameters
        ----------
        ax : matplotlib Axes, default=None
            Where to draw; by default a new figure.
        log_scale : bool, default=False
            Whether the loss axis is logarithmic.
        **kwargs : dict
            Passed to matplotlib's ``plot`` for the lines.

        Returns
        -------
        self : TrainingDisplay

        Raises
        ------
        ValueError
            If the history holds no loss.
        """
        _check_matplotlib(f"{type(self).__name__}.plot")
        if not isinstance(self.history, Mapping) or not self.history.get("loss"):
            raise ValueError(
                'history must be a mapping with the "loss" of one epoch or more, got '
                f"{self.history!r}. Pass a fitted estimator's history_."
            )
        from matplotlib.ticker import MaxNLocator

        series = {
            name: (np.arange(len(self.history[name])) + 1, self.history[name])
            for name in ("loss", "val_loss")
            if self.history.get(name)
        }
        (ax,) = _panels(ax, heights=[1], size=(6.4, 4))
        self.lines_ = _draw_lines(ax, series, kwargs, every=True, name=self.name)
        self.best_epoch_ = None
        if "val_loss" in series:
            self.best_epoch_ = int(np.argmin(self.history["val_loss"])) + 1
            label = _named(self.name, f"best epoch: {self.best_epoch_}")
            color = self.lines_["val_loss"].get_color()
            ax.axvline(self.best_epoch_, color=color, linestyle=":", label=label)
        if log_scale:
            ax.set_yscale("log")
        ax.xaxis.set_major_locator(MaxNLocator(integer=True))
        ax.set(xlabel="epoch", ylabel="loss")
        _tidy(ax)
        ax.legend(frameon=False)
        self.ax_, self.figure_ = ax, ax.figure
        return self

    @classmethod
    def from_estimator(
        cls, estimator, *, name=None, log_scale=False, ax=None, **kwargs
    ):
        """Draw the training of a fitted estimator.

        Parameters
        ----------
        estimator : estimator
            A fitted estimator with ``history_``, or a fitted Pipeline or search that
            ends in one.
        name : str, default=None
            What to call the estimator in the legend, where there are several.
        log_scale : bool, default=False
            Whether the loss axis is logarithmic.
        ax : matplotlib Axes, default=None
            Where to draw; by default a new figure.
        **kwargs : dict
            Passed to matplotlib's ``plot`` for the lines.

        Returns
        -------
        display : TrainingDisplay

        Raises
        ------
        sklearn.exceptions.NotFittedError
            If the estimator is not fitted.
        ValueError
            If no step of it keeps a ``history_``.
        """
        _check_matplotlib(f"{cls.__name__}.from_estimator")
        check_is_fitted(estimator)
        for inside in _insides(estimator):
            if hasattr(inside, "history_"):
                display = cls(history=inside.history_, name=name)
                return display.plot(ax=ax, log_scale=log_scale, **kwargs)
        raise ValueError(
            "estimator must keep the losses of its epochs in history_, or end in a "
            f"step that does, got {estimator!r}. A search does so with refit=True."
        )


def _check_matplotlib(caller: str) -> None:
    try:
        import matplotlib  # noqa: F401
    except ImportError as error:
        raise ImportError(
            f"{caller} needs matplotlib. Install it with `pip install matplotlib`."
        ) from error


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


def _axis_values(index: pd.Index) -> np.ndarray:
    """Numbers or dates of an index, or else the rows' numbers."""
    if isinstance(index, pd.PeriodIndex):
        index = index.to_timestamp()
    if isinstance(index, pd.DatetimeIndex):
        return index.tz_localize(None).to_numpy()
    if pd.api.types.is_numeric_dtype(index.dtype):
        return index.to_numpy()
    return pd.factorize(index)[0]


def _target_label(names: Sequence, target: int) -> str:
    """Name a target, if that says more than that there is one."""
    name = names[target]
    if isinstance(name, str):
        return name
    return "" if len(names) == 1 else f"target {name}"


def _panels(ax, *, heights, size, n_shared=None) -> list:
    """Axes below each other, the first ``n_shared`` of them with a common x axis."""
    import matplotlib.pyplot as plt

    n_panels = len(heights)
    if isinstance(ax, Sequence | np.ndarray):
        panels = list(np.ravel(np.asarray(ax, dtype=object)))
        if len(panels) != n_panels:
            raise ValueError(
                f"ax must hold {n_panels} Axes, one for each panel, got {len(panels)}. "
                "Pass so many, one to be divided among the panels, or None."
            )
        return panels
    if ax is None:
        figure = plt.figure(figsize=size, layout="constrained")
        grid = figure.add_gridspec(n_panels, 1, height_ratios=heights)
    elif n_panels == 1:
        return [ax]
    elif ax.get_subplotspec() is None:
        raise ValueError(
            f"ax must lie in a grid of subplots to be divided among {n_panels} panels, "
            f"got {ax!r}. Pass one Axes for each panel, or None."
        )
    else:
        ax.set_axis_off()
        figure = ax.figure
        grid = ax.get_subplotspec().subgridspec(n_panels, 1, height_ratios=heights)
    panels = []
    n_shared = n_panels if n_shared is None else n_shared
    for number in range(n_panels):
        shared = panels[0] if 0 < number < n_shared else None
        panels.append(figure.add_subplot(grid[number], sharex=shared))
        if number < n_shared - 1:
            panels[-1].tick_params(labelbottom=False)
    return panels


def _draw_lines(ax, series, kwargs, *, every=False, name=None) -> dict[str, Any]:
    """Draw lines in their styles.

    Parameters
    ----------
    ax : matplotlib Axes
    series : dict of str to (x, y)
        From the lowest line to the uppermost.
    kwargs : dict
        What the user wants of the forecast's line, or of every line.
    every : bool
    name : str, optional
        Whose lines they are.
    """
    from matplotlib.cbook import normalize_kwargs
    from matplotlib.lines import Line2D

    wanted = normalize_kwargs(kwargs, Line2D)
    lines = {}
    for kind, (x, y) in series.items():
        style = _STYLES[kind] | {"label": _named(name, _LABELS.get(kind, kind))}
        if _has_isolated(y):
            style["marker"] = "."
        if every or kind == "forecast":
            style |= wanted
        (lines[kind],) = ax.plot(x, y, **style)
    return lines


def _has_isolated(values) -> bool:
    """Whether some value has no neighbour, so that no line would show it."""
    given = np.concatenate([[False], np.isfinite(values), [False]])
    return bool((given[1:-1] & ~given[:-2] & ~given[2:]).any())


def _named(name, text) -> str:
    return text if name is None else f"{name}: {text}"


def _mark_folds(ax, begins, folds) -> None:
    """Light lines where folds begin, numbered if there is room."""
    across = ax.get_xaxis_transform()  # x in data, y from 0 to 1
    width = 0.8 if len(folds) <= _MAX_NUMBERED_FOLDS else 0.3
    ax.vlines(begins, 0, 1, transform=across, color="0.8", linewidth=width, zorder=0.5)
    if len(folds) <= _MAX_NUMBERED_FOLDS:
        for begin, fold in zip(begins, folds, strict=True):
            ax.text(
                begin,
                0.01,
                f" fold {fold}",
                transform=across,
                fontsize="small",
                color="0.5",
                clip_on=True,
            )


def _draw_errors(ax, errors, overall, metric) -> dict[str, Any]:
    """Bars of the errors by fold, and in words the error over all folds."""
    from matplotlib.ticker import MaxNLocator

    names = [name for name in _FORECASTERS if name in errors]
    width = 0.8 / len(names)
    folds = errors.index.to_numpy()
    bars = {}
    for number, name in enumerate(names):
        place = folds + (number - (len(names) - 1) / 2) * width
        bars[name] = ax.bar(
            place,
            errors[name].to_numpy(),
            width * 0.92,
            color=_STYLES[name]["color"],
            label=_LABELS.get(name, name),
        )
    label = metric.replace("_", " ")
    values = ", ".join(f"{bar.get_label()} {overall[n]:.4g}" for n, bar in bars.items())
    ax.set_title(f"{label} over all folds: {values}", loc="left", fontsize="medium")
    ax.set(xlabel="fold", ylabel=label.replace(" ", "\n", 1))
    ax.xaxis.set_major_locator(MaxNLocator(integer=True))
    _tidy(ax)
    ax.grid(visible=False, axis="x")
    if len(folds) <= _MAX_NUMBERED_FOLDS:
        ax.set_xticks(folds)
    _put_legend_above(ax, room=0.35)
    return bars


def _finish_time_panel(ax, x, label) -> None:
    """Axis, grid and legend of a panel over time."""
    if np.issubdtype(np.asarray(x).dtype, np.datetime64):
        from matplotlib.dates import AutoDateLocator, ConciseDateFormatter

        locator = AutoDateLocator()
        ax.xaxis.set_major_locator(locator)
        ax.xaxis.set_major_formatter(ConciseDateFormatter(locator))
    ax.set_ylabel(label)
    ax.margins(x=0.01)
    _tidy(ax)
    _put_legend_above(ax, room=0.16)


def _put_legend_above(ax, room) -> None:
    """Put the legend in one row inside the axes, above all that is drawn."""
    low, high = ax.dataLim.intervaly
    if low < high:
        # Data limits rather than axis limits: lines drawn later still widen them.
        ax.update_datalim([(0, high + room * (high - low))], updatex=False)
        ax.autoscale_view()
    n_entries = len(ax.get_legend_handles_labels()[0])
    ax.legend(
        loc="upper left",
        ncols=n_entries,
        frameon=False,
        handlelength=1.6,
        handletextpad=0.5,
        columnspacing=1.2,
    )


def _tidy(ax) -> None:
    ax.grid(color="0.92", linewidth=0.8)
    ax.set_axisbelow(True)
    ax.spines[["top", "right"]].set_visible(False)
