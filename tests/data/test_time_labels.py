"""Every kind of time index: order, gaps, duplicates and continuation."""

import datetime as dt
import pickle
import warnings

import numpy as np
import pandas as pd
import pytest
from hypothesis import assume, example, given, settings
from hypothesis import strategies as st
from sklearn.linear_model import LinearRegression
from sktime.split import ExpandingWindowSplitter

from sklstm import LSTMForecastDetector, WindowForecaster, walk_forward
from sklstm._data.time_index import TimeIndex, warn_of_irregular_rows
from sklstm._data.time_labels import as_times, is_time, read_times, write_times

N_ROWS = 60
rng = np.random.default_rng(0)
VALUES = np.column_stack([rng.normal(size=N_ROWS).cumsum(), np.arange(N_ROWS)])

START = pd.Timestamp("2023-01-31 09:30")
DAYS = pd.date_range("2023-01-02", periods=N_ROWS)
HOURS = pd.date_range("2023-03-24", periods=N_ROWS, freq="h")
MONTHS = pd.date_range("2020-01-01", periods=N_ROWS, freq="MS")
BERLIN = "Europe/Berlin"


def weekdays(weekmask):
    return pd.offsets.CustomBusinessDay(weekmask=weekmask)


def dates(freq, **kwargs):
    """Return dates without the frequency, as they are read from a file."""
    index = pd.date_range(
        **({"start": START, "periods": N_ROWS, "freq": freq} | kwargs)
    )
    return pd.DatetimeIndex(index, freq=None)


INDEXES = {
    "hours": dates("h"),
    "90 minutes": dates("90min"),
    "days": dates("D"),
    "business days": dates("B"),
    "month ends": dates("ME"),
    "third Fridays": dates("WOM-3FRI"),
    "days in Berlin": dates("D", tz=BERLIN),
    "hours in Berlin": dates("h", start="2023-03-24", tz=BERLIN),
    "15th of each month": dates(pd.DateOffset(months=1), start="2023-01-15"),
    "15th of each month in Berlin": dates(
        pd.DateOffset(months=1), start="2023-01-15", tz=BERLIN
    ),
    "30th of each month": dates(pd.DateOffset(months=1, day=30), start="2023-01-30"),
    "15th of each quarter": dates(pd.DateOffset(months=3), start="2000-02-15"),
    "5th of March": dates(pd.DateOffset(years=1), start="1900-03-05"),
    "1st and 15th": dates("SMS-15"),
    "15th and last": dates("SME-15"),
    "Monday to Saturday": dates(weekdays("1111110")),
    "Sunday to Thursday": dates(weekdays("1111001")),
    "Tuesdays and Thursdays": dates(weekdays("0101000")),
    "Monday to Saturday in Berlin": dates(weekdays("1111110"), tz=BERLIN),
    "periods of a month": pd.period_range("2020-01", periods=N_ROWS, freq="M"),
    "periods of a quarter": pd.period_range("2000Q1", periods=N_ROWS, freq="Q"),
    "periods of 3 months": pd.period_range("2000-01", periods=N_ROWS, freq="3M"),
    "periods of 2 days": pd.period_range("2000-01-01", periods=N_ROWS, freq="2D"),
    "every third period": pd.period_range("2000-01", periods=3 * N_ROWS, freq="M")[::3],
    "periods, Monday to Saturday": dates(weekdays("1111110")).to_period("D"),
    "time deltas": pd.timedelta_range("0s", periods=N_ROWS, freq="90s"),
    "numbers": pd.RangeIndex(5, 5 + 3 * N_ROWS, 3),
    "years": pd.Index(np.arange(1950, 1950 + N_ROWS)),
    "years as objects": pd.Index(list(range(1950, 1950 + N_ROWS)), dtype=object),
    "integers of days": DAYS.strftime("%Y%m%d").astype(int),
    "date objects": pd.Index(DAYS.date, name="day"),
    "date objects, months": pd.Index(MONTHS.date),
    "date objects, Monday to Saturday": pd.Index(dates(weekdays("1111110")).date),
    "times as objects": pd.Index(list(HOURS), dtype=object),
    "periods as objects": pd.Index(list(MONTHS.to_period("M")), dtype=object),
    "categories": pd.CategoricalIndex(DAYS),
    "text of days": pd.Index(DAYS.strftime("%Y-%m-%d"), name="day"),
    "text of days with slashes": DAYS.strftime("%Y/%m/%d"),
    "text of days without separators": DAYS.strftime("%Y%m%d"),
    "text of months": MONTHS.strftime("%Y-%m"),
    "text of hours": HOURS.strftime("%Y-%m-%d %H:%M"),
    "text of hours with T": HOURS.strftime("%Y-%m-%dT%H:%M:%S"),
    "text of quarters": pd.period_range("2000Q1", periods=N_ROWS, freq="Q").strftime(
        "%YQ%q"
    ),
    "text of Monday to Saturday": dates(weekdays("1111110")).strftime("%Y-%m-%d"),
}


@pytest.fixture(params=INDEXES.values(), ids=INDEXES.keys())
def index(request):
    return request.param


def frame(index):
    return pd.DataFrame(VALUES[: len(index)], index, ["load", "price"])


def forecaster(**kwargs):
    return WindowForecaster(
        LinearRegression(), **({"window_length": 2, "horizon": 5} | kwargs)
    )


def assert_no_warning(index):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        warn_of_irregular_rows(index, name="X")


class TestEveryKind:
    def test_forecasts_continue_it(self, index):
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            model = forecaster().fit(frame(index[:50]))
            forecast = model.forecast(10)
            forecast_later = model.update(frame(index)[50:55]).forecast(5)
        expected = write_times(*read_times(index[50:]))
        pd.testing.assert_index_equal(
            forecast.index, expected.rename(index.name), exact="equiv"
        )
        assert list(forecast_later.index) == list(index[55:])

    def test_forecasts_of_a_panel_continue_it(self, index):
        panel = pd.concat([frame(index[:50]), frame(index[:40])], keys=["a", "b"])
        forecast = forecaster().fit(panel).forecast(10)
        assert list(forecast.loc["a"].index) == list(index[50:])
        assert list(forecast.loc["b"].index) == list(index[40:50])

    def test_newest_row_first(self, index):
        with pytest.raises(ValueError, match="rows must be in time order.*sort_index"):
            forecaster().fit(frame(index)[::-1])
        panel = pd.concat([frame(index), frame(index)[::-1]], keys=["a", "b"])
        with pytest.raises(ValueError, match="series 'b'.*rows must be in time order"):
            forecaster().fit(panel)
        model = forecaster().fit(frame(index)[:40])
        for method in (model.predict, model.update):
            with pytest.raises(ValueError, match="rows must be in time order"):
                method(frame(index)[40:][::-1])

    def test_shuffled_rows(self, index):
        shuffled = index[np.random.default_rng(1).permutation(N_ROWS)]
        detector = LSTMForecastDetector(2, epochs=1, units=1, random_state=0)
        for model in (forecaster(), detector):
            with pytest.raises(ValueError, match="rows must be in time order"):
                model.fit(frame(shuffled))

    def test_missing_rows(self, index):
        if index is INDEXES["Tuesdays and Thursdays"]:
            return  # half of the steps have 2 days, the others 5: none is usual
        # Fewer business days could be holidays.
        rest = index.delete([3, 8, 16, 21, 29, 33, 40, 47, 52])
        with pytest.warns(UserWarning, match="X seems to lack rows"):
            forecaster().fit(frame(rest))

    def test_a_row_twice(self, index):
        twice = index[np.sort(np.append(np.arange(N_ROWS), 30))]
        with pytest.warns(UserWarning, match="more than once"):
            forecaster().fit(frame(twice[:N_ROWS]))

    def test_rows_seen_before(self, index):
        if not is_time(as_times(index)):
            return  # numbers may start again
        model = forecaster().fit(frame(index)[:40])
        with pytest.raises(ValueError, match="must begin after the last row seen"):
            model.update(frame(index)[39:])

    def test_y_with_the_rows_of_another_time(self, index):
        y = pd.Series(VALUES[:40, 0], index[1:41])
        if not is_time(as_times(index)):
            return
        with pytest.raises(ValueError, match="y must have the rows of X"):
            forecaster().fit(frame(index[:40]), y)

    def test_folds_keep_the_labels(self, index):
        cv = ExpandingWindowSplitter(fh=[1, 2], initial_window=50, step_length=2)
        forecasts = walk_forward(forecaster(), frame(index), cv=cv).forecasts
        assert list(forecasts.index) == list(index[50:].repeat(2))

    def test_future_covariates(self, index):
        model = forecaster(known_future="price").fit(frame(index[:50]))
        future = frame(index)[50:55]
        forecast = model.forecast(X_future=future)
        assert list(forecast.index) == list(index[50:55])
        np.testing.assert_array_equal(
            forecast, model.forecast(X_future=future.to_numpy())
        )
        may_have_holidays = TimeIndex.from_index(index)._has_holidays()
        if not is_time(as_times(index)) or may_have_holidays:
            return
        with pytest.raises(ValueError, match="must hold the rows that come next"):
            model.forecast(X_future=frame(index)[55:])

    def test_a_description_can_be_pickled(self, index):
        times = pickle.loads(pickle.dumps(TimeIndex.from_index(index[:50])))
        assert list(times.next_index(10)) == list(index[50:])


regular_steps = st.one_of(
    st.tuples(st.integers(1, 200), st.sampled_from(["s", "min", "h", "D", "W"])).map(
        lambda step: f"{step[0]}{step[1]}"
    ),
    st.sampled_from(["B", "MS", "ME", "QS", "YE", "W-FRI", "BME", "WOM-2TUE"]),
    st.builds(
        lambda months, day: pd.DateOffset(months=months, day=day),
        st.integers(1, 14),
        st.integers(1, 31),
    ),
    st.sets(st.integers(0, 6), min_size=2, max_size=6).map(
        lambda days: weekdays("".join(str(int(i in days)) for i in range(7)))
    ),
    st.integers(3, 26).map(lambda day: pd.offsets.SemiMonthBegin(day_of_month=day)),
    st.integers(3, 26).map(lambda day: pd.offsets.SemiMonthEnd(day_of_month=day)),
)


@settings(deadline=None, max_examples=200)
@given(
    start=st.datetimes(dt.datetime(1990, 1, 1), dt.datetime(2030, 1, 1)),
    step=regular_steps,
    zone=st.sampled_from([None, "UTC", BERLIN, "America/New_York", "Asia/Kolkata"]),
    n_rows=st.integers(20, 80),
    known_frequency=st.booleans(),
)
@example(dt.datetime(2000, 7, 1), "169h", BERLIN, 20, False)
def test_any_regular_times_are_continued(start, step, zone, n_rows, known_frequency):
    start = pd.Timestamp(start).floor("s")
    try:
        # The first date may not be on the grid.
        index = pd.date_range(start, periods=n_rows + 8, freq=step, tz=zone)[1:]
    except Exception:  # an hour that the change of the clocks skips
        assume(False)
    if not known_frequency:
        index = pd.DatetimeIndex(index, freq=None)
    seen = index[:n_rows]
    assert TimeIndex.from_index(seen).next_index(7).equals(index[n_rows:])
    assert_no_warning(seen)


@settings(deadline=None, max_examples=50)
@given(
    start=st.integers(0, 2000),
    multiple=st.integers(1, 15),
    freq=st.sampled_from(["h", "D", "W", "M", "Q", "Y"]),
    every=st.integers(1, 4),
)
def test_periods_of_any_multiple_are_continued(start, multiple, freq, every):
    index = pd.period_range(
        pd.Period(ordinal=start, freq=freq),
        periods=30 * every,
        freq=f"{multiple}{freq}",
    )[::every]
    assert TimeIndex.from_index(index[:20]).next_index(10).equals(index[20:])


class TestGaps:
    @settings(deadline=None, max_examples=100)
    @given(
        index=st.sampled_from(
            [
                pd.date_range("2023-01-01", periods=400, freq="h"),
                pd.date_range("2023-01-01", periods=400, freq="h", tz=BERLIN),
                pd.date_range("2023-01-01", periods=400, freq="min"),
                pd.date_range("2023-01-01", periods=400),
                pd.date_range("1980-01-01", periods=400, freq="MS"),
                pd.period_range("1980-01", periods=400, freq="M"),
                pd.timedelta_range("0s", periods=400, freq="5s"),
                pd.RangeIndex(400),
                pd.date_range("2023-01-01", periods=400).strftime("%Y-%m-%d"),
            ]
        ),
        fraction=st.floats(0.01, 0.4),
        seed=st.integers(0, 1000),
    )
    def test_rows_missing_at_random_warn(self, index, fraction, seed):
        drawn = np.random.default_rng(seed).random(len(index)) < fraction
        drawn[[0, -1]] = False
        drawn[100] = True
        with pytest.warns(UserWarning, match="seems to lack rows"):
            warn_of_irregular_rows(index[~drawn], name="X")

    @pytest.mark.parametrize("fraction", [0.15, 0.3])
    def test_many_business_days_missing(self, fraction):
        index = pd.bdate_range("2023-01-02", periods=250)
        index = index[np.random.default_rng(0).random(250) >= fraction]
        with pytest.warns(UserWarning, match="seems to lack rows"):
            warn_of_irregular_rows(index, name="X")

    @staticmethod
    def open_at(freq, n_days, first, last, weekmask="1111100", holidays=()):
        """Return times at which a market is open."""
        index = pd.date_range("2023-01-02", periods=n_days * 24 * 60, freq="min")
        index = index[index.minute % int(freq) == 0][: n_days * 24 * 60 // int(freq)]
        hour = index.hour + index.minute / 60
        is_open = np.array(list(weekmask)) == "1"
        keep = is_open[index.dayofweek] & (hour >= first) & (hour < last)
        return index[keep & ~np.isin(index.dayofyear, holidays)]

    @pytest.mark.parametrize("n_days", [5, 9, 14, 30, 200])
    @pytest.mark.parametrize("hours", [(9.5, 16), (8, 20), (0, 24), (22, 23.5)])
    @pytest.mark.parametrize("weekmask", ["1111100", "1111110", "1111111", "1111001"])
    def test_closing_times_are_no_gaps(self, n_days, hours, weekmask):
        index = self.open_at("30", n_days, *hours, weekmask=weekmask)
        if hours == (0, 24) and weekmask == "1111001" and n_days < 15:
            return  # one weekend of Friday and Saturday may be a gap
        assert_no_warning(index)

    def test_a_break_at_noon_is_no_gap(self):
        index = self.open_at("5", 40, 9.5, 15)
        hour = index.hour + index.minute / 60
        assert_no_warning(index[(hour < 11.5) | (hour >= 13)])

    def test_saturday_afternoons_are_no_gaps(self):
        index = self.open_at("60", 60, 8, 20, weekmask="1111110")
        assert_no_warning(index[(index.dayofweek < 5) | (index.hour < 13)])

    @pytest.mark.parametrize("hours", [(9, 17), (0, 24)])
    def test_holidays_are_no_gaps(self, hours):
        holidays = (16, 51, 97, 149, 170, 185)
        index = self.open_at("60", 200, *hours, holidays=holidays)
        assert_no_warning(index)
        assert_no_warning(index.normalize().unique())

    @pytest.mark.parametrize(
        ("index", "n_holidays"),
        [
            (dates("B"), 5),
            (dates("B", tz=BERLIN), 5),
            (dates(weekdays("1111110")), 5),
            (dates(weekdays("1111110")).to_period("D"), 5),
            (dates("10B"), 0),
        ],
    )
    def test_a_long_closure_is_a_gap(self, index, n_holidays):
        model = forecaster().fit(frame(index)[:40])
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            model.predict(frame(index)[40 + n_holidays :])
        with pytest.warns(UserWarning, match="but the row expected after"):
            model.predict(frame(index)[56:])

    def test_seasons_are_no_gaps(self):
        index = pd.date_range("2015-01-01", "2023-12-31")
        assert_no_warning(index[index.month.isin([6, 7, 8])])

    def test_numbers_that_recur(self):
        numbers = np.arange(700)
        assert_no_warning(pd.Index(numbers[numbers % 7 < 5]))

    def test_a_gap_within_the_hours_of_trading(self):
        index = self.open_at("30", 30, 9.5, 16)
        with pytest.warns(UserWarning, match="seems to lack rows"):
            warn_of_irregular_rows(index.delete([100, 101]), name="X")


class TestText:
    @given(
        st.lists(st.dates(dt.date(1000, 1, 1)), min_size=1, max_size=5),
        st.sampled_from(["%Y-%m-%d", "%Y/%m/%d"]),
    )
    def test_days_are_written_as_they_were_read(self, days, form):
        index = pd.Index([day.strftime(form) for day in days])
        labels = read_times(index)
        assert [time.date() for time in labels.times] == days
        assert write_times(*labels).equals(index)

    @pytest.mark.parametrize(
        "labels",
        [
            ["row 1", "row 2"],
            ["a", "2024-01-05"],
            ["2024-01-05", "b"],
            ["2024-13-05"],
            ["2024-1-5"],
            ["1", "2"],
            ["2019", "2020"],
            ["12345678"],
            ["20241399"],
            [20240131, 20240132],
            [18991231, 20240101],
            ["2024-01-05 10:00", "2024-01-05 10:00:00Z"],
            ["05/01/2024"],
            [""],
            [dt.date(2024, 1, 5), "2024-01-06"],
            [None, "2024-01-06"],
        ],
        ids=str,
    )
    def test_other_labels_are_no_times(self, labels):
        index = pd.Index(labels, dtype=object)
        assert list(as_times(index)) == labels
        assert not is_time(as_times(index))

    def test_offsets_are_read_as_instants(self):
        index = pd.Index(["2024-03-31T01:30:00.5+01:00", "2024-03-31T03:30:00.5+02:00"])
        expected = pd.to_datetime(["2024-03-31 00:30:00.5", "2024-03-31 01:30:00.5"])
        assert (as_times(index) == expected.tz_localize("UTC")).all()

    @pytest.mark.parametrize(
        "form", ["%d/%m/%Y", "%m/%d/%y", "%d.%m.%Y %H:%M", "%b %Y"]
    )
    def test_dates_in_another_order_warn(self, form):
        with pytest.warns(UserWarning, match="looks like dates.*to_datetime"):
            forecaster().fit(frame(MONTHS.strftime(form)))


class TestTimeZones:
    X = frame(HOURS.tz_localize(BERLIN, ambiguous=False, nonexistent="shift_forward"))
    index = pd.date_range("2023-03-24", periods=N_ROWS, freq="h", tz=BERLIN)
    X = frame(index)

    def test_rows_in_another_zone_are_compared_as_instants(self):
        model = forecaster().fit(self.X[:40])
        utc = self.X.tz_convert("UTC")
        with pytest.raises(ValueError, match="must begin after the last row seen"):
            model.update(utc[39:])
        with pytest.warns(UserWarning, match="begins at 2023-03-25 17:00:00.01:00"):
            model.update(utc[41:42])
        model = forecaster().fit(self.X[:40])
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            forecast = model.update(utc[40:50]).forecast()
            assert forecast.index.equals(utc.index[50:55])
            forecast = model.update(self.X[50:55]).forecast()
        assert forecast.index.equals(self.X.index[55:])

    def test_days_keep_their_hour_on_the_clocks_of_fit(self):
        days = pd.date_range("2023-02-20", periods=N_ROWS, tz=BERLIN)
        model = forecaster().fit(frame(days)[:30])
        utc = days.tz_convert("UTC")
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            # The clocks change on 26 March.
            model.update(frame(utc)[30:33])
            forecast = model.forecast()
        assert forecast.index.equals(utc[33:38])

    def test_x_and_y_in_two_zones(self):
        y = self.X["load"].tz_convert("UTC")
        forecast = forecaster().fit(self.X[:50], y[:50]).forecast()
        assert forecast.index.equals(self.X.index[50:55])

    def test_future_covariates_in_another_zone(self):
        model = forecaster(known_future="price").fit(self.X[:50])
        future = self.X[50:55].tz_convert("UTC")
        assert model.forecast(X_future=future).index.equals(future.index)
        with pytest.raises(ValueError, match="must hold the rows that come next"):
            model.forecast(X_future=self.X[51:56].tz_convert("UTC"))


class TestKindsOfTimes:
    def test_text_after_times(self):
        model = forecaster().fit(frame(DAYS)[:40])
        later = frame(DAYS.strftime("%Y-%m-%d"))[40:50]
        with pytest.raises(ValueError, match="must begin after"):
            model.update(later.set_axis(DAYS[30:40].strftime("%Y-%m-%d")))
        assert list(model.update(later).forecast().index[:1]) == ["2023-02-21"]

    @pytest.mark.parametrize(
        "other",
        [
            DAYS.to_period("D"),
            DAYS - DAYS[0],
        ],
    )
    def test_times_of_another_kind(self, other):
        model = forecaster().fit(frame(DAYS)[:40])
        with pytest.raises(
            ValueError, match="must have times without a time zone, like"
        ):
            model.update(frame(other)[40:])

    def test_periods_of_another_length(self):
        months = MONTHS.to_period("M")
        model = forecaster().fit(frame(months)[:40])
        with pytest.raises(ValueError, match="must have periods of M, like.*of 3M"):
            model.update(frame(months.asfreq("3M"))[40:])

    def test_numbers_after_times_lose_the_step(self):
        model = forecaster().fit(frame(DAYS)[:40])
        model.update(VALUES[40:41])
        model.update(frame(pd.RangeIndex(N_ROWS))[41:42])
        assert list(model.forecast().index) == [1, 2, 3, 4, 5]

    def test_a_row_without_a_time(self):
        index = DAYS.insert(10, pd.NaT)[:N_ROWS]
        with pytest.raises(ValueError, match="must have a time each.*row 10"):
            forecaster().fit(frame(index))


class TestPanels:
    def test_young_series_take_the_step_of_others_of_their_kind(self):
        young = [
            frame(pd.DatetimeIndex(DAYS[:5], freq=None)),
            frame(pd.RangeIndex(4)),
            frame(pd.PeriodIndex(["2023-01"], freq="M")),
        ]
        model = forecaster().fit([frame(dates(weekdays("1111110"))), *young])
        forecasts = model.forecast(8)
        # From Friday, 6 January, on; the 8th is a Sunday.
        assert list(forecasts[1].index.day) == [7, 9, 10, 11, 12, 13, 14, 16]
        assert list(forecasts[2].index) == list(range(4, 12))
        assert forecasts[3].index[0] == pd.Period("2023-02")

    @pytest.mark.parametrize(
        "series", [["a", "b"], [0, 1], [0.5, 1.5]], ids=["names", "numbers", "floats"]
    )
    @pytest.mark.parametrize("times", [DAYS, pd.Index(DAYS.date), DAYS.to_period("D")])
    def test_levels_of_time_and_series(self, times, series):
        panel = pd.concat([frame(times)] * 2, keys=series, names=["shop", "day"])
        swapped = panel.swaplevel().sort_index()
        for model in (forecaster(), LSTMForecastDetector(2, epochs=1, units=1)):
            with pytest.raises(
                ValueError, match=r"level 0, 'day', holds times.*swaplev"
            ):
                model.fit(swapped)
        cv = ExpandingWindowSplitter(fh=[1], initial_window=50)
        with pytest.raises(ValueError, match=r"must have an index of \(series, time\)"):
            walk_forward(forecaster(), swapped, cv=cv)
        forecaster().fit(swapped.swaplevel(0, -1).sort_index())

    def test_text_of_time_and_series(self):
        panel = pd.concat([frame(DAYS.strftime("%Y-%m-%d"))] * 2, keys=["a", "b"])
        with pytest.raises(ValueError, match="holds times such as 2023-01-02.*'a'"):
            forecaster().fit(panel.swaplevel().sort_index())

    def test_days_may_name_series_of_hours(self):
        panel = pd.concat([frame(range(24))] * 3, keys=DAYS[:3])
        with pytest.raises(ValueError, match="If times do name the series"):
            forecaster().fit(panel)
        model = forecaster().fit(panel.rename(str, level=0))
        assert len(model.forecast()) == 15


class TestFoldsOfLabelsThatAreNoTimes:
    cv = ExpandingWindowSplitter(fh=[1, 2], initial_window=50, step_length=2)
    names = pd.Index([f"row{i}" for i in range(N_ROWS)])

    @pytest.mark.parametrize(
        "index",
        [
            names,
            names[::-1],
            pd.Index(np.arange(N_ROWS) / 3),
            pd.Index(["a", 1] * (N_ROWS // 2), dtype=object),
            names.str[:4],
        ],
        ids=["names", "reversed", "floats", "mixed", "repeated"],
    )
    def test_of_a_single_series(self, index):
        result = walk_forward(forecaster(), frame(index), VALUES[:, 0], cv=self.cv)
        assert list(result.forecasts.index) == list(index[50:])
        np.testing.assert_array_equal(result.forecasts["actual"], VALUES[50:, 0])

    def test_of_a_list(self):
        result = walk_forward(
            forecaster(), [frame(self.names), frame(self.names)], cv=self.cv
        )
        assert list(result.forecasts.index.unique()) == list(self.names[50:])

    def test_of_a_frame(self):
        panel = pd.concat(
            [frame(self.names)[5:], frame(self.names)[:-1]], keys=["a", "b"]
        )
        with pytest.raises(ValueError, match="in another order than in other series"):
            walk_forward(forecaster(), panel[::-1].iloc[:80], cv=self.cv)
        panel = pd.concat([frame(self.names)[5:], frame(self.names)], keys=["a", "b"])
        forecasts = walk_forward(forecaster(), panel, cv=self.cv).forecasts
        for name in "ab":
            rows = forecasts[forecasts["series"] == name]
            assert list(rows.index.unique()) == list(self.names[50:])
