"""Search spaces for scikit-learn's randomised searches."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from numbers import Integral
from typing import Any

import numpy as np
from scipy.stats import loguniform
from sklearn.compose import TransformedTargetRegressor
from sklearn.pipeline import Pipeline

from sklstm._data.season import find_common_season
from sklstm._sklearn import Options, StrOptions
from sklstm.model_selection.cross_validation import make_folds
from sklstm.model_selection.timeline import RowsOfSeries, Timeline

# Rows of which windows are multiples, if the data show no season.
_DEFAULT_PERIOD = 8
# A window is at most this fraction of the rows that can be in one, so that there are
# more windows than rows in a window.
_WINDOW_FRACTION = 1 / 3
_MAX_WINDOW_LENGTH = 512


def search_space(
    estimator: Any, X: Any = None, y: Any = None, *, cv: Any = None
) -> dict[str, Any]:
    """Suggest values of hyperparameters for a randomised search.

    The space is centred on the parameters of the estimator: half, once and twice its
    ``units``, for example. With X, window and patch lengths fit in the data: windows
    are multiples of the season of the training rows, as long as a third of them at
    most, and patches divide the season. Any combination of values can be fitted.

    Parameters
    ----------
    estimator : estimator
        An estimator of sklstm, or a Pipeline or `TransformedTargetRegressor` that ends
        in one.
    X : array-like of shape (n_timesteps, n_features), list of them, or frame
        The data of the search. Without them, windows are multiples of 8 rows. For
        `RNNClassifier` and `RNNRegressor`, the sequences.
    y : array-like of shape (n_timesteps,) or (n_timesteps, n_targets), optional
        Targets, in which the season is looked for; by default the columns of X.
    cv : sktime splitter or cross-validator, optional
        Folds of the search, for a forecaster. The shortest training fold decides which
        lengths fit, and only its rows are read.

    Returns
    -------
    space : dict
        For each parameter, named as in ``estimator.set_params``, a list of values or a
        distribution of scipy.stats: ``param_distributions`` of `RandomizedSearchCV` and
        `HalvingRandomSearchCV`.

    Raises
    ------
    ValueError
        If the estimator holds none of sklstm's, ``cv`` is passed without X, or no
        window fits in the shortest training fold.

    See Also
    --------
    sklstm.WalkForwardCV : sktime's splitters for the search.

    Examples
    --------
    >>> import numpy as np
    >>> from sklearn.pipeline import make_pipeline
    >>> from sklearn.preprocessing import StandardScaler
    >>> from sktime.split import ExpandingWindowSplitter
    >>> from sklstm import LSTMForecaster
    >>> from sklstm.model_selection import search_space
    >>> rng = np.random.default_rng(0)
    >>> y = np.sin(np.arange(200) * 2 * np.pi / 12) + rng.normal(0, 0.1, 200)
    >>> cv = ExpandingWindowSplitter(np.arange(1, 13), initial_window=160)
    >>> model = make_pipeline(StandardScaler(), LSTMForecaster(horizon=12))
    >>> space = search_space(model, y[:, None], y, cv=cv)
    >>> space["lstmforecaster__window_length"]
    [12, 24, 48]
    >>> space["lstmforecaster__patch_length"]
    [1, 3, 6, 12]
    >>> space["lstmforecaster__units"]
    [16, 32, 64]
    """
    if cv is not None and X is None:
        raise ValueError("cv splits X, but X is None. Pass the data of the search.")
    space: dict[str, Any] = {}
    limits: _Limits | None = None
    for prefix, each in _iter_estimators(estimator):
        if hasattr(each, "horizon") or hasattr(each, "smoothing"):
            limits = _Limits.of_windows(each, X, y, cv)
        elif hasattr(each, "pooling") and limits is None:
            limits = _Limits.of_sequences(X)
        parameters = each.get_params(deep=False)
        for name, suggest in _SUGGESTIONS.items():
            if name in parameters:
                values = suggest(each, limits or _Limits())
                if values is not None:
                    space[prefix + name] = values
    if not space:
        raise ValueError(
            "estimator must be an estimator of sklstm with parameters to search, or a "
            "Pipeline or TransformedTargetRegressor that ends in one, got "
            f"{estimator!r}."
        )
    return space


@dataclass(frozen=True)
class _Limits:
    """What the data allow."""

    windows: list[int] | None = None  # lengths
    patches: list[int] | None = None  # lengths that divide each window
    n_target_columns: int = 1  # columns of X that are targets, if all are

    @classmethod
    def of_windows(cls, estimator: Any, X: Any, y: Any, cv: Any) -> _Limits:
        """Choose windows of rows, and patches that divide each of them."""
        if X is None:
            # Windows of several hundred rows would be no sensible guess.
            longest, period, n_columns = 8 * _DEFAULT_PERIOD, None, 1
        else:
            longest, period, n_columns = _measure(estimator, X, y, cv)
        if period is None:
            period = _DEFAULT_PERIOD
        if longest < period:
            return cls(sorted({(longest + 1) // 2, longest}), [1], n_columns)
        windows = [period * 2**i for i in range(5)]
        patches = {1, *(period // n for n in (1, 2, 4) if period % n == 0)}
        windows = [each for each in windows if each <= longest]
        return cls(windows, sorted(patches), n_columns)

    @classmethod
    def of_sequences(cls, X: Any) -> _Limits:
        """Choose patches shorter than the shortest sequence."""
        shortest = np.inf
        if X is not None:
            shape: tuple = getattr(X, "shape", ())
            shortest = shape[1] if len(shape) > 1 else min(map(len, X))
        return cls(patches=[each for each in (1, 2, 4) if each == 1 or each < shortest])


def _measure(estimator: Any, X: Any, y: Any, cv: Any) -> tuple[int, int | None, int]:
    """Measure the shortest training fold.

    Returns
    -------
    longest : int
        Length of the longest window.
    season_length : int or None
        At most the longest window.
    n_target_columns : int
        Number of columns of X if all of them are targets, else 1.
    """
    timeline = Timeline.from_data(X, y)
    folds: list[RowsOfSeries]
    if cv is None:
        folds = [timeline.rows_between(0, len(timeline.index))]
    else:
        folds = [fold.train for fold in make_folds(cv, timeline, X, y)]
    # Series of a panel that are too short for a window are padded.
    n_rows = [max(map(len, fold.values())) for fold in folds]
    shortest = folds[int(np.argmin(n_rows))]
    horizon = getattr(estimator, "horizon", None) or 1
    longest = min(n_rows) - horizon
    if longest < 1:
        raise ValueError(
            f"X has too few rows: the shortest training fold has {min(n_rows)}, but "
            f"horizon={horizon} needs at least {horizon + 1}. Pass more rows, or a "
            "splitter with a longer initial window."
        )
    longest = min(max(int(longest * _WINDOW_FRACTION), 1), _MAX_WINDOW_LENGTH)
    targets = timeline.targets(X if y is None else y)
    columns = [column for i, rows in shortest.items() for column in targets[i][rows].T]
    n_target_columns = targets[0].shape[1] if y is None else 1
    return longest, find_common_season(columns, longest), n_target_columns


def _iter_estimators(estimator: Any, prefix: str = "") -> Iterator[tuple[str, Any]]:
    """Yield the estimators of sklstm, and the prefixes of their parameters."""
    if isinstance(estimator, Pipeline):
        name, last = estimator.steps[-1]
        yield from _iter_estimators(last, f"{prefix}{name}__")
        return
    if any(cls.__module__.split(".")[0] == "sklstm" for cls in type(estimator).__mro__):
        yield prefix, estimator
    elif not isinstance(estimator, TransformedTargetRegressor):
        return
    if getattr(estimator, "regressor", None) is not None:
        yield from _iter_estimators(estimator.regressor, f"{prefix}regressor__")


# Values of a parameter for an estimator and the limits of the data, or None.
_Suggest = Callable[[Any, _Limits], Any]


def _around(name: str, *factors: float) -> _Suggest:
    """Suggest multiples of an integer, or of each of several, from 1."""

    def suggest(estimator: Any, limits: _Limits) -> list | None:
        value = getattr(estimator, name)
        if isinstance(value, tuple | list):
            scaled: list = [
                tuple(max(round(each * factor), 1) for each in value)
                for factor in factors
            ]
        elif isinstance(value, Integral):
            scaled = [max(round(int(value) * factor), 1) for factor in factors]
        else:  # "auto" or None
            return None
        return sorted(set(scaled))

    return suggest


def _choices(name: str) -> _Suggest:
    """Suggest all values that a parameter may have, None excepted."""

    def suggest(estimator: Any, limits: _Limits) -> list | None:
        constraints = getattr(type(estimator), "_parameter_constraints", {})
        rules = constraints.get(name, [])
        names = [
            option
            for rule in rules
            if isinstance(rule, Options | StrOptions)
            for option in sorted(rule.options)
        ]
        if "boolean" in rules:
            # Beside strings, True stands for one of them.
            return [False, *names] if names else [False, True]
        return names or None

    return suggest


def _suggest_learning_rate(estimator: Any, limits: _Limits) -> Any:
    value = estimator.learning_rate
    # An optimizer instance keeps its own.
    if value is None or not isinstance(estimator.optimizer, str):
        return None
    return loguniform(value / 4, value * 4)


def _suggest_epochs(estimator: Any, limits: _Limits) -> list | None:
    # Early stopping finds the number of epochs.
    if getattr(estimator, "early_stopping", False):
        return None
    return _around("epochs", 1, 2, 4)(estimator, limits)


def _suggest_dropout(estimator: Any, limits: _Limits) -> list:
    return sorted({0.0, 0.1, 0.3, float(estimator.dropout)})


def _suggest_window_length(estimator: Any, limits: _Limits) -> list | None:
    return limits.windows or _around("window_length", 0.5, 1, 2)(estimator, limits)


def _suggest_patch_length(estimator: Any, limits: _Limits) -> list | None:
    if estimator.patch_length == "auto":
        return ["auto", *(limits.patches or ())]
    return limits.patches


def _suggest_channel_independent(estimator: Any, limits: _Limits) -> list | None:
    # Each target needs a column of X, and one alone has no channels to separate.
    return [False, True] if limits.n_target_columns > 1 else None


# The values of each parameter, the most important ones first. To search over another
# parameter of several estimators, add a row.
_SUGGESTIONS: dict[str, _Suggest] = {
    "learning_rate": _suggest_learning_rate,
    "epochs": _suggest_epochs,
    "window_length": _suggest_window_length,
    "patch_length": _suggest_patch_length,
    "units": _around("units", 0.5, 1, 2),
    "dropout": _suggest_dropout,
    "normalize": _choices("normalize"),
    "linear_skip": _choices("linear_skip"),
    "decoder": _choices("decoder"),
    "channel_independent": _suggest_channel_independent,
    "embedding_dim": _around("embedding_dim", 0.5, 1, 2),
    "smoothing": lambda estimator, limits: sorted({1, 11, 31, estimator.smoothing}),
    "pooling": _choices("pooling"),
    "noise": lambda estimator, limits: sorted({0.0, 0.1, 0.3, float(estimator.noise)}),
    "crop": lambda estimator, limits: sorted({0.0, 0.2, float(estimator.crop)}),
}
