"""Walk-forward validation: folds, naive forecasts, scores and skill."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.base import BaseEstimator, RegressorMixin, clone
from sklearn.linear_model import Ridge
from sklearn.metrics import (
    mean_absolute_error,
    r2_score,
    root_mean_squared_error,
)
from sklearn.model_selection import (
    GridSearchCV,
    KFold,
    TimeSeriesSplit,
    cross_val_predict,
    cross_val_score,
)
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import MinMaxScaler, StandardScaler
from sktime.split import (
    ExpandingWindowSplitter,
    SingleWindowSplitter,
    SlidingWindowSplitter,
)

from sklstm import LSTMForecaster, WalkForwardCV, walk_forward

FH = np.arange(1, 6)
EXPANDING = ExpandingWindowSplitter(fh=FH, initial_window=40, step_length=5)


def forecaster(**kwargs):
    parameters = {"window_length": 4, "units": 2, "epochs": 1, "random_state": 0}
    return LSTMForecaster(**(parameters | kwargs))


class LastValue(RegressorMixin, BaseEstimator):
    """Estimator that predicts the last training target for all rows."""

    def fit(self, X, y):
        self.last_ = np.asarray(y)[-1]
        return self

    def predict(self, X):
        return np.full(len(X), self.last_)


class TestWalkForwardCV:
    @settings(max_examples=30, deadline=None)
    @given(
        n_rows=st.integers(30, 80),
        length=st.integers(1, 6),
        initial=st.integers(5, 20),
        step=st.integers(1, 7),
        sliding=st.booleans(),
    )
    def test_folds_equal_those_of_the_splitter(
        self, n_rows, length, initial, step, sliding
    ):
        fh = np.arange(1, length + 1)
        if sliding:
            splitter = SlidingWindowSplitter(fh, initial, step)
        else:
            splitter = ExpandingWindowSplitter(fh, initial, step)
        X = np.zeros((n_rows, 2))
        cv = WalkForwardCV(splitter)
        folds = list(cv.split(X, X[:, 0], groups=None))
        expected = list(splitter.split(pd.RangeIndex(n_rows)))
        assert len(folds) == cv.get_n_splits(X) == len(expected)
        for fold, expected_fold in zip(folds, expected, strict=True):
            train, test = fold
            np.testing.assert_array_equal(train, expected_fold[0])
            np.testing.assert_array_equal(test, expected_fold[1])
            assert test[0] == train[-1] + 1

    def test_windows_in_time_units_use_the_index(self):
        index = pd.date_range("2024", periods=60, freq="D")
        splitter = ExpandingWindowSplitter(
            fh=pd.to_timedelta(FH, unit="D"),
            initial_window=pd.Timedelta(40, unit="D"),
            step_length=pd.Timedelta(5, unit="D"),
        )
        cv = WalkForwardCV(splitter)
        by_X = list(cv.split(pd.DataFrame({"a": np.zeros(60)}, index=index)))
        by_y = list(cv.split(np.zeros((60, 1)), pd.Series(np.zeros(60), index=index)))
        for folds in (by_X, by_y):
            starts = [int(test[0]) for _, test in folds]
            assert starts == [int(test[0]) for _, test in splitter.split(index)]
            assert starts[:3] == [40, 45, 50]

    @pytest.mark.parametrize(
        ("fh", "rows"),
        [([2, 3], "0 to 39 and test rows 41 to 42"), ([1, 3], "40 to 42 with gaps")],
    )
    def test_test_rows_must_directly_follow_training_rows(self, fh, rows):
        splitter = ExpandingWindowSplitter(fh=fh, initial_window=40, step_length=5)
        with pytest.raises(ValueError, match=f"{rows}, but a forecaster"):
            list(WalkForwardCV(splitter).split(np.zeros((60, 1))))

    def test_number_of_folds_needs_x(self):
        with pytest.raises(ValueError, match="get_n_splits needs X"):
            WalkForwardCV(EXPANDING).get_n_splits()

    def test_as_cv_of_scikit_learns_model_selection(self, series):
        model = make_pipeline(MinMaxScaler(), forecaster())
        cv = WalkForwardCV(EXPANDING)
        y = series[:, 0]
        scores = cross_val_score(
            model, series, y, cv=cv, scoring="neg_mean_absolute_error"
        )
        result = walk_forward(model, series, y, cv=EXPANDING)
        np.testing.assert_allclose(
            -scores, result.scores["mean_absolute_error", "forecast"], rtol=1e-6
        )
        search = GridSearchCV(model, {"lstmforecaster__window_length": [3, 5]}, cv=cv)
        assert search.fit(series, y).n_splits_ == cv.get_n_splits(series) == 8
        with pytest.raises(ValueError, match="partitions"):
            cross_val_predict(model, series, y, cv=cv)

    def test_repr_names_the_splitter(self):
        assert repr(WalkForwardCV(EXPANDING)).startswith(
            "WalkForwardCV(splitter=ExpandingWindowSplitter("
        )


class TestWalkForward:
    def test_naive_forecasts_by_hand(self):
        y = np.arange(60.0) ** 2
        result = walk_forward(
            forecaster(horizon=2), y[:, None], y, cv=EXPANDING, season_length=3
        )
        table = result.forecasts[result.forecasts["fold"] == 0]
        # Forecasts of two rows at a time; a fold of five rows ends with a single one.
        assert table["step"].tolist() == [1, 2, 1, 2, 1]
        assert table["actual"].tolist() == (np.arange(40, 45.0) ** 2).tolist()
        assert np.sqrt(table["naive"]).tolist() == [39, 39, 41, 41, 43]
        # Season of three: the season of row 41 was last seen in row 38.
        assert np.sqrt(table["seasonal_naive"]).tolist() == [37, 38, 39, 40, 41]

    def test_seasonal_naive_forecast_repeats_beyond_one_season(self):
        y = np.arange(60.0)
        result = walk_forward(
            forecaster(horizon=5), y[:, None], y, cv=EXPANDING, season_length=2
        )
        table = result.forecasts[result.forecasts["fold"] == 0]
        assert table["seasonal_naive"].tolist() == [38, 39, 38, 39, 38]

    def test_skill_of_the_naive_forecast_is_zero(self, series):
        y = series[:, 0]
        result = walk_forward(LastValue(), series, y, cv=EXPANDING, season_length=1)
        assert (result.forecasts["forecast"] == result.forecasts["naive"]).all()
        # With a season of one row both naive forecasts are the same.
        assert (result.forecasts["seasonal_naive"] == result.forecasts["naive"]).all()
        assert (result.summary[["skill", "seasonal_skill"]] == 0).all(axis=None)
        assert (result.scores.xs("skill", axis=1, level=1) == 0).all(axis=None)

    def test_scores_equal_scikit_learns_metrics(self, series):
        result = walk_forward(forecaster(), series, series[:, 0], cv=EXPANDING)
        for name in ("forecast", "naive"):
            error = mean_absolute_error(
                result.forecasts["actual"], result.forecasts[name]
            )
            assert result.summary.loc["mean_absolute_error", name] == error
        for fold, table in result.forecasts.groupby("fold"):
            error = root_mean_squared_error(table["actual"], table["forecast"])
            scores = result.scores.loc[fold]
            assert scores["root_mean_squared_error", "forecast"] == error
        errors = result.summary.loc["mean_absolute_error"]
        skill = 1 - errors["forecast"] / errors["naive"]
        assert errors["skill"] == pytest.approx(skill)

    @pytest.mark.parametrize("cv", [EXPANDING, WalkForwardCV(EXPANDING)])
    def test_each_fold_is_fitted_on_its_training_rows(self, series, cv):
        model, y = forecaster(horizon=2), series[:, 0]
        result = walk_forward(model, series, y, cv=cv, return_estimator=True)
        for fold, (train, test) in enumerate(WalkForwardCV(EXPANDING).split(series)):
            fitted = clone(model).fit(series[train], y[train])
            table = result.forecasts[result.forecasts["fold"] == fold]
            np.testing.assert_array_equal(
                table["forecast"], fitted.predict(series[test])
            )
            np.testing.assert_array_equal(table.index, test)
            np.testing.assert_array_equal(
                result.estimators[fold].weights_[0], fitted.weights_[0]
            )
        assert not hasattr(model, "weights_")

    @pytest.mark.parametrize("refit", [True, "warm", False])
    def test_forecasts_do_not_depend_on_later_rows(self, series, refit):
        """No fold sees its own test rows, or rows after them."""
        model = forecaster(horizon=5, early_stopping=True, epochs=3)
        changed = series.copy()
        changed[60:] += 1000 * np.random.default_rng(1).normal(size=(20, 2))
        tables = [
            walk_forward(model, X, X[:, 0], cv=EXPANDING, refit=refit).forecasts
            for X in (series, changed)
        ]
        early = [table.loc[:64, "forecast"] for table in tables]
        np.testing.assert_array_equal(*early)
        assert (tables[0].loc[65:, "forecast"] != tables[1].loc[65:, "forecast"]).all()

    def test_without_refit_weights_stay_and_history_grows(self, series):
        model, y = make_pipeline(MinMaxScaler(), forecaster()), series[:, 0]
        result = walk_forward(
            model, series, y, cv=EXPANDING, refit=False, return_estimator=True
        )
        once = clone(model).fit(series[:40], y[:40])
        np.testing.assert_allclose(
            result.forecasts["forecast"], once.predict(series[40:]), rtol=1e-6
        )
        weights = [estimator[-1].weights_[0] for estimator in result.estimators]
        assert all((weight == weights[0]).all() for weight in weights)

    def test_warm_start_from_the_previous_fold(self, series):
        y = series[:, 0]
        model = forecaster(learning_rate=1e-9)
        result = walk_forward(
            model, series, y, cv=EXPANDING, refit="warm", return_estimator=True
        )
        first, last = result.estimators[0].weights_, result.estimators[-1].weights_
        for a, b in zip(first, last, strict=True):
            np.testing.assert_allclose(a, b, atol=1e-6)
        model.set_params(random_state=None)
        cold = walk_forward(model, series, y, cv=EXPANDING, return_estimator=True)
        first, last = cold.estimators[0].weights_, cold.estimators[-1].weights_
        assert abs(first[0] - last[0]).max() > 0.01

    def test_parallel_folds_equal_sequential_ones(self, series):
        sequential, parallel = (
            walk_forward(forecaster(), series, cv=EXPANDING, n_jobs=n).forecasts
            for n in (None, 2)
        )
        pd.testing.assert_frame_equal(sequential, parallel, rtol=1e-4)

    def test_index_and_target_names(self, series):
        index = pd.date_range("2024", periods=80, freq="h")
        frame = pd.DataFrame(series, index=index, columns=["price", "volume"])
        both = walk_forward(forecaster(), frame, cv=EXPANDING).forecasts
        assert both["target"].tolist() == ["price", "volume"] * 40
        assert both.index[0] == both.index[1] == index[40]
        one = walk_forward(forecaster(), frame, frame["price"], cv=EXPANDING).forecasts
        assert set(one["target"]) == {"price"}
        pd.testing.assert_index_equal(one.index, index[40:])

    def test_search_within_each_fold(self, series):
        inner = WalkForwardCV(
            ExpandingWindowSplitter(fh=FH, initial_window=30, step_length=5)
        )
        search = GridSearchCV(forecaster(), {"units": [2, 3]}, cv=inner)
        cv = SingleWindowSplitter(fh=FH, window_length=60)
        for refit in (True, False):
            result = walk_forward(search, series, series[:, 0], cv=cv, refit=refit)
            assert len(result.forecasts) == 5

    def test_several_targets_are_scored_as_by_scikit_learn(self, series):
        Y = series * [1, 1000]
        metrics = {"r2": r2_score, "root_mean_squared_error": root_mean_squared_error}
        result = walk_forward(
            forecaster(),
            Y,
            cv=EXPANDING,
            scoring=["r2", "neg_root_mean_squared_error"],
        )
        tables = [
            result.forecasts[result.forecasts["target"] == target] for target in (0, 1)
        ]
        for forecast in ("forecast", "naive"):
            y_true = np.column_stack([table["actual"] for table in tables])
            y_pred = np.column_stack([table[forecast] for table in tables])
            for name, metric in metrics.items():
                score = result.summary.loc[name, forecast]
                assert score == pytest.approx(metric(y_true, y_pred))

    def test_steps_follow_the_horizon_of_the_fitted_forecaster(self, series):
        search = GridSearchCV(
            forecaster(), {"horizon": [5]}, cv=WalkForwardCV(EXPANDING)
        )
        cv = SingleWindowSplitter(fh=FH, window_length=60)
        result = walk_forward(search, series, series[:, 0], cv=cv)
        assert result.forecasts["step"].tolist() == [1, 2, 3, 4, 5]

    @pytest.mark.parametrize(
        ("scoring", "metrics"),
        [
            ("r2", ["r2"]),
            (["neg_mean_squared_error", "r2"], ["mean_squared_error", "r2"]),
            ({"mine": "neg_median_absolute_error"}, ["mine"]),
            (lambda model, X, y: -np.abs(model.predict(X) - y).max(), ["<lambda>"]),
        ],
    )
    def test_scoring(self, series, scoring, metrics):
        result = walk_forward(
            LastValue(), series, series[:, 0], cv=EXPANDING, scoring=scoring
        )
        assert result.summary.index.tolist() == metrics
        skill = result.summary["skill"]
        assert all(value == 0 or np.isnan(value) for value in skill)

    def test_progress_bar_and_repr(self, series, capsys):
        pytest.importorskip("rich")
        result = walk_forward(
            LastValue(), series, series[:, 0], cv=EXPANDING, verbose=1
        )
        assert "walk_forward" in capsys.readouterr().out
        assert "40 forecasts in 8 fold(s)" in repr(result)
        assert "naive" in repr(result)
        assert result.times.shape == (8, 2)


class TestSelectTarget:
    """The result of one target is that of a validation of this target alone."""

    @pytest.fixture
    def both(self, series):
        frame = pd.DataFrame(series * [1, 1000], columns=["small", "large"])
        return walk_forward(
            forecaster(calibration_split=0.3),
            frame,
            cv=EXPANDING,
            season_length=3,
            coverage=0.5,
        )

    @pytest.mark.parametrize("target", ["small", "large"])
    def test_scores_are_those_of_its_forecasts(self, both, target):
        table = both.forecasts[both.forecasts["target"] == target]
        result = both.select_target(target)
        pd.testing.assert_frame_equal(result.forecasts, table)
        assert result.summary.index.equals(both.summary.index)
        assert result.scores.columns.equals(both.scores.columns)
        for name in ("forecast", "naive", "seasonal_naive"):
            error = mean_absolute_error(table["actual"], table[name])
            assert result.summary.loc["mean_absolute_error", name] == error
        for fold, rows in table.groupby("fold"):
            error = root_mean_squared_error(rows["actual"], rows["forecast"])
            scores = result.scores.loc[fold]
            assert scores["root_mean_squared_error", "forecast"] == error
        expected = both.interval_scores.xs(target, level="target")
        pd.testing.assert_frame_equal(result.interval_scores, expected)
        assert f"intervals cover {expected['coverage'].mean():.1%}" in repr(result)
        assert result.times is both.times

    def test_selected_metrics(self, both):
        for metrics in ("root_mean_squared_error", ["root_mean_squared_error"]):
            result = both.select_target("large", metrics)
            assert result.summary.index.tolist() == ["root_mean_squared_error"]
            metric = result.scores.columns.get_level_values(0).unique()
            assert metric.tolist() == ["root_mean_squared_error"]

    def test_only_target(self, both):
        large = both.select_target("large")
        again = large.select_target("large", "mean_absolute_error")
        pd.testing.assert_frame_equal(again.forecasts, large.forecasts)
        pd.testing.assert_frame_equal(
            again.scores["mean_absolute_error"], large.scores["mean_absolute_error"]
        )
        pd.testing.assert_frame_equal(again.summary, large.summary[:1])

    def test_unknown_targets_and_metrics(self, both, series):
        with pytest.raises(ValueError, match="target must be.*'large'.*got 'other'"):
            both.select_target("other")
        with pytest.raises(ValueError, match="metrics must be among.*got 'r2'"):
            both.select_target("large", ["r2"])

        def bias(model, X, y):
            return float(np.mean(model.predict(X) - y))

        result = walk_forward(forecaster(), series, cv=EXPANDING, scoring=bias)
        with pytest.raises(ValueError, match="metric='bias' is not known to scikit"):
            result.select_target(0)


@pytest.mark.parametrize(
    ("kwargs", "message"),
    [
        ({"refit": 1}, 'refit must be True, False or "warm", got 1'),
        ({"scoring": "mae"}, "names of scikit-learn's scorers, got 'mae'"),
        ({"refit": "hot"}, "refit must be True, False or \"warm\", got 'hot'"),
        ({"refit": False, "n_jobs": 2}, "n_jobs=2 needs refit=True"),
        ({"season_length": 0}, "season_length must be an integer from 1"),
        ({"season_length": 70}, "season_length=70 reaches back before the first row"),
        ({"cv": 5}, r"cv must be a sktime splitter or .* got 5"),
        ({"cv": KFold(3)}, "training rows .* right after its training rows"),
        ({"cv": TimeSeriesSplit(3, gap=2)}, "right after its training rows"),
        (
            {"cv": ExpandingWindowSplitter(fh=FH, initial_window=400)},
            "generates no fold for 80 rows",
        ),
    ],
    ids=str,
)
def test_invalid_parameters(series, kwargs, message):
    arguments = {"cv": EXPANDING} | kwargs
    with pytest.raises(ValueError, match=f"(?s){message}"):
        walk_forward(forecaster(), series, series[:, 0], **arguments)


@pytest.mark.parametrize(
    ("refit", "message"), [(False, "update"), ("warm", "warm_start")]
)
def test_estimators_without_update_or_warm_start(series, refit, message):
    with pytest.raises(ValueError, match=f"{message}.*LastValue does not have it"):
        walk_forward(LastValue(), series, series[:, 0], cv=EXPANDING, refit=refit)


def test_search_has_no_warm_start(series):
    search = GridSearchCV(forecaster(), {"units": [2]}, cv=WalkForwardCV(EXPANDING))
    with pytest.raises(ValueError, match="GridSearchCV does not have it.*best_est"):
        walk_forward(search, series, series[:, 0], cv=EXPANDING, refit="warm")


def test_targets_without_a_forecast(series):
    with pytest.raises(ValueError, match="y must hold the targets.*pass y"):
        walk_forward(forecaster(known_future=1), series, cv=EXPANDING)


def test_folds_out_of_time_order(series):
    folds = [(np.arange(50), np.arange(50, 55)), (np.arange(40), np.arange(40, 45))]

    class Backwards:
        def split(self, X, y=None):
            return iter(folds)

    with pytest.raises(ValueError, match="refit=False needs folds in time order"):
        walk_forward(forecaster(), series, series[:, 0], cv=Backwards(), refit=False)


class TestForecasterBehindAScaler:
    def test_targets_are_the_unscaled_columns(self, series):
        cv = ExpandingWindowSplitter(fh=[1, 2], initial_window=60, step_length=10)
        model = make_pipeline(StandardScaler(), forecaster(horizon=2))
        result = walk_forward(model, series, cv=cv)
        expected = walk_forward(model, series, series, cv=cv)
        pd.testing.assert_frame_equal(result.forecasts, expected.forecasts)

    def test_future_covariates_need_y(self, series):
        cv = ExpandingWindowSplitter(fh=[1, 2], initial_window=60, step_length=10)
        model = make_pipeline(StandardScaler(), forecaster(known_future=1))
        with pytest.raises(ValueError, match="y must be passed if known_future"):
            walk_forward(model, series, cv=cv)


class TestUnsuitableEstimatorsAndData:
    cv = ExpandingWindowSplitter(fh=[1, 2], initial_window=60, step_length=10)

    def test_sktime_forecasters(self, series):
        from sktime.forecasting.naive import NaiveForecaster

        with pytest.raises(ValueError, match="NaiveForecaster is one of sktime's"):
            walk_forward(NaiveForecaster(), series, cv=self.cv)

    def test_plain_regressors_cause_a_warning(self, series):
        with pytest.warns(
            UserWarning, match=r"Ridge is not a forecaster.*WindowForecaster"
        ):
            result = walk_forward(Ridge(), series, series[:, 0], cv=self.cv)
        assert result.summary["skill"].min() > 0.9  # the target leaks from X


def test_an_index_with_the_name_of_a_column_of_the_result():
    y = pd.Series(np.arange(60.0), pd.RangeIndex(60, name="fold"), name="y")
    result = walk_forward(forecaster(), y.to_frame(), y, cv=EXPANDING)
    assert result.scores.index.tolist() == [0, 1, 2, 3]
