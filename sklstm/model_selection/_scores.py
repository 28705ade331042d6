"""Scores of forecasts and naive forecasts, and the skill of one against the others."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd
from sklearn.base import BaseEstimator, RegressorMixin
from sklearn.metrics import check_scoring, get_scorer, get_scorer_names

# Columns of a table of forecasts, and the skill of the first against each other one.
FORECAST = "forecast"
SKILLS = {"naive": "skill", "seasonal_naive": "seasonal_skill"}

# Scores whose best value is 1. Of other scores the best value, and so the skill, is
# unknown, except for errors (neg_...), whose best value is 0.
_BEST_VALUE_IS_ONE = ("r2", "explained_variance", "d2_absolute_error_score")


def score_groups(
    forecasts: pd.DataFrame, scorers: Mapping[str, Callable], by: str
) -> pd.DataFrame:
    """Score the forecasts of each fold or series.

    Returns
    -------
    scores : DataFrame
        A row for each fold or series, and columns (metric, forecaster).
    """
    by_group = {
        group: score_forecasts(table, scorers).stack(future_stack=True)
        # The index may have the name of a column.
        for group, table in forecasts.reset_index(drop=True).groupby(by, sort=False)
    }
    scores = pd.concat(list(by_group.values()), axis=1).T
    # Names of series in an index of several levels are tuples.
    scores.index = pd.Index(list(by_group), name=by, tupleize_cols=False)
    return scores


def score_forecasts(
    forecasts: pd.DataFrame, scorers: Mapping[str, Callable]
) -> pd.DataFrame:
    """Score forecasts and naive forecasts, and compute the skill: a row per metric."""
    # The table has the targets of a row one below the other; scikit-learn's metrics
    # want one column for each.
    n_targets = forecasts["target"].nunique()
    known = forecasts[is_scored(forecasts)]
    if len(known) < len(forecasts):
        # Each target is scored where it is known, and the scores are averaged.
        scores = [score_forecasts(rows, scorers) for _, rows in known.groupby("target")]
        if not scores:
            return _no_scores(forecasts, scorers)
        return sum(scores[1:], scores[0]) / len(scores)
    shape = (-1, n_targets) if n_targets > 1 else (-1,)
    actual = forecasts["actual"].to_numpy().reshape(shape)
    rows = {}
    for name, scorer in scorers.items():
        is_error = name.startswith("neg_")
        values = {}
        for forecaster in (FORECAST, *SKILLS):
            if forecaster in forecasts:
                predictions = forecasts[forecaster].to_numpy().reshape(shape)
                score = scorer(
                    _PrecomputedForecast(predictions),
                    np.empty((len(actual), 1)),
                    actual,
                )
                values[forecaster] = -score if is_error else score
        best = 0.0 if is_error else 1.0 if name in _BEST_VALUE_IS_ONE else np.nan
        for baseline, skill in SKILLS.items():
            if baseline in values:
                values[skill] = relative_skill(values[FORECAST], values[baseline], best)
        rows[name.removeprefix("neg_")] = values
    return pd.DataFrame(rows).T.rename_axis(index="metric")


def is_scored(forecasts: pd.DataFrame) -> np.ndarray:
    """Return which rows have a known target, and one known before."""
    return forecasts[["actual", "naive"]].notna().all(axis=1).to_numpy()


def _no_scores(
    forecasts: pd.DataFrame, scorers: Mapping[str, Callable]
) -> pd.DataFrame:
    """Return the scores of rows without any known target."""
    baselines = [name for name in SKILLS if name in forecasts]
    columns = [FORECAST, *baselines, *(SKILLS[name] for name in baselines)]
    metrics = [name.removeprefix("neg_") for name in scorers]
    return pd.DataFrame(np.nan, pd.Index(metrics, name="metric"), columns)


def relative_skill(value: float, reference: float, best: float) -> float:
    """Return the fraction of the way from a reference score to the best score."""
    return (value - reference) / (best - reference) if best != reference else np.nan


def score_intervals(forecasts: pd.DataFrame, by: list[str]) -> pd.DataFrame:
    """Compute the coverage and mean width of the prediction intervals by group."""
    forecasts = forecasts[is_scored(forecasts)]
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


def scorers_of_metrics(metrics: Sequence[str], part: str) -> dict[str, Callable]:
    """Return scikit-learn's scorers of metrics named without ``neg_``."""
    scorer_names = get_scorer_names()
    scorers = {}
    for metric in metrics:
        name = f"neg_{metric}" if f"neg_{metric}" in scorer_names else metric
        if name not in scorer_names:
            raise ValueError(
                f"metric={metric!r} is not known to scikit-learn by name, so it cannot "
                f"be computed for {part} alone. Choose another metric, or use the "
                "scores of the whole result."
            )
        scorers[name] = get_scorer(name)
    return scorers


def check_scorers(estimator: Any, scoring: Any) -> dict[str, Callable]:
    if callable(scoring):
        return {getattr(scoring, "__name__", "score"): scoring}
    if isinstance(scoring, str):
        scoring = [scoring]
    if isinstance(scoring, Mapping):
        return {
            name: check_scoring(estimator, scoring=score)
            for name, score in scoring.items()
        }
    if not np.iterable(scoring):
        raise ValueError(
            "scoring must be the name of a scorer of scikit-learn, a list of them, a "
            f"callable or a dict, got {scoring!r}."
        )
    for name in scoring:
        if not isinstance(name, str) or name not in get_scorer_names():
            similar = [each for each in get_scorer_names() if str(name) in each]
            shown = similar or ["neg_mean_absolute_error", "r2"]
            raise ValueError(
                f"scoring must hold names of scikit-learn's scorers, got {name!r}. "
                f"Pass one such as {', '.join(map(repr, shown[:3]))}; "
                "sklearn.metrics.get_scorer_names() lists them."
            )
    return {name: get_scorer(name) for name in scoring}
