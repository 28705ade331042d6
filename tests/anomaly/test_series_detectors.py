"""Detectors of anomalous rows: scores, several series, streams, thresholds, errors."""

import pickle

import numpy as np
import pandas as pd
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from sklearn.base import clone
from sklearn.exceptions import NotFittedError
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import MinMaxScaler, StandardScaler
from sklearn.utils._testing import assert_docstring_consistency

from sklstm import LSTMAutoencoderDetector, LSTMForecastDetector
from sklstm._data.scaling import ColumnScaling
from sklstm.anomaly._error_model import BoundaryCorrection, ErrorModel, smooth

DETECTORS = [LSTMAutoencoderDetector, LSTMForecastDetector]
TINY = {"window_length": 6, "units": 4, "smoothing": 5, "random_state": 0}


def waves(n, seed=0):
    """Two noisy waves and a constant column."""
    rng = np.random.default_rng(seed)
    t = np.arange(n) + rng.uniform(0, 100)
    X = np.column_stack([np.sin(t / 4), 50 + 20 * np.cos(t / 3), np.full(n, 7.0)])
    X[:, :2] += rng.normal(0, [0.05, 1.0], (n, 2))
    return X


def make(Detector, **kwargs):
    return Detector(**(TINY | {"epochs": 1} | kwargs))


@pytest.fixture(scope="module", params=DETECTORS, ids=lambda kind: kind.__name__)
def fitted(request):
    """A detector with perturbed weights, so that predictions depend on all inputs."""
    model = make(request.param).fit(waves(120))
    rng = np.random.default_rng(0)
    model.weights_ = tuple(
        w + rng.normal(0, 0.3, w.shape).astype("float32") for w in model.weights_
    )
    return model


@pytest.fixture(scope="module", params=DETECTORS, ids=lambda kind: kind.__name__)
def trained(request):
    return make(request.param, units=16, epochs=30).fit(waves(600))


def window_errors(model, X):
    """Errors of each row, computed window by window with the plain Keras network."""
    length = model.window_length
    scaled = np.clip((X - model._scaling.mean) / model._scaling.scale, -10, 10)
    network = model.network_
    if isinstance(model, LSTMAutoencoderDetector):
        sums, counts = np.zeros(X.shape), np.zeros(len(X))
        for start in range(len(X) - length + 1):
            rows = slice(start, start + length)
            sums[rows] += network(scaled[None, rows].astype("float32")).numpy()[0]
            counts[rows] += 1
        return scaled - sums / counts[:, None]
    padded = np.vstack([np.repeat(scaled[:1], length, axis=0), scaled])
    forecasts = [
        network(padded[None, i : i + length].astype("float32")).numpy()[0, 0]
        for i in range(len(X))
    ]
    errors = scaled - forecasts
    errors[0] = errors[1]
    return errors


def boundary_ratios(model, n):
    """Ratios that the distances of the rows of a series are divided by."""
    correction = model._boundary_correction
    first, last = np.ones(n), np.ones(n)
    first[: len(correction.first_ratios)] = correction.first_ratios[:n]
    last[::-1][: len(correction.last_ratios)] = correction.last_ratios[:n]
    return np.maximum(first, last)


def mahalanobis(model, errors):
    """Squared Mahalanobis distance of each row's errors, over the number of columns."""
    centred = errors - model._error_model.mean
    precision = model._error_model.precision
    return np.einsum("ij,jk,ik->i", centred, precision, centred) / errors.shape[1]


def unsmoothed(model):
    model = pickle.loads(pickle.dumps(model))
    model._smoothing = 1
    return model


class TestScores:
    def test_equal_those_of_the_plain_keras_network(self, fitted):
        X = waves(30, seed=1)
        distance = mahalanobis(fitted, window_errors(fitted, X))
        distance /= boundary_ratios(fitted, len(X))
        smoothed = pd.Series(distance).rolling(5, center=True, min_periods=1).mean()
        np.testing.assert_allclose(
            fitted.score_samples(X), -smoothed, rtol=1e-3, atol=1e-5
        )

    def test_error_model_is_fitted_to_held_out_rows(self):
        X = waves(100)
        model = make(LSTMAutoencoderDetector).fit(X)
        errors = window_errors(model, X)[-10:]
        np.testing.assert_allclose(model._error_model.mean, errors.mean(0), atol=1e-5)
        covariance = np.cov(errors.T, bias=True) + np.eye(3)
        np.testing.assert_allclose(
            np.linalg.inv(model._error_model.precision), covariance, atol=1e-4
        )
        scores = model.score_samples(X)
        assert model.offset_ == pytest.approx(np.percentile(scores, 0.1))

    def test_error_model_is_fitted_to_held_out_rows_of_all_series(self):
        for Detector in DETECTORS:
            several = [waves(100), waves(80, seed=1)]
            several[1][75:] += [1, 10, 0]
            model = make(Detector).fit(several)
            errors = np.concatenate(
                [window_errors(model, X)[-len(X) // 10 :] for X in several]
            )
            np.testing.assert_allclose(
                model._error_model.mean, errors.mean(0), atol=1e-5
            )
            scores = np.concatenate(model.score_samples(several))
            assert model.offset_ == pytest.approx(np.percentile(scores, 0.1))

    def test_boundary_rows_are_flagged_no_more_often_than_others(self, trained):
        boundary, middle, newest = [], [], []
        for seed in range(5):
            X = waves(90, seed=seed)
            flags = trained.predict(X) == -1
            boundary += [*flags[:6], *flags[-6:]]
            middle += [*flags[6:-6]]
            stream = pickle.loads(pickle.dumps(trained))
            stream.update(X[:40], new_stream=True)
            newest += [
                stream.update(X[i : i + 1])[0] < stream.offset_ for i in range(40, 70)
            ]
        assert np.mean(boundary) < np.mean(middle) + 0.15
        assert np.mean(newest) < np.mean(middle) + 0.15

    def test_boundary_correction_scales_distances_to_those_in_the_middle(self):
        profiles = np.full((4, 12), 2.0)
        profiles[:, [0, 1, 11]] = [20, 6, 10]
        correction = BoundaryCorrection.fit(profiles, 3, 3)
        np.testing.assert_allclose(correction.first_ratios, [10, 3, 1])
        np.testing.assert_allclose(correction.last_ratios, [5, 1, 1])
        np.testing.assert_allclose(correction.apply(profiles[0][:, None]), 2)
        # In a short series, a row is divided by the larger of its two ratios.
        np.testing.assert_allclose(correction.apply(np.full((2, 1), 30.0)), [[3], [6]])
        assert (BoundaryCorrection.fit(np.zeros((3, 9)), 3, 3).first_ratios == 1).all()
        assert (BoundaryCorrection.fit(profiles[:, :2], 3, 3).last_ratios == 1).all()

    def test_held_out_rows_do_not_affect_the_weights(self):
        for Detector in DETECTORS:
            X, other = waves(100), waves(100)
            other[90:] += 5
            one, two = (make(Detector).fit(x) for x in (X, other))
            for a, b in zip(one.weights_, two.weights_, strict=True):
                np.testing.assert_array_equal(a, b)
            assert one.offset_ > two.offset_
            assert one.live_offset_ > two.live_offset_

    def test_feature_scores_sum_to_the_score(self, fitted):
        X = waves(25, seed=2)
        contributions = fitted.feature_scores(X)
        assert contributions.shape == X.shape
        np.testing.assert_allclose(contributions.sum(axis=1), fitted.score_samples(X))

    @settings(deadline=None, max_examples=12)
    @given(st.integers(20, 50), st.integers(0, 49), st.sampled_from([1, 5]))
    @example(30, 1, 1)
    def test_a_score_depends_on_no_row_further_away(
        self, fitted, n, changed, smoothing
    ):
        fitted = fitted if smoothing == 5 else unsmoothed(fitted)
        X = waves(50, seed=3)[:n]
        changed = min(changed, n - 1)
        other = X.copy()
        other[changed, :2] += [3, 30]
        same = fitted.score_samples(X) == fitted.score_samples(other)
        backwards = isinstance(fitted, LSTMAutoencoderDetector) * 5 + smoothing // 2
        forwards = len(fitted._history) - 1 + smoothing // 2
        if isinstance(fitted, LSTMForecastDetector) and changed == 1:
            backwards += 1  # the first row takes the second one's error
        assert same[: max(changed - backwards, 0)].all()
        assert same[changed + forwards + 1 :].all()
        assert not same[changed]

    @pytest.mark.parametrize("n", [1, 2, 5, 6, 7, 13])
    def test_any_number_of_rows_is_scored(self, fitted, n):
        X = waves(n, seed=4)
        scores = fitted.score_samples(X)
        assert scores.shape == (n,)
        assert np.isfinite(scores).all()
        assert fitted.expected_values(X).shape == X.shape

    def test_a_short_series_is_padded_with_its_first_row(self, fitted):
        X = waves(4, seed=5)
        fitted = unsmoothed(fitted)
        padded = np.vstack([np.repeat(X[:1], 2, axis=0), X])
        if isinstance(fitted, LSTMAutoencoderDetector):
            np.testing.assert_array_equal(
                fitted.expected_values(X), fitted.expected_values(padded)[2:]
            )
        else:
            np.testing.assert_array_equal(
                fitted.expected_values(X)[1:], fitted.expected_values(padded)[3:]
            )

    def test_scores_do_not_depend_on_the_number_of_windows_per_run(
        self, fitted, monkeypatch, assert_equal_in_any_batch
    ):
        X = waves(70, seed=6)
        scores = fitted.score_samples(X)
        monkeypatch.setattr("sklstm.anomaly._base._MAX_VALUES_PER_RUN", 60)
        assert_equal_in_any_batch(fitted.score_samples(X), scores, rtol=1e-9)

    @pytest.mark.parametrize("row", [0, 2, 5, 40, 79])
    def test_a_spike_is_detected_at_any_row(self, trained, row):
        X = waves(80, seed=7)
        X[row, 1] += 150
        scores = trained.score_samples(X)
        assert abs(scores.argmin() - row) <= 4
        assert trained.predict(X)[row] == -1
        assert trained.feature_scores(X)[row].argmin() == 1

    def test_a_constant_column_that_moves_is_the_top_feature(self, trained):
        X = waves(80, seed=8)
        lowest = trained.score_samples(X).min()
        X[40, 2] = 7.8
        contributions = trained.feature_scores(X)[40]
        assert contributions.argmin() == 2
        assert contributions.sum() < 2 * lowest < 0

    def test_expected_values_are_in_the_units_of_x(self, trained):
        X = waves(100, seed=9)
        expected = trained.expected_values(X)
        error = (expected - X)[10:].std(axis=0)
        assert (error[:2] < 0.5 * X.std(axis=0)[:2]).all()
        np.testing.assert_allclose(expected[:, 2], 7, atol=0.5)


class TestSeveralSeries:
    def test_are_fitted_jointly_and_scored_separately(self):
        for Detector in DETECTORS:
            several = [waves(60), waves(80, seed=1), waves(70, seed=2)]
            model = make(Detector).fit(several)
            X = [waves(9, seed=3), waves(30, seed=4)]
            for method in ("score_samples", "decision_function", "predict"):
                results = getattr(model, method)(X)
                for x, values in zip(X, results, strict=True):
                    np.testing.assert_array_equal(values, getattr(model, method)(x))
            frames = model.anomaly_segments(X)
            assert [list(frame) for frame in frames] == [
                ["start", "end", "score", "feature"]
            ] * 2

    def test_in_one_dataframe(self):
        several = [waves(60), waves(80, seed=1)]
        for series in several:
            series[40:43] += 10.0
        frame = pd.concat(
            [pd.DataFrame(x, columns=list("abc")) for x in several],
            keys=["s", "t"],
            names=["server", "minute"],
        )
        for Detector in DETECTORS:
            model, listed = make(Detector).fit(frame), make(Detector).fit(several)
            for method in ("score_samples", "predict", "expected_values"):
                expected = np.concatenate(getattr(listed, method)(several))
                np.testing.assert_allclose(getattr(model, method)(frame), expected)
            table = model.anomaly_segments(frame)
            assert table.index.names[0] == "server"
            separate = listed.anomaly_segments(several)
            for name, segments in zip("st", separate, strict=True):
                part = table[table.index.get_level_values("server") == name]
                assert part["start"].tolist() == segments["start"].tolist()
            with pytest.raises(
                ValueError, match="series 't' has too few rows, n_samples=5"
            ):
                make(Detector).fit(pd.concat([frame.loc[["s"]], frame.loc[["t"]][:5]]))

    def test_no_window_spans_two_series(self):
        for Detector in DETECTORS:
            model = make(Detector).fit([waves(60), waves(60, seed=1)])
            data, n_windows = model._training_windows(
                [np.full((20, 3), i, np.float32) for i in range(4)]
            )
            rows = data.starts[:, None] + np.arange(model._window_span)
            numbers = data.series[rows, 0]
            assert (numbers == numbers[:, :1]).all()
            assert len(numbers) == sum(n_windows)

    def test_a_list_of_one_series_equals_the_series(self):
        for Detector in DETECTORS:
            X = waves(60)
            one, other = make(Detector).fit(X), make(Detector).fit([X])
            np.testing.assert_array_equal(other.score_samples(X), one.score_samples(X))

    def test_lists_of_rows_are_one_series(self, fitted):
        X = waves(12)
        np.testing.assert_array_equal(
            fitted.score_samples(X.tolist()), fitted.score_samples(X)
        )
        (nested,) = fitted.score_samples([X.tolist()])
        np.testing.assert_array_equal(nested, fitted.score_samples(X))


class TestUpdate:
    @settings(deadline=None, max_examples=10)
    @given(sizes=st.lists(st.integers(1, 30), min_size=1, max_size=5))
    def test_scores_equal_those_of_the_whole_series(
        self, fitted, sizes, assert_equal_in_any_batch
    ):
        stream = pickle.loads(pickle.dumps(fitted))
        seen, X = waves(120), waves(sum(sizes), seed=1)
        for size in sizes:
            new, X = X[:size], X[size:]
            seen = np.vstack([seen, new])
            assert_equal_in_any_batch(
                stream.update(new), fitted.score_samples(seen)[-size:], rtol=1e-9
            )

    def test_a_new_stream_starts_after_a_fit_on_several_series(self):
        model = make(LSTMForecastDetector).fit([waves(60), waves(60, seed=1)])
        X = waves(20, seed=2)
        scores = model.update(X[:15])
        np.testing.assert_array_equal(scores, model.score_samples(X[:15]))
        np.testing.assert_allclose(model.update(X[15:]), model.score_samples(X)[15:])

    def test_a_new_stream_discards_the_history(self, fitted, assert_equal_in_any_batch):
        stream = pickle.loads(pickle.dumps(fitted))
        X = waves(20, seed=2)
        scores = stream.update(X[:12], new_stream=True)
        np.testing.assert_array_equal(scores, fitted.score_samples(X[:12]))
        assert_equal_in_any_batch(
            stream.update(X[12:]), fitted.score_samples(X)[12:], rtol=1e-9
        )

    def test_a_list_of_one_series_can_be_continued(self):
        X, new = waves(60), waves(5, seed=1)
        for Detector in DETECTORS:
            one, other = make(Detector).fit(X), make(Detector).fit([X])
            np.testing.assert_array_equal(one.update(new), other.update(new))

    def test_parameters_set_after_fit_have_no_effect(self, fitted):
        stream = pickle.loads(pickle.dumps(fitted))
        X = waves(30, seed=1)
        stream.set_params(smoothing=4, window_length=3, contamination=0.5)
        np.testing.assert_array_equal(stream.predict(X), fitted.predict(X))

    def test_invalid_rows_do_not_enter_the_history(self, fitted):
        stream = pickle.loads(pickle.dumps(fitted))
        with pytest.raises(ValueError, match="infinity"):
            stream.update([[1.0, np.inf, 7.0]])
        np.testing.assert_array_equal(stream._history, fitted._history)


class TestThreshold:
    def test_contamination_is_the_fraction_of_flagged_rows_in_fit(self):
        for Detector in DETECTORS:
            X = waves(200)
            model = make(Detector, contamination=0.1)
            assert (model.fit_predict(X) == -1).sum() == 20
            scores = model.score_samples(X)
            np.testing.assert_allclose(
                model.decision_function(X), scores - model.offset_
            )

    def test_contamination_counts_the_rows_of_all_series(self):
        several = [waves(100), waves(100, seed=1)]
        labels = make(LSTMForecastDetector, contamination=0.05).fit_predict(several)
        assert (np.concatenate(labels) == -1).sum() == 10

    def test_auto_flags_one_in_a_thousand_rows_in_fit(self, trained):
        assert (trained.predict(waves(600)) == -1).sum() == 1

    def test_anomaly_segments_lie_in_the_runs_of_flagged_rows(self, trained):
        days = pd.date_range("2024-01-01", periods=80, name="day")
        X = pd.DataFrame(waves(80, seed=7), index=days, columns=["a", "b", "c"])
        X.iloc[30:34, 1] += 150
        X.iloc[60, 0] -= 9
        X.iloc[79, 0] -= 9
        model = clone(trained).set_params(merge_gap=0, hysteresis=1.0)
        model.fit(pd.DataFrame(waves(600), columns=["a", "b", "c"]))
        segments = model.anomaly_segments(X)
        labels = pd.Series(model.predict(X), index=days)
        scores = pd.Series(model.score_samples(X), index=days)
        runs = (labels != labels.shift()).cumsum()[labels == -1]
        assert len(segments) == runs.nunique()
        for segment, (_, run) in zip(
            segments.itertuples(), runs.groupby(runs), strict=True
        ):
            # Smoothing flags rows beside the anomaly, too.
            assert run.index[0] <= segment.start <= segment.end <= run.index[-1]
            assert segment.score == scores[run.index].min()
        # All windows that contain the anomaly are reconstructed worse.
        is_forecast = isinstance(model, LSTMForecastDetector)
        earliest = days[30] if is_forecast else days[25]
        assert earliest <= segments["start"].iloc[0] <= days[30]
        near = [
            (abs((segment.start - days[30]).days) < 6, segment.feature)
            for segment in segments.itertuples()
        ]
        assert (True, "b") in near
        assert segments.iloc[-1]["end"] == days[79]
        assert segments.iloc[-1]["feature"] == "a"
        by_number = X.set_axis([10, 20, 30], axis=1)
        other = make(type(trained), units=16, epochs=30).fit(by_number[:25])
        assert set(other.anomaly_segments(by_number)["feature"]) <= {10, 20, 30}
        numbered = model.anomaly_segments(X.reset_index(drop=True))
        assert numbered["end"].iloc[-1] == 79
        none = model.anomaly_segments(X.iloc[:0:-1][:1])
        assert none.columns.tolist() == list(segments)


class TestScaling:
    def test_constant_and_nearly_constant_columns(self):
        rows = np.array([[0.0, 5, 0, 1e9], [0, 5.001, 1, 1e9], [0, 5, 2, 1e9]] * 9)
        scaling = ColumnScaling.fit(rows, min_deviation=0.01)
        np.testing.assert_allclose(scaling.scale[1:3], [0.05001, rows[:, 2].std()])
        scaled = scaling.encode(rows)
        np.testing.assert_array_equal(scaled[:, [0, 3]], 0)
        moved = scaling.encode(np.array([[1e-9, 5.1, 99, 1.05e9]]))
        np.testing.assert_allclose(moved, [[10, 1.98, 10, 5]], rtol=0.01)
        np.testing.assert_allclose(scaling.decode(scaled), rows, rtol=1e-4, atol=1e-6)

    def test_rounding_errors_count_as_constant_in_any_unit(self):
        for unit in (1e-170, 1e-3, 1.0, 1e200):
            rows = np.full((100, 2), unit)
            rows[::2, 0] = np.nextafter(rows[::2, 0], 0)
            rows[:, 1] *= 1 + np.random.default_rng(0).normal(0, 0.1, 100)
            scaling = ColumnScaling.fit(rows, min_deviation=0.01)
            np.testing.assert_allclose(scaling.scale[0], 0.01 * unit, rtol=1e-3)
            np.testing.assert_allclose(scaling.scale[1], 0.1 * unit, rtol=0.2)
            assert np.isfinite(scaling.encode(rows)).all()

    def test_a_column_with_a_large_offset_is_damped_unless_it_keeps_moving(self):
        rng = np.random.default_rng(0)
        moving = 1000 + rng.normal(size=(500, 1))
        assert ColumnScaling.fit(moving, min_deviation=0.01).scale[0] < 1.1
        seldom = 1000 + np.repeat(rng.normal(size=(100, 1)), 5, axis=0)
        assert ColumnScaling.fit(seldom, min_deviation=0.01).scale[0] > 9
        assert ColumnScaling.fit(seldom, min_deviation=0).scale[0] < 1.1
        # A rare peak is no offset: noise far below it stays small.
        peak = np.abs(rng.normal(0, 1e-4, size=(5000, 1)))
        peak[100] = 1.0
        assert ColumnScaling.fit(peak, min_deviation=0.02).scale[0] > 0.019

    @pytest.mark.parametrize("Detector", DETECTORS)
    def test_a_jump_of_a_tightly_regulated_column_is_found(self, Detector):
        rng = np.random.default_rng(0)
        frequency = np.zeros(700)
        for i in range(1, 700):
            frequency[i] = 0.95 * frequency[i - 1] + rng.normal(0, 0.006)
        load = 100 + 20 * np.sin(np.arange(700) / 9) + rng.normal(0, 3, 700)
        X = np.column_stack([50 + frequency, load])
        detector = make(Detector, units=8, epochs=5, smoothing=1).fit(X[:500])
        rows = X[500:].copy()
        rows[100:120, 0] += 15 * X[:500, 0].std()
        flagged = detector.predict(rows) == -1
        assert flagged[100:120].mean() > 0.9

    def test_scores_do_not_depend_on_units(self):
        X, new = waves(100), waves(30, seed=1)
        units = np.array([1e-6, 1e3, 1.0])
        for Detector in DETECTORS:
            one = make(Detector).fit(X).score_samples(new)
            other = make(Detector).fit(X * units).score_samples(new * units)
            np.testing.assert_allclose(one, other, rtol=1e-3)


class TestErrorModel:
    def test_contributions_sum_to_the_mahalanobis_distance(self):
        rng = np.random.default_rng(0)
        errors = rng.normal(size=(200, 2)) @ [[3, 1], [0, 2]] + [1, 2]
        model = ErrorModel.fit(errors, 0.5)
        centred = errors - errors.mean(axis=0)
        inverse = np.linalg.inv(np.cov(errors.T, bias=True) + 0.5 * np.eye(2))
        expected = [row @ inverse @ row / 2 for row in centred]
        np.testing.assert_allclose(model.contributions(errors).sum(axis=1), expected)

    @given(st.integers(1, 20), st.sampled_from([1, 3, 5, 21]))
    def test_smoothing_is_a_centred_moving_average(self, n, length):
        values = np.random.default_rng(n).normal(size=(n, 2))
        rolling = pd.DataFrame(values).rolling(length, center=True, min_periods=1)
        np.testing.assert_allclose(smooth(values, length), rolling.mean(), atol=1e-12)


class TestScikitLearn:
    def test_pickle_and_clone(self, fitted):
        X = waves(20)
        again = pickle.loads(pickle.dumps(fitted))
        np.testing.assert_array_equal(again.score_samples(X), fitted.score_samples(X))
        assert clone(fitted).get_params() == fitted.get_params()

    def test_docstrings_of_shared_parameters_agree(self):
        assert_docstring_consistency(
            DETECTORS,
            include_params=True,
            exclude_params=["window_length", "units"],
            include_attrs=True,
        )

    def test_in_a_pipeline(self):
        for Detector in DETECTORS:
            X = waves(150)
            model = make_pipeline(MinMaxScaler(), make(Detector, contamination=0.1))
            assert (model.fit_predict(X) == -1).sum() == 15
            assert model.score_samples(X).shape == (150,)
            assert model.predict(X[:3]).shape == (3,)

    def test_standardised_input_makes_no_difference_with_min_deviation_0(self):
        X, new = waves(100)[:, :2], waves(30, seed=1)[:, :2]
        model = make(LSTMForecastDetector, min_deviation=0.0, validation_split=0.2)
        one = clone(model).fit(X).score_samples(new)
        scaler = StandardScaler().fit(X)
        two = clone(model).fit(scaler.transform(X))
        np.testing.assert_allclose(
            two.score_samples(scaler.transform(new)), one, rtol=1e-3
        )

    def test_the_same_seed_gives_the_same_weights(self):
        for Detector in DETECTORS:
            one, two = (make(Detector, dropout=0.2).fit(waves(80)) for _ in range(2))
            for a, b in zip(one.weights_, two.weights_, strict=True):
                np.testing.assert_array_equal(a, b)

    def test_auto_epochs_take_the_least_number_of_steps(self):
        for Detector in DETECTORS:
            model = make(Detector, epochs="auto", batch_size=8).fit(waves(80))
            assert len(model.history_["loss"]) == model.n_iter_ > 1
            n_windows = model._training_windows([np.zeros((72, 3))])[1][0]
            steps = -(-n_windows // 8)
            assert steps * (model.n_iter_ - 1) < 1500 <= steps * model.n_iter_

    @pytest.mark.parametrize("early_stopping", [True, "refit"])
    def test_early_stopping(self, early_stopping):
        for Detector in DETECTORS:
            several = [waves(70), waves(90, seed=1)]
            model = make(Detector, early_stopping=early_stopping, epochs=3, patience=1)
            model.fit(several)
            assert len(model.history_["val_loss"]) == len(model.history_["loss"])

    @pytest.mark.parametrize("Detector", DETECTORS)
    def test_early_stopping_validates_on_rows_not_trained_on(
        self, Detector, monkeypatch
    ):
        tasks = []

        def record(model, task, reporter):
            tasks.append(task)
            return train(model, task, reporter)

        train = Detector._train
        monkeypatch.setattr(Detector, "_train", record)
        numbered = [np.arange(90.0), np.arange(1000, 1080.0)]
        model = make(Detector, early_stopping=True)
        offsets = np.array(model.fit([x[:, None] for x in numbered])._output_rows)
        (task,) = tasks
        values = task.data.series[:, 0]
        train_rows, validation_rows = (
            np.unique(values[task.data.starts[windows][:, None] + offsets])
            for windows in task.hold_out(0)
        )
        assert not set(train_rows) & set(validation_rows)
        # The last rows of each series are held out, and all others trained on.
        middle = values.mean()
        for train_part, validation_part in (
            (
                train_rows[train_rows < middle],
                validation_rows[validation_rows < middle],
            ),
            (
                train_rows[train_rows > middle],
                validation_rows[validation_rows > middle],
            ),
        ):
            assert 5 < len(validation_part) < 20
            assert train_part.max() < validation_part.min()

    def test_warm_start(self):
        for Detector in DETECTORS:
            X = waves(80)
            model = make(Detector, warm_start=True).fit(X)
            first = model.history_["loss"][0]
            assert model.fit(X).history_["loss"][0] < first
            with pytest.raises(ValueError, match="warm_start=True needs the network"):
                model.set_params(units=5).fit(X)

    @pytest.mark.parametrize(
        "kwargs",
        [
            {"cell": "gru", "units": (5, 3)},
            {"cell": "rnn", "bidirectional": True},
            {"units": (5, 3), "bidirectional": True, "dropout": 0.1},
            {"recurrent_dropout": 0.1},
        ],
    )
    def test_other_networks(self, kwargs):
        for Detector in DETECTORS:
            model = make(Detector, **kwargs).fit(waves(60))
            X = waves(9, seed=1)
            distance = mahalanobis(model, window_errors(model, X))
            distance /= boundary_ratios(model, len(X))
            scores = unsmoothed(model).score_samples(X)
            np.testing.assert_allclose(scores, -distance, rtol=1e-3, atol=1e-5)


class TestInvalidInput:
    @pytest.mark.parametrize(
        ("X", "message"),
        [
            ([], "X holds no series"),
            ([[[1.0, 2.0, np.inf]] * 30], r"X\[0\]: Input X contains infinity"),
            ([waves(60), waves(60)[:, :2]], r"X\[1\]: X has 2 features.*expecting 3"),
            ([waves(60), waves(6)], r"X\[1\] has too few rows, n_samples=6"),
            (waves(6), "X has too few rows, n_samples=6.*window_length=6 needs"),
            (waves(1), "n_samples=1"),
            (waves(60)[:, 0], "X must be 2-D.*Reshape your data"),
            (waves(60)[None].repeat(2, 0), "X must be 2-D.*without windowing"),
            ([waves(60)[:, 0], waves(70)[:, 0]], r"X\[0\] is 1-D.*reshape"),
            ([waves(60)[:, 0], waves(60)[:, 0]], r"X\[0\] is 1-D.*reshape"),
            ([waves(60), waves(60)[:, 0]], r"X\[1\] is 1-D.*reshape"),
        ],
    )
    @pytest.mark.parametrize("Detector", DETECTORS)
    def test_in_fit(self, Detector, X, message):
        with pytest.raises(ValueError, match=message):
            make(Detector).fit(X)

    @pytest.mark.parametrize(
        ("kwargs", "message"),
        [
            ({"contamination": 0.6}, "'contamination' parameter.*0.6"),
            ({"contamination": 0}, "'contamination' parameter"),
            ({"smoothing": 4}, "smoothing must be an odd number of rows.*got 4"),
            ({"min_deviation": -1}, "'min_deviation' parameter"),
            ({"missing_values": "drop"}, "'missing_values'.*'ignore'.*'drop'"),
            ({"window_length": 0}, "'window_length' parameter"),
            ({"units": (3, 0)}, "units must be an integer"),
        ],
    )
    @pytest.mark.parametrize("Detector", DETECTORS)
    def test_parameters(self, Detector, kwargs, message):
        with pytest.raises(ValueError, match=message):
            make(Detector, **kwargs).fit(waves(60))

    @pytest.mark.parametrize(
        ("X", "message"),
        [
            (waves(20)[:, :2], "X has 2 features.*expecting 3"),
            ([waves(20), waves(20)[:, :2]], r"X\[1\]: X has 2 features"),
            (np.full((5, 3), np.inf), "contains infinity"),
            (np.empty((0, 3)), "0 sample"),
            ([], "X holds no series"),
        ],
    )
    @pytest.mark.parametrize(
        "method",
        [
            "score_samples",
            "predict",
            "feature_scores",
            "running_scores",
            "anomaly_segments",
        ],
    )
    def test_in_scoring(self, fitted, method, X, message):
        with pytest.raises(ValueError, match=message):
            getattr(fitted, method)(X)

    def test_update_refuses_several_series(self, fitted):
        with pytest.raises(ValueError, match="X must be 2-D"):
            fitted.update(np.zeros((2, 5, 3)))

    @pytest.mark.parametrize("Detector", DETECTORS)
    def test_not_fitted(self, Detector):
        for method in ("score_samples", "predict", "update", "anomaly_segments"):
            with pytest.raises(NotFittedError):
                getattr(Detector(), method)(waves(20))

    def test_a_failed_fit_leaves_the_detector_unchanged(self, fitted):
        model = pickle.loads(pickle.dumps(fitted))
        before = model.score_samples(waves(20))
        with pytest.raises(ValueError, match="too few rows"):
            model.fit(waves(5))
        np.testing.assert_array_equal(model.score_samples(waves(20)), before)
