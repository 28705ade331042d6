"""Plot of the results of a hyperparameter search."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from math import ceil
from typing import TYPE_CHECKING, Any, Self

import numpy as np
from sklearn.utils.validation import check_is_fitted

from sklstm._core.introspection import find_forecaster
from sklstm.model_selection import naive_scores
from sklstm.plotting._panels import STYLES, check_matplotlib, style_axes

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.container import ErrorbarContainer
    from matplotlib.figure import Figure, SubFigure
    from matplotlib.lines import Line2D

_PANELS_IN_A_ROW = 3

# Numbers of at least this many values that span at least this factor have a
# logarithmic axis; fewer values are categories.
_MIN_NUMBERS, _LOG_FACTOR = 6, 20

# Stands for the value of a parameter that a candidate does not have.
_ABSENT = "-"

_BEST_COLOR = "#c1121f"


class SearchDisplay:
    """Plot of the error of the candidates of a search, by parameter.

    It is recommended to create a display with `from_estimator`. All parameters are
    stored as attributes. There is a panel for each parameter that was varied. For each
    of its values, the point is the best candidate with this value, and the bar its
    standard deviation over the folds; the other candidates are faint. A red ring marks
    the best candidate of all, and a line the naive forecast on the same folds.

    Parameters
    ----------
    cv_results : dict
        ``cv_results_`` of a search.
    scoring : str, default="score"
        Name of the score; errors, named ``neg_...``, are plotted with a positive sign.
    metric : str, default="score"
        Which of several scores to plot: its key in ``cv_results`` without
        ``mean_test_``.
    params : list of str, default=None
        Parameters to plot; by default all with several values.
    naive : array-like of shape (n_folds,), default=None
        Scores of the naive forecast in the folds, from
        `sklstm.model_selection.naive_scores`.

    Attributes
    ----------
    axes_ : list of matplotlib Axes
        One panel for each parameter.
    ax_ : matplotlib Axes
        The first panel.
    figure_ : matplotlib Figure
        The figure of the panels.
    points_ : dict of str to matplotlib ErrorbarContainer
        The best candidates by value, of each parameter.
    naive_lines_ : list of matplotlib Line2D
        The line of the naive forecast in each panel, if there is one.

    See Also
    --------
    sklstm.model_selection.naive_scores : Scores of the naive forecast.
    sklstm.model_selection.search_space : Values to search.

    Examples
    --------
    >>> import numpy as np
    >>> from sklearn.model_selection import GridSearchCV
    >>> from sktime.split import ExpandingWindowSplitter
    >>> from sklstm import LSTMForecaster, SearchDisplay, WalkForwardCV
    >>> y = np.sin(np.arange(120) / 5)
    >>> X = y[:, None]
    >>> cv = WalkForwardCV(
    ...     ExpandingWindowSplitter(fh=[1, 2, 3], initial_window=110, step_length=5)
    ... )
    >>> search = GridSearchCV(
    ...     LSTMForecaster(window_length=10, epochs=2, random_state=0),
    ...     {"units": [4, 8], "cell": ["lstm", "gru"]},
    ...     scoring="neg_mean_absolute_error",
    ...     cv=cv,
    ... ).fit(X, y)
    >>> display = SearchDisplay.from_estimator(search, X, y)
    >>> list(display.points_), len(display.naive_lines_)
    (['cell', 'units'], 2)
    """

    axes_: list[Axes]
    ax_: Axes
    figure_: Figure | SubFigure
    points_: dict[str, ErrorbarContainer]
    naive_lines_: list[Line2D]

    def __init__(
        self,
        *,
        cv_results: Mapping[str, Any],
        scoring: str = "score",
        metric: str = "score",
        params: Sequence[str] | None = None,
        naive: Any = None,
    ) -> None:
        self.cv_results = cv_results
        self.scoring = scoring
        self.metric = metric
        self.params = params
        self.naive = naive

    def plot(self, ax: Axes | Sequence[Axes] | None = None, **kwargs: Any) -> Self:
        """Plot the errors.

        Parameters
        ----------
        ax : matplotlib Axes or sequence of them, default=None
            One Axes for each parameter; by default a new figure.
        **kwargs : dict
            Keyword arguments of matplotlib's ``errorbar`` for the best candidates.

        Returns
        -------
        self : SearchDisplay
            The display.

        Raises
        ------
        ValueError
            If the results do not have the metric or a parameter, or no parameter was
            varied.
        """
        check_matplotlib(f"{type(self).__name__}.plot")
        results = self.cv_results
        mean_key, std_key = (f"{kind}_test_{self.metric}" for kind in ("mean", "std"))
        if mean_key not in results:
            known = [
                key.removeprefix("mean_test_")
                for key in results
                if key.startswith("mean_test_")
            ]
            raise ValueError(
                f"metric must be one of those of the search, {known}, got "
                f"{self.metric!r}."
            )
        is_error = self.scoring.startswith("neg_")
        sign = -1 if is_error else 1
        value = sign * np.asarray(results[mean_key], dtype=float)
        spread = np.asarray(results[std_key], dtype=float)
        params = self._check_params()
        if np.isnan(value).all():
            raise ValueError(
                "no candidate of the search has a score: all fits or scores failed. "
                'Fit it with error_score="raise" to see why.'
            )
        self.axes_ = _make_grid(ax, len(params))
        label = self.scoring.removeprefix("neg_").replace("_", " ")
        best = int(np.nanargmin(value) if is_error else np.nanargmax(value))
        self.points_, self.naive_lines_ = {}, []
        for panel, name in zip(self.axes_, params, strict=True):
            x, labels = _positions(
                [each.get(name, _ABSENT) for each in results["params"]]
            )
            tops = _best_of_each(x, value, smallest=is_error)
            style = {"color": STYLES["forecast"]["color"], "markersize": 5}
            panel.plot(x, value, "o", color="0.8", markersize=4, zorder=1)
            self.points_[name] = panel.errorbar(
                x[tops],
                value[tops],
                spread[tops],
                zorder=2,
                **{"fmt": "o", "capsize": 2, "elinewidth": 1, **style, **kwargs},
            )
            panel.plot(
                x[best],
                value[best],
                "o",
                markersize=11,
                markerfacecolor="none",
                markeredgecolor=_BEST_COLOR,
                zorder=3,
            )
            if self.naive is not None:
                naive = sign * np.nanmean(np.asarray(self.naive, dtype=float))
                line = {**STYLES["naive"], "label": f"naive {naive:.4g}"}
                self.naive_lines_.append(panel.axhline(naive, **line))
            if labels is None:
                if (x > 0).all() and x.max() / x.min() >= _LOG_FACTOR:
                    panel.set_xscale("log")
            else:
                panel.set_xticks(np.arange(len(labels)), labels)
                panel.margins(x=0.15)
                if sum(map(len, labels)) > 24:
                    panel.tick_params(axis="x", rotation=30)
            panel.set_xlabel(_short(name, params))
            style_axes(panel)
        _focus(self.axes_, value, spread, self.naive_lines_)
        self.axes_[0].set_title(
            f"best {label} {value[best]:.4g}", loc="left", fontsize="medium"
        )
        self.axes_[0].set_ylabel(label)
        if self.axes_[0].get_legend_handles_labels()[0]:
            self.axes_[0].legend(frameon=False)
        self.ax_, self.figure_ = self.axes_[0], self.axes_[0].figure
        return self

    @classmethod
    def from_estimator(
        cls,
        search: Any,
        X: Any = None,
        y: Any = None,
        *,
        params: Sequence[str] | None = None,
        metric: str | None = None,
        season_length: int | None = None,
        ax: Axes | Sequence[Axes] | None = None,
        **kwargs: Any,
    ) -> Self:
        """Plot a fitted search.

        Parameters
        ----------
        search : GridSearchCV, RandomizedSearchCV or another search
            A fitted search with ``cv_results_``.
        X : array-like of shape (n_timesteps, n_features), optional
            The rows of the search, to score the naive forecast on the same folds. By
            default there is no naive line.
        y : array-like of shape (n_timesteps,) or (n_timesteps, n_targets), optional
            Targets of the rows.
        params : list of str, default=None
            Parameters to plot; by default all with several values.
        metric : str, optional
            Of a search with several scores the one to plot; by default that of
            ``refit``.
        season_length : int, optional
            Number of rows in a season, for the seasonal naive forecast.
        ax : matplotlib Axes or sequence of them, default=None
            One Axes for each parameter; by default a new figure.
        **kwargs : dict
            Keyword arguments of matplotlib's ``errorbar`` for the best candidates.

        Returns
        -------
        display : SearchDisplay
            The display, plotted.

        Raises
        ------
        ValueError
            If it is not a search, X is passed but its folds are not in time order, or
            the results do not have the metric or a parameter.
        """
        check_matplotlib(f"{cls.__name__}.from_estimator")
        if not hasattr(search, "cv") or not hasattr(search, "refit"):
            raise ValueError(
                "search must be a GridSearchCV, a RandomizedSearchCV or another search "
                f"with cv_results_, got {search!r}."
            )
        check_is_fitted(search, "cv_results_")
        several = "mean_test_score" not in search.cv_results_
        if metric is None:
            metric = "score"
            if several:
                names = [
                    key.removeprefix("mean_test_")
                    for key in search.cv_results_
                    if key.startswith("mean_test_")
                ]
                metric = search.refit if isinstance(search.refit, str) else names[0]
        name = _score_name(search.scoring, metric, several=several)
        naive = None
        if X is not None and f"mean_test_{metric}" in search.cv_results_:
            inner = getattr(search, "best_estimator_", search.estimator)
            naive = naive_scores(
                X,
                y,
                cv=search.cv,
                scoring=_scorer(search.scorer_, metric, several=several),
                horizon=getattr(find_forecaster(inner), "horizon", None),
                season_length=season_length,
            )
        display = cls(
            cv_results=search.cv_results_,
            scoring=name,
            metric=metric,
            params=params,
            naive=naive,
        )
        return display.plot(ax=ax, **kwargs)

    def _check_params(self) -> list[str]:
        """Return the parameters to plot."""
        candidates = self.cv_results["params"]
        known = sorted({name for each in candidates for name in each})
        if self.params is not None:
            unknown = [name for name in self.params if name not in known]
            if unknown:
                raise ValueError(
                    f"params must be parameters of the search, {known}, got "
                    f"{unknown[0]!r}."
                )
            return list(self.params)
        varied = [
            name
            for name in known
            if len({repr(each.get(name, _ABSENT)) for each in candidates}) > 1
        ]
        if not varied:
            raise ValueError(
                f"the search has no parameter with several values, only {known}. Pass "
                "params to plot one of them."
            )
        return varied


def _score_name(scoring: Any, metric: str, *, several: bool) -> str:
    """Return the name of the score that is plotted."""
    if several:
        named = scoring.get(metric) if isinstance(scoring, Mapping) else metric
        return named if isinstance(named, str) else metric
    if scoring is None:
        return "score"
    return scoring if isinstance(scoring, str) else "score"


def _scorer(scorer: Any, metric: str, *, several: bool) -> Any:
    """Return the scorer of a metric."""
    if isinstance(scorer, Mapping):
        return scorer[metric]
    if not several:
        return scorer

    def score(estimator: Any, X: Any, y: Any) -> float:
        """Return one of several scores that are computed together."""
        return scorer(estimator, X, y)[metric]

    return score


def _positions(values: list) -> tuple[np.ndarray, list[str] | None]:
    """Return where values lie on the axis, and their labels if they are categories."""
    are_numbers = all(
        isinstance(each, int | float | np.number) and not isinstance(each, bool)
        for each in values
    )
    if are_numbers and len(set(values)) >= _MIN_NUMBERS:
        return np.array(values, dtype=float), None
    if are_numbers:
        distinct = sorted(set(values))
        return (
            np.array([distinct.index(each) for each in values]),
            [f"{each:g}" for each in distinct],
        )
    texts = [str(each) for each in values]
    labels = list(dict.fromkeys(texts))
    return np.array([labels.index(text) for text in texts]), labels


def _focus(
    panels: list[Axes], value: np.ndarray, spread: np.ndarray, naive: list[Line2D]
) -> None:
    """Leave a far naive line out of the picture, to tell the candidates apart."""
    low, high = np.nanmin(value - spread), np.nanmax(value + spread)
    room = max(high - low, 1e-9)
    for panel, line in zip(panels, naive, strict=False):
        at = float(np.asarray(line.get_ydata())[0])
        if not low - room <= at <= high + room:
            panel.set_ylim(low - 0.08 * room, high + 0.25 * room)
            is_above = at > high
            panel.annotate(
                f"naive {at:.4g} {'↑' if is_above else '↓'}",
                (0.98, 0.97 if is_above else 0.03),
                xycoords="axes fraction",
                ha="right",
                va="top" if is_above else "bottom",
                color=STYLES["naive"]["color"],
            )
            line.set_label("_nolegend_")


def _best_of_each(x: np.ndarray, value: np.ndarray, *, smallest: bool) -> np.ndarray:
    """Return the number of the best candidate at each place."""
    known = np.flatnonzero(~np.isnan(value))
    ranked = known[np.argsort(value[known] if smallest else -value[known])]
    _, first = np.unique(x[ranked], return_index=True)
    return ranked[first]


def _short(name: str, params: Sequence[str]) -> str:
    """Return the name of a parameter without its steps, if no other has this name."""
    last = name.rpartition("__")[2]
    return last if sum(p.rpartition("__")[2] == last for p in params) == 1 else name


def _make_grid(ax: Axes | Sequence[Axes] | None, n_panels: int) -> list[Axes]:
    import matplotlib.pyplot as plt

    if ax is None:
        n_rows = ceil(n_panels / _PANELS_IN_A_ROW)
        n_columns = min(n_panels, _PANELS_IN_A_ROW)
        figure, grid = plt.subplots(
            n_rows,
            n_columns,
            squeeze=False,
            sharey=True,
            figsize=(1.2 + 2.9 * n_columns, 3.2 * n_rows),
            layout="constrained",
        )
        panels = list(grid.ravel())
        for panel in panels[n_panels:]:
            figure.delaxes(panel)
        return panels[:n_panels]
    panels = list(np.ravel(np.asarray(ax, dtype=object)))
    if len(panels) != n_panels:
        raise ValueError(
            f"ax must hold {n_panels} Axes, one for each parameter, got {len(panels)}. "
            "Pass that number, or None."
        )
    return panels
