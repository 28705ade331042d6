"""Permutation importance of the columns and lags that forecasters read."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from numbers import Integral
from typing import Any

import numpy as np
import pandas as pd
from sklearn.base import clone
from sklearn.metrics import mean_absolute_error, root_mean_squared_error
from sklearn.utils import check_random_state
from sklearn.utils.parallel import Parallel, delayed

from sklstm._core.introspection import find_reachable, unwrap_final_estimator
from sklstm._core.seeds import RandomState
from sklstm._data.input_types import refuse_containers
from sklstm.model_selection.cross_validation import make_folds, targets_to_validate
from sklstm.model_selection.timeline import Timeline

METRICS: dict[str, Callable] = {
    "neg_mean_absolute_error": mean_absolute_error,
    "neg_root_mean_squared_error": root_mean_squared_error,
}

# Method of a forecaster that yields windows to change.
HOOK = "_permutable_windows"

# Number of groups of lags, by default.
_N_LAG_GROUPS = 8


@dataclass(frozen=True)
class PermutationImportance:
    """Importance of columns or lags, in all folds and repetitions.

    Created by `permutation_importance`.

    Parameters
    ----------
    increases : DataFrame
        How much the error grew: a row for each fold and repetition, a column for each
        column of X or group of lags.
    errors : DataFrame
        Errors of the forecasts and of the naive forecasts, a row for each fold.
    metric : str
        Name of the error.

    See Also
    --------
    sklstm.ImportanceDisplay : Plot of the importance.

    Examples
    --------
    >>> import pandas as pd
    >>> from sklstm.inspection import PermutationImportance
    >>> importance = PermutationImportance(
    ...     increases=pd.DataFrame({"load": [0.9, 1.1], "wind": [0.1, 0.3]}),
    ...     errors=pd.DataFrame({"forecast": [2.0], "naive": [4.0]}),
    ...     metric="mean_absolute_error",
    ... )
    >>> importance.summary["relative"].tolist()
    [0.5, 0.1]
    """

    increases: pd.DataFrame
    errors: pd.DataFrame
    metric: str

    @property
    def summary(self) -> pd.DataFrame:
        """Importance by column or group of lags.

        Returns
        -------
        summary : DataFrame
            Mean and standard deviation over folds and repetitions, and the mean as a
            fraction of the error.
        """
        error = self.errors["forecast"].mean()
        mean = self.increases.mean()
        return pd.DataFrame(
            {
                "importance": mean,
                "std": self.increases.std(ddof=0),
                "relative": mean / error if error > 0 else np.nan,
            }
        )

    def __repr__(self) -> str:
        forecast, naive = self.errors[["forecast", "naive"]].mean()
        return (
            f"{self.metric}: {forecast:.6g} (naive: {naive:.6g}); its increase by "
            f"permutation:\n{self.summary}"
        )


def permutation_importance(
    estimator: Any,
    X: Any,
    y: Any = None,
    *,
    cv: Any,
    by: str = "column",
    lag_groups: int | Sequence[Sequence[int]] | None = None,
    scoring: str | Callable = "neg_mean_absolute_error",
    n_repeats: int = 10,
    n_jobs: int | None = None,
    random_state: RandomState = None,
) -> PermutationImportance:
    """Measure how much a forecaster relies on each column, or on each lag.

    In each fold a clone of the forecaster is fitted to the training rows. In the
    windows from which it forecasts the test rows, the values of a column (or of a group
    of lags) are replaced by those of windows drawn at random from the training rows,
    which breaks their connection with the targets but keeps their distribution [1]_
    [2]_. The importance is the increase of the error on the test rows. Rows of X itself
    must not be permuted: each is part of many windows, and their order is what a
    forecaster reads.

    The history of a target is replaced relative to the level of its window, so its last
    value remains known. Columns that hold the same information share their importance,
    so each may look unimportant.

    Parameters
    ----------
    estimator : estimator
        An `LSTMForecaster` or `WindowForecaster`, or a pipeline or search that ends in
        one. It is cloned, not changed. Columns are those that its last step reads.
    X : array-like of shape (n_timesteps, n_features) or frame of several series
        Rows in time order.
    y : array-like of shape (n_timesteps,) or (n_timesteps, n_targets), optional
        Targets; by default as in ``fit``.
    cv : sktime splitter or cross-validator
        Folds whose test rows directly follow their training rows.
    by : {"column", "lag"}, default="column"
        Whether to replace one column at all its lags, or all columns at a group of
        lags.
    lag_groups : int or sequence of sequences of int, optional
        Groups of lags: their number, of equal size, or the lags of each. Lag 0 is the
        last row of a window; positive lags are rows to forecast, of future covariates.
        By default 8 groups, and one of all rows to forecast.
    scoring : str or callable, default="neg_mean_absolute_error"
        "neg_mean_absolute_error", "neg_root_mean_squared_error", or a function of
        (y_true, y_pred), arrays of shape (n_values,), that returns an error.
    n_repeats : int, default=10
        How often each column or group of lags is replaced.
    n_jobs : int, optional
        Number of folds fitted at the same time, in threads.
    random_state : int, RandomState or None, default=None
        Seed of the draws.

    Returns
    -------
    importance : PermutationImportance

    Raises
    ------
    TypeError
        If the estimator is no forecaster of this package.
    ValueError
        If a parameter is not as described, or no test row is forecast.

    See Also
    --------
    attribute : Contributions to single forecasts.

    References
    ----------
    .. [1] Breiman (2001), "Random forests", Machine Learning 45(1).
    .. [2] Fisher, Rudin and Dominici (2019), "All models are wrong, but many are
       useful: learning a variable's importance by studying an entire class of
       prediction models simultaneously", Journal of Machine Learning Research 20.

    Examples
    --------
    >>> import numpy as np
    >>> from sktime.split import ExpandingWindowSplitter
    >>> from sklstm import LSTMForecaster
    >>> from sklstm.inspection import permutation_importance
    >>> rng = np.random.default_rng(0)
    >>> cause, noise = rng.normal(size=(2, 300))
    >>> effect = np.roll(cause, 2) + rng.normal(0, 0.1, 300)  # two rows later
    >>> cv = ExpandingWindowSplitter(
    ...     fh=np.arange(1, 51), initial_window=200, step_length=50
    ... )
    >>> importance = permutation_importance(
    ...     LSTMForecaster(
    ...         6, normalize="standard", epochs=30, learning_rate=0.01, random_state=0
    ...     ),
    ...     np.column_stack([effect, cause, noise]),
    ...     effect,
    ...     cv=cv,
    ...     random_state=0,
    ... )
    >>> int(importance.summary["importance"].idxmax())
    1
    """
    if find_reachable(estimator, HOOK) is None:
        raise TypeError(
            "estimator must be an LSTMForecaster or a WindowForecaster, or a pipeline "
            f"or search that ends in one, got {estimator!r}. For other estimators use "
            "sklearn.inspection.permutation_importance."
        )
    if by not in ("column", "lag"):
        raise ValueError(f'by must be "column" or "lag", got {by!r}.')
    if not isinstance(n_repeats, Integral) or n_repeats < 1:
        raise ValueError(f"n_repeats must be an integer from 1, got {n_repeats!r}.")
    metric, name = _check_metric(scoring)
    refuse_containers(X, "X")
    refuse_containers(y, "y")
    y = targets_to_validate(estimator, X, y)
    timeline = Timeline.from_data(X, y)
    folds = make_folds(cv, timeline, X, y)
    seeds = check_random_state(random_state).randint(2**31 - 1, size=len(folds))
    options = _Options(by, lag_groups, metric, int(n_repeats))
    results = Parallel(n_jobs=n_jobs, prefer="threads")(
        delayed(_run_fold)(
            clone(estimator),
            *((timeline.select(X, rows), timeline.select(y, rows)) for rows in fold),
            options,
            int(seed),
        )
        for fold, seed in zip(((f.train, f.test) for f in folds), seeds, strict=True)
    )
    if any(list(each.increases) != list(results[0].increases) for each in results):
        raise ValueError(
            "the folds have windows of different lengths, so their groups of lags "
            f"differ: {list(results[0].increases)}, then others. Set window_length of "
            "the forecaster, or pass lag_groups as a list of lags that all have."
        )
    increases = pd.concat(
        [each.increases for each in results],
        keys=range(len(results)),
        names=["fold", "repeat"],
    )
    errors = pd.DataFrame([each.errors for each in results])
    return PermutationImportance(increases, errors.rename_axis("fold"), name)


@dataclass(frozen=True)
class _Options:
    by: str
    lag_groups: Any
    metric: Callable
    n_repeats: int


@dataclass(frozen=True)
class _FoldImportance:
    increases: pd.DataFrame
    errors: dict[str, float]


def _run_fold(
    estimator: Any,
    training: tuple[Any, Any],
    test: tuple[Any, Any],
    options: _Options,
    seed: int,
) -> _FoldImportance:
    """Fit to the training rows, and replace values in the windows of the test rows."""
    estimator.fit(*training)
    final, X_training = unwrap_final_estimator(estimator, training[0], having=HOOK)
    _, X_test = unwrap_final_estimator(estimator, test[0], having=HOOK)
    series = list(
        final._permutable_windows((X_training, training[1]), (X_test, test[1]))
    )
    rng = np.random.default_rng(seed)
    actual = _join(each.actual for each in series)
    # As in walk_forward, rows without any known value before them are not scored.
    known = ~np.isnan(actual) & ~np.isnan(_join(each.naive for each in series))
    if not known.any():
        raise ValueError("y has no known value in the test rows of a fold.")

    def error(forecasts: Iterable[np.ndarray]) -> float:
        return float(options.metric(actual[known], _join(forecasts)[known]))

    error_of_forecast = error(each.forecast() for each in series)
    replaced = _values_to_replace(series[0].columns, series[0].lags, options)
    increases = []
    for _ in range(options.n_repeats):
        donors = [each.draw(rng) for each in series]
        increases.append(
            [
                error(
                    each.forecast(drawn, *where)
                    for each, drawn in zip(series, donors, strict=True)
                )
                - error_of_forecast
                for _, *where in replaced
            ]
        )
    labels = [label for label, *_ in replaced]
    columns = pd.Index(labels, name=options.by, tupleize_cols=False)
    errors = {
        "forecast": error_of_forecast,
        "naive": error(each.naive for each in series),
    }
    return _FoldImportance(pd.DataFrame(increases, columns=columns), errors)


def _values_to_replace(
    names: list, lags: np.ndarray, options: _Options
) -> list[tuple[Any, np.ndarray, np.ndarray]]:
    """Return labels, and the columns and lags whose values are replaced together."""
    every_column = np.arange(len(names))
    if options.by == "column":
        if options.lag_groups is not None:
            raise ValueError('lag_groups belongs to by="lag", got by="column".')
        return [(name, np.array([i]), lags) for i, name in enumerate(names)]
    groups = _group_lags(lags, options.lag_groups)
    return [(_describe_lags(group), every_column, group) for group in groups]


def _group_lags(lags: np.ndarray, groups: Any) -> list[np.ndarray]:
    past, ahead = lags[lags <= 0], lags[lags > 0]
    if groups is None or isinstance(groups, Integral):
        n = min(_N_LAG_GROUPS if groups is None else int(groups), len(past))
        if n < 1:
            raise ValueError(f"lag_groups must be at least 1, got {groups!r}.")
        found = np.array_split(past, n)
        return [*found, ahead] if len(ahead) else found
    found = [np.asarray(group) for group in groups]
    for group in found:
        if group.ndim != 1:
            raise ValueError(
                "lag_groups must be a number, or a list of groups such as [[-1, 0], "
                f"[-2]], got {groups!r}."
            )
        if group.dtype.kind not in "iu" or not np.isin(group, lags).all():
            raise ValueError(
                f"lag_groups must hold lags from {lags[0]} to {lags[-1]}, got "
                f"{group.tolist()}."
            )
    if not found or len({tuple(sorted(group)) for group in found}) < len(found):
        raise ValueError(
            f"lag_groups must hold at least one group, each once, got {groups!r}."
        )
    return [np.unique(group) for group in found]


def _describe_lags(group: np.ndarray) -> str:
    first, last = int(group.min()), int(group.max())
    if len(group) > 1 and len(group) == last - first + 1:
        return f"{first} to {last}"
    return ", ".join(map(str, group))


def _check_metric(scoring: Any) -> tuple[Callable, str]:
    if callable(scoring) and not hasattr(scoring, "_score_func"):
        return scoring, getattr(scoring, "__name__", "error")
    if not isinstance(scoring, str) or scoring not in METRICS:
        raise ValueError(
            f"scoring must be one of {list(METRICS)} or a function of (y_true, y_pred) "
            f"that returns an error, got {scoring!r}."
        )
    return METRICS[scoring], scoring.removeprefix("neg_")


def _join(arrays: Iterable[np.ndarray]) -> np.ndarray:
    return np.concatenate(list(arrays))
