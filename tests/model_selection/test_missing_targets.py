"""Walk-forward validation of series with missing targets."""

import numpy as np
import pandas as pd
import pytest
from sklearn.linear_model import Ridge
from sklearn.metrics import mean_absolute_error
from sktime.split import SlidingWindowSplitter

from sklstm import WalkForwardCV, WindowForecaster, walk_forward

CV = WalkForwardCV(SlidingWindowSplitter(fh=[1, 2], window_length=40, step_length=2))


@pytest.fixture
def result():
    rng = np.random.default_rng(0)
    X = np.cumsum(rng.normal(size=(70, 2)), axis=0)
    X[::5, 0] = X[55:60, 1] = np.nan
    model = WindowForecaster(Ridge(), 4, 2, calibration_split=0.3)
    return walk_forward(model, X, cv=CV, season_length=4, coverage=0.5)


def test_missing_targets_are_not_scored(result):
    table = result.forecasts
    assert table["actual"].isna().any()
    assert table[["forecast", "naive", "seasonal_naive"]].notna().all(axis=None)
    errors = [
        mean_absolute_error(rows["actual"], rows["forecast"])
        for _, rows in table.dropna().groupby("target")
    ]
    scores = result.summary.loc["mean_absolute_error"]
    assert scores["forecast"] == pytest.approx(np.mean(errors))
    assert np.isfinite(scores["skill"])


def test_the_naive_forecast_is_the_last_known_value(result):
    table = result.forecasts
    first = table[(table["step"] == 1) & (table["target"] == 0)]
    actual = table[table["target"] == 0]["actual"].groupby(level=0).first()
    for row, naive in first["naive"].items():
        before = actual[actual.index < row].dropna()
        if len(before) and row - before.index[-1] <= 2:
            assert naive == before.iloc[-1]


def test_coverage_and_significance_leave_out_missing_targets(result):
    table = result.forecasts.dropna()
    inside = table["actual"].between(table["lower"], table["upper"])
    assert result.interval_scores["coverage"].mean() == pytest.approx(
        inside.mean(), abs=0.1
    )
    assert np.isfinite(result.significance().loc["naive", "p_value"])


def test_a_fold_without_any_target():
    X = np.cumsum(np.random.default_rng(0).normal(size=(60, 1)), axis=0)
    X[50:52] = np.nan
    result = walk_forward(WindowForecaster(Ridge(), 4, 2), X, cv=CV)
    by_fold = result.scores["mean_absolute_error"]["forecast"]
    assert by_fold.isna().sum() == 1
    assert np.isfinite(result.summary.loc["mean_absolute_error", "forecast"])


def test_series_that_begin_with_missing_targets():
    index = pd.MultiIndex.from_product([["a", "b"], range(60)])
    X = pd.DataFrame({"y": np.random.default_rng(0).normal(size=120)}, index)
    X.loc[("b", slice(0, 52)), "y"] = np.nan
    result = walk_forward(WindowForecaster(Ridge(), 4, 2), X, cv=CV)
    assert np.isfinite(result.summary.loc["mean_absolute_error"]).all()
