"""WindowForecaster: the arrays that regressors are fitted to, and their outputs."""

import numpy as np
import pytest
from sklearn.base import BaseEstimator, RegressorMixin, clone
from sklearn.compose import TransformedTargetRegressor
from sklearn.dummy import DummyRegressor
from sklearn.ensemble import BaggingRegressor
from sklearn.exceptions import NotFittedError
from sklearn.linear_model import LinearRegression, Ridge
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer, MinMaxScaler
from sktime.split import ExpandingWindowSplitter

from sklstm import WalkForwardCV, WindowForecaster, walk_forward


class Recorder(RegressorMixin, BaseEstimator):
    """Records the arrays that it gets, and predicts zeros."""

    def __init__(self, three_d=False, n_outputs=None):
        self.three_d = three_d
        self.n_outputs = n_outputs

    def fit(self, X, y, sample_weight=None):
        """Record everything."""
        self.recorded_ = X, y, sample_weight
        return self

    def predict(self, X):
        """Return zeros."""
        n = self.recorded_[1][0].size if self.n_outputs is None else self.n_outputs
        return np.zeros((len(X), n))

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.input_tags.three_d_array = self.three_d
        tags.target_tags.multi_output = True
        return tags


@pytest.fixture
def model(series):
    forecaster = WindowForecaster(
        Recorder(), 4, horizon=3, normalize="last", known_future=1
    )
    weight = np.arange(1.0, 61)
    return forecaster.fit(series[:60], series[:60, 0], sample_weight=weight)


class TestRegressorInput:
    def test_flat_windows_minus_their_last_value(self, model, series):
        X, y, weight = model.regressor_.recorded_
        scaled = (series[:60] - series[:60].mean(axis=0)) / series[:60].std(axis=0)
        assert X.shape == (54, 4 * 2 + 3)
        assert y.shape == (54, 3)
        for i in (0, 1, 53):
            window = scaled[i : i + 4].copy()
            level = window[-1, 0]
            window[:, 0] -= level
            following = scaled[i + 4 : i + 7]
            expected = np.append(window.ravel(), following[:, 1])
            np.testing.assert_allclose(X[i], expected, atol=1e-5)
            np.testing.assert_allclose(y[i], following[:, 0] - level, atol=1e-5)
        rows = np.arange(54)[:, None] + [4, 5, 6]
        expected = (rows + 1).mean(axis=1)
        np.testing.assert_allclose(weight / weight[0], expected / expected[0])

    def test_three_dimensional_windows(self, model, series):
        flat, _, _ = model.regressor_.recorded_
        other = clone(model).set_params(regressor__three_d=True)
        X, _, _ = other.fit(series[:60], series[:60, 0]).regressor_.recorded_
        assert X.shape == (54, 4, 2 + 3)
        np.testing.assert_array_equal(X[:, :, :2].reshape(54, -1), flat[:, :8])
        for step in range(4):
            np.testing.assert_array_equal(X[:, step, 2:], flat[:, 8:])

    def test_three_dimensional_windows_inside_meta_estimators(self, series):
        """Pipelines and searches do not pass on the tag of the regressor inside."""
        inside = Recorder(three_d=True)
        for regressor, get_inner in (
            (make_pipeline(FunctionTransformer(), inside), lambda fitted: fitted[-1]),
            (TransformedTargetRegressor(inside), lambda fitted: fitted.regressor_),
            (
                GridSearchCV(inside, {"n_outputs": [None]}, cv=2),
                lambda fitted: fitted.best_estimator_,
            ),
        ):
            forecaster = WindowForecaster(regressor, 4).fit(series, series[:, 0])
            assert get_inner(forecaster.regressor_).recorded_[0].shape == (76, 4, 2)

    def test_flat_windows_in_meta_estimators_that_check_their_samples(self, series):
        bagging = BaggingRegressor(Recorder(three_d=True), n_estimators=2)
        forecaster = WindowForecaster(bagging, 4).fit(series, series[:, 0])
        assert forecaster.regressor_.estimators_[0].recorded_[0].shape == (76, 8)

    def test_targets_of_one_step_are_one_dimensional(self, series):
        forecaster = WindowForecaster(Recorder(), 4).fit(series, series[:, 0])
        assert forecaster.regressor_.recorded_[1].shape == (76,)

    def test_no_weights_unless_the_user_passes_some(self, series):
        forecaster = WindowForecaster(Recorder(), 4).fit(series, series[:, 0])
        assert forecaster.regressor_.recorded_[2] is None


def test_predicting_zeros_repeats_the_last_value(series):
    model = WindowForecaster(DummyRegressor(strategy="constant", constant=0.0), 4)
    model.fit(series[:60], series[:60, 0])
    np.testing.assert_allclose(model.predict(series[60:]), series[59:-1, 0], rtol=1e-6)


def test_a_linear_recurrence_is_forecast_exactly():
    t = np.arange(200)
    y = np.sin(t / 5) + 0.01 * t
    model = WindowForecaster(LinearRegression(), 8, horizon=20, normalize="last")
    model.fit(y[:150, None], y[:150])
    np.testing.assert_allclose(model.predict(y[150:, None]), y[150:], atol=1e-3)


def test_a_clone_of_the_regressor_is_fitted(series):
    regressor = Ridge()
    WindowForecaster(regressor, 4).fit(series, series[:, 0])
    assert not hasattr(regressor, "coef_")


def test_in_grid_search_and_walk_forward(series):
    cv = ExpandingWindowSplitter(fh=[1, 2], initial_window=60, step_length=2)
    model = make_pipeline(MinMaxScaler(), WindowForecaster(Ridge(), 4, horizon=2))
    search = GridSearchCV(
        model,
        {"windowforecaster__regressor__alpha": [0.1, 10]},
        cv=WalkForwardCV(cv),
        scoring="neg_mean_absolute_error",
    ).fit(series, series[:, 0])
    result = walk_forward(search.best_estimator_, series, series[:, 0], cv=cv)
    assert result.forecasts["step"].max() == 2
    result = walk_forward(model, series, series[:, 0], cv=cv, refit=False)
    assert np.isfinite(result.forecasts["forecast"]).all()


@pytest.mark.parametrize("n_outputs", [1, 4, 6])
def test_outputs_of_another_size(series, n_outputs):
    model = WindowForecaster(Recorder(n_outputs=n_outputs), 4, horizon=3)
    model.fit(series, series[:, 0])
    with pytest.raises(ValueError, match=r"regressor must predict.*= 3 value.*\(1, "):
        model.forecast()


def test_invalid_or_unfitted_regressor(series):
    with pytest.raises(ValueError, match="'regressor' parameter of WindowForecaster"):
        WindowForecaster("ridge").fit(series, series[:, 0])
    with pytest.raises(NotFittedError):
        WindowForecaster(Ridge()).predict(series)
