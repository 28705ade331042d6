"""The importance of columns and lags is measured on held-out rows."""

import numpy as np
import pandas as pd
import pytest
from sklearn.compose import TransformedTargetRegressor
from sklearn.linear_model import LinearRegression, Ridge
from sklearn.metrics import make_scorer, max_error
from sklearn.model_selection import GridSearchCV, TimeSeriesSplit
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer, StandardScaler
from sktime.split import ExpandingWindowSplitter

from sklstm import (
    LSTMForecaster,
    RNNClassifier,
    WalkForwardCV,
    WindowForecaster,
    make_forecast_pipeline,
    walk_forward,
)
from sklstm.inspection import permutation_importance

LEARNED = {
    "window_length": 6,
    "units": 8,
    "normalize": "standard",
    "epochs": 25,
    "learning_rate": 0.01,
}
TINY = {"window_length": 6, "units": 4, "epochs": 1, "random_state": 0}
CV = ExpandingWindowSplitter(fh=np.arange(1, 51), initial_window=200, step_length=50)


def cause_and_effect(seed, n_rows=300, delay=2):
    """Make a column that follows another one, and columns of noise."""
    rng = np.random.default_rng(seed)
    X = rng.normal(size=(n_rows, 4))
    X[:, 0] = np.roll(X[:, 2], delay) + 0.1 * rng.normal(size=n_rows)
    return pd.DataFrame(X, columns=["effect", "a", "cause", "b"])


class RandomWindows(LSTMForecaster):
    """A forecaster with another window length in each fold."""

    def __init__(self, lengths=()):
        super().__init__(units=4, epochs=1)
        self.lengths = lengths

    def fit(self, X, y=None):
        """Fit with a window length that depends on the number of rows."""
        self.set_params(window_length=self.lengths[len(X) > 200])
        return super().fit(X, y)

    @classmethod
    def _get_param_names(cls):
        return ["lengths"]

    def set_params(self, **params):
        """Set parameters of the parent, too."""
        for name, value in params.items():
            setattr(self, name, value)
        return self


class TestTruth:
    @pytest.mark.parametrize("seed", range(20))
    def test_the_cause_and_its_lag_come_first(self, seed):
        X = cause_and_effect(seed)
        forecaster = LSTMForecaster(**LEARNED, random_state=seed)
        options = {"cv": CV, "n_repeats": 3, "random_state": seed}
        by_column = permutation_importance(forecaster, X, X["effect"], **options)
        assert by_column.summary["importance"].idxmax() == "cause"
        by_lag = permutation_importance(
            forecaster, X, X["effect"], by="lag", lag_groups=6, **options
        )
        assert by_lag.summary["importance"].idxmax() == "-1"

    def test_a_linear_model_of_one_lag(self):
        """Only lag 0 of one column is read, and its effect on the error is known."""
        rng = np.random.default_rng(0)
        cause = rng.normal(size=2000)
        X = np.column_stack([np.roll(cause, 1), cause])
        X[:, 0] += 0.01 * rng.normal(size=2000)
        forecaster = WindowForecaster(
            LinearRegression(), window_length=3, normalize=None
        )
        cv = ExpandingWindowSplitter(
            fh=np.arange(1, 1001), initial_window=1000, step_length=1000
        )
        importance = permutation_importance(
            forecaster,
            X,
            X[:, 0],
            cv=cv,
            by="lag",
            lag_groups=3,
            scoring="neg_root_mean_squared_error",
            random_state=0,
        )
        means = importance.summary["importance"]
        # The difference of two independent values of variance 1.
        assert means["0"] == pytest.approx(np.sqrt(2), rel=0.1)
        assert abs(means[["-2", "-1"]]).max() < 0.01

    def test_a_future_covariate_matters_in_the_rows_to_forecast(self):
        rng = np.random.default_rng(0)
        X = pd.DataFrame({"sales": 0.0, "price": rng.uniform(1, 2, 300)})
        X["sales"] = 5 - 2 * X["price"] + 0.05 * rng.normal(size=300)
        forecaster = LSTMForecaster(
            6, 2, known_future=["price"], target="sales", epochs=0, random_state=0
        )
        importance = permutation_importance(
            forecaster, X, X["sales"], cv=CV, by="lag", lag_groups=3, random_state=0
        )
        assert importance.summary["importance"].idxmax() == "1 to 2"


class TestForecasts:
    """Without any replacement, forecasts are those of the forecaster itself."""

    def error(self, estimator, X, y, cv=CV):
        importance = permutation_importance(
            estimator, X, y, cv=cv, n_repeats=1, random_state=0
        )
        return importance.errors

    def test_errors_are_those_of_walk_forward(self):
        X = cause_and_effect(0)
        y = X["effect"]
        for forecaster in (
            LSTMForecaster(**TINY),
            LSTMForecaster(**TINY, n_members=2, quantiles=(0.2, 0.5, 0.8)),
            WindowForecaster(Ridge(), window_length=6),
        ):
            result = walk_forward(
                forecaster, X, y, cv=CV, scoring="neg_mean_absolute_error"
            )
            scores = result.scores["mean_absolute_error"]
            errors = self.error(forecaster, X, y)
            assert errors["forecast"].to_numpy() == pytest.approx(
                scores["forecast"].to_numpy(), rel=1e-4
            )
            assert errors["naive"].to_numpy() == pytest.approx(
                scores["naive"].to_numpy()
            )

    def test_categories_gaps_and_future_covariates(self):
        rng = np.random.default_rng(0)
        X = pd.DataFrame(
            {
                "sales": rng.normal(size=300),
                "shop": pd.Categorical(rng.choice(list("abc"), 300)),
                "price": rng.uniform(1, 2, 300),
            },
            index=pd.date_range("2024-01-01", periods=300),
        )
        X.loc[X.index[::9], ["sales"]] = np.nan
        X.loc[X.index[4::11], ["price"]] = np.nan
        forecaster = LSTMForecaster(**TINY, known_future=["price"], target="sales")
        result = walk_forward(
            forecaster, X, X["sales"], cv=CV, scoring="neg_mean_absolute_error"
        )
        errors = self.error(forecaster, X, X["sales"])
        # walk_forward also leaves out rows without a known value before them.
        assert errors["forecast"].to_numpy() == pytest.approx(
            result.scores[("mean_absolute_error", "forecast")].to_numpy(), rel=1e-4
        )

    def test_one_window_in_each_fold(self):
        """Values come from training windows, so there is something to replace with."""
        X = cause_and_effect(0)
        cv = ExpandingWindowSplitter(fh=[1], initial_window=280, step_length=1)
        importance = permutation_importance(
            LSTMForecaster(**LEARNED, random_state=0),
            X,
            X["effect"],
            cv=cv,
            random_state=0,
        )
        assert importance.summary["importance"].idxmax() == "cause"

    def test_several_series(self):
        frames = {name: cause_and_effect(i, 120) for i, name in enumerate("uv")}
        X = pd.concat(frames, names=["series", "time"])
        cv = ExpandingWindowSplitter(
            fh=np.arange(1, 21), initial_window=80, step_length=20
        )
        forecaster = LSTMForecaster(**TINY)
        result = walk_forward(
            forecaster, X, X["effect"], cv=cv, scoring="neg_mean_absolute_error"
        )
        errors = self.error(forecaster, X, X["effect"], cv)
        assert errors["forecast"].to_numpy() == pytest.approx(
            result.scores[("mean_absolute_error", "forecast")].to_numpy(), rel=1e-4
        )

    def test_a_young_series_takes_values_of_the_others(self):
        old, young = cause_and_effect(0, 120), cause_and_effect(1, 120)[78:]
        X = pd.concat({"old": old, "young": young}, names=["series", "time"])
        cv = ExpandingWindowSplitter(
            fh=np.arange(1, 21), initial_window=80, step_length=20
        )
        errors = self.error(WindowForecaster(Ridge(), 6), X, X["effect"], cv)
        assert len(errors) == 2

    def test_pipelines_searches_and_forecast_pipelines(self):
        X = cause_and_effect(0)
        X.index = pd.date_range("2024-01-01", periods=len(X))
        y = X["effect"]
        forecaster = LSTMForecaster(**TINY)
        scaler = StandardScaler().set_output(transform="pandas")
        search = GridSearchCV(
            forecaster,
            {"units": [3]},
            cv=WalkForwardCV(
                ExpandingWindowSplitter(fh=[1, 2], initial_window=100, step_length=50)
            ),
            error_score="raise",
        )
        lags = FunctionTransformer(
            lambda rows: rows.assign(weekday=rows.index.dayofweek)
        )
        for estimator in (
            make_pipeline(scaler, forecaster),
            search,
            make_forecast_pipeline(lags, forecaster),
        ):
            importance = permutation_importance(
                estimator, X, y, cv=CV, n_repeats=1, random_state=0
            )
            result = walk_forward(
                estimator, X, y, cv=CV, scoring="neg_mean_absolute_error"
            )
            assert importance.errors["forecast"].to_numpy() == pytest.approx(
                result.scores[("mean_absolute_error", "forecast")].to_numpy(), rel=1e-4
            )
        assert "weekday" in importance.increases


class TestResult:
    X = cause_and_effect(0)

    def importance(self, **options):
        return permutation_importance(
            LSTMForecaster(**TINY),
            self.X,
            self.X["effect"],
            **{"cv": CV, "n_repeats": 2, "random_state": 0, **options},
        )

    def test_folds_repetitions_and_columns(self):
        importance = self.importance()
        assert importance.increases.index.names == ["fold", "repeat"]
        assert importance.increases.shape == (4, 4)
        assert list(importance.summary) == ["importance", "std", "relative"]
        assert importance.summary.index.tolist() == list(self.X)
        assert "naive" in repr(importance)

    def test_groups_of_lags(self):
        labels = self.importance(by="lag").summary.index.tolist()
        assert labels == ["-5", "-4", "-3", "-2", "-1", "0"]
        two = self.importance(by="lag", lag_groups=2)
        assert two.summary.index.tolist() == ["-5 to -3", "-2 to 0"]
        own = self.importance(by="lag", lag_groups=[[0], [-5, -4]])
        assert own.summary.index.tolist() == ["0", "-5 to -4"]
        gaps = self.importance(by="lag", lag_groups=[[-5, 0], [0, -3, -5]])
        assert gaps.summary.index.tolist() == ["-5, 0", "-5, -3, 0"]

    def test_the_same_seed_gives_the_same_importance_in_any_number_of_threads(self):
        first, again = self.importance(), self.importance(n_jobs=2)
        assert first.increases.equals(again.increases)
        other = self.importance(random_state=1)
        assert not first.increases.equals(other.increases)

    def test_a_column_that_is_not_read_has_no_importance(self):
        """Without training, the forecaster reads the history of its target alone."""
        importance = permutation_importance(
            LSTMForecaster(6, epochs=0, random_state=0),
            self.X,
            self.X["effect"],
            cv=CV,
            random_state=0,
        )
        others = importance.summary["importance"].drop("effect")
        assert (others == 0).all()

    def test_own_metrics(self):
        importance = self.importance(scoring=max_error)
        assert importance.metric == "max_error"
        assert importance.errors["forecast"].min() > 1

    def test_the_estimator_and_the_data_stay_as_they_were(self):
        before = self.X.copy()
        forecaster = LSTMForecaster(**TINY)
        permutation_importance(
            forecaster, self.X, self.X["effect"], cv=CV, n_repeats=1, random_state=0
        )
        assert not hasattr(forecaster, "weights_")
        assert self.X.equals(before)


class TestBadInput:
    X = cause_and_effect(0)

    def refused(self, error, match, estimator=None, **options):
        estimator = LSTMForecaster(**TINY) if estimator is None else estimator
        with pytest.raises(error, match=match):
            permutation_importance(
                estimator, self.X, self.X["effect"], **{"cv": CV, **options}
            )

    def test_parameters(self):
        self.refused(ValueError, '"column" or "lag", got \'row\'', by="row")
        self.refused(ValueError, "n_repeats must be.*got 0", n_repeats=0)
        self.refused(ValueError, "lag_groups belongs", lag_groups=3)
        self.refused(ValueError, "at least 1, got 0", by="lag", lag_groups=0)
        self.refused(ValueError, "lags from -5 to 0.*7", by="lag", lag_groups=[[7]])
        self.refused(ValueError, r"such as \[\[-1, 0\]", by="lag", lag_groups=[-1, 0])
        self.refused(ValueError, "at least one group", by="lag", lag_groups=[])
        same = [[-1, 0], [0, -1]]
        self.refused(ValueError, "each once", by="lag", lag_groups=same)
        scorer = make_scorer(max_error, greater_is_better=False)
        self.refused(ValueError, "a function of", scoring=scorer)
        self.refused(ValueError, "a function of", scoring=["r2"])
        self.refused(ValueError, "scoring must be one of.*got 'r2'", scoring="r2")

    def test_estimators_and_folds(self):
        self.refused(
            TypeError, "sklearn.inspection.permutation_importance", estimator=Ridge()
        )
        self.refused(TypeError, "got RNNClassifier", estimator=RNNClassifier())
        wrapped = TransformedTargetRegressor(LSTMForecaster(**TINY))
        self.refused(TypeError, "got TransformedTargetRegressor", estimator=wrapped)
        search = GridSearchCV(LSTMForecaster(**TINY), {"units": [3]}, refit=False)
        self.refused(ValueError, "refit=False", estimator=search)
        self.refused(ValueError, "cv must be a sktime splitter", cv="walk")
        shuffled = TimeSeriesSplit(2, gap=3)
        self.refused(ValueError, "rows right after", cv=shuffled)

    def test_windows_of_different_lengths(self):
        search = RandomWindows([4, 6])
        self.refused(ValueError, "different lengths", estimator=search, by="lag")

    def test_a_target_that_is_unknown_just_before_the_test_rows(self):
        X, y = self.X[["a", "b"]], self.X["effect"].copy()
        y[185:200] = np.nan
        importance = permutation_importance(
            LSTMForecaster(**TINY, target=None), X, y, cv=CV, random_state=0
        )
        result = walk_forward(
            LSTMForecaster(**TINY, target=None),
            X,
            y,
            cv=CV,
            scoring="neg_mean_absolute_error",
        )
        for kind in ("forecast", "naive"):
            assert importance.errors[kind].to_numpy() == pytest.approx(
                result.scores[("mean_absolute_error", kind)].to_numpy(), rel=1e-4
            )

    def test_missing_targets(self):
        X = self.X.copy()
        y = X["effect"].copy()
        y[200:] = np.nan
        with pytest.raises(ValueError, match="no known value in the test rows"):
            permutation_importance(
                LSTMForecaster(**TINY, target=0), X, y, cv=CV, random_state=0
            )
