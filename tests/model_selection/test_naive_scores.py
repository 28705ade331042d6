"""The naive forecast is scored as walk_forward scores it."""

import numpy as np
import pandas as pd
import pytest
from sklearn.linear_model import Ridge
from sklearn.model_selection import cross_val_score
from sktime.split import ExpandingWindowSplitter

from sklstm import WalkForwardCV, WindowForecaster, walk_forward
from sklstm.model_selection import naive_scores

CV = ExpandingWindowSplitter(fh=np.arange(1, 13), initial_window=60, step_length=12)
Y = np.cumsum(np.random.default_rng(0).normal(size=(100, 2)), axis=0)


@pytest.mark.parametrize("season_length", [None, 7])
@pytest.mark.parametrize("horizon", [1, 5])
@pytest.mark.parametrize("scoring", ["neg_mean_absolute_error", "r2"])
def test_walk_forward_has_the_same(scoring, horizon, season_length):
    result = walk_forward(
        WindowForecaster(Ridge(), window_length=5, horizon=horizon),
        Y,
        cv=CV,
        scoring=scoring,
        season_length=season_length,
    )
    scores = naive_scores(
        Y, cv=CV, scoring=scoring, horizon=horizon, season_length=season_length
    )
    kind = "naive" if season_length is None else "seasonal_naive"
    expected = result.scores[(scoring.removeprefix("neg_"), kind)].to_numpy()
    sign = -1 if scoring.startswith("neg_") else 1
    assert scores == pytest.approx(sign * expected)


def test_the_order_of_a_search():
    """A score is comparable with those of scikit-learn on the same folds."""
    y = Y[:, 0]
    scores = cross_val_score(
        WindowForecaster(
            Ridge(1e9, fit_intercept=False), 5, horizon=12, normalize="last"
        ),
        y[:, None],
        y,
        cv=WalkForwardCV(CV),
        scoring="neg_mean_absolute_error",
    )
    # A penalty without limit leaves the last value.
    naive = naive_scores(y[:, None], y, cv=WalkForwardCV(CV))
    assert scores == pytest.approx(naive, rel=0.05)


def test_missing_targets_and_several_series():
    y = Y[:, 0].copy()
    y[60:72] = np.nan
    scores = naive_scores(y[:, None], y, cv=CV)
    assert np.isnan(scores).tolist() == [True, False, False]
    X = pd.concat({"a": pd.DataFrame(Y), "b": pd.DataFrame(Y + 1)}, names=["s", "t"])
    assert naive_scores(X, cv=CV) == pytest.approx(naive_scores(Y, cv=CV))


def test_bad_input():
    with pytest.raises(ValueError, match="once for each of several"):
        naive_scores(Y, cv=CV, scoring=["r2", "neg_mean_absolute_error"])
    with pytest.raises(ValueError, match="horizon must be an integer from 1"):
        naive_scores(Y, cv=CV, horizon=0)
