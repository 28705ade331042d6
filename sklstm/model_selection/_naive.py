"""Naive forecasts, to which all others are compared."""

from __future__ import annotations

from numbers import Integral
from typing import Any

import numpy as np
import pandas as pd

from sklstm._data.input_types import refuse_containers
from sklstm._data.missing import carry_forward
from sklstm.model_selection._scores import FORECAST, check_scorers, score_forecasts
from sklstm.model_selection.cross_validation import make_folds
from sklstm.model_selection.timeline import Timeline


def naive_scores(
    X: Any,
    y: Any = None,
    *,
    cv: Any,
    scoring: Any = "neg_mean_absolute_error",
    horizon: int | None = None,
    season_length: int | None = None,
) -> np.ndarray:
    """Score the naive forecast in each fold, as `cross_val_score` scores a forecaster.

    The naive forecast repeats the last known value of each target, or that of a season
    ago. A search whose best score is lower has found nothing.

    Parameters
    ----------
    X : array-like of shape (n_timesteps, n_features), list of them, or frame
        Rows in time order, as for `sklstm.walk_forward`.
    y : array-like of shape (n_timesteps,) or (n_timesteps, n_targets), optional
        Targets; by default the columns of X.
    cv : sktime splitter or cross-validator
        Folds whose test rows directly follow their training rows.
    scoring : str or callable, default="neg_mean_absolute_error"
        A scorer of scikit-learn.
    horizon : int, optional
        Number of rows that are forecast at once, as by a forecaster with this
        ``horizon``; by default the test rows of a fold.
    season_length : int, optional
        Number of rows in a season, for the seasonal naive forecast.

    Returns
    -------
    scores : ndarray of shape (n_folds,)
        NaN where no target is known.

    See Also
    --------
    sklstm.walk_forward : Validate a forecaster beside naive forecasts.
    sklstm.SearchDisplay : Plot of a search, with the naive score.

    Examples
    --------
    >>> import numpy as np
    >>> from sktime.split import ExpandingWindowSplitter
    >>> from sklstm.model_selection import naive_scores
    >>> y = np.arange(20.0)
    >>> cv = ExpandingWindowSplitter(fh=[1, 2], initial_window=16, step_length=2)
    >>> naive_scores(y[:, None], y, cv=cv)
    array([-1.5, -1.5])
    >>> naive_scores(y[:, None], y, cv=cv, horizon=1)
    array([-1., -1.])
    """
    refuse_containers(X, "X")
    refuse_containers(y, "y")
    y = X if y is None else y
    timeline = Timeline.from_data(X, y)
    actual = timeline.targets(y)
    if not isinstance(scoring, str) and not callable(scoring):
        raise ValueError(
            "scoring must be the name of a scorer of scikit-learn or a scorer, got "
            f"{scoring!r}. Call naive_scores once for each of several."
        )
    if horizon is not None and (not isinstance(horizon, Integral) or horizon < 1):
        raise ValueError(f"horizon must be an integer from 1 or None, got {horizon!r}.")
    if isinstance(scoring, str):
        scorers = check_scorers(None, [scoring])
    else:
        scorers = {"score": scoring}
    (name,) = scorers
    kind = "naive" if season_length is None else "seasonal_naive"
    scores = []
    for fold in make_folds(cv, timeline, X, y):
        parts = []
        for i, test in fold.test.items():
            naive = naive_forecasts(actual[i], test, horizon, season_length)
            columns = {"actual": actual[i][test], FORECAST: naive[kind], **naive}
            targets = np.tile(np.arange(actual[i].shape[1]), len(test))
            flat = {label: values.ravel() for label, values in columns.items()}
            parts.append(pd.DataFrame({"target": targets, **flat}))
        error = float(score_forecasts(pd.concat(parts), scorers)[FORECAST].iloc[0])
        scores.append(-error if name.startswith("neg_") else error)
    return np.array(scores)


def naive_forecasts(
    actual: np.ndarray,
    test: np.ndarray,
    horizon: int | None,
    season_length: int | None,
) -> dict[str, np.ndarray]:
    """Forecast the last known value, and that of a season ago.

    Parameters
    ----------
    actual : ndarray of shape (n_timesteps, n_targets)
        Targets of a series; NaN where they are missing.
    test : ndarray of int
        Consecutive rows to forecast.
    horizon : int or None
        Number of rows that are forecast at once; None for all.
    season_length : int or None

    Returns
    -------
    forecasts : dict of str to ndarray of shape (n_test, n_targets)
        "naive" and, with a season, "seasonal_naive"; missing as long as no value is
        known.
    """
    step = np.arange(len(test)) % (horizon or len(test))
    last_known = test - step - 1
    observed = carry_forward(actual, before=np.nan)
    forecasts = {"naive": observed[last_known]}
    if season_length is not None:
        same_season = last_known - (season_length - 1) + step % season_length
        if test[0] < season_length:  # a young series of a panel
            same_season = last_known
        forecasts["seasonal_naive"] = observed[same_season]
    return forecasts
