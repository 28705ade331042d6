"""Scores of rows as they arrive, alarms, segments, and the choice of thresholds."""

import pickle

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sklstm import LSTMAutoencoderDetector, LSTMForecastDetector
from sklstm._data.segments import AlarmRule, AlarmTracker, find_maximum_sum
from sklstm.anomaly import _base
from sklstm.anomaly._error_model import smooth, smooth_arrivals

DETECTORS = [LSTMAutoencoderDetector, LSTMForecastDetector]
TINY = {"window_length": 6, "units": 4, "smoothing": 5, "epochs": 1, "random_state": 0}

scores_of_rows = st.lists(st.integers(-9, 0), min_size=1, max_size=40).map(
    lambda values: np.array(values, float)
)
rules = st.builds(
    AlarmRule,
    min_duration=st.integers(1, 4),
    merge_gap=st.integers(0, 4),
    hysteresis=st.sampled_from([0.25, 0.6, 1.0]),
)


def waves(n, seed=0):
    rng = np.random.default_rng(seed)
    t = np.arange(n) + rng.uniform(0, 100)
    X = np.column_stack([np.sin(t / 4), 50 + 20 * np.cos(t / 3)])
    return X + rng.normal(0, [0.05, 1.0], (n, 2))


def minutes(X, start="2025-01-01"):
    index = pd.date_range(start, periods=len(X), freq="min")
    return pd.DataFrame(X, index=index, columns=["load", "memory"])


@pytest.fixture(scope="module", params=DETECTORS, ids=lambda kind: kind.__name__)
def fitted(request):
    model = request.param(**TINY).fit(waves(120))
    rng = np.random.default_rng(0)
    model.weights_ = tuple(
        w + rng.normal(0, 0.3, w.shape).astype("float32") for w in model.weights_
    )
    return model


@pytest.fixture(scope="module")
def trained():
    model = LSTMForecastDetector(**(TINY | {"units": 16, "epochs": 30}))
    return model.set_params(merge_gap=5).fit(minutes(waves(800)))


class TestRunningScores:
    @settings(deadline=None, max_examples=10)
    @given(
        n=st.integers(1, 30),
        smoothing=st.sampled_from([1, 5, 31]),
        missing=st.sampled_from([0.0, 0.3]),
        missing_values=st.sampled_from(["ignore", "score"]),
    )
    def test_are_the_last_scores_of_all_beginnings(
        self, fitted, n, smoothing, missing, missing_values
    ):
        model = pickle.loads(pickle.dumps(fitted))
        model._smoothing = smoothing
        model.missing_values = missing_values
        X = waves(30, seed=1)[:n]
        X[np.random.default_rng(n).random(X.shape) < missing] = np.nan
        expected = [model.score_samples(X[: i + 1])[-1] for i in range(n)]
        np.testing.assert_allclose(model.running_scores(X), expected, atol=1e-6)

    def test_do_not_depend_on_the_number_of_rows_in_a_block(self, fitted, monkeypatch):
        X = waves(60, seed=2)
        expected = fitted.running_scores(X)
        monkeypatch.setattr(_base, "_MAX_VALUES_PER_RUN", 30)
        np.testing.assert_allclose(fitted.running_scores(X), expected, rtol=1e-4)

    def test_have_a_threshold_of_their_own(self):
        X = waves(300)
        for Detector in DETECTORS:
            model = Detector(**TINY, contamination=0.1).fit(X)
            flagged = np.mean(model.running_scores(X) < model.live_offset_)
            assert flagged == pytest.approx(0.1, abs=0.005)

    def test_of_several_series(self, fitted):
        X, Y = waves(20, seed=1), waves(15, seed=2)
        both = fitted.running_scores([X, Y])
        np.testing.assert_allclose(both[0], fitted.running_scores(X))
        np.testing.assert_allclose(both[1], fitted.running_scores(Y))

    @given(st.integers(1, 20), st.sampled_from([1, 3, 5, 21]))
    def test_average_is_that_of_the_last_row(self, n, length):
        values = np.random.default_rng(n).normal(size=(n, 2))
        expected = [smooth(values[: i + 1], length)[-1] for i in range(n)]
        counted = np.ones(n, bool)
        averages = smooth_arrivals([(values, counted)] * (length // 2 + 1))
        np.testing.assert_allclose(averages, expected, atol=1e-12)


class TestAlarmRule:
    @given(scores_of_rows)
    def test_without_debouncing_alarms_are_the_runs_of_outliers(self, scores):
        outliers = scores < -4
        edges = np.diff(np.pad(outliers.astype(int), 1))
        first, last = np.flatnonzero(edges == 1), np.flatnonzero(edges == -1) - 1
        alarms = AlarmRule().find(scores, -4.0)
        np.testing.assert_array_equal(alarms, np.column_stack([first, first, last]))

    @given(scores_of_rows, rules)
    def test_row_by_row_is_the_same(self, scores, rule):
        tracker, alarms = AlarmTracker(rule, -4.0), []
        for row, score in enumerate(scores):
            if (closed := tracker.close_before(row)) is not None:
                alarms.append(closed)
            tracker.push(row, score)
        if tracker.alarm is not None:
            alarms.append(tracker.alarm)
        np.testing.assert_array_equal(
            np.array(alarms).reshape(-1, 3), rule.find(scores, -4.0)
        )

    @given(scores_of_rows, rules)
    def test_alarms_are_as_described(self, scores, rule):
        alarms = rule.find(scores, -4.0)
        anomalous = scores < -4.0 * rule.hysteresis
        for first, detected, last in alarms:
            assert detected - first + 1 == rule.min_duration
            assert (scores[first : detected + 1] < -4).all()
            assert anomalous[last]
            # No more than merge_gap normal rows in succession lie inside.
            inside = np.flatnonzero(anomalous[first : last + 1])
            assert (np.diff(inside) <= rule.merge_gap + 1).all()
        gaps = alarms[1:, 0] - alarms[:-1, 2] - 1
        assert (gaps >= 1).all()
        # Nothing that lasts long enough is missed.
        covered = np.zeros(len(scores), bool)
        for first, _, last in alarms:
            covered[first : last + 1] = True
        longest = max(
            map(len, "".join(np.where(scores < -4, "x", " ")).split() or [""])
        )
        assert (longest >= rule.min_duration) == bool(len(alarms))
        assert (scores[covered] <= 0).all()

    @given(scores_of_rows)
    def test_debouncing_never_adds_alarms(self, scores):
        n_alarms = len(AlarmRule().find(scores, -4.0))
        for rule in (AlarmRule(2), AlarmRule(1, 3), AlarmRule(1, 0, 0.5)):
            assert len(rule.find(scores, -4.0)) <= n_alarms

    @given(st.lists(st.floats(0, 10), min_size=1, max_size=30), st.floats(0, 5))
    def test_excess_is_the_largest_sum_of_consecutive_rows(self, distances, level):
        values = np.array(distances)
        first, last = find_maximum_sum(values, level)
        sums = np.cumsum(np.append(0.0, values - level))
        largest = max(
            sums[stop] - sums[start]
            for start in range(len(values))
            for stop in range(start + 1, len(values) + 1)
        )
        assert sums[last + 1] - sums[first] == pytest.approx(largest)


class TestStream:
    @settings(deadline=None, max_examples=8)
    @given(sizes=st.lists(st.integers(1, 25), min_size=1, max_size=6))
    def test_alarms_do_not_depend_on_how_rows_arrive(self, trained, sizes):
        rows = minutes(waves(sum(sizes), seed=1), "2025-01-01 13:20")
        rows.iloc[len(rows) // 2 : len(rows) // 2 + 4, 0] += 3
        whole, parts = trained.stream(), trained.stream()
        raised = [whole.push(rows)]
        one_by_one = []
        for size in sizes:
            one_by_one.append(parts.push(rows[:size]))
            rows = rows[size:]
        assert len(raised[0]) == sum(map(len, one_by_one)) == len(whole.alarms)
        pd.testing.assert_frame_equal(
            whole.alarms.drop(columns="score"), parts.alarms.drop(columns="score")
        )
        np.testing.assert_allclose(whole.alarms["score"], parts.alarms["score"])
        assert parts.score == pytest.approx(whole.score)
        assert parts.is_alarm == whole.is_alarm

    def test_continues_the_rows_in_fit(self, trained):
        rows = minutes(waves(30, seed=1), "2025-01-01 13:20")
        stream, model = trained.stream(), pickle.loads(pickle.dumps(trained))
        for i in range(len(rows)):
            stream.push(rows[i : i + 1])
            (score,) = model.update(rows[i : i + 1])
            assert stream.score == pytest.approx(score)
            assert stream.decision == pytest.approx(score - trained.live_offset_)
        with pytest.raises(ValueError, match="new_stream=True"):
            trained.stream().push(minutes(waves(5)))
        again = trained.stream(new_stream=True)
        again.push(minutes(waves(30, seed=3)))
        assert again.score == pytest.approx(
            trained.running_scores(minutes(waves(30, seed=3)))[-1]
        )

    def test_finds_when_and_where(self, trained):
        rows = minutes(waves(120, seed=4), "2025-01-01 13:20")
        rows.iloc[60:64, 1] += 60
        stream = trained.stream()
        raised = [
            alarm
            for i in range(len(rows))
            for alarm in stream.push(rows[i : i + 1]).itertuples()
        ]
        near = [alarm for alarm in raised if alarm.detected == rows.index[60]]
        assert [alarm.feature for alarm in near] == ["memory"]
        assert pd.isna(near[0].end)
        alarm = stream.alarms.set_index("detected").loc[rows.index[60]]
        assert alarm["start"] == rows.index[60]
        # The window of a forecast contains the anomaly for some rows more.
        assert rows.index[63] <= alarm["end"] <= rows.index[70]
        assert not stream.is_alarm

    def test_rows_without_an_index_are_counted(self):
        model = LSTMForecastDetector(**TINY).fit(waves(200))
        stream = model.stream()
        X = waves(20, seed=1)
        X[10:, 0] += 50
        stream.push(X[:12])
        stream.push(X[12:])
        assert stream.is_alarm
        assert stream.alarms.iloc[-1]["detected"] == 10
        assert pd.isna(stream.alarms.iloc[-1]["end"])
        assert stream.alarms.iloc[-1]["feature"] == 0

    def test_does_not_change_the_detector_and_is_not_changed_by_it(self):
        model = LSTMForecastDetector(**TINY).fit(waves(100))
        before = pickle.dumps(model._history)
        stream = model.stream()
        stream.push(waves(5, seed=1))
        assert pickle.dumps(model._history) == before
        expected = pickle.loads(pickle.dumps(stream)).push(waves(9, seed=2))
        model.set_params(min_duration=3).fit(waves(100, seed=5))
        pd.testing.assert_frame_equal(stream.push(waves(9, seed=2)), expected)

    def test_has_no_score_before_its_first_row(self, trained):
        with pytest.raises(ValueError, match="first row"):
            _ = trained.stream().score
        with pytest.raises(ValueError, match="first row"):
            _ = trained.stream().decision

    def test_remembers_no_more_rows_than_it_needs(self, trained):
        stream = trained.stream(new_stream=True)
        for seed in range(5):
            stream.push(waves(50, seed=seed))
            assert len(stream._distances) < 10

    def test_close_when_the_gap_is_complete(self):
        X = waves(160)
        model = LSTMForecastDetector(
            **(TINY | {"smoothing": 1}), merge_gap=2, hysteresis=1.0
        ).fit(X[:100])
        model.live_offset_ = model.running_scores(X).min() - 1
        X = X[100:]
        X[20, 0] += 50
        stream = model.stream()
        open_rows = []
        for row, values in enumerate(X):
            stream.push(values[None])
            if stream.is_alarm:
                open_rows.append(row)
        outliers = np.flatnonzero(model.running_scores(X)[10:] < model.live_offset_)
        assert open_rows == list(range(20, outliers[-1] + 10 + 3))
        assert not stream.alarms["end"].isna().any()

    def test_alarms_do_not_overlap(self, trained):
        rows = minutes(waves(300, seed=5), "2025-01-01 13:20")
        rng = np.random.default_rng(0)
        rows.iloc[rng.choice(300, 25), 0] += 3
        model = pickle.loads(pickle.dumps(trained))
        stream = model.set_params(merge_gap=0, hysteresis=1.0).stream()
        stream.push(rows)
        alarms = stream.alarms.dropna()
        assert len(alarms) > 3
        assert (alarms["start"] <= alarms["detected"]).all()
        ends = alarms["end"].to_numpy()
        assert (alarms["start"].to_numpy()[1:] > ends[:-1]).all()

    def test_tables_have_the_types_of_the_labels(self, trained):
        rows = minutes(waves(30, seed=1), "2025-01-01 13:20")
        stream = trained.stream()
        quiet = stream.push(rows[:2])
        rows.iloc[20:, 0] += 9
        raised = stream.push(rows[2:])
        assert stream.is_alarm
        assert len(raised)
        for table in (quiet, raised, stream.push(rows[:0])):
            for name in ("start", "detected", "end"):
                assert table[name].dtype == rows.index.dtype
            assert table["feature"].dtype == object

    def test_features_have_the_labels_of_the_columns(self):
        X = pd.DataFrame(waves(200), columns=[10, 20])
        model = LSTMForecastDetector(**TINY).fit(X[:150])
        new = X[150:].copy()
        new.iloc[30:, 1] += 500
        stream = model.stream()
        stream.push(new)
        assert stream.alarms["feature"].iloc[-1] == 20
        assert model.anomaly_segments(new)["feature"].iloc[-1] == 20

    def test_messages_name_the_stream(self, trained):
        stream = trained.stream()
        with pytest.raises(ValueError, match=r"stream\(new_stream=True\)"):
            stream.push(minutes(waves(5)))


class TestSegments:
    def test_no_fault_in_a_merged_segment_is_left_out(self, trained):
        X = minutes(waves(200, seed=6))
        X.iloc[80:82, 0] += 9
        X.iloc[110:150, 1] += 30 * np.sign(waves(40, seed=3)[:, 0])
        model = pickle.loads(pickle.dumps(trained)).set_params(merge_gap=200)
        segments = model.anomaly_segments(X)
        assert len(segments) == 1
        assert segments["start"].iloc[0] <= X.index[80]
        assert segments["end"].iloc[0] >= X.index[145]
        stream = model.stream(new_stream=True)
        stream.push(X)
        assert stream.alarms["start"].iloc[0] <= X.index[80]

    def test_are_merged_and_need_their_duration(self, trained):
        X = minutes(waves(200, seed=6))
        X.iloc[100, 0] += 4
        X.iloc[120, 0] += 4
        model = pickle.loads(pickle.dumps(trained))
        found = []
        for changed in ({"merge_gap": 0}, {"merge_gap": 25}, {"min_duration": 100}):
            model.set_params(**changed)
            segments = model.anomaly_segments(X)
            near = segments["start"].between(X.index[95], X.index[125])
            found.append(near.sum())
        assert found == [2, 1, 0]

    def test_a_column_that_stopped_is_part_of_its_segment(self):
        model = LSTMForecastDetector(**TINY, missing_values="score").fit(waves(300))
        X = waves(100, seed=1)
        X[50:70, 1] = np.nan
        segments = model.anomaly_segments(X)
        worst = segments.loc[segments["score"].idxmin()]
        assert (worst["start"], worst["feature"]) == (50, 1)
        assert 69 <= worst["end"] <= 76


class TestChooseThreshold:
    @pytest.mark.parametrize("rate", [0, 5, 40])
    def test_raises_no_more_alarms_than_accepted(self, trained, rate):
        model = pickle.loads(pickle.dumps(trained))
        quiet = minutes(waves(400, seed=8))
        report = model.choose_threshold(quiet, false_alarms_per_day=rate)
        n_alarms = int(rate * 400 / 1440)
        # Alarms that merge because nearly all rows are outliers are no solution.
        assert np.mean(model.predict(quiet) < 0) <= 0.05
        assert np.mean(model.running_scores(quiet) < model.live_offset_) <= 0.05
        stream = model.stream(new_stream=True)
        assert len(stream.push(quiet)) == report.n_false_alarms <= n_alarms
        assert len(model.anomaly_segments(quiet)) <= n_alarms
        assert (model.offset_, model.live_offset_) == (
            report.offset,
            report.live_offset,
        )
        assert report.days == pytest.approx(400 / 1440)

    def test_a_higher_threshold_raises_more_alarms(self, trained):
        model = pickle.loads(pickle.dumps(trained))
        quiet = minutes(waves(400, seed=8))
        model.choose_threshold(quiet, false_alarms_per_day=10)
        scores = model.running_scores(quiet)
        higher = np.sort(scores[scores > model.live_offset_])
        rule = model._alarm_rule
        assert any(len(rule.find(scores, level)) > 2 for level in higher[:5] + 1e-9)

    def test_delays(self, trained):
        model = pickle.loads(pickle.dumps(trained))
        report = model.choose_threshold(
            minutes(waves(400, seed=8)), false_alarms_per_day=1
        )
        delays = report.delays
        assert delays["detected"].is_monotonic_increasing
        assert delays["detected"].iloc[-1] == 1
        assert delays["delay"].iloc[-1] <= pd.Timedelta("2min")
        assert "0 alarms in 0.3 days" in str(report)
        assert "5 standard deviations: 100%" in str(report)

    def test_known_columns_are_not_shifted(self):
        hours = np.sin(2 * np.pi * np.arange(400) / 24)
        X = minutes(np.column_stack([waves(400)[:, 0], hours]))
        delays = []
        for known in (None, "memory"):
            model = LSTMForecastDetector(
                **(TINY | {"units": 8, "epochs": 10}), known_future=known
            )
            columns = X if known else X[["load"]]
            model.fit(columns[:200])
            report = model.choose_threshold(columns[200:], false_alarms_per_day=1)
            delays.append(report.delays["detected"].iloc[-1])
        assert delays == [1, 1]

    def test_scores_of_silent_columns_do_not_depend_on_it(self):
        model = LSTMForecastDetector(**TINY, missing_values="score").fit(waves(300))
        X = waves(100, seed=1)
        X[50:60, 1] = np.nan
        before = model.running_scores(X)
        report = model.choose_threshold(X, false_alarms_per_day=0, row_interval="1min")
        np.testing.assert_array_equal(model.running_scores(X), before)
        stream = model.stream(new_stream=True)
        assert len(stream.push(X)) == report.n_false_alarms == 0

    def test_days_of_several_recordings_with_different_intervals(self, trained):
        one = minutes(waves(120, seed=1))
        two = one.set_axis(pd.date_range("2025-01-01", periods=120, freq="h"))
        model = pickle.loads(pickle.dumps(trained))
        report = model.choose_threshold([one[:1], one, two], false_alarms_per_day=1)
        assert report.days == pytest.approx(121 / 1440 + 5)

    def test_several_recordings_and_rows_without_times(self, trained):
        one, two = minutes(waves(200, seed=1)), minutes(waves(150, seed=2))
        reports = [
            pickle.loads(pickle.dumps(trained)).choose_threshold(
                X, false_alarms_per_day=8, row_interval=freq
            )
            for X, freq in [
                ([one, two], None),
                ([one.to_numpy(), two.to_numpy()], "1min"),
                ([one.to_period("min"), two.to_period("min")], None),
            ]
        ]
        assert len({report.live_offset for report in reports}) == 1
        assert reports[0].days == pytest.approx(350 / 1440)

    @pytest.mark.parametrize(
        ("kwargs", "message"),
        [
            ({"false_alarms_per_day": -1}, "false_alarms_per_day must be .* -1"),
            ({"false_alarms_per_day": np.nan}, "false_alarms_per_day must be"),
            ({"false_alarms_per_day": "1"}, "false_alarms_per_day must be"),
            ({"false_alarms_per_day": True}, "false_alarms_per_day must be"),
            ({"false_alarms_per_day": 1}, "no index of times.*row_interval='1min'"),
            ({"false_alarms_per_day": 1, "row_interval": "soon"}, "must be a time"),
            ({"false_alarms_per_day": 1, "row_interval": "ME"}, "must be a time"),
            ({"false_alarms_per_day": 1, "row_interval": "-1min"}, "be positive"),
        ],
    )
    def test_invalid_input_changes_nothing(self, trained, kwargs, message):
        before = trained.offset_, trained.live_offset_
        with pytest.raises(ValueError, match=message):
            trained.choose_threshold(waves(50), **kwargs)
        assert (trained.offset_, trained.live_offset_) == before


@pytest.mark.parametrize(
    ("kwargs", "message"),
    [
        ({"min_duration": 0}, "'min_duration' parameter"),
        ({"merge_gap": -1}, "'merge_gap' parameter"),
        ({"hysteresis": 0}, "'hysteresis' parameter"),
        ({"hysteresis": 1.5}, "'hysteresis' parameter"),
    ],
)
def test_invalid_parameters(kwargs, message):
    with pytest.raises(ValueError, match=message):
        LSTMForecastDetector(**TINY, **kwargs).fit(waves(60))
