"""Search spaces: names, lengths that fit, and searches with them."""

import importlib

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.compose import TransformedTargetRegressor
from sklearn.linear_model import Ridge
from sklearn.model_selection import ParameterSampler, RandomizedSearchCV
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sktime.split import ExpandingWindowSplitter, SlidingWindowSplitter

from sklstm import (
    CharLSTMGenerator,
    LSTMAutoencoderDetector,
    LSTMForecastDetector,
    LSTMForecaster,
    RNNClassifier,
    RNNRegressor,
    SequenceAnomalyDetector,
    SequenceTokenizer,
    WalkForwardCV,
    WindowForecaster,
    WordLSTMGenerator,
)
from sklstm.model_selection import search_space

ESTIMATORS = [
    LSTMForecaster(),
    WindowForecaster(Ridge()),
    WindowForecaster(RNNRegressor()),
    RNNClassifier(),
    RNNRegressor(embedding_dim=8),
    CharLSTMGenerator(),
    WordLSTMGenerator(),
    LSTMAutoencoderDetector(),
    LSTMForecastDetector(),
    SequenceAnomalyDetector(),
    make_pipeline(StandardScaler(), LSTMForecaster()),
    make_pipeline(SequenceTokenizer(), RNNClassifier()),
    make_pipeline(
        StandardScaler(),
        TransformedTargetRegressor(make_pipeline(StandardScaler(), RNNRegressor())),
    ),
]


def seasonal(n, period=12):
    rng = np.random.default_rng(0)
    wave = np.sin(2 * np.pi * np.arange(n) / period)
    return np.column_stack([wave + rng.normal(0, 0.1, n), rng.normal(size=n)])


def sample(space, n=10):
    return ParameterSampler(space, n, random_state=0)


@pytest.mark.parametrize("estimator", ESTIMATORS, ids=str)
def test_names_and_values_are_valid_parameters(estimator):
    space = search_space(estimator)
    assert space
    for parameters in sample(space):
        estimator.set_params(**parameters)
        for each in (estimator, getattr(estimator, "regressor", None)):
            if hasattr(each, "_validate_params") and hasattr(each, "learning_rate"):
                each._validate_params()


@pytest.mark.parametrize(
    "adapter", ["SktimeLSTMForecaster", "SktimeRNNClassifier", "SktimeRNNRegressor"]
)
def test_sktime_adapters(adapter):
    estimator = getattr(importlib.import_module("sklstm.sktime"), adapter)()
    space = search_space(estimator)
    assert {"learning_rate", "units", "patch_length"} <= set(space)
    estimator.set_params(**next(iter(sample(space))))


def test_prefixes_of_nested_estimators():
    regressor = make_pipeline(StandardScaler(), LSTMForecaster())
    model = make_pipeline(TransformedTargetRegressor(regressor))
    prefix = "transformedtargetregressor__regressor__lstmforecaster__"
    assert set(search_space(model)) == {
        prefix + name for name in search_space(LSTMForecaster())
    }
    both = search_space(WindowForecaster(RNNRegressor()))
    assert {"window_length", "regressor__units", "normalize"} <= set(both)
    assert "units" not in both


@pytest.mark.parametrize(
    "estimator",
    [Ridge(), make_pipeline(StandardScaler()), SequenceTokenizer(), StandardScaler()],
    ids=str,
)
def test_estimators_without_parameters_to_search(estimator):
    with pytest.raises(ValueError, match="estimator must be an estimator of sklstm"):
        search_space(estimator)


def test_values_are_centred_on_those_of_the_estimator():
    space = search_space(LSTMForecaster(units=(8, 4), epochs=3, learning_rate=0.01))
    assert space["units"] == [(4, 2), (8, 4), (16, 8)]
    assert space["epochs"] == [3, 6, 12]
    low, high = space["learning_rate"].support()
    assert low < 0.01 < high
    assert search_space(LSTMForecaster(units=1))["units"] == [1, 2]


def test_parameters_without_effect_are_left_out():
    assert "epochs" not in search_space(LSTMForecaster(early_stopping=True))
    assert "epochs" not in search_space(RNNClassifier())  # "auto"
    assert "learning_rate" not in search_space(LSTMForecaster(optimizer=object()))
    assert "embedding_dim" not in search_space(RNNClassifier())


class TestLengths:
    @pytest.mark.parametrize("period", [7, 12, 24])
    def test_windows_are_multiples_of_the_season(self, period):
        X = seasonal(20 * period, period)
        space = search_space(LSTMForecaster(horizon=4), X, X[:, 0])
        assert space["window_length"] == [period, 2 * period, 4 * period]
        assert {1, period} <= set(space["patch_length"])

    def test_shortest_training_fold(self):
        X = seasonal(200)
        for cv in (
            SlidingWindowSplitter([1, 2], window_length=72, step_length=20),
            ExpandingWindowSplitter([1, 2], initial_window=72, step_length=20),
            WalkForwardCV(ExpandingWindowSplitter([1, 2], initial_window=72)),
        ):
            space = search_space(LSTMForecaster(horizon=2), X, X[:, 0], cv=cv)
            assert space["window_length"] == [12]

    def test_rows_after_the_shortest_training_fold_are_not_read(self):
        X = seasonal(200)
        cv = ExpandingWindowSplitter([1, 2], initial_window=90, step_length=20)
        spaces = []
        for later in (X[90:], np.zeros((110, 2))):
            data = np.vstack([X[:90], later])
            space = search_space(LSTMForecaster(), data, data[:, 0], cv=cv)
            spaces.append((space["window_length"], space["patch_length"]))
        assert spaces[0] == spaces[1] == ([12, 24], [1, 3, 6, 12])

    @settings(max_examples=30, deadline=None)
    @given(
        n_rows=st.integers(2, 120),
        horizon=st.integers(1, 20),
        period=st.integers(2, 15),
    )
    def test_any_combination_fits(self, n_rows, horizon, period):
        X = seasonal(n_rows, period)
        model = LSTMForecaster(horizon=horizon)
        if n_rows <= horizon:
            with pytest.raises(ValueError, match="X has too few rows: the shortest"):
                search_space(model, X, X[:, 0])
            return
        space = search_space(model, X, X[:, 0])
        assert max(space["window_length"]) + horizon <= n_rows
        for window in space["window_length"]:
            assert all(window % patch == 0 for patch in space["patch_length"])

    def test_panels(self):
        X = [seasonal(150), seasonal(30), seasonal(150)]
        cv = ExpandingWindowSplitter([1, 2], initial_window=120, step_length=10)
        for data, options in ((X, {}), (X, {"cv": cv})):
            space = search_space(
                LSTMForecaster(), data, [x[:, 0] for x in data], **options
            )
            assert space["window_length"][0] == 12

    def test_sequences(self):
        assert search_space(RNNClassifier())["patch_length"] == ["auto", 1, 2, 4]
        for X in (np.zeros((9, 4)), [np.zeros(4), np.zeros(9)]):
            assert search_space(RNNClassifier(), X)["patch_length"] == ["auto", 1, 2]

    def test_cv_needs_the_data(self):
        with pytest.raises(ValueError, match="cv splits X, but X is None"):
            search_space(LSTMForecaster(), cv=ExpandingWindowSplitter([1]))


def test_several_targets_may_be_independent_channels():
    if "channel_independent" not in LSTMForecaster().get_params():
        pytest.skip("LSTMForecaster has no parameter channel_independent")
    X = seasonal(100)
    assert "channel_independent" in search_space(LSTMForecaster(), X)
    assert "channel_independent" not in search_space(LSTMForecaster(), X, X[:, 0])


def test_randomized_search():
    X = seasonal(90)
    cv = WalkForwardCV(
        ExpandingWindowSplitter([1, 2, 3], initial_window=80, step_length=5)
    )
    model = make_pipeline(
        StandardScaler(), LSTMForecaster(horizon=3, units=2, epochs=1, random_state=0)
    )
    search = RandomizedSearchCV(
        model,
        search_space(model, X, X[:, 0], cv=cv),
        n_iter=3,
        cv=cv,
        scoring="neg_mean_absolute_error",
        error_score="raise",
        random_state=0,
    ).fit(X, X[:, 0])
    assert np.isfinite(search.cv_results_["mean_test_score"]).all()
    assert "lstmforecaster__window_length" in search.best_params_
