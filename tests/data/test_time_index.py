"""Time index of rows: gaps, duplicate times, rows that were seen before."""

import warnings

import numpy as np
import pandas as pd
import pytest
from sklearn.model_selection import KFold, cross_val_score
from sktime.split import SlidingWindowSplitter

from sklstm import (
    LSTMAutoencoderDetector,
    LSTMForecastDetector,
    LSTMForecaster,
    WalkForwardCV,
)

rng = np.random.default_rng(0)
HOURS = pd.date_range("2025-01-01", periods=80, freq="h", name="hour")
SERIES = pd.DataFrame(
    {"load": rng.normal(size=80).cumsum(), "price": rng.normal(size=80)}, index=HOURS
)
TINY = {"window_length": 5, "units": 2, "epochs": 1, "random_state": 0}


def open_hours(opening, n_days, n_rows, freq):
    """Return the times of n_rows rows from the opening on each trading day."""
    days = pd.bdate_range("2025-01-06", periods=n_days) + pd.Timedelta(opening)
    rows = [pd.date_range(day, periods=n_rows, freq=freq) for day in days]
    return pd.DatetimeIndex(np.concatenate(rows))


def forecaster(**kwargs):
    return LSTMForecaster(**(TINY | kwargs))


DETECTORS = [LSTMAutoencoderDetector, LSTMForecastDetector]


def estimators():
    return [forecaster(), *(Detector(**TINY) for Detector in DETECTORS)]


@pytest.mark.parametrize("model", estimators(), ids=lambda model: type(model).__name__)
class TestTrainingRows:
    def test_a_missing_row(self, model):
        with pytest.warns(UserWarning, match="2025-01-01 09:00.*2025-01-01 11:00"):
            model.fit(SERIES.drop(HOURS[10]))

    def test_a_duplicate_time(self, model):
        with pytest.warns(UserWarning, match="2025-01-01 10:00:00 more than once"):
            model.fit(SERIES.iloc[np.append(np.arange(11), np.arange(10, 80))])

    def test_the_warning_names_the_series(self, model):
        with pytest.warns(UserWarning, match=r"X\[1\] seems to lack rows"):
            model.fit([SERIES, SERIES.drop(HOURS[10])])

    @pytest.mark.parametrize(
        "index",
        [
            HOURS,
            pd.bdate_range("2025-01-01", periods=80),
            pd.bdate_range("2025-01-01", periods=83).delete([20, 40, 60]),
            pd.date_range("2025-01-01", periods=80, freq="ME"),
            pd.date_range("2025-03-01", periods=80, tz="Europe/Berlin").delete(50)[:40],
            pd.period_range("2025-01", periods=80, freq="M"),
            pd.to_timedelta(np.arange(80), unit="s"),
            pd.DatetimeIndex(HOURS[0] + pd.to_timedelta(rng.random(80).cumsum(), "D")),
            open_hours("9h30min", 2, 40, "min"),
            pd.DatetimeIndex(
                HOURS[0] + pd.to_timedelta(np.arange(80) + rng.normal(0, 0.2, 80), "s")
            ).sort_values(),
            pd.RangeIndex(80),
            pd.Index(rng.integers(0, 10**6, 80)).sort_values(),
            pd.Index([f"row {i}" for i in range(80)]),
        ],
        ids=str,
    )
    def test_no_warning_without_gaps(self, model, index):
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            model.fit(SERIES.iloc[: len(index)].set_axis(index))


@pytest.mark.parametrize("Detector", DETECTORS)
class TestDetectorStreams:
    @pytest.fixture
    def model(self, Detector):
        return Detector(**TINY).fit(SERIES[:60])

    def test_rows_seen_before_raise_an_error_and_change_nothing(self, model):
        expected = model.score_samples(SERIES[:70])[60:]
        with pytest.raises(
            ValueError, match=r"after the last row seen, 2025-01-03 11.*new_stream=True"
        ):
            model.update(SERIES[55:70])
        np.testing.assert_allclose(model.update(SERIES[60:70]), expected, rtol=1e-5)

    def test_a_gap(self, model):
        with pytest.warns(
            UserWarning, match="begins at 2025-01-03 14:00.*is 2025-01-03 12:00:00"
        ):
            model.update(SERIES[62:70])
        with pytest.warns(
            UserWarning, match="04:00:00 in row 5.*expected.*is 2025-01-04 03:00:00"
        ):
            model.update(SERIES[70:].drop(HOURS[75]))

    def test_a_new_stream_has_its_own_times(self, model):
        model.update(SERIES[:10], new_stream=True)
        model.update(SERIES[10:12])
        with pytest.raises(ValueError, match="2025-01-01 11:00:00"):
            model.update(SERIES[10:12])

    def test_the_warning_of_a_gap_suggests_a_new_stream(self, model):
        with pytest.warns(UserWarning, match="new stream by update.*new_stream=True"):
            model.update(SERIES[62:70])

    def test_times_with_a_time_zone_after_times_without(self, model):
        with pytest.raises(ValueError, match="only one of them has a time zone"):
            model.update(SERIES[60:70].tz_localize("UTC"))

    def test_a_gap_in_a_stream_of_single_rows(self, model):
        model.update(SERIES[:1], new_stream=True)
        model.update(SERIES[1:2])
        with pytest.warns(UserWarning, match="expected.*is 2025-01-01 02:00:00"):
            model.update(SERIES[4:5])

    def test_a_gap_in_a_new_stream(self, model):
        with pytest.warns(UserWarning, match="seems to lack rows"):
            model.update(SERIES[:40].drop(HOURS[10]), new_stream=True)

    def test_update_after_a_fit_on_several_series_begins_a_stream(self, Detector):
        model = Detector(**TINY).fit([SERIES[:40], SERIES[40:]])
        model.update(SERIES[:1])
        with pytest.warns(UserWarning, match="expected.*is 2025-01-01 01:00:00"):
            model.update(SERIES[2:3])

    def test_rows_without_times_continue_the_stream(self, model):
        model.update(SERIES[60:62].to_numpy())
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            model.update(SERIES[62:64])

    def test_a_single_row_as_a_pandas_series(self, model):
        with pytest.raises(ValueError, match=r"one row is x.reshape\(1, -1\)"):
            model.update(SERIES.iloc[60])


class TestRowsToFollow:
    @pytest.fixture
    def model(self):
        model = forecaster(horizon=4, known_future="price")
        return model.fit(SERIES[:60], SERIES["load"][:60])

    def test_future_covariates_at_another_step(self, model):
        with pytest.raises(
            ValueError, match="it has .*14:00:00 in row 1.*is 2025-01-03 13:00"
        ):
            model.forecast(X_future=SERIES[60:68:2])

    def test_a_gap_within_the_rows(self, model):
        with pytest.warns(UserWarning, match="X has .* 17:00:00 in row 4"):
            model.predict(SERIES[60:70].drop(HOURS[64]))

    def test_holidays_are_no_gaps(self):
        days = pd.bdate_range("2025-01-01", periods=80)
        series = SERIES.set_axis(days)
        model = forecaster().fit(series[:60])
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            model.update(series[60:].drop(days[[60, 70]]))

    def test_labels_of_another_kind_replace_those_before(self):
        numbered = SERIES.reset_index(drop=True)
        hourly = SERIES.set_axis(pd.DatetimeIndex(list(HOURS)))
        for one, other in [(numbered, hourly), (hourly, numbered)]:
            model = forecaster(horizon=2).fit(one[:60])
            for begin in (60, 61):
                model.update(other[begin : begin + 1])
            model.predict(other[62:64])
            assert list(model.forecast().index) == [1, 2]

    def test_time_deltas(self):
        times = pd.timedelta_range("0s", periods=80, freq="5s")
        model = forecaster(horizon=2).fit(SERIES.set_axis(times)[:60])
        assert list(model.forecast().index) == list(times[60:62])
        with pytest.warns(UserWarning, match="expected.*is 0 days 00:05:00"):
            model.update(SERIES.set_axis(times)[61:])

    @pytest.mark.parametrize("change", ["2025-03-30", "2025-10-26"])
    def test_changes_of_the_clocks_are_no_gaps(self, change):
        end = pd.Timestamp(change) + pd.Timedelta("10D2h30min")
        index = pd.date_range(end=end, periods=80).tz_localize(
            "Europe/Berlin", np.ones(80, bool), nonexistent="shift_forward"
        )
        series = SERIES.set_axis(index)
        model = forecaster(horizon=15).fit(series[:65])
        assert list(model.forecast().index) == list(index[65:])
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            model.predict(series[65:])
            model.update(series[65:])

    @pytest.mark.parametrize(
        ("freq", "moved"), [("BME", "2024-03-29"), ("W-FRI", "2024-03-29")]
    )
    def test_a_date_shifted_by_a_holiday_is_no_gap(self, freq, moved):
        days = pd.date_range(end="2024-06-28", periods=80, freq=freq)
        at = days.get_loc(moved)
        index = days.delete(at).insert(at, pd.Timestamp(moved) - pd.Timedelta(days=1))
        series = SERIES.set_axis(index)
        model = forecaster().fit(series[: at - 1])
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            model.update(series[at - 1 :])

    def test_trading_hours_are_not_pandas_business_hours(self):
        series = SERIES.set_axis(open_hours("8h", 10, 8, "h"))
        model = forecaster().fit(series[:60])
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            model.update(series[60:])

    def test_five_trading_days_are_not_a_daily_step(self):
        days = pd.DatetimeIndex(list(pd.bdate_range("2025-01-06", periods=80)))
        detector = LSTMForecastDetector(**TINY).fit(SERIES.reset_index(drop=True))
        series = SERIES.set_axis(days)
        detector.update(series[:5], new_stream=True)
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            detector.update(series[5:10])

    def test_duplicate_and_more_frequent_rows(self):
        model = forecaster().fit(SERIES[:60])
        with pytest.warns(UserWarning, match="2025-01-03 13:00:00 more than once"):
            model.update(SERIES.iloc[[60, 61, 61, 62]])
        frequent = SERIES[:8].set_axis(
            pd.date_range(HOURS[62], periods=9, freq="15min")[1:]
        )
        with pytest.warns(UserWarning, match="the step of the rows before: resample"):
            model.update(frequent)

    def test_gaps_in_future_covariates_beyond_the_steps(self):
        model = forecaster(horizon=4, known_future="price")
        model.fit(SERIES[:60], SERIES["load"][:60])
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            model.forecast(2, X_future=SERIES[60:70].drop(HOURS[64]))

    def test_a_gap_in_a_new_series(self):
        model = forecaster().fit(SERIES)
        with pytest.warns(UserWarning, match="seems to lack rows"):
            model.forecast(X=SERIES.drop(HOURS[20]))


def test_folds_with_a_gap():
    X, y = SERIES.reset_index(drop=True), SERIES["load"].to_numpy()
    with pytest.raises(ValueError, match="between 26 and 54.*WalkForwardCV"):
        cross_val_score(forecaster(), X, y, cv=KFold(3), error_score="raise")
    splitter = SlidingWindowSplitter([1, 2], window_length=40, step_length=20)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        cross_val_score(forecaster(), X, y, cv=WalkForwardCV(splitter))
