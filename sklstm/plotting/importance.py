"""Plot of the importance of columns or lags."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Self

import numpy as np

from sklstm.inspection import PermutationImportance, permutation_importance
from sklstm.plotting._panels import STYLES, check_matplotlib, make_panels, style_axes

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.container import BarContainer
    from matplotlib.figure import Figure, SubFigure


class ImportanceDisplay:
    """Plot of the importance of the columns or lags that a forecaster reads.

    It is recommended to create a display with `from_estimator` or `from_results`. All
    parameters are stored as attributes. Bars show by how much the error grows on
    average if the values of a column, or at some lags, are replaced by those of other
    windows; dots show it in each fold or, if there is only one, in each repetition.

    Parameters
    ----------
    importance : PermutationImportance
        Result of `sklstm.inspection.permutation_importance`.
    max_columns : int, default=20
        Number of columns to show, the most important ones. Lags are all shown.

    Attributes
    ----------
    ax_ : matplotlib Axes
        The axes of the plot.
    figure_ : matplotlib Figure
        The figure of the plot.
    bars_ : matplotlib BarContainer
        The mean importance of each column or group of lags.
    labels_ : list
        The columns or groups of lags, from above.

    See Also
    --------
    sklstm.inspection.permutation_importance : Compute the importance.
    AttributionDisplay : Plot of the contributions to single outputs.

    Examples
    --------
    >>> import numpy as np
    >>> from sktime.split import ExpandingWindowSplitter
    >>> from sklstm import ImportanceDisplay, LSTMForecaster
    >>> X = np.random.default_rng(0).normal(size=(120, 2))
    >>> cv = ExpandingWindowSplitter(
    ...     fh=np.arange(1, 11), initial_window=100, step_length=10
    ... )
    >>> forecaster = LSTMForecaster(window_length=10, epochs=2, target=0)
    >>> display = ImportanceDisplay.from_estimator(
    ...     forecaster, X, X[:, 0], cv=cv, random_state=0
    ... )
    >>> sorted(display.labels_)
    [0, 1]
    """

    ax_: Axes
    figure_: Figure | SubFigure
    bars_: BarContainer
    labels_: list

    def __init__(
        self, *, importance: PermutationImportance, max_columns: int = 20
    ) -> None:
        self.importance = importance
        self.max_columns = max_columns

    def plot(self, ax: Axes | None = None, **kwargs: Any) -> Self:
        """Plot the importance.

        Parameters
        ----------
        ax : matplotlib Axes, default=None
            Axes to plot on; by default a new figure.
        **kwargs : dict
            Keyword arguments of matplotlib's ``barh``.

        Returns
        -------
        self : ImportanceDisplay
            The display.
        """
        check_matplotlib(f"{type(self).__name__}.plot")
        importance = self.importance
        increases = importance.increases
        if increases.columns.name == "column":
            order = np.argsort(-increases.mean().to_numpy(), kind="stable")
            increases = increases.iloc[:, order[: self.max_columns]]
        n_bars = increases.shape[1]
        places = np.arange(n_bars)
        (panel,) = make_panels(ax, heights=[1], size=(7.5, 1.3 + 0.32 * n_bars))
        color = STYLES["forecast"]["color"]
        self.bars_ = panel.barh(
            places,
            increases.mean(),
            **{"color": color, "alpha": 0.75, "height": 0.7, **kwargs},
        )
        dots = increases.groupby(level="fold").mean()
        if len(dots) == 1:
            dots = increases
        if len(dots) > 1:
            panel.plot(
                dots.to_numpy().T,
                places,
                linestyle="",
                marker="o",
                markersize=3,
                color="0.25",
                markerfacecolor="none",
                markeredgewidth=0.7,
            )
        self.labels_ = list(increases.columns)
        panel.set_yticks(places, [str(label) for label in self.labels_])
        panel.invert_yaxis()
        panel.axvline(0, color="0.2", linewidth=0.8)
        metric = importance.metric.replace("_", " ")
        errors = importance.errors.mean()
        panel.set(
            xlabel=f"increase of the {metric}", ylabel=increases.columns.name or ""
        )
        panel.set_title(
            f"{metric} {errors['forecast']:.4g} (naive {errors['naive']:.4g})",
            loc="left",
            fontsize="medium",
        )
        style_axes(panel)
        self.ax_, self.figure_ = panel, panel.figure
        return self

    @classmethod
    def from_estimator(
        cls,
        estimator: Any,
        X: Any,
        y: Any = None,
        *,
        cv: Any,
        max_columns: int = 20,
        ax: Axes | None = None,
        **options: Any,
    ) -> Self:
        """Measure the importance of columns or lags, and plot it.

        Parameters
        ----------
        estimator : estimator
            A forecaster, or a pipeline or search that ends in one. It is cloned.
        X : array-like of shape (n_timesteps, n_features) or frame of several series
            Rows in time order.
        y : array-like of shape (n_timesteps,) or (n_timesteps, n_targets), optional
            Targets; by default the columns of X.
        cv : sktime splitter or cross-validator
            Folds whose test rows directly follow their training rows.
        max_columns : int, default=20
            Number of columns to show, the most important ones.
        ax : matplotlib Axes, default=None
            Axes to plot on; by default a new figure.
        **options : dict
            Further parameters of `sklstm.inspection.permutation_importance`.

        Returns
        -------
        display : ImportanceDisplay
            The display, plotted.
        """
        check_matplotlib(f"{cls.__name__}.from_estimator")
        importance = permutation_importance(estimator, X, y, cv=cv, **options)
        return cls.from_results(importance, max_columns=max_columns, ax=ax)

    @classmethod
    def from_results(
        cls,
        importance: PermutationImportance,
        *,
        max_columns: int = 20,
        ax: Axes | None = None,
        **kwargs: Any,
    ) -> Self:
        """Plot the result of `sklstm.inspection.permutation_importance`.

        Parameters
        ----------
        importance : PermutationImportance
            The result.
        max_columns : int, default=20
            Number of columns to show, the most important ones.
        ax : matplotlib Axes, default=None
            Axes to plot on; by default a new figure.
        **kwargs : dict
            Keyword arguments of matplotlib's ``barh``.

        Returns
        -------
        display : ImportanceDisplay
            The display, plotted.
        """
        display = cls(importance=importance, max_columns=max_columns)
        return display.plot(ax=ax, **kwargs)
