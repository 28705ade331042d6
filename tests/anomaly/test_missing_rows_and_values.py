"""Detectors on series with missing values."""

import pickle

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sklstm import AnomalyDisplay, LSTMAutoencoderDetector, LSTMForecastDetector
from sklstm.anomaly._error_model import BoundaryCorrection, ErrorModel, smooth

DETECTORS = [LSTMAutoencoderDetector, LSTMForecastDetector]
TINY = {"window_length": 6, "units": 4, "smoothing": 5, "random_state": 0}


def waves(n, seed=0):
    """Three noisy waves."""
    rng = np.random.default_rng(seed)
    t = np.arange(n)[:, None] + rng.uniform(0, 100)
    X = np.sin(t / [4, 3, 5]) * [1, 20, 3] + [0, 50, 7]
    return X + rng.normal(0, [0.05, 1.0, 0.1], (n, 3))


def with_gaps(X, columns=(0, 1), fraction=0.2, seed=0):
    """Delete values at random, and some blocks longer than a window."""
    rng = np.random.default_rng(seed)
    X = X.copy()
    for column in columns:
        X[rng.random(len(X)) < fraction, column] = np.nan
        first = rng.integers(0, max(len(X) - 10, 1))
        X[first : first + 9, column] = np.nan
    return X


def make(Detector, **kwargs):
    return Detector(**(TINY | {"epochs": 1} | kwargs))


def perturb(model):
    """Change the weights, so that predictions depend on all inputs."""
    rng = np.random.default_rng(0)
    model.weights_ = tuple(
        w + rng.normal(0, 0.3, w.shape).astype("float32") for w in model.weights_
    )
    return model


@pytest.fixture(scope="module", params=DETECTORS, ids=lambda kind: kind.__name__)
def fitted(request):
    """A detector with gaps in its first two columns in fit."""
    return perturb(make(request.param).fit(with_gaps(waves(120))))


def fill(window):
    """Fill a window from its own rows; a column without any value by zero."""
    frame = pd.DataFrame(window).interpolate(limit_direction="both")
    return frame.fillna(0.0).to_numpy()


def window_inputs(model, window):
    masks = np.isnan(window[:, model._masked_columns])
    return np.hstack([fill(window), masks]).astype("float32")[None]


def expected_rows(model, X):
    """Standardised rows and those expected, by the plain Keras network."""
    length, network = model.window_length, model.network_
    scaled = np.clip((X - model._scaling.mean) / model._scaling.scale, -10, 10)
    if isinstance(model, LSTMAutoencoderDetector):
        sums, counts = np.zeros(X.shape), np.zeros(len(X))
        for start in range(len(X) - length + 1):
            rows = slice(start, start + length)
            sums[rows] += network(window_inputs(model, scaled[rows])).numpy()[0]
            counts[rows] += 1
        return scaled, sums / counts[:, None]
    padded = np.vstack([np.repeat(scaled[:1], length, axis=0), scaled])
    windows = [padded[i : i + length] for i in range(len(X))]
    forecasts = [network(window_inputs(model, w)).numpy()[0, 0] for w in windows]
    return scaled, np.array(forecasts)


class TestNetwork:
    @pytest.mark.parametrize("columns", [(0, 1), (2,), (0, 1, 2), ()], ids=str)
    def test_equals_plain_keras_layers(self, fitted, columns):
        X = with_gaps(waves(30, seed=1), columns)
        _, expected = expected_rows(fitted, X)
        np.testing.assert_allclose(
            fitted.expected_values(X),
            expected * fitted._scaling.scale + fitted._scaling.mean,
            rtol=1e-4,
            atol=1e-4,
        )

    @pytest.mark.parametrize("Detector", DETECTORS)
    def test_masks_are_those_of_columns_with_gaps_in_fit(self, Detector):
        for columns in ((), (1,), (0, 2)):
            X = waves(60)
            for column in columns:
                X[7, column] = np.nan
            X[-2:] = np.where([True, False, False], np.nan, X[-2:])  # held out
            model = make(Detector).fit(X)
            assert model.network_.input_shape == (None, 6, 3 + len(columns))

    @pytest.mark.parametrize("Detector", DETECTORS)
    def test_is_not_trained_on_missing_values(self, Detector):
        """The loss of an epoch that hardly changes the weights is that of the rest."""
        X = with_gaps(waves(50), (0, 2))
        model = make(
            Detector, learning_rate=1e-12, optimizer="sgd", validation_split=0.02
        ).fit(X)
        length = model.window_length
        scaled = ((X - model._scaling.mean) / model._scaling.scale)[:49]
        losses, network = [], model.network_
        if isinstance(model, LSTMForecastDetector):
            scaled = np.vstack([np.repeat(scaled[:1], length, axis=0), scaled])
        for start in range(49 - length + 1 if len(scaled) == 49 else 49):
            window = scaled[start : start + length]
            target = window
            if isinstance(model, LSTMForecastDetector):
                target = scaled[start + length : start + length + 1]
            error = network(window_inputs(model, window)).numpy()[0] - target
            losses.append(np.nansum(error**2) / error.size)
        assert model.history_["loss"] == pytest.approx([np.mean(losses)], rel=1e-4)


class TestScores:
    def test_are_distances_of_the_columns_that_are_observed(self, fitted):
        model = pickle.loads(pickle.dumps(fitted))
        model._smoothing = 1
        ratios = BoundaryCorrection(np.ones(1), np.ones(1))
        model._boundary_correction = ratios
        X = with_gaps(waves(40, seed=2), (0, 1, 2))
        X[20] = np.nan
        scaled, expected = expected_rows(model, X)
        errors = scaled - expected
        if isinstance(model, LSTMForecastDetector):
            errors[0] = np.where(np.isnan(errors[0]), np.nan, errors[1])
        covariance = np.linalg.inv(model._error_model.precision)
        for row, error, contributions in zip(
            X, errors, model.feature_scores(X), strict=True
        ):
            seen = ~np.isnan(error)
            assert not contributions[np.isnan(row)].any()
            centred = (error - model._error_model.mean)[seen]
            block = covariance[np.ix_(seen, seen)]
            distance = centred @ np.linalg.solve(block, centred) / max(seen.sum(), 1)
            assert contributions.sum() == pytest.approx(-distance, rel=1e-3, abs=1e-5)

    @settings(deadline=None, max_examples=10)
    @given(seed=st.integers(0, 1000), n=st.integers(1, 40))
    @pytest.mark.parametrize("missing_values", ["ignore", "score"])
    def test_are_finite_and_alike_in_a_stream(self, fitted, missing_values, seed, n):
        model = pickle.loads(pickle.dumps(fitted)).set_params(
            missing_values=missing_values
        )
        X = with_gaps(waves(60, seed), (0, 1, 2), 0.3, seed)
        if seed % 3 == 0:
            X[n : n + 25] = np.nan
        model.update(X[:n], new_stream=True)
        scores = [model.score_samples(X[: end + 1])[-1] for end in range(n, 60)]
        assert np.isfinite(scores).all()
        stream = [model.update(X[i : i + 1])[0] for i in range(n, 60)]
        np.testing.assert_allclose(stream, scores, rtol=1e-4, atol=1e-5)

    def test_do_not_depend_on_the_number_of_windows_per_run(
        self, fitted, monkeypatch, assert_equal_in_any_batch
    ):
        X = with_gaps(waves(70, seed=6), (0, 1, 2))
        scores = fitted.score_samples(X)
        monkeypatch.setattr("sklstm.anomaly._base._MAX_VALUES_PER_RUN", 60)
        assert_equal_in_any_batch(fitted.score_samples(X), scores, rtol=1e-9)

    def test_rows_without_values_are_those_expected(self, fitted):
        X = waves(60, seed=3)
        X[20:40] = np.nan
        scores = fitted.score_samples(X)
        assert np.isfinite(scores).all()
        assert not scores[22:38].any()
        assert (fitted.predict(X)[22:38] == 1).all()
        assert np.isfinite(fitted.expected_values(X)).all()
        # The average of the rows beside them is over those that have values.
        model = pickle.loads(pickle.dumps(fitted))
        model._smoothing = 1
        np.testing.assert_allclose(scores[20], model.score_samples(X)[18:20].mean())

    @pytest.mark.parametrize("Detector", DETECTORS)
    def test_of_several_series(self, Detector):
        series = [with_gaps(waves(n, seed=n), seed=n) for n in (40, 55)]
        model = make(Detector).fit(series)
        alone = [model.score_samples(X) for X in series]
        for scores, one in zip(model.score_samples(series), alone, strict=True):
            np.testing.assert_allclose(scores, one, rtol=1e-4)
        panel = pd.concat(map(pd.DataFrame, series), keys=["a", "b"])
        other = make(Detector).fit(panel)
        for one, same in zip(model.weights_, other.weights_, strict=True):
            np.testing.assert_array_equal(one, same)


class TestFit:
    @pytest.mark.parametrize("Detector", DETECTORS)
    def test_a_column_without_values_is_not_scored(self, Detector):
        X = waves(60)
        X[:, 1] = np.nan
        with pytest.warns(UserWarning, match=r"Columns \[1\] of X have no value"):
            model = make(Detector).fit(X)
        later = waves(20, seed=1)
        contributions = model.feature_scores(later)
        assert np.isfinite(contributions).all()
        assert not contributions[:, 1].any()
        assert np.isnan(model.expected_values(later)).all(axis=0).tolist() == [
            False,
            True,
            False,
        ]

    @pytest.mark.parametrize("Detector", DETECTORS)
    def test_rows_without_values_do_not_set_the_threshold(self, Detector):
        X = waves(100)
        X[30:60] = np.nan
        model = make(Detector, contamination=0.1).fit(X)
        assert (model.predict(X) == -1).sum() == 7

    @pytest.mark.parametrize("Detector", DETECTORS)
    def test_needs_values(self, Detector):
        model = make(Detector).fit(waves(60))
        scores = model.score_samples(waves(20))
        X = waves(60)
        X[-8:] = np.nan
        for rows, place in ((X, "held-out rows"), (X * np.nan, "rows to train on")):
            with pytest.raises(ValueError, match=f"All values of the {place} are NaN"):
                model.fit(rows)
        np.testing.assert_array_equal(model.score_samples(waves(20)), scores)

    def test_a_warm_start_needs_the_same_masks(self):
        model = make(LSTMForecastDetector, warm_start=True).fit(waves(60))
        with pytest.raises(ValueError, match="warm_start=True needs the network"):
            model.fit(with_gaps(waves(60)))

    @pytest.mark.parametrize("Detector", DETECTORS)
    def test_missing_values_are_allowed(self, Detector):
        assert Detector().__sklearn_tags__().input_tags.allow_nan


@pytest.fixture(scope="module", params=DETECTORS, ids=lambda kind: kind.__name__)
def trained(request):
    """A detector whose first column had occasional gaps in fit."""
    X = waves(600)
    X[np.random.default_rng(0).random(600) < 0.2, 0] = np.nan
    model = make(request.param, units=16, epochs=20, missing_values="score")
    return model.fit(pd.DataFrame(X, columns=["a", "b", "c"]))


class TestSilence:
    """With ``missing_values="score"``, columns that stop reporting are flagged."""

    def frame(self, seed=1):
        X = pd.DataFrame(waves(300, seed=seed), columns=["a", "b", "c"])
        X.loc[np.random.default_rng(seed).random(300) < 0.2, "a"] = np.nan
        return X

    def test_a_column_that_stops_reporting_is_flagged(self, trained):
        X = self.frame()
        X.loc[100:199, "b"] = np.nan
        flagged = trained.predict(X) == -1
        assert flagged[100:200].all()
        segments = trained.anomaly_segments(X)
        inside = segments[(segments["start"] <= 150) & (segments["end"] >= 150)]
        assert inside["feature"].tolist() == ["b"]
        # One that has gaps in fit is flagged once its gap is longer than all of them.
        X = self.frame()
        X.loc[100:199, "a"] = np.nan
        flagged = trained.predict(X) == -1
        longest = trained._longest_gaps[0]
        assert 2 <= longest < 10
        assert flagged[100 + longest + 2 : 198].all()
        assert not flagged[90:100].any()

    def test_as_many_missing_values_as_in_fit_are_not(self, trained):
        X = self.frame()
        ignoring = pickle.loads(pickle.dumps(trained)).set_params(
            missing_values="ignore"
        )
        same = ignoring.predict(X) == trained.predict(X)
        assert same.mean() > 0.99
        assert (trained.predict(X) == -1).mean() < 0.05

    def test_all_columns_at_once(self, trained):
        X = self.frame()
        X.loc[100:199] = np.nan
        assert (trained.predict(X)[100:200] == -1)[10:].all()
        ignoring = pickle.loads(pickle.dumps(trained)).set_params(
            missing_values="ignore"
        )
        assert (ignoring.predict(X)[103:197] == 1).all()

    def test_is_flagged_in_a_stream(self, trained):
        stream = pickle.loads(pickle.dumps(trained))
        X = self.frame()
        X.loc[100:199, "c"] = np.nan
        stream.update(X[:100], new_stream=True)
        scores = [stream.update(X[i : i + 1])[0] for i in range(100, 200)]
        assert (np.array(scores)[5:] < stream.offset_).all()

    def test_the_rest_of_the_threshold_is_unchanged(self, trained):
        X = pd.DataFrame(waves(600), columns=["a", "b", "c"])
        X.loc[np.random.default_rng(0).random(600) < 0.2, "a"] = np.nan
        ignoring = pickle.loads(pickle.dumps(trained)).set_params(
            missing_values="ignore"
        )
        np.testing.assert_array_equal(
            ignoring.score_samples(X), trained.score_samples(X)
        )


class TestErrorModel:
    @settings(deadline=None)
    @given(st.integers(0, 10**6), st.floats(0, 0.9))
    def test_distances_are_those_of_the_marginal(self, seed, fraction):
        rng = np.random.default_rng(seed)
        errors = rng.normal(size=(20, 4)) @ rng.normal(size=(4, 4))
        errors[rng.random(errors.shape) < fraction] = np.nan
        model = ErrorModel.fit(errors, 1.0)
        covariance = np.linalg.inv(model.precision)
        assert np.linalg.eigvalsh(covariance).min() > 1 - 1e-6
        for row, contributions in zip(errors, model.contributions(errors), strict=True):
            seen = ~np.isnan(row)
            centred = (row - model.mean)[seen]
            solved = np.linalg.solve(covariance[np.ix_(seen, seen)], centred)
            expected = np.zeros(4)
            expected[seen] = centred * solved / max(seen.sum(), 1)
            np.testing.assert_allclose(contributions, expected, atol=1e-8)

    def test_complete_rows_give_the_plain_estimates(self):
        errors = np.random.default_rng(0).normal(size=(200, 5))
        model = ErrorModel.fit(errors, 1.0)
        mean = errors.mean(axis=0)
        covariance = (errors - mean).T @ (errors - mean) / len(errors)
        precision = np.linalg.inv(covariance + np.eye(5))
        # The last bits depend on the processor.
        exact = {"rtol": 1e-12, "atol": 1e-14}
        np.testing.assert_allclose(model.mean, mean, **exact)
        np.testing.assert_allclose(model.precision, precision, **exact)
        centred = errors - mean
        np.testing.assert_allclose(
            model.contributions(errors), centred * (centred @ precision) / 5, **exact
        )

    def test_mean_and_variance_are_those_of_the_observed_errors(self):
        errors = np.random.default_rng(0).normal(size=(50, 3))
        errors[:20, 0] = errors[5:, 2] = np.nan
        model = ErrorModel.fit(errors, 1.0)
        np.testing.assert_allclose(model.mean, np.nanmean(errors, axis=0))
        variance = np.diag(np.linalg.inv(model.precision)) - 1
        np.testing.assert_allclose(variance, np.nanvar(errors, axis=0))


def test_boundary_rows_without_values_do_not_count():
    profiles = np.full((3, 12), 2.0)
    profiles[:, 0] = 6.0
    profiles[1:, 0] = profiles[0, 1] = profiles[:, 2] = np.nan
    correction = BoundaryCorrection.fit(profiles, 3, 3)
    np.testing.assert_array_equal(correction.first_ratios, [3, 1, 1])
    nothing = BoundaryCorrection.fit(np.full((3, 12), np.nan), 3, 3)
    np.testing.assert_array_equal(nothing.apply(np.ones((4, 1))), 1)


def test_smoothing_leaves_rows_out():
    values = np.array([[1.0], [0.0], [2.0], [0.0], [0.0], [0.0]])
    counted = np.array([True, False, True, False, False, False])
    np.testing.assert_array_equal(
        smooth(values, 3, counted)[:, 0], [1, 1.5, 2, 2, 0, 0]
    )


def test_display(fitted):
    pytest.importorskip("matplotlib").use("Agg")
    X = with_gaps(waves(60, seed=5), (0, 1, 2))
    AnomalyDisplay.from_estimator(fitted, X)
