"""Pictures of walk-forward validation."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
from sklearn.metrics import get_scorer, get_scorer_names

from sklstm.model_selection import _score, walk_forward
from sklstm.plotting._panels import (
    LABELS,
    STYLES,
    axis_values,
    check_matplotlib,
    draw_lines,
    finish_time_panel,
    make_panels,
    put_legend_above,
    target_label,
    tidy,
)

_FORECASTERS = ("forecast", "naive", "seasonal_naive")

# More folds than this leave no room to number each of them.
_MAX_NUMBERED_FOLDS = 12


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
    bands_ : list of matplotlib PolyCollection
        For each panel the intervals, if the result has them (``coverage``).

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
        check_matplotlib(f"{type(self).__name__}.plot")
        table, targets = self._table()
        errors, overall, metric = self._errors(table)
        drawn = [name for name in _FORECASTERS if name in table]
        if not naive:
            drawn = ["forecast"]

        n_targets = len(targets)
        self.axes_ = make_panels(
            ax,
            heights=[2] * n_targets + [1],
            size=(9, 2.4 + 2.8 * n_targets),
            n_shared=n_targets,
        )
        self.lines_, self.bands_ = [], []
        for panel, target in zip(self.axes_, targets, strict=False):
            rows = table[table["target"] == target]
            x = axis_values(rows.index)
            begins = np.flatnonzero(np.diff(rows["fold"], prepend=-1))
            # Folds may overlap, so that only the actual values are one line.
            x_actual, first = np.unique(x, return_index=True)
            series = {"actual": (x_actual, rows["actual"].to_numpy()[first])}
            x_folds = np.insert(x, begins[1:], x[begins[1:]])
            for name in reversed(drawn):
                series[name] = (x_folds, _break(rows[name], begins))
            if "lower" in rows:
                ends = [_break(rows[name], begins) for name in ("lower", "upper")]
                self.bands_.append(_draw_band(panel, x_folds, *ends))
            self.lines_.append(draw_lines(panel, series, kwargs))
            _mark_folds(panel, x[begins], rows["fold"].to_numpy()[begins])
            finish_time_panel(panel, x, target_label(targets, targets.index(target)))
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
        coverage=None,
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
        scoring, season_length, refit, n_jobs, coverage
            As in `walk_forward`.
        target : label, default=None
            The one target to draw; by default all.
        metric : str, default=None
            The error to draw, without ``neg_``; by default the first of ``scoring``.
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
        check_matplotlib(f"{cls.__name__}.from_estimator")
        result = walk_forward(
            estimator,
            X,
            y,
            cv=cv,
            scoring=scoring,
            season_length=season_length,
            refit=refit,
            n_jobs=n_jobs,
            coverage=coverage,
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


def _break(values, begins) -> np.ndarray:
    """Values with nothing between one fold and the next."""
    return np.insert(values.to_numpy(), begins[1:], np.nan)


def _draw_band(ax, x, lower, upper):
    """The intervals of the forecasts, behind their line."""
    color = STYLES["forecast"]["color"]
    return ax.fill_between(
        x, lower, upper, color=color, alpha=0.2, linewidth=0, label="interval"
    )


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
            color=STYLES[name]["color"],
            label=LABELS.get(name, name),
        )
    label = metric.replace("_", " ")
    values = ", ".join(f"{bar.get_label()} {overall[n]:.4g}" for n, bar in bars.items())
    ax.set_title(f"{label} over all folds: {values}", loc="left", fontsize="medium")
    ax.set(xlabel="fold", ylabel=label.replace(" ", "\n", 1))
    ax.xaxis.set_major_locator(MaxNLocator(integer=True))
    tidy(ax)
    ax.grid(visible=False, axis="x")
    if len(folds) <= _MAX_NUMBERED_FOLDS:
        ax.set_xticks(folds)
    put_legend_above(ax, room=0.35)
    return bars
