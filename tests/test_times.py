"""Times that the rows come with: gaps, rows that come twice, rows that were seen."""

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
    {"load": rng.normal(size=80).cumsum(), "plan": rng.normal(size=80)}, index=HOURS
)
TINY = {"window_length": 5, "units": 2, "epochs": 1, "random_state": 0}


def forecaster(**kwargs):
    return LSTMForecaster(**(TINY | kwargs))


DETECTORS = [LSTMAutoencoderDetector, LSTMForecastDetector]


def learners():
    return [forecaster(), *(Detector(**TINY) for Detector in DETECTORS)]


@pytest.mark.parametrize("model", learners(), ids=lambda model: type(model).__name__)
class TestRowsToLearnFrom:
    def test_a_missing_row(self, model):
        with pytest.warns(UserWarning, match="2025-01-01 09:00.*2025-01-01 11:00"):
            model.fit(SERIES.drop(HOURS[10]))

    def test_a_time_that_comes_twice(self, model):
        with pytest.warns(UserWarning, match="2025-01-01 10:00:00 more than once"):
            model.fit(SERIES.iloc[np.append(np.arange(11), np.arange(10, 80))])

    def test_which_series_it_is(self, model):
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
            pd.RangeIndex(80),
            pd.Index(rng.integers(0, 10**6, 80)).sort_values(),
            pd.Index([f"row {i}" for i in range(80)]),
        ],
        ids=str,
    )
    def test_times_of_their_own_are_no_gaps(self, model, index):
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            model.fit(SERIES.iloc[: len(index)].set_axis(index))


@pytest.mark.parametrize("Detector", DETECTORS)
class TestStreamsOfDetectors:
    @pytest.fixture
    def model(self, Detector):
        return Detector(**TINY).fit(SERIES[:60])

    def test_rows_seen_are_refused_and_nothing_is_lost(self, model):
        expected = model.score_samples(SERIES[:70])[60:]
        with pytest.raises(
            ValueError, match=r"after the last row seen, 2025-01-03 11.*new_stream=True"
        ):
            model.update(SERIES[55:70])
        np.testing.assert_allclose(model.update(SERIES[60:70]), expected, rtol=1e-5)

    def test_a_gap(self, model):
        with pytest.warns(UserWarning, match="begins at 2025-01-03 14:00.*12:00:00 is"):
            model.update(SERIES[62:70])
        with pytest.warns(UserWarning, match="04:00:00 in row 5.*03:00:00 is the next"):
            model.update(SERIES[70:].drop(HOURS[75]))

    def test_a_new_stream_has_times_of_its_own(self, model):
        model.update(SERIES[:10], new_stream=True)
        model.update(SERIES[10:12])
        with pytest.raises(ValueError, match="2025-01-01 11:00:00"):
            model.update(SERIES[10:12])

    def test_rows_without_times_go_on(self, model):
        model.update(SERIES[60:62].to_numpy())
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            model.update(SERIES[62:64])

    def test_a_row_of_a_frame(self, model):
        with pytest.raises(ValueError, match=r"one row is x.reshape\(1, -1\)"):
            model.update(SERIES.iloc[60])


class TestRowsToCome:
    @pytest.fixture(scope="class")
    def model(self):
        model = forecaster(horizon=4, known_future="plan")
        return model.fit(SERIES[:60], SERIES["load"][:60])

    def test_a_plan_at_other_steps(self, model):
        with pytest.warns(UserWarning, match="X_future has .*14:00:00 in row 1.*13:00"):
            model.forecast(X_future=SERIES[60:68:2])

    def test_a_gap_inside_the_rows(self, model):
        with pytest.warns(UserWarning, match="X has .* 17:00:00 in row 4"):
            model.predict(SERIES[60:70].drop(HOURS[64]))

    def test_holidays_are_no_gaps(self):
        days = pd.bdate_range("2025-01-01", periods=80)
        series = SERIES.set_axis(days)
        model = forecaster().fit(series[:60])
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            model.update(series[60:].drop(days[[60, 70]]))


def test_folds_with_a_hole():
    X, y = SERIES.reset_index(drop=True), SERIES["load"].to_numpy()
    with pytest.warns(UserWarning, match="after 26 comes 54.*WalkForwardCV"):
        cross_val_score(forecaster(), X, y, cv=KFold(3), error_score="raise")
    splitter = SlidingWindowSplitter([1, 2], window_length=40, step_length=20)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        cross_val_score(forecaster(), X, y, cv=WalkForwardCV(splitter))
