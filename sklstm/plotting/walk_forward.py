"""Plot of the forecasts and errors of a walk-forward validation."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Self

import numpy as np
import pandas as pd

from sklstm.model_selection import WalkForwardResult, walk_forward
from sklstm.plotting._panels import (
    FORECASTERS,
    LABELS,
    STYLES,
    axis_values,
    check_matplotlib,
    draw_lines,
    finish_time_panel,
    make_panels,
    put_legend_above,
    style_axes,
    target_label,
)

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.collections import PolyCollection
    from matplotlib.container import BarContainer
    from matplotlib.figure import Figure, SubFigure
    from matplotlib.lines import Line2D


# Beyond this number of folds there is no room to number each of them.
_MAX_NUMBERED_FOLDS = 12


class WalkForwardDisplay:
    """Plot of the forecasts and errors of a walk-forward validation.

    It is recommended to create a display with `from_results` or `from_estimator`. All
    parameters are stored as attributes. The upper panels, one for each target, show
    the forecasts of all folds against the actual values; light vertical lines mark
    where folds begin. The lowest panel shows the error of each fold beside the errors
    of the naive forecasts.

    Parameters
    ----------
    result : WalkForwardResult
        Result of `walk_forward`.
    target : label, default=None
        The only target to plot, one of ``result.forecasts["target"]``; by default all
        targets are plotted.
    series : label, default=None
        Of several series the one to plot, one of ``result.forecasts["series"]``; by
        default the first.
    metric : str, default=None
        The error to plot, named as in ``result.scores``; by default the first.

    Attributes
    ----------
    axes_ : list of matplotlib Axes
        One panel for each target, and the panel of the errors.
    ax_ : matplotlib Axes
        The first panel.
    figure_ : matplotlib Figure
        The figure of the panels.
    lines_ : list of dict of str to matplotlib Line2D
        The lines of each target: "actual", "forecast" and, with ``naive=True``,
        "naive" and "seasonal_naive".
    bars_ : dict of str to matplotlib BarContainer
        The errors by fold of "forecast", "naive" and, if the result has it,
        "seasonal_naive".
    bands_ : list of matplotlib PolyCollection
        The prediction intervals of each target, if the result has them
        (``coverage``).

    See Also
    --------
    sklstm.walk_forward : Validate a forecaster fold by fold, with naive forecasts.
    ForecastDisplay : Plot of forecasts against actual values.

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

    axes_: list[Axes]
    ax_: Axes
    figure_: Figure | SubFigure
    lines_: list[dict[str, Line2D]]
    bars_: dict[str, BarContainer]
    bands_: list[PolyCollection]

    def __init__(
        self,
        *,
        result: WalkForwardResult,
        target: Any = None,
        series: Any = None,
        metric: str | None = None,
    ) -> None:
        self.result = result
        self.target = target
        self.series = series
        self.metric = metric

    def plot(
        self,
        ax: Axes | Sequence[Axes] | None = None,
        *,
        naive: bool = False,
        **kwargs: Any,
    ) -> Self:
        """Plot the forecasts and the errors.

        Parameters
        ----------
        ax : matplotlib Axes or sequence of them, default=None
            Axes to plot on: one for each target and one for the errors, or a single
            one to divide among them. By default a new figure.
        naive : bool, default=False
            Whether to plot the naive forecasts too, and not only their errors. One
            step ahead, they nearly coincide with the actual values.
        **kwargs : dict
            Keyword arguments of matplotlib's ``plot`` for the line of the forecast.

        Returns
        -------
        self : WalkForwardDisplay
            The display.

        Raises
        ------
        ValueError
            If the result does not have the target, the series or the metric.
        """
        check_matplotlib(f"{type(self).__name__}.plot")
        result, metric, name_of_series = self._selected_result()
        table = result.forecasts
        targets = list(table["target"].unique())
        drawn = ["forecast"]
        if naive:
            drawn = [name for name in FORECASTERS if name in table]

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
            starts = np.flatnonzero(np.diff(rows["fold"], prepend=-1))
            # Folds may overlap: the actual values are one line, forecasts one a fold.
            x_actual, first = np.unique(x, return_index=True)
            series = {"actual": (x_actual, rows["actual"].to_numpy()[first])}
            x_folds = np.insert(x, starts[1:], x[starts[1:]])
            for name in reversed(drawn):
                series[name] = (x_folds, _separate_folds(rows[name], starts))
            if "lower" in rows:
                lower = _separate_folds(rows["lower"], starts)
                upper = _separate_folds(rows["upper"], starts)
                self.bands_.append(_draw_intervals(panel, x_folds, lower, upper))
            self.lines_.append(draw_lines(panel, series, kwargs))
            _mark_folds(panel, x[starts], rows["fold"].to_numpy()[starts])
            label = target_label(targets, targets.index(target))
            if name_of_series is not None:
                label = f"series {name_of_series}\n{label}".rstrip()
            finish_time_panel(panel, x, label)
        x_label: Any = table.index.name
        self.axes_[n_targets - 1].set_xlabel(x_label)
        self.bars_ = _draw_errors(self.axes_[-1], result, metric)
        self.ax_, self.figure_ = self.axes_[0], self.axes_[0].figure
        return self

    @classmethod
    def from_estimator(
        cls,
        estimator: Any,
        X: Any,
        y: Any = None,
        *,
        cv: Any,
        scoring: str | Callable | Sequence[str] | Mapping[str, Any] = (
            "neg_mean_absolute_error",
            "neg_root_mean_squared_error",
        ),
        season_length: int | None = None,
        refit: bool | str = True,
        n_jobs: int | None = None,
        coverage: float | None = None,
        target: Any = None,
        series: Any = None,
        metric: str | None = None,
        naive: bool = False,
        ax: Axes | Sequence[Axes] | None = None,
        **kwargs: Any,
    ) -> Self:
        """Validate an estimator with `walk_forward` and plot the result.

        The result is kept in the attribute ``result`` of the display.

        Parameters
        ----------
        estimator : estimator
            An `LSTMForecaster` or `WindowForecaster`, a Pipeline that ends in one, or
            a search over them. It is cloned, not changed.
        X : array-like of shape (n_timesteps, n_features), list of them, or frame
            Rows in time order. Several series as a list, or as a frame with an index of
            (series, time).
        y : array-like of shape (n_timesteps,) or (n_timesteps, n_targets), optional
            Targets; by default the columns of X, before any step of a pipeline. For
            several series a list, or the rows of the frame.
        cv : sktime splitter or cross-validator
            Folds whose test rows directly follow their training rows.
        scoring : str, callable, sequence of str or dict
            Metrics, as named by scikit-learn. Those named ``neg_...`` are reported as
            the errors that they negate.
        season_length : int, optional
            Number of rows in a season, for the seasonal naive forecast (24 for hourly
            data with a daily season); by default it is not computed. Of a panel's
            series that do not have a season of rows yet, the last value is repeated.
        refit : bool or "warm", default=True
            True fits a new clone of the estimator in each fold. "warm" also fits in
            each fold, but starts from the weights of the previous fold. False fits in
            the first fold only; in later folds the new rows are passed to ``update``,
            as history.
        n_jobs : int, optional
            Number of folds fitted at the same time. More than one needs
            ``refit=True``, since otherwise each fold depends on the one before. Folds
            run in threads, unless `joblib.parallel_config` sets another backend.
        coverage : float, optional
            Nominal coverage of prediction intervals, between 0 and 1. If given, the
            intervals of the forecaster's ``predict_interval`` are plotted as bands.
        target : label, default=None
            The only target to plot; by default all targets are plotted.
        series : label, default=None
            Of several series the one to plot; by default the first.
        metric : str, default=None
            The error to plot, without ``neg_``; by default the first of ``scoring``.
        naive : bool, default=False
            Whether to plot the naive forecasts too, and not only their errors.
        ax : matplotlib Axes or sequence of them, default=None
            Axes to plot on, as in `plot`; by default a new figure.
        **kwargs : dict
            Keyword arguments of matplotlib's ``plot`` for the line of the forecast.

        Returns
        -------
        display : WalkForwardDisplay
            The display, plotted.

        Raises
        ------
        ValueError
            As in `walk_forward`, or if the result does not have the target, the
            series or the metric.
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
            result,
            target=target,
            series=series,
            metric=metric,
            naive=naive,
            ax=ax,
            **kwargs,
        )

    @classmethod
    def from_results(
        cls,
        result: WalkForwardResult,
        *,
        target: Any = None,
        series: Any = None,
        metric: str | None = None,
        naive: bool = False,
        ax: Axes | Sequence[Axes] | None = None,
        **kwargs: Any,
    ) -> Self:
        """Plot the result of `walk_forward`.

        Parameters
        ----------
        result : WalkForwardResult
            Result of `walk_forward`.
        target : label, default=None
            The only target to plot, one of ``result.forecasts["target"]``; by default
            all targets are plotted.
        series : label, default=None
            Of several series the one to plot, one of ``result.forecasts["series"]``; by
            default the first.
        metric : str, default=None
            The error to plot, named as in ``result.scores``; by default the first.
        naive : bool, default=False
            Whether to plot the naive forecasts too, and not only their errors.
        ax : matplotlib Axes or sequence of them, default=None
            Axes to plot on, as in `plot`; by default a new figure.
        **kwargs : dict
            Keyword arguments of matplotlib's ``plot`` for the line of the forecast.

        Returns
        -------
        display : WalkForwardDisplay
            The display, plotted.

        Raises
        ------
        ValueError
            If the result does not have the target, the series or the metric.
        """
        display = cls(result=result, target=target, series=series, metric=metric)
        return display.plot(ax=ax, naive=naive, **kwargs)

    def _selected_result(self) -> tuple[WalkForwardResult, str, Any]:
        """Return the result to plot, the metric, and the series of several."""
        metrics = list(self.result.summary.index)
        metric = metrics[0] if self.metric is None else self.metric
        if metric not in metrics:
            raise ValueError(
                f"metric must be one of those in the result, {metrics}, got "
                f"{metric!r}. Pass it in walk_forward's scoring."
            )
        result, series = self.result, self.series
        if result.series_scores is not None:
            if series is None:
                series = result.forecasts["series"].iloc[0]
            result = result.select_series(series, metric)
        elif self.series is not None:
            raise ValueError(
                f"series={self.series!r} selects one of several series, but the result "
                "holds a single one. Pass series=None."
            )
        if self.target is not None:
            result = result.select_target(self.target, metric)
        return result, metric, series


def _separate_folds(values: pd.Series, starts: np.ndarray) -> np.ndarray:
    """Insert NaN between folds, so that a line is interrupted there."""
    return np.insert(values.to_numpy(), starts[1:], np.nan)


def _draw_intervals(
    ax: Axes, x: np.ndarray, lower: np.ndarray, upper: np.ndarray
) -> PolyCollection:
    """Draw prediction intervals as a band behind the line of the forecast."""
    color = STYLES["forecast"]["color"]
    return ax.fill_between(
        x, lower, upper, color=color, alpha=0.2, linewidth=0, label="interval"
    )


def _mark_folds(ax: Axes, starts: np.ndarray, folds: np.ndarray) -> None:
    """Draw light lines where folds begin, with their numbers if there is room."""
    transform = ax.get_xaxis_transform()  # x in data coordinates, y from 0 to 1
    width = 0.8 if len(folds) <= _MAX_NUMBERED_FOLDS else 0.3
    ax.vlines(
        starts, 0, 1, transform=transform, color="0.8", linewidth=width, zorder=0.5
    )
    if len(folds) <= _MAX_NUMBERED_FOLDS:
        for start, fold in zip(starts, folds, strict=True):
            ax.text(
                start,
                0.01,
                f" fold {fold}",
                transform=transform,
                fontsize="small",
                color="0.5",
                clip_on=True,
            )


def _draw_errors(
    ax: Axes, result: WalkForwardResult, metric: str
) -> dict[str, BarContainer]:
    """Draw the errors by fold as bars, with those over all folds in the title."""
    from matplotlib.ticker import MaxNLocator

    errors, overall = result.scores[metric], result.summary.loc[metric]
    names = [name for name in FORECASTERS if name in errors]
    width = 0.8 / len(names)
    folds = errors.index.to_numpy()
    bars = {}
    for number, name in enumerate(names):
        offset = (number - (len(names) - 1) / 2) * width
        bars[name] = ax.bar(
            folds + offset,
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
    style_axes(ax)
    ax.grid(visible=False, axis="x")
    if len(folds) <= _MAX_NUMBERED_FOLDS:
        ax.set_xticks(folds)
    put_legend_above(ax, room=0.35)
    return bars
