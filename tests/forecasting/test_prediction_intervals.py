"""Prediction intervals and quantiles of the forecasters."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.base import BaseEstimator, RegressorMixin
from sklearn.exceptions import NotFittedError
from sklearn.linear_model import Ridge
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import MinMaxScaler
from sktime.split import ExpandingWindowSplitter

from sklstm import LSTMForecaster, WindowForecaster, walk_forward

TINY = {"units": 3, "epochs": 1, "random_state": 0}


class Zeros(RegressorMixin, BaseEstimator):
    """Predicts zeros."""

    def fit(self, X, y):
        """Keep the shape of the targets."""
        self.shape_ = y.shape[1:]
        return self

    def predict(self, X):
        """Return zeros."""
        return np.zeros((len(X), *self.shape_))

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.target_tags.multi_output = True
        return tags


def naive(**kwargs):
    """Return a forecaster that repeats the last value."""
    return WindowForecaster(Zeros(), 4, normalize="last", **kwargs)


def lstm(**kwargs):
    return LSTMForecaster(5, **(TINY | {"calibration_split": 0.3} | kwargs))


class TestInterval:
    def test_width_is_a_quantile_of_the_absolute_errors_at_each_step(self, series):
        y = series[:, 0]
        model = naive(horizon=3, calibration_split=0.25).fit(series, y)
        n_windows = 80 - 4 - 3 + 1
        starts = np.arange(n_windows - round(n_windows / 4), n_windows)
        errors = abs(y[starts[:, None] + 4 + np.arange(3)] - y[starts + 3][:, None])
        rank = int(np.ceil((len(starts) + 1) * 0.8))
        width = np.sort(errors, axis=0)[rank - 1]
        expected = y[-1] + np.column_stack([-width, width])
        np.testing.assert_allclose(model.forecast_interval(coverage=0.8), expected)

    def test_training_does_not_use_the_calibration_windows(self, series):
        changed = series.copy()
        changed[70:] += 50
        for make in (lstm, lambda: WindowForecaster(Ridge(), calibration_split=0.3)):
            one, other = (make().fit(X[:, :1], X[:, 0]) for X in (series, changed))
            if isinstance(one, LSTMForecaster):
                for a, b in zip(one.weights_, other.weights_, strict=True):
                    np.testing.assert_array_equal(a, b)
            else:
                np.testing.assert_array_equal(
                    one.regressor_.coef_, other.regressor_.coef_
                )
            scores, other_scores = (
                model._calibration.joint_scores for model in (one, other)
            )
            assert (other_scores.max() > 1.5 * scores.max()).all()

    def test_early_stopping_does_not_use_the_calibration_windows(self, series):
        model = lstm(early_stopping=True, calibration_split=0.5, validation_split=0.5)
        shorter = lstm(early_stopping=True, calibration_split=0, validation_split=0.5)
        model.fit(series[:, :1], series[:, 0])
        # The training windows are those of the first half.
        n_windows = 80 - 5
        shorter.fit(series[: n_windows - round(n_windows / 2) + 5, :1],
                    series[: n_windows - round(n_windows / 2) + 5, 0])  # fmt: skip
        assert model.history_ == shorter.history_

    @settings(deadline=None, max_examples=20)
    @given(st.floats(0.05, 0.9), st.integers(0, 99))
    def test_covers_the_requested_number_of_calibration_rows(self, coverage, seed):
        y = np.cumsum(np.random.default_rng(seed).normal(size=120))
        model = naive(calibration_split=0.5).fit(y[:, None], y)
        scores = model._calibration.joint_scores[:, 0, 0]
        width = np.diff(model.forecast_interval(coverage=coverage))[0, 0] / 2
        inside = scores * model._histories[0].scaling.target_scale <= width + 1e-5
        assert inside.sum() == np.ceil((len(scores) + 1) * coverage)

    def test_has_the_requested_coverage_on_rows_of_the_same_kind(self):
        y = np.cumsum(np.random.default_rng(0).normal(size=3000))
        model = naive(calibration_split=0.5).fit(y[:1000, None], y[:1000])
        for coverage in (0.5, 0.9):
            low, high = model.predict_interval(y[1000:, None], coverage).T
            inside = (low <= y[1000:]) & (y[1000:] <= high)
            assert abs(inside.mean() - coverage) < 0.05

    def test_is_centred_on_the_forecast_and_wider_for_more_coverage(self, series):
        model = lstm(horizon=2).fit(series)
        rows = series[:7]
        forecast = model.predict(rows)
        before = np.zeros_like(forecast)
        for coverage in (0.3, 0.6, 0.9):
            low, high = np.moveaxis(model.predict_interval(rows, coverage), -1, 0)
            np.testing.assert_allclose((low + high) / 2, forecast, rtol=1e-5)
            assert (high - low >= before).all()
            before = high - low

    def test_follows_an_affine_change_of_units(self, series):
        y = series[:, 0]
        plain = lstm().fit(series, y).predict_interval(series[:5])
        scaled = make_pipeline(MinMaxScaler(), lstm()).fit(series, 1000 * y - 7)
        rows = scaled[:-1].transform(series[:5])
        np.testing.assert_allclose(
            scaled[-1].predict_interval(rows), 1000 * plain - 7, rtol=1e-3
        )

    def test_forecast_interval_equals_predict_interval(self, series):
        model = lstm(horizon=3).fit(series[:70], series[:70, 0])
        np.testing.assert_allclose(
            model.predict_interval(series[70:73]), model.forecast_interval()
        )
        assert model.forecast_interval(2).shape == (2, 2)

    def test_update_replaces_the_oldest_scores_of_each_series(self):
        rng = np.random.default_rng(0)
        quiet, wild = rng.normal(0, [[0.01], [1.0]], (2, 240))
        both = [quiet[:, None], wild[:, None]]
        model = naive(calibration_split=0.2).fit([x[:200] for x in both])
        before = [scores.copy() for scores in model._calibration.scores]
        model.update([x[200:210] for x in both])
        for i in (0, 1):
            scores = model._calibration.scores[i]
            np.testing.assert_array_equal(scores[:-10], before[i][10:])
            changes = np.abs(np.diff(both[i][199:210, 0]))
            scale = model._histories[i].scaling.target_scale
            np.testing.assert_allclose(
                scores[-10:, 0, 0] * scale, changes, rtol=1e-3, atol=1e-6
            )

    def test_training_rows_passed_again_do_not_calibrate(self, series):
        model = naive(calibration_split=0.2).fit(series)
        before = model._calibration.joint_scores
        model.update(series[:40], replace=True).update(series[40:50])
        np.testing.assert_array_equal(model._calibration.joint_scores, before)

    def test_future_covariates_may_be_longer(self, series):
        frame = pd.DataFrame(series, columns=["a", "b"])
        model = naive(horizon=3, calibration_split=0.3, known_future="b")
        model.fit(frame, frame["a"])
        assert len(model.forecast_interval(2, frame[["b"]][:5])) == 2
        with pytest.raises(ValueError, match=r"reach horizon=3.*steps=5"):
            model.forecast_interval(X_future=frame[["b"]][:5])

    def test_labels(self, series):
        frame = pd.DataFrame(
            series, columns=["a", "b"], index=pd.period_range("2000", periods=80)
        )
        interval = lstm(horizon=2).fit(frame, frame["a"]).forecast_interval()
        assert list(interval.columns) == ["lower", "upper"]
        assert list(interval.index) == list(pd.period_range("2000-03-21", periods=2))
        both = lstm(horizon=2).fit(frame).forecast_interval()
        assert list(both.columns) == [
            (target, end) for target in "ab" for end in ("lower", "upper")
        ]
        assert (both["a"]["lower"] < both["a"]["upper"]).all()


class TestQuantiles:
    def test_are_trained_by_the_pinball_loss(self):
        # The best quantiles of independent values are the empirical ones.
        y = np.random.default_rng(0).exponential(size=2000)
        model = LSTMForecaster(
            1, target=None, normalize="standard", quantiles=(0.1, 0.5, 0.9), units=2,
            epochs=20, learning_rate=0.01, random_state=0,
        )  # fmt: skip
        model.fit(np.zeros((2000, 1)), y)
        quantiles = model.predict_quantiles(np.zeros((1, 1)))[0]
        expected = np.quantile(y, [0.1, 0.5, 0.9])
        np.testing.assert_allclose(quantiles, expected, atol=0.08)

    def test_loss_equals_the_textbook_pinball_loss(self):
        import tensorflow as tf

        from sklstm.engine.data import TrainingSpec
        from sklstm.engine.losses import BatchLoss

        rng = np.random.default_rng(0)
        y, predicted = rng.normal(size=(4, 3, 2)), rng.normal(size=(4, 3, 2, 3))
        levels = (0.1, 0.5, 0.9)
        error = y[..., None] - predicted
        expected = np.where(
            error > 0, np.multiply(levels, error), np.subtract(levels, 1) * error
        ).mean(axis=(2, 3))
        weight = rng.uniform(size=(4, 3))
        loss = BatchLoss(TrainingSpec(levels, "adam"))
        tensors = (tf.constant(x, "float32") for x in (y, predicted, weight))
        np.testing.assert_allclose(
            loss(*tensors), np.mean(expected * weight), rtol=1e-5
        )

    @pytest.mark.parametrize("columns", [[0], [0, 1]])
    def test_never_cross(self, series, columns):
        y = series[:, columns] if len(columns) > 1 else series[:, 0]
        model = LSTMForecaster(
            5, horizon=2, quantiles=(0.05, 0.3, 0.5, 0.95), **(TINY | {"epochs": 3})
        ).fit(series, y)
        rng = np.random.default_rng(0)
        model.weights_ = tuple(
            w + rng.normal(0, 0.5, w.shape).astype("float32") for w in model.weights_
        )
        quantiles = model.predict_quantiles(series[:9])
        assert quantiles.shape == (*np.shape(y[:9]), 4)
        assert (np.diff(quantiles, axis=-1) >= 0).all()
        np.testing.assert_array_equal(quantiles[..., 2], model.predict(series[:9]))

    def test_are_in_the_order_of_the_parameter(self, series):
        one = LSTMForecaster(5, quantiles=(0.1, 0.5, 0.9), **TINY).fit(series)
        other = LSTMForecaster(5, quantiles=[0.9, 0.1, 0.5], **TINY).fit(series)
        np.testing.assert_array_equal(
            one.predict_quantiles(series[:3]),
            other.predict_quantiles(series[:3])[..., [1, 2, 0]],
        )

    def test_intervals_extend_the_outer_quantiles_by_the_same_margin(self, series):
        """Conformalised quantile regression."""
        model = LSTMForecaster(
            5, quantiles=(0.1, 0.5, 0.9), calibration_split=0.3, **TINY
        ).fit(series[:, :1], series[:, 0])
        low_quantile, median, high_quantile = model.predict_quantiles(series[:6, :1]).T
        low, high = model.predict_interval(series[:6, :1], 0.9).T
        np.testing.assert_allclose(
            low_quantile - low, high - high_quantile, rtol=1e-3, atol=1e-6
        )
        for coverage in (0.05, 0.1, 0.5):
            low, high = model.predict_interval(series[:6, :1], coverage).T
            assert (low <= median).all()
            assert (median <= high).all()


class TestForecastQuantiles:
    def test_equal_predict_quantiles_of_the_next_rows(self, series):
        model = lstm(horizon=3, quantiles=(0.5, 0.1, 0.9)).fit(series)
        quantiles = model.forecast_quantiles()
        assert quantiles.shape == (3, 2, 3)
        np.testing.assert_array_equal(quantiles, model.predict_quantiles(series[:3]))
        np.testing.assert_array_equal(quantiles[..., 0], model.forecast())
        with pytest.raises(ValueError, match=r"reach horizon=3.*steps=4"):
            model.forecast_quantiles(4)

    def test_labels(self, series):
        frame = pd.DataFrame(series, columns=["a", "b"])
        model = lstm(horizon=2, quantiles=(0.1, 0.5)).fit(frame, frame["a"])
        quantiles = model.forecast_quantiles(1)
        assert quantiles.columns.tolist() == [0.1, 0.5]
        assert quantiles.index.tolist() == [len(frame)]
        both = lstm(horizon=2, quantiles=(0.1, 0.5)).fit(frame).forecast_quantiles()
        assert both["b"].columns.tolist() == [0.1, 0.5]


class TestWalkForward:
    cv = ExpandingWindowSplitter(fh=[1, 2], initial_window=60, step_length=2)

    @pytest.mark.parametrize("refit", [True, False])
    def test_reports_coverage_and_width(self, series, refit):
        model = make_pipeline(MinMaxScaler(), lstm(horizon=2))
        y = series[:, 0]
        result = walk_forward(model, series, y, cv=self.cv, coverage=0.8, refit=refit)
        table = result.forecasts
        assert (table["lower"] < table["upper"]).all()
        inside = (table["actual"] >= table["lower"]) & (
            table["actual"] <= table["upper"]
        )
        np.testing.assert_allclose(
            result.interval_scores["coverage"], inside.groupby(table["fold"]).mean()
        )
        assert f"intervals cover {inside.mean():.1%} of the rows" in repr(result)
        first = make_pipeline(MinMaxScaler(), lstm(horizon=2)).fit(series[:60], y[:60])
        rows = first[:-1].transform(series[60:62])
        np.testing.assert_allclose(
            table[["lower", "upper"]][:2], first[-1].predict_interval(rows, 0.8)
        )

    def test_two_targets(self, series):
        result = walk_forward(
            lstm(horizon=2), series, cv=self.cv, coverage=0.8, refit=False
        )
        table = result.forecasts
        assert set(table["target"]) == {0, 1}
        assert (table["lower"] < table["upper"]).all()
        width = (table["upper"] - table["lower"]).groupby(table["target"]).mean()
        reported = result.interval_scores["width"].groupby("target").mean()
        np.testing.assert_allclose(reported, width)
        assert repr(result).count("intervals of ") == 2

    def test_without_coverage_there_are_no_intervals(self, series):
        result = walk_forward(naive(), series, series[:, 0], cv=self.cv)
        assert result.interval_scores is None
        assert "lower" not in result.forecasts

    def test_a_forecaster_without_intervals(self, series):
        with pytest.raises(
            ValueError, match=r"coverage=0.8 needs.*Ridge does not have it"
        ):
            walk_forward(Ridge(), series, series[:, 0], cv=self.cv, coverage=0.8)


class TestInvalidInput:
    @pytest.mark.parametrize("coverage", [0, 1, -0.5, 90, "0.9", None])
    def test_coverage(self, series, coverage):
        model = lstm().fit(series)
        for call in (
            lambda: model.predict_interval(series[:3], coverage),
            lambda: model.forecast_interval(coverage=coverage),
        ):
            with pytest.raises(ValueError, match="coverage must be a fraction.*got"):
                call()

    @pytest.mark.parametrize(
        ("split", "coverage", "needed"),
        [(0.0, 0.9, 9), (0.1, 0.9, 9), (0.3, 0.99, 99), (0.0, 0.5, 1)],
    )
    def test_too_few_calibration_windows(self, series, split, coverage, needed):
        model = lstm(calibration_split=split).fit(series)
        with pytest.raises(
            ValueError,
            match=rf"coverage={coverage} needs at least {needed} windows.*"
            + (r"held \d+ out" if split else r"Fit with calibration_split=0\.2"),
        ):
            model.forecast_interval(coverage=coverage)

    def test_just_enough_calibration_windows(self):
        y = np.arange(30.0) ** 2
        model = naive(calibration_split=9 / 26).fit(y[:, None], y)
        assert len(model._calibration.joint_scores) == 9
        assert model.forecast_interval(coverage=0.9).shape == (1, 2)

    def test_no_windows_left_to_train_on(self, series):
        with pytest.raises(
            ValueError, match=r"calibration_split=0.99 splits off.*none is"
        ):
            lstm(calibration_split=0.99).fit(series[:12])

    def test_steps_beyond_the_horizon(self, series):
        model = lstm(horizon=2).fit(series)
        with pytest.raises(ValueError, match=r"reach horizon=2.*steps=3"):
            model.forecast_interval(3)

    @pytest.mark.parametrize(
        "quantiles", [(0.1, 0.9), (0.5,), (0.5, 0.5, 0.9), (0, 0.5), (0.5, "a"), ()]
    )
    def test_quantiles(self, series, quantiles):
        with pytest.raises(ValueError, match=r"quantiles must be.*got"):
            LSTMForecaster(5, quantiles=quantiles, **TINY).fit(series)

    def test_quantiles_of_a_forecaster_fitted_without(self, series):
        model = lstm().fit(series)
        for call in (
            lambda: model.predict_quantiles(series[:2]),
            model.forecast_quantiles,
        ):
            with pytest.raises(
                ValueError, match="predicts the quantiles set before fit"
            ):
                call()

    def test_not_fitted(self, series):
        for call in ("predict_interval", "predict_quantiles"):
            with pytest.raises(NotFittedError):
                getattr(lstm(), call)(series)
        with pytest.raises(NotFittedError):
            lstm().forecast_interval()
