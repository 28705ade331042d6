"""Alarms compared with incidents: counts, delays and what changes neither."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given as given_any
from hypothesis import settings
from hypothesis import strategies as st

from sklstm import LSTMForecastDetector
from sklstm.metrics import event_report, labels_to_events, match_events, merge_events

MINUTES = pd.date_range("2025-03-01", periods=500, freq="min")
INDICES = {
    "rows": pd.RangeIndex(500),
    "times": MINUTES,
    "times with a zone": MINUTES.tz_localize("Europe/Berlin"),
    "periods": pd.period_range("2025-03-01", periods=500, freq="min"),
    "text": MINUTES.strftime("%Y-%m-%d %H:%M"),
    "time deltas": pd.timedelta_range("0", periods=500, freq="min"),
}


def given(*strategies):
    return lambda test: settings(deadline=None, max_examples=50)(
        given_any(*strategies)(test)
    )


spans = st.lists(st.tuples(st.integers(1, 9), st.integers(1, 9)), max_size=6)
gaps = st.integers(0, 5)


def table(*pairs, index=INDICES["rows"], **columns):
    start, end = np.array(pairs, dtype=int).reshape(-1, 2).T
    return pd.DataFrame({"start": index[start], "end": index[end], **columns})


def from_spans(spans):
    """Make disjoint events from pairs of a gap before an event and its length."""
    pairs, row = [], 0
    for gap, length in spans:
        pairs.append((row + gap, row + gap + length - 1))
        row = pairs[-1][1] + 1
    return table(*pairs)


def rows_of(events, n_rows=500):
    flags = np.zeros(n_rows, dtype=int)
    for start, end in events[["start", "end"]].to_numpy():
        flags[start : end + 1] = 1
    return flags


class TestLabels:
    @given(st.lists(st.integers(0, 1), max_size=30))
    def test_events_are_the_runs_of_anomalous_rows(self, labels):
        events = labels_to_events(labels, pos_label=1)
        np.testing.assert_array_equal(rows_of(events, len(labels)), labels)
        # No two runs touch each other.
        assert (events["start"][1:].to_numpy() > events["end"][:-1] + 1).all()
        predicted = 1 - 2 * np.array(labels, dtype=int)
        pd.testing.assert_frame_equal(labels_to_events(predicted, pos_label=-1), events)
        pd.testing.assert_frame_equal(
            labels_to_events(np.array(labels, dtype=bool)), events
        )

    @pytest.mark.parametrize("kind", INDICES)
    def test_events_have_the_labels_of_the_rows(self, kind):
        index = INDICES[kind][:5]
        events = labels_to_events([1, -1, -1, 1, -1], index)
        assert events["start"].tolist() == [index[1], index[4]]
        assert events["end"].tolist() == [index[2], index[4]]
        series = pd.Series([0, 1, 1, 0, 1], index)
        pd.testing.assert_frame_equal(labels_to_events(series), events)

    def test_several_series(self):
        index = pd.MultiIndex.from_product([["a", "b"], MINUTES[:3]])
        events = labels_to_events([0, 1, 1, 1, 0, 1], index)
        assert events.index.tolist() == [("a", 0), ("b", 0), ("b", 1)]
        assert events["start"].tolist() == list(MINUTES[[1, 0, 2]])
        one, other = labels_to_events([[0, 1, 1], np.array([1, 0, 1])])
        assert one.to_numpy().tolist() == [[1, 2]]
        assert other.to_numpy().tolist() == [[0, 0], [2, 2]]

    def test_labels_that_are_all_1(self):
        with pytest.raises(ValueError, match="all 1.*Pass pos_label=-1"):
            labels_to_events([1, 1])
        assert labels_to_events([1, 1], pos_label=-1).empty
        assert len(labels_to_events([1, 1], pos_label=1)) == 1
        assert len(labels_to_events([True, True])) == 1
        assert labels_to_events([0, 0]).empty
        assert labels_to_events([]).empty

    @pytest.mark.parametrize(
        ("arguments", "message"),
        [
            (([0, 2],), "labels must be 0 and 1.*got np.int64.2"),
            (([0.5, 0.1],), "For scores, compare them with a threshold"),
            (([0.0, np.nan],), "labels must be 0 and 1.*nan"),
            (([0, 1, -1],), "hold both 0 and -1"),
            ((np.zeros((2, 2)),), r"one label for each row.*shape \(2, 2\)"),
            (([0, 1], MINUTES[:3]), "index must have a label for each of the 2 rows"),
            (([0, 1], MINUTES[1::-1]), "index must be in time order"),
            (([[0, 1]], MINUTES[:2]), "index must be a list with an entry for each"),
        ],
    )
    def test_invalid_labels(self, arguments, message):
        with pytest.raises(ValueError, match=message):
            labels_to_events(*arguments)

    def test_invalid_pos_label(self):
        with pytest.raises(ValueError, match="pos_label must be 1, -1 or None, got 0"):
            labels_to_events([0, 1], pos_label=0)
        with pytest.raises(ValueError, match="labels hold -1, which pos_label=1"):
            labels_to_events([1, -1], pos_label=1)
        with pytest.raises(ValueError, match="labels hold 0, which pos_label=-1"):
            labels_to_events([1, 0], pos_label=-1)


class TestMatches:
    @pytest.mark.parametrize("kind", INDICES)
    def test_one_row_per_incident(self, kind):
        index = INDICES[kind]
        incidents = table((10, 20), (30, 40), (60, 70), index=index)
        alarms = table((5, 9), (22, 29), (13, 15), (18, 33), (50, 50), index=index)
        matches = match_events(incidents, alarms)
        found = matches.incidents
        assert found["found"].tolist() == [True, True, False]
        assert found["alarm"].tolist()[:2] == [2, 3]
        assert found["detected"].tolist()[:2] == [index[13], index[18]]
        unit = 1 if kind == "rows" else pd.Timedelta("1min")
        assert found["delay"].tolist()[:2] == [3 * unit, 0 * unit]
        assert found[["alarm", "detected", "delay"]].iloc[2].isna().all()
        false = [True, True, False, False, True]
        assert matches.alarms["false_alarm"].tolist() == false
        assert matches.false_alarms.index.tolist() == [0, 1, 4]

    def test_an_alarm_is_raised_when_it_was_detected(self):
        incidents = table((10, 20), (40, 45))
        alarms = table(
            (9, 14), (12, 19), (41, 44), detected=[16, 13, 50], score=0.0, feature="a"
        )
        found = match_events(incidents, alarms).incidents
        assert found["alarm"].tolist() == [1, 2]
        assert found["delay"].tolist() == [3, 10]
        late = match_events(incidents, alarms, max_delay=9)
        assert late.incidents["found"].tolist() == [True, False]
        # An alarm that comes too late is not false.
        assert late.false_alarms.empty

    def test_an_alarm_that_is_still_open(self):
        incidents = table((10, 20), (30, 40), index=MINUTES)
        alarms = table((5, 6), (15, 15), index=MINUTES)
        alarms.loc[1, "end"] = pd.NaT
        matches = match_events(incidents, alarms)
        assert matches.incidents["found"].all()
        assert matches.incidents["delay"].tolist() == [
            pd.Timedelta("5min"),
            pd.Timedelta(0),
        ]
        report = event_report(incidents, alarms, index=MINUTES[:60])
        assert report["range_precision"] == (6 + 11) / 45 / 2
        rows = table((15, 15)).astype(object)
        rows.loc[0, "end"] = None
        assert match_events(table((30, 40)), rows).incidents["found"].all()

    def test_rows_with_and_without_an_open_end(self):
        alarms = table((3, 4), (15, 15)).assign(end=[4.0, np.nan])
        found = match_events(table((10, 20)), alarms).incidents
        assert found["alarm"].tolist() == [1]
        assert found["delay"].tolist() == [5]

    def test_times_are_compared_however_they_are_written(self):
        incidents = table((10, 20), index=MINUTES)
        alarms = table((15, 16), (30, 31), index=INDICES["text"])
        matches = match_events(incidents, alarms, tolerance=np.timedelta64(9, "m"))
        assert matches.incidents["detected"].tolist() == ["2025-03-01 00:15"]
        assert matches.incidents["delay"].tolist() == [pd.Timedelta("5min")]
        assert len(matches.false_alarms) == 1
        seconds = alarms.apply(lambda column: pd.to_datetime(column).dt.as_unit("s"))
        assert len(match_events(incidents, seconds).false_alarms) == 1
        local = table((10, 20), index=MINUTES.tz_localize("Europe/Berlin"))
        utc = local.apply(lambda column: column.dt.tz_convert("UTC"))
        assert event_report(local, utc)["range_precision"] == 1

    def test_tolerance_reaches_to_both_sides(self):
        incidents = table((10, 20), index=MINUTES)
        for pair, distance in (((2, 6), 4), ((23, 30), 3)):
            alarms = table(pair, index=MINUTES)
            for tolerance, is_found in ((distance - 1, False), (distance, True)):
                matches = match_events(incidents, alarms, tolerance=f"{tolerance}min")
                assert matches.incidents["found"].tolist() == [is_found]
                assert len(matches.false_alarms) == (not is_found)
        assert match_events(incidents, alarms, tolerance="3min").incidents[
            "delay"
        ].tolist() == [pd.Timedelta("13min")]

    @given(spans, gaps)
    def test_perfect_alarms(self, spans, tolerance):
        incidents = from_spans(spans)
        report = event_report(incidents, incidents, tolerance=tolerance)
        assert report["n_found"] == report["n_alarms"] == len(incidents)
        assert report["n_false_alarms"] == 0
        if len(incidents):
            assert report["recall"] == report["precision"] == report["f1"] == 1
            assert report["range_recall"] == report["range_precision"] == 1
            assert report["median_delay"] == report["max_delay"] == 0
        else:
            assert report.drop(["n_incidents", "n_found", "n_alarms"])[1:].isna().all()

    @given(spans, spans, gaps, st.integers(-1000, 1000))
    def test_a_shift_changes_nothing(self, spans, other_spans, tolerance, shift):
        incidents, alarms = from_spans(spans), from_spans(other_spans)
        report = event_report(incidents, alarms, tolerance=tolerance)
        shifted = event_report(incidents + shift, alarms + shift, tolerance=tolerance)
        pd.testing.assert_series_equal(shifted, report)

    @given(spans, spans, gaps)
    def test_rows_and_minutes_are_alike(self, spans, other_spans, tolerance):
        rows = from_spans(spans), from_spans(other_spans)
        times = [each.apply(lambda column: MINUTES[column]) for each in rows]
        report = event_report(*rows, tolerance=tolerance, index=INDICES["rows"])
        timed = event_report(*times, tolerance=f"{tolerance}min", index=MINUTES)
        counts = report.index[:9]
        pd.testing.assert_series_equal(timed[counts], report[counts])
        if report["n_found"]:
            minutes = timed["max_delay"] / pd.Timedelta("1min")
            assert minutes == report["max_delay"]

    @given(spans, spans, gaps, st.data())
    def test_the_order_of_the_rows_is_irrelevant(
        self, spans, other_spans, tolerance, data
    ):
        incidents, alarms = from_spans(spans), from_spans(other_spans)
        matches = match_events(incidents, alarms, tolerance=tolerance)
        mixed = [
            frame.loc[data.draw(st.permutations(range(len(frame))))]
            for frame in (incidents, alarms)
        ]
        again = match_events(*mixed, tolerance=tolerance)
        for one, other in zip(again, matches, strict=True):
            pd.testing.assert_frame_equal(one.sort_index(), other)

    @given(spans, spans, gaps, st.data())
    def test_splitting_an_alarm_keeps_recall(self, spans, other_spans, tolerance, data):
        incidents, alarms = from_spans(spans), from_spans(other_spans)
        long = alarms[alarms["end"] > alarms["start"]]
        if long.empty:
            return
        row = data.draw(st.sampled_from(list(long.index)))
        cut = data.draw(st.integers(long["start"][row], long["end"][row] - 1))
        first, last = alarms.loc[[row]].assign(end=cut), alarms.loc[[row]]
        parts = pd.concat([alarms.drop(row), first, last.assign(start=cut + 1)])
        report = event_report(incidents, alarms, tolerance=tolerance)
        split = event_report(incidents, parts, tolerance=tolerance)
        for name in ("recall", "n_found", "range_recall", "max_delay"):
            np.testing.assert_equal(split[name], report[name])
        pd.testing.assert_frame_equal(
            merge_events(parts, gap=1), merge_events(alarms, gap=1)
        )

    @given(spans, spans, gaps)
    def test_a_further_disjoint_alarm_is_one_false_alarm(
        self, spans, other_spans, tolerance
    ):
        incidents, alarms = from_spans(spans), from_spans(other_spans)
        report = event_report(incidents, alarms, tolerance=tolerance)
        more = pd.concat([alarms, table((400, 410))])
        again = event_report(incidents, more, tolerance=tolerance)
        assert again["n_false_alarms"] == report["n_false_alarms"] + 1
        np.testing.assert_equal(again["recall"], report["recall"])

    @given(spans, spans, gaps)
    def test_matches_by_definition(self, spans, other_spans, tolerance):
        incidents, alarms = from_spans(spans), from_spans(other_spans)
        matches = match_events(incidents, alarms, tolerance=tolerance)
        overlap = np.array(
            [
                [
                    alarm.start <= incident.end + tolerance
                    and alarm.end >= incident.start - tolerance
                    for alarm in alarms.itertuples()
                ]
                for incident in incidents.itertuples()
            ]
        ).reshape(len(incidents), len(alarms))
        found = matches.incidents["found"].to_numpy()
        np.testing.assert_array_equal(found, overlap.any(axis=1))
        false = matches.alarms["false_alarm"].to_numpy()
        np.testing.assert_array_equal(false, ~overlap.any(axis=0))
        first = [row.argmax() for row in overlap[found]]
        assert matches.incidents["alarm"][found].tolist() == first

    @given(spans, spans)
    def test_range_metrics_by_definition(self, spans, other_spans):
        incidents, alarms = from_spans(spans), from_spans(other_spans)
        report = event_report(incidents, alarms)
        for name, events, others in (
            ("range_recall", incidents, rows_of(alarms)),
            ("range_precision", alarms, rows_of(incidents)),
        ):
            parts = [others[a : b + 1].mean() for a, b in events.to_numpy()]
            expected = np.mean(parts) if parts else np.nan
            np.testing.assert_allclose(report[name], expected)

    def test_overlapping_alarms_each_count(self):
        alarms = table((1, 9), (5, 12), (20, 30), (25, 35))
        report = event_report(table((8, 11)), alarms)
        assert report["n_false_alarms"] == 2
        assert report["range_recall"] == 1


class TestSeveralSeries:
    incidents = pd.concat({"a": table((10, 20)), "b": table((10, 20))})
    alarms = pd.concat({"a": table((12, 14)), "c": table((10, 20))})

    def test_each_series_by_itself(self):
        matches = match_events(self.incidents, self.alarms)
        assert matches.incidents["found"].tolist() == [True, False]
        assert matches.false_alarms.index.tolist() == [("c", 0)]

    def test_lists(self):
        empty = table()
        matches = match_events(
            [table((10, 20))] * 2 + [empty], [empty, *[table((12, 14))] * 2]
        )
        assert matches.incidents["found"].tolist() == [False, True]
        assert matches.incidents.index.tolist() == [(0, 0), (1, 0)]
        assert matches.false_alarms.index.tolist() == [(2, 0)]
        assert match_events([empty, empty], [empty, empty]).incidents.empty

    def test_time_is_the_sum_over_the_series(self):
        index = pd.MultiIndex.from_product([["a", "b", "c"], MINUTES[:480]])
        incidents, alarms = (
            each.apply(lambda column: MINUTES[column])
            for each in (self.incidents, self.alarms)
        )
        report = event_report(incidents, alarms, index=index)
        assert report["false_alarms_per_day"] == 1
        with pytest.raises(ValueError, match="lacks the series 'c'"):
            event_report(incidents, alarms, index=index[:900])
        with pytest.raises(ValueError, match="lacks the series 'a'"):
            event_report(incidents, alarms, index=MINUTES)

    def test_merged_by_series(self):
        events = pd.concat({"a": table((1, 3), (3, 6)), "b": table((3, 4))})
        merged = merge_events(events)
        assert merged.index.tolist() == [("a", 0), ("b", 0)]
        assert merged.to_numpy().tolist() == [[1, 6], [3, 4]]

    def test_one_and_several_series(self):
        with pytest.raises(ValueError, match="of the same series: both with an index"):
            match_events(self.incidents, table((1, 2)))


class TestReport:
    incidents = table((10, 20), (40, 50), index=MINUTES)
    alarms = table((15, 16), (45, 45), (45, 45), (90, 91), (95, 96), index=MINUTES)

    def test_counts(self):
        report = event_report(self.incidents, self.alarms, index=MINUTES[:144])
        assert report[["n_incidents", "n_found", "n_alarms"]].tolist() == [2, 2, 5]
        assert report["recall"] == 1
        assert report["precision"] == 0.5
        assert report["f1"] == pytest.approx(2 / 3)
        assert report["false_alarms_per_day"] == pytest.approx(20)
        assert report["median_delay"] == pd.Timedelta("5min")

    @pytest.mark.parametrize(
        "options",
        [
            {"index": MINUTES[:144]},
            {"index": pd.DataFrame(index=MINUTES[:144])},
            {"index": MINUTES[:72].append(MINUTES[72:144])},
            {"n_rows": 144, "row_interval": "1min"},
            {"n_rows": 144, "row_interval": pd.Timedelta("60s")},
            {"index": MINUTES[:144:2], "row_interval": "2min"},
        ],
    )
    def test_false_alarms_per_day(self, options):
        report = event_report(self.incidents, self.alarms, **options)
        assert report["false_alarms_per_day"] == pytest.approx(20)

    def test_row_numbers_need_the_time_between_rows(self):
        incidents, alarms = table((10, 20)), table((90, 91))
        report = event_report(incidents, alarms, index=pd.RangeIndex(144))
        assert np.isnan(report["false_alarms_per_day"])
        report = event_report(
            incidents, alarms, index=pd.RangeIndex(144), row_interval="1min"
        )
        assert report["false_alarms_per_day"] == pytest.approx(10)

    def test_months_have_their_own_lengths(self):
        months = pd.period_range("2025-01", periods=3, freq="M")
        alarms = pd.DataFrame({"start": months[[1]], "end": months[[2]]})
        incidents = pd.DataFrame({"start": months[[2]], "end": months[[2]]})
        report = event_report(incidents, alarms[:0], index=months)
        assert report["false_alarms_per_day"] == 0
        report = event_report(incidents[:0], alarms, index=months)
        assert report["false_alarms_per_day"] == pytest.approx(1 / (31 + 28 + 31))
        report = event_report(incidents, alarms, index=months)
        assert report["range_precision"] == pytest.approx(31 / (28 + 31))

    def test_gaps_are_not_watched(self):
        index = MINUTES[:72].append(MINUTES[400:472])
        report = event_report(self.incidents, self.alarms[:3], index=index)
        assert report["false_alarms_per_day"] == 0
        late = table((410, 411), index=MINUTES)
        report = event_report(self.incidents, late, index=index)
        assert report["false_alarms_per_day"] == pytest.approx(10)

    def test_an_alarm_without_end_finds_everything(self):
        incidents = table((100, 109), (300, 309))
        report = event_report(incidents, table((0, 499)), index=pd.RangeIndex(500))
        assert report["recall"] == report["precision"] == report["range_recall"] == 1
        assert report["range_precision"] == 20 / 500


@pytest.mark.parametrize(
    ("incidents", "alarms", "options", "message"),
    [
        (table((1, 2)).drop(columns="end"), None, {}, "incidents.*lacks .'end'"),
        (None, table((1, 2)).rename(columns={"start": "x"}), {}, "alarms.*'start'"),
        (table((5, 4)), None, {}, "'start' no later than 'end'.*start 5 and end 4"),
        (
            None,
            table((5, 6), detected=[4]),
            {},
            "'start' no later than 'detected'.*start 5 and detected 4",
        ),
        (
            table((1, 5), (5, 8)),
            None,
            {},
            "must not overlap.*starts at 5.*merge_events",
        ),
        (
            None,
            table((1, 2), index=MINUTES),
            {},
            "labels of one kind.*numbers such as 1.*times without a time zone",
        ),
        (
            table((1, 2), index=MINUTES),
            table((1, 2), index=MINUTES.tz_localize("UTC")),
            {},
            "labels of one kind.*times without a time zone.*times with a time zone",
        ),
        (
            table((1, 2)).assign(end=MINUTES[[1]]),
            None,
            {},
            "Columns.*of incidents must hold labels of one kind.*numbers and times",
        ),
        (table((1, 2)).assign(end=2.5), None, {}, "labels of one kind.*pd.to_datetime"),
        (table((1, 2)).assign(start=None), None, {}, "a label in column 'start'"),
        (None, None, {"tolerance": -1}, "tolerance must be a number of rows.*-1"),
        (None, None, {"tolerance": "5min"}, "tolerance must be a number of rows"),
        (None, None, {"max_delay": 1.5}, "max_delay must be a number of rows.*1.5"),
        (
            table((1, 2), index=MINUTES),
            table(index=MINUTES),
            {"tolerance": 5},
            "tolerance must be a time.*'?5min.*got 5",
        ),
        (None, None, {"row_interval": "x"}, "row_interval must be a time.*'x'"),
        (None, None, {"n_rows": 5}, "n_rows needs row_interval"),
        (None, None, {"n_rows": 0, "row_interval": "1s"}, "n_rows must be an integer"),
        (None, None, {"n_rows": 5, "index": MINUTES}, "either index or n_rows"),
        (None, None, {"index": pd.RangeIndex(2)}, "incidents must lie within index"),
        (None, None, {"index": MINUTES}, "index must have labels of the kind of"),
        ([], None, {}, "incidents is an empty list"),
    ],
)
def test_invalid_events(incidents, alarms, options, message):
    incidents = table((1, 2)) if incidents is None else incidents
    alarms = table((1, 2)) if alarms is None else alarms
    with pytest.raises(ValueError, match=message):
        event_report(incidents, alarms, **options)


def test_no_tables():
    with pytest.raises(
        TypeError, match=r"incidents\[0\] must be a pandas DataFrame.*list"
    ):
        match_events([[1, 2]], table())
    with pytest.raises(TypeError, match="alarms must be a pandas DataFrame"):
        match_events(table(), np.zeros(3))
    with pytest.raises(TypeError, match="index must be a pandas Index.*got int"):
        event_report(table(), table(), index=5)


@pytest.mark.parametrize("index", [INDICES["rows"], MINUTES], ids=["rows", "times"])
def test_alarms_of_a_stream(index):
    X = np.sin(np.arange(500) / 5)[:, None]
    X += np.random.default_rng(0).normal(0, 0.1, X.shape)
    X[350:360] += 3
    X[490:] += 3
    frame = pd.DataFrame(X, index)
    detector = LSTMForecastDetector(10, smoothing=5, units=4, epochs=3, random_state=0)
    stream = detector.fit(frame[:300]).stream()
    stream.push(frame[300:])
    incidents = table((350, 359), (490, 499), index=index)
    matches = match_events(incidents, stream.alarms)
    assert stream.is_alarm
    assert matches.incidents["found"].all()
    for found in matches.incidents.itertuples():
        alarm = stream.alarms.loc[found.alarm]
        assert found.detected == alarm["detected"]
        assert found.delay == max(alarm["detected"] - found.start, 0 * found.delay)
    report = event_report(incidents, stream.alarms, index=frame[300:].index)
    assert report["recall"] == 1


class TestMerging:
    @given(spans, spans, gaps)
    def test_rows_within_the_gap_are_joined(self, spans, other_spans, gap):
        events = pd.concat([from_spans(spans), from_spans(other_spans)])
        merged = merge_events(events, gap=gap)
        starts, ends = merged["start"].to_numpy(), merged["end"].to_numpy()
        assert (starts[1:] > ends[:-1] + gap).all()
        covered = rows_of(merged)
        assert (covered >= rows_of(events)).all()
        pd.testing.assert_frame_equal(merge_events(merged, gap=gap), merged)
        if gap == 0 or gap == 1:
            np.testing.assert_array_equal(covered, rows_of(events))

    def test_other_columns(self):
        events = table(
            (5, 9), (1, 6), detected=[8, 4], score=[-3.0, -1.0], feature=["a", "b"]
        ).assign(note="x")
        (merged,) = merge_events(events).to_dict("records")
        assert merged == {
            "start": 1,
            "detected": 4,
            "end": 9,
            "score": -3.0,
            "feature": "a",
        }

    def test_open_events_stay_open(self):
        events = table((1, 2), (5, 6), index=MINUTES)
        events.loc[0, "end"] = pd.NaT
        merged = merge_events(events)
        assert len(merged) == 1
        assert merged["end"].isna().all()

    def test_no_events(self):
        assert merge_events(table()).empty
        assert merge_events(pd.concat({"a": table((1, 2))})[:0]).empty
