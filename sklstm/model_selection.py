"""Validation of forecasts by walking forward in time, beside the naive forecasts."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from copy import deepcopy
from dataclasses import dataclass, field
from time import perf_counter
from typing import Any

import numpy as np
import pandas as pd
from sklearn.base import BaseEstimator, RegressorMixin, clone
from sklearn.metrics import check_scoring, get_scorer
from sklearn.model_selection import BaseCrossValidator
from sklearn.pipeline import Pipeline
from sklearn.utils import indexable
from sklearn.utils.parallel import Parallel, delayed

from sklstm._data.panel import is_list_of_tables
from sklstm._data.time_index import index_of
from sklstm._sklearn import num_samples, safe_indexing

# Where estimators keep one that they are made of, fitted ones first.
_PARTS = ("best_estimator_", "regressor_", "estimator_", "estimator", "regressor")

# Scores whose best value is 1, so that a skill can be told from them.
_BEST_IS_ONE = ("r2", "explained_variance", "d2_absolute_error_score")


class WalkForwardCV(BaseCrossValidator):
    """A sktime splitter as a scikit-learn cross-validator.

    sktime's own splitters cannot be passed as ``cv=``: their ``split`` takes no
    groups. A forecaster in scikit-learn's sense forecasts the rows right after its
    training rows, so a splitter whose test rows lie elsewhere is refused.

    Parameters
    ----------
    splitter : sktime splitter
        `ExpandingWindowSplitter`, `SlidingWindowSplitter` or another one, with a
        forecasting horizon 1, 2, ... without gaps.

    See Also
    --------
    walk_forward : Forecast fold by fold, beside the naive forecasts.

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

    def __init__(self, splitter):
        self.splitter = splitter

    def split(self, X, y=None, groups=None) -> Iterator[tuple[np.ndarray, np.ndarray]]:
        """Generate the rows of each fold.

        Parameters
        ----------
        X : array-like of shape (n_timesteps, n_features)
            Its pandas index, or else that of y, is what a splitter in time units sees.
        y : array-like, optional
        groups : object
            Ignored; scikit-learn passes it.

        Yields
        ------
        train, test : ndarray of int
            Positions of the rows; the test rows follow the training rows.

        Raises
        ------
        ValueError
            If the test rows do not follow right after the training rows.
        """
        _check_one_series(X)
        for train, test in self.splitter.split(_time_index(X, y)):
            _check_follows(train, test, self.splitter)
            yield train, test

    def get_n_splits(self, X=None, y=None, groups=None) -> int:
        """Number of folds.

        Parameters
        ----------
        X : array-like of shape (n_timesteps, n_features)
            Needed: how many windows fit depends on the number of rows.
        y : array-like, optional
        groups : object
            Ignored; scikit-learn passes it.

        Returns
        -------
        n_splits : int
        """
        if X is None:
            raise ValueError(
                "get_n_splits needs X: how many windows fit depends on its rows."
            )
        return sum(1 for _ in self.splitter.split(_time_index(X, y)))


@dataclass(frozen=True, repr=False)
class WalkForwardResult:
    """Forecasts and scores of `sklstm.walk_forward`.

    Parameters
    ----------
    forecasts : DataFrame
        One row for each forecast, labelled as the rows of X: ``fold``, ``step`` (how
        many rows ahead of the last row known, from 1), ``target``, ``actual``,
        ``forecast``, ``naive`` and, with ``season_length``, ``seasonal_naive``; with
        ``coverage``, the ends of the interval, ``lower`` and ``upper``.
    scores : DataFrame
        One row for each fold. Columns (metric, forecaster), where the forecaster is
        "forecast", "naive" or "seasonal_naive", and (metric, "skill") and (metric,
        "seasonal_skill"), the share of the naive forecasts' error that the forecast
        saves. Several targets count alike, as in scikit-learn's metrics: give them
        one scale, or score them from ``forecasts``, where their units differ.
    summary : DataFrame
        The same over all folds together, one row for each metric.
    interval_scores : DataFrame or None
        With ``coverage``, one row for each fold (and target, if there are several):
        ``coverage``, the share of the rows within their interval, ends included, and
        ``width``, the mean width, in the target's units.
    times : DataFrame
        Seconds of each fold: ``fit_time`` and ``predict_time``.
    estimators : list of estimators
        The fitted estimators of the folds, with ``return_estimator=True``.

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

    def __repr__(self):
        n_folds = len(self.scores)
        n_forecasts = len(self.forecasts)
        head = f"{type(self).__name__}: {n_forecasts} forecasts in {n_folds} fold(s)"
        text = f"{head}\n{self.summary.to_string(float_format='{:.4g}'.format)}"
        if self.interval_scores is None:
            return text
        together = _interval_scores(self.forecasts, ["target"])
        several = len(together) > 1
        for target, (coverage, width) in together.iterrows():
            text += (
                f"\nintervals{f' of {target}' if several else ''} hold {coverage:.1%} "
                f"of the rows, mean width {width:.4g}"
            )
        return text


def walk_forward(
    estimator,
    X,
    y=None,
    *,
    cv,
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
    """Validate a forecaster by walking forward, beside the naive forecasts.

    In each fold the estimator forecasts the test rows, which it has not seen, and so
    do the naive forecasts from the same past: the last value known, and the value of
    the last known row of the same season.

    Parameters
    ----------
    estimator : estimator
        An `LSTMForecaster`, a Pipeline that ends in one, or a search over them.
        Cloned, not changed.
    X : array-like of shape (n_timesteps, n_features)
        Rows in time order.
    y : array-like of shape (n_timesteps,) or (n_timesteps, n_targets), optional
        Targets; by default the columns of X, before any step of a pipeline.
    cv : sktime splitter or cross-validator
        Folds whose test rows follow their training rows.
    scoring : str, callable, sequence of str or dict
        Metrics, as scikit-learn names them. Those named ``neg_...`` are reported as
        the errors that they negate.
    season_length : int, optional
        Rows in a season, for the seasonal naive forecast (24 for hourly data with a
        daily season).
    coverage : float, optional
        Have the forecaster tell intervals too (``predict_interval``), which are to
        hold this share of the rows, and report the share that they held, and their
        width.
    refit : bool or "warm", default=True
        True fits anew in each fold. "warm" fits in each fold too, but starts from the
        weights of the fold before. False fits in the first fold only; later folds
        take the rows in between in as history (`update`).
    n_jobs : int, optional
        Folds fitted at once, with ``refit=True``; the folds of the others depend on
        each other. They run in threads, unless `joblib.parallel_config` says
        otherwise.
    return_estimator : bool, default=False
        Whether to keep the fitted estimators.
    verbose : int, default=0
        Whether to show a progress bar over the folds.

    Returns
    -------
    result : WalkForwardResult

    Raises
    ------
    ValueError
        If test rows do not follow the training rows, or a parameter is not as
        described.

    See Also
    --------
    WalkForwardCV : sktime's splitters for `GridSearchCV` and `cross_val_score`.

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
    refit = _check_options(refit, n_jobs, season_length)
    _check_estimator(estimator)
    _check_one_series(X)
    if y is None and not hasattr(estimator, "horizon"):
        # A step in front would have the forecaster take its own output for targets.
        if getattr(_forecaster(estimator), "known_future", None) is not None:
            raise ValueError(
                "y must be passed where known_future names columns behind other steps, "
                "got None: without it those columns would be targets too."
            )
        y = X
    X, y = indexable(X, y)
    index = _time_index(X, y)
    truth = X if y is None else y
    actual = np.asarray(truth, dtype=float).reshape(len(index), -1)
    folds = _check_folds(cv, X, y)
    scorers = _check_scorers(estimator, scoring)
    _check_season(season_length, folds)
    # Results one by one as they come are of use to a progress bar alone, and not every
    # backend of joblib can give them (Ray's cannot).
    parallel = Parallel(
        n_jobs=n_jobs,
        prefer="threads",
        return_as="generator" if verbose else "list",
    )
    jobs = _run_folds(
        parallel, estimator, X, y, folds, refit, return_estimator, coverage
    )
    outcomes = list(_track(jobs, len(folds), verbose))

    tables = [
        _fold_table(number, test, outcome, actual, index, season_length)
        for number, ((_, test), outcome) in enumerate(zip(folds, outcomes, strict=True))
    ]
    forecasts = pd.concat(tables)
    forecasts["target"] = forecasts["target"].map(dict(enumerate(_target_names(truth))))
    scores = pd.DataFrame(
        {
            fold: _score(table, scorers).stack(future_stack=True)
            for fold, table in forecasts.groupby("fold")
        }
    ).T.rename_axis(index="fold")
    times = pd.DataFrame([outcome.times for outcome in outcomes]).rename_axis("fold")
    estimators = [outcome.estimator for outcome in outcomes] if return_estimator else []
    summary = _score(forecasts, scorers)
    interval_scores = None
    if coverage is not None:
        several = actual.shape[1] > 1
        interval_scores = _interval_scores(forecasts, ["fold", "target"][: 1 + several])
    return WalkForwardResult(
        forecasts, scores, summary, times, interval_scores, estimators
    )


@dataclass(frozen=True)
class _Outcome:
    forecast: np.ndarray  # (n_test, n_targets)
    interval: np.ndarray | None  # (n_test, n_targets, 2)
    block: int | None  # rows forecast at once; None for the whole fold
    times: dict[str, float]
    estimator: Any = None


def _run_folds(
    parallel, estimator, X, y, folds, refit, keep, coverage
) -> Iterable[_Outcome]:
    if refit is True:
        # An epoch is one call that lets other threads run: threads train side by side,
        # and need no TensorFlow of their own as processes would.
        return parallel(
            delayed(_fit_and_forecast)(
                clone(estimator), X, y, train, test, keep, coverage
            )
            for train, test in folds
        )
    if refit == "warm":
        estimator = _warm_started(clone(estimator))
        return (
            _fit_and_forecast(estimator, X, y, train, test, keep, coverage)
            for train, test in folds
        )
    return _fit_once(clone(estimator), X, y, folds, keep, coverage)


def _fit_and_forecast(estimator, X, y, train, test, keep, coverage) -> _Outcome:
    begin = perf_counter()
    estimator.fit(safe_indexing(X, train), _rows(y, train))
    return _forecast(estimator, X, test, perf_counter() - begin, keep, coverage)


def _fit_once(estimator, X, y, folds, keep, coverage) -> Iterator[_Outcome]:
    seen = None
    for train, test in folds:
        begin = perf_counter()
        if seen is None:
            estimator.fit(safe_indexing(X, train), _rows(y, train))
        elif train[-1] > seen:
            new = np.arange(seen + 1, train[-1] + 1)
            _update(estimator, safe_indexing(X, new), _rows(y, new))
        elif train[-1] < seen:
            raise ValueError(
                "refit=False needs folds in time order, but the training rows of a "
                f"fold end at {train[-1]}, and those of one before it at {seen}."
            )
        seen = train[-1]
        yield _forecast(estimator, X, test, perf_counter() - begin, keep, coverage)


def _forecast(estimator, X, test, fit_time, keep, coverage) -> _Outcome:
    begin = perf_counter()
    rows, interval = safe_indexing(X, test), None
    forecast = np.asarray(estimator.predict(rows))
    if coverage is not None:
        interval = _predict_interval(estimator, rows, coverage)
        interval = interval.reshape(len(test), -1, 2)
    times = {"fit_time": fit_time, "predict_time": perf_counter() - begin}
    # A copy, because later folds may go on with the estimator.
    kept = deepcopy(estimator) if keep else None
    block = getattr(_forecaster(estimator), "horizon", None)
    return _Outcome(forecast.reshape(len(test), -1), interval, block, times, kept)


def _update(estimator, X, y) -> None:
    """Give rows to the forecaster at the end of a pipeline or search as history."""
    forecaster, X = _last_step(estimator, X)
    if not hasattr(forecaster, "update"):
        raise ValueError(
            f"refit=False needs a forecaster with update(X, y), which "
            f"{type(forecaster).__name__} has not. Pass refit=True."
        )
    forecaster.update(X, y)


def _predict_interval(estimator, X, coverage) -> np.ndarray:
    """Intervals of the forecaster at the end of a pipeline or search."""
    forecaster, X = _last_step(estimator, X)
    if not hasattr(forecaster, "predict_interval"):
        raise ValueError(
            f"coverage={coverage} needs a forecaster with predict_interval(X, "
            f"coverage), which {type(forecaster).__name__} has not. Pass coverage=None."
        )
    return forecaster.predict_interval(X, coverage)


def _last_step(estimator, X):
    """The forecaster at the end of pipelines and searches, and X as it is given it."""
    if hasattr(estimator, "best_estimator_"):
        return _last_step(estimator.best_estimator_, X)
    if isinstance(estimator, Pipeline):
        if len(estimator) > 1:
            X = estimator[:-1].transform(X)
        return _last_step(estimator[-1], X)
    return estimator, X


def _warm_started(estimator):
    """The estimator with a forecaster that goes on from its last weights."""
    last = estimator[-1] if isinstance(estimator, Pipeline) else estimator
    if "warm_start" not in last.get_params(deep=False):
        raise ValueError(
            'refit="warm" needs a forecaster with warm_start, or a Pipeline that ends '
            f"in one, but {type(last).__name__} has not got it. Pass refit=True. (A "
            "search clones its estimator for each fit: pass its best_estimator_.)"
        )
    last.set_params(warm_start=True)
    return estimator


def _forecaster(estimator):
    """The forecaster inside pipelines and searches, the fitted one if there is one."""
    insides = list(_insides(estimator))
    return next((one for one in insides if hasattr(one, "horizon")), insides[-1])


def _insides(estimator) -> Iterator[Any]:
    """Walk from an estimator to those inside it."""
    while estimator is not None:
        yield estimator
        if isinstance(estimator, Pipeline):
            estimator = estimator[-1]
        else:
            parts = (getattr(estimator, name, None) for name in _PARTS)
            estimator = next((part for part in parts if part is not None), None)


def _fold_table(fold, test, outcome, actual, index, season_length):
    """Forecasts of a fold and what they are held against, one row each."""
    forecast, n_targets = outcome.forecast, actual.shape[1]
    if forecast.shape != (len(test), n_targets):
        raise ValueError(
            f"y must hold the targets that the estimator forecasts, but it forecast "
            f"shape {forecast.shape} for {len(test)} row(s) of {n_targets} target(s). "
            "Without y, all columns of X are taken for targets: pass y."
        )
    step = np.arange(len(test)) % (outcome.block or len(test))
    known = test - step - 1  # the last row that a forecast may know
    columns = {
        "fold": np.repeat(fold, len(test) * n_targets),
        "step": np.repeat(step + 1, n_targets),
        "target": np.tile(np.arange(n_targets), len(test)),
        "actual": actual[test].ravel(),
        "forecast": forecast.ravel(),
        "naive": actual[known].ravel(),
    }
    if outcome.interval is not None:
        columns["lower"], columns["upper"] = outcome.interval.reshape(-1, 2).T
    if season_length is not None:
        season = known - (season_length - 1) + step % season_length
        columns["seasonal_naive"] = actual[season].ravel()
    return pd.DataFrame(columns, index=index[np.repeat(test, n_targets)])


def _score(forecasts: pd.DataFrame, scorers: Mapping[str, Callable]) -> pd.DataFrame:
    """Scores of forecasts and naive forecasts, and the skill against them."""
    # Rows hold one target after the other; scikit-learn wants a column for each.
    n_targets = forecasts["target"].nunique()
    shape = (-1, n_targets) if n_targets > 1 else (-1,)
    actual = forecasts["actual"].to_numpy().reshape(shape)
    rows = {}
    for name, scorer in scorers.items():
        error = name.startswith("neg_")
        values = {}
        for who in ("forecast", "naive", "seasonal_naive"):
            if who in forecasts:
                given = _Given(forecasts[who].to_numpy().reshape(shape))
                value = scorer(given, np.empty((len(actual), 1)), actual)
                values[who] = -value if error else value
        best = 0.0 if error else 1.0 if name in _BEST_IS_ONE else np.nan
        for who, skill in (("naive", "skill"), ("seasonal_naive", "seasonal_skill")):
            if who in values:
                values[skill] = _skill(values["forecast"], values[who], best)
        rows[name.removeprefix("neg_")] = values
    return pd.DataFrame(rows).T.rename_axis(index="metric")


def _interval_scores(forecasts: pd.DataFrame, by: list[str]) -> pd.DataFrame:
    """The share of each group's rows within their intervals, and the mean width."""
    low, high = forecasts["lower"], forecasts["upper"]
    inside = forecasts["actual"].between(low, high).astype(float)
    each = forecasts[by].assign(coverage=inside, width=high - low)
    each = each.reset_index(drop=True)  # its index may have a name of ours
    return each.groupby(by if len(by) > 1 else by[0], sort=False).mean()


def _skill(value, reference, best):
    """The share of the way from the reference to the best value; 0: no better."""
    return (value - reference) / (best - reference) if best != reference else np.nan


class _Given(RegressorMixin, BaseEstimator):
    """Forecasts made already, so that any scikit-learn scorer can score them."""

    def __init__(self, forecast):
        self.forecast = forecast

    def __sklearn_is_fitted__(self):
        return True

    def predict(self, X):
        return self.forecast


def _check_estimator(estimator) -> None:
    """Refuse sktime's forecasters, and warn of what reads the rows it forecasts."""
    inside = _forecaster(estimator)
    if hasattr(type(inside), "cutoff") and hasattr(type(inside), "fh"):
        raise ValueError(
            f"walk_forward takes forecasters in scikit-learn's sense, but "
            f"{type(inside).__name__} is one of sktime's. Pass an LSTMForecaster, or "
            "use sktime.forecasting.model_evaluation.evaluate."
        )
    if not hasattr(inside, "horizon"):
        warnings.warn(
            f"{type(inside).__name__} is no forecaster: it reads the very rows that it "
            "is to forecast, which tell it the answer unless they hold only what is "
            "known before. WindowForecaster makes a forecaster of a regressor.",
            UserWarning,
            stacklevel=3,
        )


def _check_one_series(X) -> None:
    index = index_of(X)
    if (index is not None and index.nlevels > 1) or is_list_of_tables(X):
        raise ValueError(
            "one series is walked forward at a time, but X holds several. Pass each by "
            "itself; or validate a network of many series by sktime's evaluate, with "
            "sklstm.sktime.SktimeLSTMForecaster."
        )


def _check_scorers(estimator, scoring) -> dict[str, Callable]:
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


def _check_options(refit, n_jobs, season_length) -> bool | str:
    """Check parameters, and tell truth values from what only equals them."""
    if isinstance(refit, np.bool_):
        refit = bool(refit)
    if not isinstance(refit, bool) and refit != "warm":
        raise ValueError(f'refit must be True, False or "warm", got {refit!r}.')
    if refit is not True and n_jobs not in (None, 1):
        raise ValueError(
            f"n_jobs={n_jobs} needs refit=True: with refit={refit!r} each fold goes on "
            "from the one before."
        )
    if season_length is not None and (
        not isinstance(season_length, int | np.integer) or season_length < 1
    ):
        raise ValueError(
            f"season_length must be an integer from 1 or None, got {season_length!r}."
        )
    return refit


def _check_season(season_length, folds) -> None:
    for number, (_, test) in enumerate(folds):
        if season_length is not None and season_length > test[0]:
            raise ValueError(
                f"season_length={season_length} reaches back before the first row in "
                f"fold {number}, whose test rows begin at {test[0]}."
            )


def _check_folds(cv, X, y) -> list[tuple[np.ndarray, np.ndarray]]:
    if not hasattr(cv, "split"):
        raise ValueError(
            "cv must be a sktime splitter or a cross-validator with split(X, y), got "
            f"{cv!r}."
        )
    # sktime's splitters are told from scikit-learn's by their forecasting horizon.
    if hasattr(cv, "get_fh"):
        cv = WalkForwardCV(cv)
    folds = [(np.asarray(train), np.asarray(test)) for train, test in cv.split(X, y)]
    if not folds:
        raise ValueError(
            f"{cv} gives no fold for {num_samples(X)} rows. Give more rows, or a "
            "smaller initial window or horizon."
        )
    for train, test in folds:
        _check_follows(train, test, cv)
    return folds


def _check_follows(train, test, splitter) -> None:
    follows = (
        len(train) > 0
        and len(test) > 0
        and np.array_equal(train, np.arange(train[0], train[0] + len(train)))
        and np.array_equal(test, np.arange(train[-1] + 1, train[-1] + 1 + len(test)))
    )
    if not follows:
        raise ValueError(
            f"{splitter} gives training rows {_span(train)} and test rows "
            f"{_span(test)}, but a forecaster forecasts the rows right after its "
            "training rows. Use a splitter in time order, with a forecasting horizon "
            "of 1, 2, ... without gaps, as fh=np.arange(1, 11)."
        )


def _span(rows) -> str:
    if len(rows) == 0:
        return "none"
    step = (
        ""
        if np.array_equal(rows, np.arange(rows[0], rows[0] + len(rows)))
        else (" with gaps" if (np.diff(rows) > 0).all() else " out of order")
    )
    return f"{rows[0]} to {rows[-1]}{step}"


def _time_index(X, y) -> pd.Index:
    index = index_of(X, y)
    if index is not None:
        return index
    return pd.RangeIndex(num_samples(X))


def _target_names(truth) -> list:
    if hasattr(truth, "columns"):
        return list(truth.columns)
    name = getattr(truth, "name", None)
    if name is not None:
        return [name]
    return list(range(np.asarray(truth).reshape(len(truth), -1).shape[1]))


def _rows(y, rows):
    return None if y is None else safe_indexing(y, rows)


def _track(outcomes, total, verbose):
    if not verbose:
        return outcomes
    from rich.progress import track

    return track(outcomes, description="walk_forward", total=total)
