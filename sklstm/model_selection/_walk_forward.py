"""Walk-forward validation of forecasters, with naive forecasts for comparison."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from copy import deepcopy
from dataclasses import dataclass
from time import perf_counter
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
from sklearn.base import clone
from sklearn.pipeline import Pipeline
from sklearn.utils.parallel import Parallel, delayed

from sklstm._core.introspection import (
    find_forecaster,
    target_names,
    unwrap_final_estimator,
)
from sklstm._data.input_types import refuse_containers
from sklstm._data.user_warnings import warn_user
from sklstm.model_selection._naive import naive_forecasts
from sklstm.model_selection._result import WalkForwardResult
from sklstm.model_selection._scores import (
    FORECAST,
    check_scorers,
    score_forecasts,
    score_groups,
    score_intervals,
)
from sklstm.model_selection.cross_validation import (
    Fold,
    make_folds,
    targets_to_validate,
)
from sklstm.model_selection.timeline import RowsOfSeries, Timeline


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

    Several series are cut at the same times, even if they begin or end at different
    ones. A series is in a fold only if it has both training rows and test rows there,
    so young ones join later. A list of series is aligned at its end, a frame by its
    times.

    Parameters
    ----------
    estimator : estimator
        An `LSTMForecaster` or `WindowForecaster`, a Pipeline that ends in one, or a
        search over them. It is cloned, not changed.
    X : array-like of shape (n_timesteps, n_features), list of them, or frame
        Rows in time order. Several series as a list, or as a frame with an index of
        (series, time).
    y : array-like of shape (n_timesteps,) or (n_timesteps, n_targets), optional
        Targets; by default the columns of X, before any step of a pipeline. For several
        series a list, or the rows of the frame.
    cv : sktime splitter or cross-validator
        Folds whose test rows directly follow their training rows.
    scoring : str, callable, sequence of str or dict
        Metrics, as named by scikit-learn. Those named ``neg_...`` are reported as the
        errors that they negate.
    season_length : int, optional
        Number of rows in a season, for the seasonal naive forecast (24 for hourly data
        with a daily season); by default it is not computed. Of a panel's series that
        do not have a season of rows yet, the last value is repeated.
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
        Forecasts, scores and skill, and of several series the scores of each.

    Raises
    ------
    ValueError
        If test rows do not directly follow the training rows, ``refit=False`` and a
        series joins after the first fold, or a parameter has an invalid value.

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
    refuse_containers(X, "X")
    refuse_containers(y, "y")
    y = targets_to_validate(estimator, X, y)
    timeline = Timeline.from_data(X, y)
    actual = timeline.targets(X if y is None else y)
    folds = make_folds(cv, timeline, X, y)
    scorers = check_scorers(estimator, scoring)
    _check_season_fits(season_length, folds)
    # Only a progress bar needs the results one by one, and not every backend of joblib
    # can return a generator (Ray's cannot).
    parallel = Parallel(
        n_jobs=n_jobs,
        prefer="threads",
        return_as="generator" if verbose else "list",
    )
    data = _Data(X, y, timeline)
    options = _FoldOptions(refit, coverage, return_estimator)
    results = _show_progress(
        _run_folds(parallel, estimator, data, folds, options), len(folds), verbose
    )
    fold_forecasts = list(results)

    forecasts = pd.concat(
        [
            _series_table(
                number, timeline, series, rows, result, actual[series], season_length
            )
            for number, (fold, result) in enumerate(
                zip(folds, fold_forecasts, strict=True)
            )
            for series, rows in fold.test.items()
        ]
    )
    names = dict(enumerate(_target_names(X if y is None else y, timeline)))
    forecasts["target"] = forecasts["target"].map(names)
    estimators = []
    if return_estimator:
        estimators = [each.estimator for each in fold_forecasts]
    interval_scores = None
    if coverage is not None:
        by = ["fold", "target"] if len(names) > 1 else ["fold"]
        interval_scores = score_intervals(forecasts, by)
    return WalkForwardResult(
        forecasts=forecasts,
        scores=score_groups(forecasts, scorers, "fold"),
        summary=score_forecasts(forecasts, scorers),
        times=pd.DataFrame([each.times for each in fold_forecasts]).rename_axis("fold"),
        interval_scores=interval_scores,
        series_scores=(
            None
            if timeline.panel is None
            else score_groups(forecasts, scorers, "series")
        ),
        estimators=estimators,
        estimator=clone(estimator),
        coverage=coverage,
    )


class _Data(NamedTuple):
    """Data as the user passed them, and the times of their rows."""

    X: Any
    y: Any
    timeline: Timeline

    def select(self, rows: RowsOfSeries) -> tuple[Any, Any]:
        """Select rows of X and y."""
        return self.timeline.select(self.X, rows), self.timeline.select(self.y, rows)


@dataclass(frozen=True)
class _FoldOptions:
    """How to fit and forecast the folds; see `walk_forward`."""

    refit: bool | str
    coverage: float | None
    return_estimator: bool


@dataclass(frozen=True)
class _FoldForecast:
    """Forecasts of one fold, by the number of the series."""

    forecast: dict[int, np.ndarray]  # (n_test, n_targets)
    interval: dict[int, np.ndarray] | None  # (n_test, n_targets, 2)
    horizon: int | None  # rows forecast at once; None for the whole fold
    times: dict[str, float]
    estimator: Any = None


def _run_folds(
    parallel: Parallel,
    estimator: Any,
    data: _Data,
    folds: list[Fold],
    options: _FoldOptions,
) -> Iterable[_FoldForecast]:
    """Fit and forecast all folds."""
    if options.refit is True:
        # An epoch is one call into TensorFlow, which releases the interpreter lock, so
        # threads train in parallel. Processes would each have to load TensorFlow.
        return parallel(
            delayed(_fit_and_forecast)(clone(estimator), data, fold, options)
            for fold in folds
        )
    if options.refit == "warm":
        estimator = _set_warm_start(clone(estimator))
        return (_fit_and_forecast(estimator, data, fold, options) for fold in folds)
    return _fit_once_and_update(clone(estimator), data, folds, options)


def _fit_and_forecast(
    estimator: Any, data: _Data, fold: Fold, options: _FoldOptions
) -> _FoldForecast:
    begin = perf_counter()
    estimator.fit(*data.select(fold.train))
    return _forecast(estimator, data, fold.test, perf_counter() - begin, options)


def _fit_once_and_update(
    estimator: Any, data: _Data, folds: list[Fold], options: _FoldOptions
) -> Iterator[_FoldForecast]:
    """Fit in the first fold; in later ones, pass the new rows to ``update``."""
    fitted, last_cutoff = folds[0].train, folds[0].cutoff
    for number, fold in enumerate(folds):
        begin = perf_counter()
        if number == 0:
            estimator.fit(*data.select(fold.train))
        elif fold.cutoff < last_cutoff:
            raise ValueError(
                "refit=False needs folds in time order, but the training rows of one "
                f"fold end at row {fold.cutoff - 1} and those of the fold before it at "
                f"row {last_cutoff - 1}."
            )
        joined = [data.timeline.series[i].name for i in fold.test if i not in fitted]
        if joined:
            raise ValueError(
                "refit=False needs the series of the first fold in all folds, but the "
                f"series {joined} join in fold {number}. Pass refit=True, or set a "
                "longer initial window."
            )
        new = data.timeline.rows_between(last_cutoff, fold.cutoff)
        new = {i: rows for i, rows in new.items() if i in fitted}
        if new:
            _update(estimator, *data.select(new))
        last_cutoff = fold.cutoff
        yield _forecast(estimator, data, fold.test, perf_counter() - begin, options)


def _forecast(
    estimator: Any,
    data: _Data,
    test: RowsOfSeries,
    fit_time: float,
    options: _FoldOptions,
) -> _FoldForecast:
    begin = perf_counter()
    rows, interval = data.timeline.select(data.X, test), None
    forecast = data.timeline.split(estimator.predict(rows), test)
    if options.coverage is not None:
        bounds = _predict_interval(estimator, rows, options.coverage)
        interval = {
            i: each.reshape(len(test[i]), -1, 2)
            for i, each in data.timeline.split(bounds, test).items()
        }
    times = {"fit_time": fit_time, "predict_time": perf_counter() - begin}
    return _FoldForecast(
        {i: each.reshape(len(test[i]), -1) for i, each in forecast.items()},
        interval,
        getattr(find_forecaster(estimator), "horizon", None),
        times,
        # A copy, because later folds may continue with the same estimator.
        deepcopy(estimator) if options.return_estimator else None,
    )


def _update(estimator: Any, X: Any, y: Any) -> None:
    """Append rows to the history of the forecaster in a pipeline or search."""
    forecaster, X = unwrap_final_estimator(estimator, X, having="update")
    if not hasattr(forecaster, "update"):
        raise ValueError(
            "refit=False needs a forecaster with the method update(X, y), but "
            f"{type(forecaster).__name__} does not have it. Pass refit=True."
        )
    forecaster.update(X, y)


def _predict_interval(estimator: Any, X: Any, coverage: float) -> Any:
    """Predict the intervals of the forecaster in a pipeline or search."""
    forecaster, X = unwrap_final_estimator(estimator, X, having="predict_interval")
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


def _series_table(
    number: int,
    timeline: Timeline,
    series: int,
    test: np.ndarray,
    result: _FoldForecast,
    actual: np.ndarray,
    season_length: int | None,
) -> pd.DataFrame:
    """Tabulate a fold's forecasts of a series beside actual and naive values."""
    forecast, n_targets = result.forecast[series], actual.shape[1]
    if forecast.shape != (len(test), n_targets):
        raise ValueError(
            "y must hold the targets that the estimator forecasts, but its forecast "
            f"has shape {forecast.shape} for {len(test)} row(s) of {n_targets} "
            "target(s). Without y, all columns of X are targets: pass y."
        )
    name, labels = timeline.series[series][:2]
    step = np.arange(len(test)) % (result.horizon or len(test))
    naive = naive_forecasts(actual, test, result.horizon, season_length)
    columns: dict[str, Any] = {"fold": number}
    if timeline.panel is not None:
        columns["series"] = [name] * (len(test) * n_targets)
    columns |= {
        "step": np.repeat(step + 1, n_targets),
        "target": np.tile(np.arange(n_targets), len(test)),
        "actual": actual[test].ravel(),
        FORECAST: forecast.ravel(),
        "naive": naive["naive"].ravel(),
    }
    if result.interval is not None:
        bounds = result.interval[series].reshape(-1, 2)
        columns["lower"], columns["upper"] = bounds.T
    if season_length is not None:
        columns["seasonal_naive"] = naive["seasonal_naive"].ravel()
    return pd.DataFrame(columns, index=labels[np.repeat(test, n_targets)])


def _check_estimator(estimator: Any) -> None:
    """Refuse sktime's forecasters, and warn of plain regressors."""
    if isinstance(estimator, type) or not hasattr(estimator, "get_params"):
        raise ValueError(
            "estimator must be a forecaster, such as LSTMForecaster(), got "
            f"{estimator!r}."
        )
    inner = find_forecaster(estimator)
    if hasattr(type(inner), "cutoff") and hasattr(type(inner), "fh"):
        raise ValueError(
            "estimator must be a forecaster with scikit-learn's fit and predict, but "
            f"{type(inner).__name__} is one of sktime's. Pass an LSTMForecaster, or "
            "use sktime.forecasting.model_evaluation.evaluate."
        )
    if not hasattr(inner, "horizon"):
        warn_user(
            f"{type(inner).__name__} is not a forecaster: it predicts a row from that "
            "very row of X, so the target leaks into its predictions unless X holds "
            "only what is known beforehand. Wrap it in a WindowForecaster.",
        )


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


def _check_season_fits(season_length: int | None, folds: list[Fold]) -> None:
    for number, fold in enumerate(folds):
        longest = max(rows[0] for rows in fold.test.values())
        if season_length is not None and season_length > longest:
            raise ValueError(
                f"season_length={season_length} reaches back before the first row in "
                f"fold {number}, whose test rows begin at row {longest}."
            )


def _target_names(targets: Any, timeline: Timeline) -> list:
    is_list = timeline.panel is not None and timeline.panel.names is None
    return target_names(targets[0] if is_list else targets)


def _show_progress(
    results: Iterable[_FoldForecast], total: int, verbose: int
) -> Iterable[_FoldForecast]:
    if not verbose:
        return results
    from rich.progress import track

    return track(results, description="walk_forward", total=total)
