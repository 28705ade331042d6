"""Walk-forward validation of forecasters, with naive forecasts for comparison."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from copy import deepcopy
from dataclasses import dataclass, field, replace
from time import perf_counter
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
from sklearn.base import BaseEstimator, RegressorMixin, clone
from sklearn.metrics import check_scoring, get_scorer, get_scorer_names
from sklearn.model_selection import BaseCrossValidator
from sklearn.pipeline import Pipeline
from sklearn.utils import indexable
from sklearn.utils.parallel import Parallel, delayed

from sklstm._core.introspection import (
    find_forecaster,
    target_names,
    unwrap_final_estimator,
)
from sklstm._data.panel import is_list_of_tables
from sklstm._data.time_index import index_of
from sklstm._sklearn import num_samples, safe_indexing

# Columns of a table of forecasts, and the skill of the first against each other one.
_FORECAST = "forecast"
_SKILLS = {"naive": "skill", "seasonal_naive": "seasonal_skill"}

# Scores whose best value is 1. Of other scores the best value, and so the skill, is
# unknown, except for errors (neg_...), whose best value is 0.
_BEST_VALUE_IS_ONE = ("r2", "explained_variance", "d2_absolute_error_score")


class WalkForwardCV(BaseCrossValidator):
    """Use a sktime splitter as a scikit-learn cross-validator.

    sktime's splitters cannot be passed as ``cv=`` themselves: their ``split`` does not
    accept ``groups``. The forecasters of this package forecast the rows that directly
    follow their training rows, so a splitter whose test rows lie elsewhere is refused.

    Parameters
    ----------
    splitter : sktime splitter
        `ExpandingWindowSplitter`, `SlidingWindowSplitter` or another splitter with a
        forecasting horizon of 1, 2, ... without gaps.

    See Also
    --------
    walk_forward : Validate a forecaster fold by fold, with naive forecasts.

    Examples
    --------
    >>> import numpy as np
    >>> from sktime.split import ExpandingWindowSplitter
    >>> from sklstm import WalkForwardCV
    >>> splitter = ExpandingWindowSplitter(
    ...     fh=np.arange(1, 11), initial_window=70, step_length=10
    ... )
    >>> cv = WalkForwardCV(splitter)
    >>> X = np.zeros((100, 2))
    >>> cv.get_n_splits(X)
    3
    >>> [(len(train), int(test[0]), int(test[-1])) for train, test in cv.split(X)]
    [(70, 70, 79), (80, 80, 89), (90, 90, 99)]
    """

    def __init__(self, splitter: Any) -> None:
        self.splitter = splitter

    def split(
        self, X: Any, y: Any = None, groups: Any = None
    ) -> Iterator[tuple[np.ndarray, np.ndarray]]:
        """Generate the training and test rows of each fold.

        Parameters
        ----------
        X : array-like of shape (n_timesteps, n_features)
            Data to split. A splitter with windows in units of time uses its pandas
            index, or that of y if X has none.
        y : array-like of shape (n_timesteps,) or (n_timesteps, n_targets), optional
            Targets.
        groups : object
            Ignored; scikit-learn passes it.

        Yields
        ------
        train : ndarray of int
            Positions of the training rows.
        test : ndarray of int
            Positions of the test rows, which directly follow the training rows.

        Raises
        ------
        ValueError
            If test rows do not directly follow the training rows, or X holds several
            series.
        """
        _check_single_series(X)
        for train, test in self.splitter.split(_row_index(X, y)):
            _check_test_follows_train(train, test, self.splitter)
            yield train, test

    def get_n_splits(self, X: Any = None, y: Any = None, groups: Any = None) -> int:
        """Return the number of folds.

        Parameters
        ----------
        X : array-like of shape (n_timesteps, n_features)
            Data to split. Required, because the number of folds depends on the number
            of rows.
        y : array-like of shape (n_timesteps,) or (n_timesteps, n_targets), optional
            Targets.
        groups : object
            Ignored; scikit-learn passes it.

        Returns
        -------
        n_splits : int
            Number of folds.

        Raises
        ------
        ValueError
            If X is None.
        """
        if X is None:
            raise ValueError(
                "get_n_splits needs X, because the number of folds depends on the "
                "number of rows, got None."
            )
        return sum(1 for _ in self.splitter.split(_row_index(X, y)))


@dataclass(frozen=True, repr=False)
class WalkForwardResult:
    """Forecasts and scores computed by `sklstm.walk_forward`.

    Parameters
    ----------
    forecasts : DataFrame
        One row for each forecast value, with the index labels of X. Columns: ``fold``;
        ``step``, the number of steps ahead of the last known row, from 1; ``target``;
        ``actual``; ``forecast``; ``naive``; with ``season_length`` also
        ``seasonal_naive``; with ``coverage`` also ``lower`` and ``upper``, the bounds
        of the prediction interval.
    scores : DataFrame
        One row for each fold. Columns are pairs (metric, forecaster), where the
        forecaster is "forecast", "naive" or "seasonal_naive", and (metric, "skill")
        and (metric, "seasonal_skill"). The skill is the fraction of the naive (or
        seasonal naive) forecast's error that the forecast avoids: 1 is a perfect
        forecast, 0 is no better than the naive one. Several targets have equal weight,
        as in scikit-learn's metrics: use `select_target` where their units differ.
    summary : DataFrame
        The same scores over all folds together, one row for each metric.
    times : DataFrame
        Seconds spent in each fold: ``fit_time`` and ``predict_time``.
    interval_scores : DataFrame or None
        With ``coverage``, one row for each fold (and target, if there are several):
        ``coverage``, the fraction of rows inside their prediction interval, bounds
        included, and ``width``, the mean width of the intervals in the target's units.
    estimators : list of estimators
        The fitted estimators of the folds, with ``return_estimator=True``.

    See Also
    --------
    sklstm.WalkForwardDisplay : Plot the result.

    Examples
    --------
    >>> import numpy as np
    >>> from sklearn.linear_model import Ridge
    >>> from sktime.split import ExpandingWindowSplitter
    >>> from sklstm import WindowForecaster, walk_forward
    >>> y = np.sin(np.arange(100) / 5) + np.random.default_rng(0).normal(0, 0.1, 100)
    >>> cv = ExpandingWindowSplitter(fh=[1, 2], initial_window=90, step_length=2)
    >>> result = walk_forward(WindowForecaster(Ridge()), y[:, None], y, cv=cv)
    >>> result.forecasts.columns.tolist()
    ['fold', 'step', 'target', 'actual', 'forecast', 'naive']
    >>> result.scores.shape, result.summary.columns.tolist()
    ((5, 6), ['forecast', 'naive', 'skill'])
    """

    forecasts: pd.DataFrame
    scores: pd.DataFrame
    summary: pd.DataFrame
    times: pd.DataFrame
    interval_scores: pd.DataFrame | None = None
    estimators: list = field(default_factory=list)

    def select_target(
        self, target: Any, metrics: str | Sequence[str] | None = None
    ) -> WalkForwardResult:
        """Restrict the result to one target.

        The scores are computed again from this target's forecasts alone, in its own
        units.

        Parameters
        ----------
        target : label
            One of the targets in ``forecasts["target"]``.
        metrics : str or sequence of str, default=None
            Metrics to score, named as in ``scores``; by default all of them.

        Returns
        -------
        result : WalkForwardResult
            Forecasts, scores and interval scores of this target.

        Raises
        ------
        ValueError
            If the result does not have the target or a metric, or if a metric is not
            one that scikit-learn knows by name.

        Examples
        --------
        >>> import numpy as np
        >>> import pandas as pd
        >>> from sklearn.linear_model import Ridge
        >>> from sktime.split import ExpandingWindowSplitter
        >>> from sklstm import WindowForecaster, walk_forward
        >>> phase = np.arange(100) / 5
        >>> X = pd.DataFrame({"metres": np.sin(phase), "volts": 1000 * np.cos(phase)})
        >>> cv = ExpandingWindowSplitter(fh=[1, 2], initial_window=90, step_length=2)
        >>> result = walk_forward(WindowForecaster(Ridge()), X, cv=cv)
        >>> result.select_target("volts", "mean_absolute_error").summary.shape
        (1, 3)
        """
        targets = list(self.forecasts["target"].unique())
        if target not in targets:
            raise ValueError(
                f"target must be one of those in the result, {targets}, got {target!r}."
            )
        known = list(self.summary.index)
        if metrics is None:
            metrics = known
        metrics = [metrics] if isinstance(metrics, str) else list(metrics)
        for metric in metrics:
            if metric not in known:
                raise ValueError(
                    f"metrics must be among those in the result, {known}, got "
                    f"{metric!r}. Pass it in walk_forward's scoring."
                )
        if len(targets) == 1:
            return replace(
                self, scores=self.scores[metrics], summary=self.summary.loc[metrics]
            )
        scorers = _scorers_of_metrics(metrics, target)
        forecasts = self.forecasts[self.forecasts["target"] == target]
        interval_scores = self.interval_scores
        if interval_scores is not None:
            interval_scores = _score_intervals(forecasts, ["fold"])
        return replace(
            self,
            forecasts=forecasts,
            scores=_score_folds(forecasts, scorers),
            summary=_score(forecasts, scorers),
            interval_scores=interval_scores,
        )

    def __repr__(self) -> str:
        n_folds = len(self.scores)
        n_forecasts = len(self.forecasts)
        head = f"{type(self).__name__}: {n_forecasts} forecasts in {n_folds} fold(s)"
        text = f"{head}\n{self.summary.to_string(float_format='{:.4g}'.format)}"
        if self.interval_scores is None:
            return text
        by_target = _score_intervals(self.forecasts, ["target"])
        several = len(by_target) > 1
        for target, (coverage, width) in by_target.iterrows():
            text += (
                f"\nintervals{f' of {target}' if several else ''} cover {coverage:.1%} "
                f"of the rows, mean width {width:.4g}"
            )
        return text


def walk_forward(
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
    coverage: float | None = None,
    refit: bool | str = True,
    n_jobs: int | None = None,
    return_estimator: bool = False,
    verbose: int = 0,
) -> WalkForwardResult:
    """Validate a forecaster by walking forward in time, with naive forecasts.

    In each fold the estimator forecasts the test rows, which it has not seen. From the
    same rows before them two baselines are computed: the naive forecast, which repeats
    the last known value, and the seasonal naive forecast, which repeats the last known
    value of the same season.

    Parameters
    ----------
    estimator : estimator
        An `LSTMForecaster` or `WindowForecaster`, a Pipeline that ends in one, or a
        search over them. It is cloned, not changed.
    X : array-like of shape (n_timesteps, n_features)
        Rows in time order.
    y : array-like of shape (n_timesteps,) or (n_timesteps, n_targets), optional
        Targets; by default the columns of X, before any step of a pipeline.
    cv : sktime splitter or cross-validator
        Folds whose test rows directly follow their training rows.
    scoring : str, callable, sequence of str or dict
        Metrics, as named by scikit-learn. Those named ``neg_...`` are reported as the
        errors that they negate.
    season_length : int, optional
        Number of rows in a season, for the seasonal naive forecast (24 for hourly data
        with a daily season); by default it is not computed.
    coverage : float, optional
        Nominal coverage of prediction intervals, between 0 and 1. If given, the
        intervals of the forecaster's ``predict_interval`` are computed too, and their
        empirical coverage and mean width are reported.
    refit : bool or "warm", default=True
        True fits a new clone of the estimator in each fold. "warm" also fits in each
        fold, but starts from the weights of the previous fold. False fits in the first
        fold only; in later folds the new rows are passed to ``update``, as history.
    n_jobs : int, optional
        Number of folds fitted at the same time. More than one needs ``refit=True``,
        since otherwise each fold depends on the one before. Folds run in threads,
        unless `joblib.parallel_config` sets another backend.
    return_estimator : bool, default=False
        Whether to keep the fitted estimators of the folds.
    verbose : int, default=0
        Whether to show a progress bar over the folds.

    Returns
    -------
    result : WalkForwardResult
        Forecasts, scores and skill.

    Raises
    ------
    ValueError
        If test rows do not directly follow the training rows, X holds several series,
        or a parameter has an invalid value.

    Warns
    -----
    UserWarning
        If the estimator is a plain regressor, which reads the rows it predicts.

    See Also
    --------
    WalkForwardCV : sktime's splitters for `GridSearchCV` and `cross_val_score`.
    sklstm.WalkForwardDisplay : Plot the result.

    Examples
    --------
    >>> import numpy as np
    >>> from sktime.split import ExpandingWindowSplitter
    >>> from sklstm import LSTMForecaster, walk_forward
    >>> y = np.sin(np.arange(300) / 5)
    >>> cv = ExpandingWindowSplitter(
    ...     fh=np.arange(1, 21), initial_window=240, step_length=20
    ... )
    >>> forecaster = LSTMForecaster(window_length=30, units=8, random_state=0)
    >>> result = walk_forward(forecaster, y[:, None], y, cv=cv)
    >>> len(result.forecasts)
    60
    >>> bool(result.summary.loc["mean_absolute_error", "skill"] > 0.5)
    True
    """
    refit = _check_refit(refit, n_jobs)
    _check_season_length(season_length)
    _check_estimator(estimator)
    _check_single_series(X)
    if y is None and not hasattr(estimator, "horizon"):
        # Without y, a forecaster after a transformer would take the transformed
        # columns as targets.
        if getattr(find_forecaster(estimator), "known_future", None) is not None:
            raise ValueError(
                "y must be passed if known_future is set on a forecaster inside a "
                "pipeline or search, got None: without y, the columns in known_future "
                "would be targets too."
            )
        y = X
    X, y = indexable(X, y)
    index = _row_index(X, y)
    targets = X if y is None else y
    actual = np.asarray(targets, dtype=float).reshape(len(index), -1)
    folds = _check_folds(cv, X, y)
    scorers = _check_scorers(estimator, scoring)
    _check_season_fits(season_length, folds)
    # Only a progress bar needs the results one by one, and not every backend of joblib
    # can return a generator (Ray's cannot).
    parallel = Parallel(
        n_jobs=n_jobs,
        prefer="threads",
        return_as="generator" if verbose else "list",
    )
    options = _FoldOptions(refit, coverage, return_estimator)
    results = _show_progress(
        _run_folds(parallel, estimator, X, y, folds, options), len(folds), verbose
    )
    fold_forecasts = list(results)

    forecasts = pd.concat(
        [
            _fold_table(i, fold.test, result, actual, index, season_length)
            for i, (fold, result) in enumerate(zip(folds, fold_forecasts, strict=True))
        ]
    )
    names = dict(enumerate(target_names(targets)))
    forecasts["target"] = forecasts["target"].map(names)
    estimators = []
    if return_estimator:
        estimators = [each.estimator for each in fold_forecasts]
    interval_scores = None
    if coverage is not None:
        by = ["fold", "target"] if actual.shape[1] > 1 else ["fold"]
        interval_scores = _score_intervals(forecasts, by)
    return WalkForwardResult(
        forecasts=forecasts,
        scores=_score_folds(forecasts, scorers),
        summary=_score(forecasts, scorers),
        times=pd.DataFrame([each.times for each in fold_forecasts]).rename_axis("fold"),
        interval_scores=interval_scores,
        estimators=estimators,
    )


class _Fold(NamedTuple):
    """Positions of the training rows and of the test rows."""

    train: np.ndarray
    test: np.ndarray


@dataclass(frozen=True)
class _FoldOptions:
    """How to fit and forecast the folds; see `walk_forward`."""

    refit: bool | str
    coverage: float | None
    return_estimator: bool


@dataclass(frozen=True)
class _FoldForecast:
    """Forecasts of one fold."""

    forecast: np.ndarray  # (n_test, n_targets)
    interval: np.ndarray | None  # (n_test, n_targets, 2)
    horizon: int | None  # rows forecast at once; None for the whole fold
    times: dict[str, float]
    estimator: Any = None


def _run_folds(
    parallel: Parallel,
    estimator: Any,
    X: Any,
    y: Any,
    folds: list[_Fold],
    options: _FoldOptions,
) -> Iterable[_FoldForecast]:
    """Fit and forecast all folds."""
    if options.refit is True:
        # An epoch is one call into TensorFlow, which releases the interpreter lock, so
        # threads train in parallel. Processes would each have to load TensorFlow.
        return parallel(
            delayed(_fit_and_forecast)(clone(estimator), X, y, fold, options)
            for fold in folds
        )
    if options.refit == "warm":
        estimator = _set_warm_start(clone(estimator))
        return (_fit_and_forecast(estimator, X, y, fold, options) for fold in folds)
    return _fit_once_and_update(clone(estimator), X, y, folds, options)


def _fit_and_forecast(
    estimator: Any, X: Any, y: Any, fold: _Fold, options: _FoldOptions
) -> _FoldForecast:
    begin = perf_counter()
    estimator.fit(safe_indexing(X, fold.train), _select_rows(y, fold.train))
    return _forecast(estimator, X, fold.test, perf_counter() - begin, options)


def _fit_once_and_update(
    estimator: Any, X: Any, y: Any, folds: list[_Fold], options: _FoldOptions
) -> Iterator[_FoldForecast]:
    """Fit in the first fold; in later ones, pass the new rows to ``update``."""
    last_seen = None
    for train, test in folds:
        begin = perf_counter()
        if last_seen is None:
            estimator.fit(safe_indexing(X, train), _select_rows(y, train))
        elif train[-1] > last_seen:
            new = np.arange(last_seen + 1, train[-1] + 1)
            _update(estimator, safe_indexing(X, new), _select_rows(y, new))
        elif train[-1] < last_seen:
            raise ValueError(
                "refit=False needs folds in time order, but the training rows of one "
                f"fold end at row {train[-1]} and those of the fold before it at row "
                f"{last_seen}."
            )
        last_seen = train[-1]
        yield _forecast(estimator, X, test, perf_counter() - begin, options)


def _forecast(
    estimator: Any, X: Any, test: np.ndarray, fit_time: float, options: _FoldOptions
) -> _FoldForecast:
    begin = perf_counter()
    rows, interval = safe_indexing(X, test), None
    forecast = np.asarray(estimator.predict(rows))
    if options.coverage is not None:
        interval = _predict_interval(estimator, rows, options.coverage)
        interval = interval.reshape(len(test), -1, 2)
    times = {"fit_time": fit_time, "predict_time": perf_counter() - begin}
    return _FoldForecast(
        forecast.reshape(len(test), -1),
        interval,
        getattr(find_forecaster(estimator), "horizon", None),
        times,
        # A copy, because later folds may continue with the same estimator.
        deepcopy(estimator) if options.return_estimator else None,
    )


def _update(estimator: Any, X: Any, y: Any) -> None:
    """Append rows to the history of the forecaster in a pipeline or search."""
    forecaster, X = unwrap_final_estimator(estimator, X)
    if not hasattr(forecaster, "update"):
        raise ValueError(
            "refit=False needs a forecaster with the method update(X, y), but "
            f"{type(forecaster).__name__} does not have it. Pass refit=True."
        )
    forecaster.update(X, y)


def _predict_interval(estimator: Any, X: Any, coverage: float) -> np.ndarray:
    """Predict the intervals of the forecaster in a pipeline or search."""
    forecaster, X = unwrap_final_estimator(estimator, X)
    if not hasattr(forecaster, "predict_interval"):
        raise ValueError(
            f"coverage={coverage} needs a forecaster with the method "
            f"predict_interval(X, coverage), but {type(forecaster).__name__} does not "
            "have it. Pass coverage=None."
        )
    return forecaster.predict_interval(X, coverage)


def _set_warm_start(estimator: Any) -> Any:
    """Set warm_start of a forecaster, or of the one that ends a pipeline."""
    last = estimator[-1] if isinstance(estimator, Pipeline) else estimator
    if "warm_start" not in last.get_params(deep=False):
        raise ValueError(
            'refit="warm" needs a forecaster with the parameter warm_start, or a '
            f"Pipeline that ends in one, but {type(last).__name__} does not have it. "
            "Pass refit=True. (A search clones its estimator for each fit: pass its "
            "best_estimator_ instead.)"
        )
    last.set_params(warm_start=True)
    return estimator


def _fold_table(
    number: int,
    test: np.ndarray,
    result: _FoldForecast,
    actual: np.ndarray,
    index: pd.Index,
    season_length: int | None,
) -> pd.DataFrame:
    """Tabulate the forecasts of a fold beside actual values and naive forecasts."""
    forecast, n_targets = result.forecast, actual.shape[1]
    if forecast.shape != (len(test), n_targets):
        raise ValueError(
            "y must hold the targets that the estimator forecasts, but its forecast "
            f"has shape {forecast.shape} for {len(test)} row(s) of {n_targets} "
            "target(s). Without y, all columns of X are targets: pass y."
        )
    step = np.arange(len(test)) % (result.horizon or len(test))
    last_known = test - step - 1
    columns = {
        "fold": np.repeat(number, len(test) * n_targets),
        "step": np.repeat(step + 1, n_targets),
        "target": np.tile(np.arange(n_targets), len(test)),
        "actual": actual[test].ravel(),
        _FORECAST: forecast.ravel(),
        "naive": actual[last_known].ravel(),
    }
    if result.interval is not None:
        columns["lower"], columns["upper"] = result.interval.reshape(-1, 2).T
    if season_length is not None:
        same_season = last_known - (season_length - 1) + step % season_length
        columns["seasonal_naive"] = actual[same_season].ravel()
    return pd.DataFrame(columns, index=index[np.repeat(test, n_targets)])


def _score_folds(
    forecasts: pd.DataFrame, scorers: Mapping[str, Callable]
) -> pd.DataFrame:
    """Score the forecasts by fold: one row each, columns (metric, forecaster)."""
    by_fold = {
        fold: _score(table, scorers).stack(future_stack=True)
        for fold, table in forecasts.groupby("fold")
    }
    return pd.DataFrame(by_fold).T.rename_axis(index="fold")


def _score(forecasts: pd.DataFrame, scorers: Mapping[str, Callable]) -> pd.DataFrame:
    """Score forecasts and naive forecasts, and compute the skill: a row per metric."""
    # The table has the targets of a row one below the other; scikit-learn's metrics
    # want one column for each.
    n_targets = forecasts["target"].nunique()
    shape = (-1, n_targets) if n_targets > 1 else (-1,)
    actual = forecasts["actual"].to_numpy().reshape(shape)
    rows = {}
    for name, scorer in scorers.items():
        is_error = name.startswith("neg_")
        values = {}
        for forecaster in (_FORECAST, *_SKILLS):
            if forecaster in forecasts:
                predictions = forecasts[forecaster].to_numpy().reshape(shape)
                score = scorer(
                    _PrecomputedForecast(predictions),
                    np.empty((len(actual), 1)),
                    actual,
                )
                values[forecaster] = -score if is_error else score
        best = 0.0 if is_error else 1.0 if name in _BEST_VALUE_IS_ONE else np.nan
        for baseline, skill in _SKILLS.items():
            if baseline in values:
                values[skill] = _skill(values[_FORECAST], values[baseline], best)
        rows[name.removeprefix("neg_")] = values
    return pd.DataFrame(rows).T.rename_axis(index="metric")


def _skill(value: float, reference: float, best: float) -> float:
    """Return the fraction of the way from a reference score to the best score."""
    return (value - reference) / (best - reference) if best != reference else np.nan


def _score_intervals(forecasts: pd.DataFrame, by: list[str]) -> pd.DataFrame:
    """Compute the coverage and mean width of the prediction intervals by group."""
    lower, upper = forecasts["lower"], forecasts["upper"]
    inside = forecasts["actual"].between(lower, upper).astype(float)
    rows = forecasts[by].assign(coverage=inside, width=upper - lower)
    rows = rows.reset_index(drop=True)  # the index may have the name of a column
    return rows.groupby(by if len(by) > 1 else by[0], sort=False).mean()


class _PrecomputedForecast(RegressorMixin, BaseEstimator):
    """Regressor that returns stored predictions, for scikit-learn's scorers."""

    def __init__(self, forecast: np.ndarray) -> None:
        self.forecast = forecast

    def __sklearn_is_fitted__(self) -> bool:
        return True

    def predict(self, X: Any) -> np.ndarray:
        return self.forecast


def _scorers_of_metrics(metrics: Sequence[str], target: Any) -> dict[str, Callable]:
    """Return scikit-learn's scorers of metrics named without ``neg_``."""
    scorer_names = get_scorer_names()
    scorers = {}
    for metric in metrics:
        name = f"neg_{metric}" if f"neg_{metric}" in scorer_names else metric
        if name not in scorer_names:
            raise ValueError(
                f"metric={metric!r} is not known to scikit-learn by name, so it cannot "
                f"be computed for target={target!r} alone. Choose another metric, or "
                "use the scores of all targets together."
            )
        scorers[name] = get_scorer(name)
    return scorers


def _check_estimator(estimator: Any) -> None:
    """Refuse sktime's forecasters, and warn of plain regressors."""
    inner = find_forecaster(estimator)
    if hasattr(type(inner), "cutoff") and hasattr(type(inner), "fh"):
        raise ValueError(
            "estimator must be a forecaster with scikit-learn's fit and predict, but "
            f"{type(inner).__name__} is one of sktime's. Pass an LSTMForecaster, or "
            "use sktime.forecasting.model_evaluation.evaluate."
        )
    if not hasattr(inner, "horizon"):
        warnings.warn(
            f"{type(inner).__name__} is not a forecaster: it predicts a row from that "
            "very row of X, so the target leaks into its predictions unless X holds "
            "only what is known beforehand. Wrap it in a WindowForecaster.",
            UserWarning,
            stacklevel=3,
        )


def _check_single_series(X: Any) -> None:
    index = index_of(X)
    if (index is not None and index.nlevels > 1) or is_list_of_tables(X):
        raise ValueError(
            "X must be a single series, but X holds several. Validate each series on "
            "its own; or one network for all of them with sktime's evaluate and "
            "sklstm.sktime.SktimeLSTMForecaster."
        )


def _check_scorers(estimator: Any, scoring: Any) -> dict[str, Callable]:
    if callable(scoring):
        return {getattr(scoring, "__name__", "score"): scoring}
    if isinstance(scoring, str):
        scoring = [scoring]
    if isinstance(scoring, Mapping):
        return {
            name: check_scoring(estimator, scoring=score)
            for name, score in scoring.items()
        }
    return {name: get_scorer(name) for name in scoring}


def _check_refit(refit: Any, n_jobs: int | None) -> bool | str:
    """Check refit, which must be True and not only equal to it."""
    if isinstance(refit, np.bool_):
        refit = bool(refit)
    if not isinstance(refit, bool) and refit != "warm":
        raise ValueError(f'refit must be True, False or "warm", got {refit!r}.')
    if refit is not True and n_jobs not in (None, 1):
        raise ValueError(
            f"n_jobs={n_jobs} needs refit=True: with refit={refit!r} each fold "
            "continues from the one before it."
        )
    return refit


def _check_season_length(season_length: Any) -> None:
    if season_length is not None and (
        not isinstance(season_length, int | np.integer) or season_length < 1
    ):
        raise ValueError(
            f"season_length must be an integer from 1 or None, got {season_length!r}."
        )


def _check_season_fits(season_length: int | None, folds: list[_Fold]) -> None:
    for number, fold in enumerate(folds):
        if season_length is not None and season_length > fold.test[0]:
            raise ValueError(
                f"season_length={season_length} reaches back before the first row in "
                f"fold {number}, whose test rows begin at row {fold.test[0]}."
            )


def _check_folds(cv: Any, X: Any, y: Any) -> list[_Fold]:
    if not hasattr(cv, "split"):
        raise ValueError(
            "cv must be a sktime splitter or a cross-validator with split(X, y), got "
            f"{cv!r}."
        )
    # Unlike scikit-learn's cross-validators, sktime's have a forecasting horizon.
    if hasattr(cv, "get_fh"):
        cv = WalkForwardCV(cv)
    folds = [
        _Fold(np.asarray(train), np.asarray(test)) for train, test in cv.split(X, y)
    ]
    if not folds:
        raise ValueError(
            f"{cv} generates no fold for {num_samples(X)} rows. Pass more rows, or set "
            "a smaller initial window or horizon."
        )
    for train, test in folds:
        _check_test_follows_train(train, test, cv)
    return folds


def _check_test_follows_train(
    train: np.ndarray, test: np.ndarray, splitter: Any
) -> None:
    follows = (
        len(train) > 0
        and len(test) > 0
        and np.array_equal(train, np.arange(train[0], train[0] + len(train)))
        and np.array_equal(test, np.arange(train[-1] + 1, train[-1] + 1 + len(test)))
    )
    if not follows:
        raise ValueError(
            f"{splitter} generates training rows {_describe_rows(train)} and test rows "
            f"{_describe_rows(test)}, but a forecaster forecasts the rows right after "
            "its training rows. Use a splitter in time order, with a forecasting "
            "horizon of 1, 2, ... without gaps, such as fh=np.arange(1, 11)."
        )


def _describe_rows(rows: np.ndarray) -> str:
    if len(rows) == 0:
        return "none"
    order = ""
    if not np.array_equal(rows, np.arange(rows[0], rows[0] + len(rows))):
        order = " with gaps" if (np.diff(rows) > 0).all() else " out of order"
    return f"{rows[0]} to {rows[-1]}{order}"


def _row_index(X: Any, y: Any) -> pd.Index:
    """Return the pandas index of X, or else that of y, or else the row numbers."""
    index = index_of(X, y)
    return pd.RangeIndex(num_samples(X)) if index is None else index


def _select_rows(y: Any, rows: np.ndarray) -> Any:
    return None if y is None else safe_indexing(y, rows)


def _show_progress(
    results: Iterable[_FoldForecast], total: int, verbose: int
) -> Iterable[_FoldForecast]:
    if not verbose:
        return results
    from rich.progress import track

    return track(results, description="walk_forward", total=total)
