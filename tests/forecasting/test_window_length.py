"""``window_length="auto"``: two seasons of the training rows."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.linear_model import Ridge
from sktime.datasets import load_airline

from sklstm import LSTMForecaster, WindowForecaster
from sklstm.forecasting._window_length import choose_window_length

TINY = {"units": 1, "cell": "rnn", "epochs": 1, "random_state": 0}


def weekly(n_rows, seed=0):
    """A column with a season of 7 rows, a trend and some noise."""
    rng = np.random.default_rng(seed)
    t = np.arange(n_rows)
    return (0.05 * t + 3 * (t % 7 == 5) + rng.normal(0, 0.3, n_rows))[:, None]


def test_a_window_is_two_seasons(capsys):
    forecaster = LSTMForecaster("auto", 3, **TINY, verbose=1).fit(weekly(140))
    assert forecaster.window_length_ == 14
    assert "window_length: 14 (season of 7 rows)" in capsys.readouterr().out
    ridge = WindowForecaster(Ridge(), "auto", 3).fit(weekly(140))
    assert ridge.window_length_ == 14


def test_airline_passengers_have_a_yearly_season():
    y = load_airline().to_numpy()[:, None]
    assert WindowForecaster(Ridge(), "auto", 12).fit(y).window_length_ == 24


def test_the_chosen_length_gives_the_same_forecaster():
    X = weekly(140)
    auto = LSTMForecaster("auto", 3, **TINY).fit(X)
    given = LSTMForecaster(14, 3, **TINY).fit(X)
    np.testing.assert_array_equal(auto.forecast(), given.forecast())
    for weight, same in zip(auto.weights_, given.weights_, strict=True):
        np.testing.assert_array_equal(weight, same)


def test_later_and_calibration_rows_do_not_count():
    X = weekly(200)
    changed = X.copy()
    rng = np.random.default_rng(1)
    changed[150:] = 50 * rng.normal(size=(50, 1))
    parameters = {"window_length": "auto", "horizon": 3, "calibration_split": 0.3}
    for values in (X, changed):
        forecaster = WindowForecaster(Ridge(), **parameters).fit(values)
        assert forecaster.window_length_ == 14


def test_series_of_a_panel_share_a_season():
    panel = [weekly(100, seed) for seed in range(3)]
    panel.append(np.random.default_rng(9).normal(size=(60, 1)))
    assert WindowForecaster(Ridge(), "auto", 3).fit(panel).window_length_ == 14


def test_without_a_season_a_window_has_ten_rows(capsys):
    noise = np.random.default_rng(0).normal(size=(200, 1))
    forecaster = LSTMForecaster("auto", 3, **TINY, verbose=1).fit(noise)
    assert forecaster.window_length_ == 10
    assert "no season found" in capsys.readouterr().out
    # A window is at least as long as the forecast.
    assert WindowForecaster(Ridge(), "auto", 20).fit(noise).window_length_ == 20


@settings(deadline=None, max_examples=100)
@given(
    n_rows=st.lists(st.integers(1, 120), min_size=1, max_size=3),
    horizon=st.integers(1, 30),
    patch_length=st.integers(1, 9),
)
def test_patches_divide_the_window_and_windows_outnumber_its_rows(
    n_rows, horizon, patch_length
):
    targets = [weekly(n) for n in n_rows]
    length = choose_window_length(targets, horizon, patch_length).n_rows
    assert length % patch_length == 0
    n_windows = max(n_rows) - length - horizon + 1
    assert length == patch_length or n_windows >= length


def test_too_few_rows_for_any_window():
    with pytest.raises(ValueError, match=r"window_length=1 and horizon=5.*got n_samp"):
        LSTMForecaster("auto", 5, **TINY).fit(weekly(5))


def test_other_words_are_refused():
    with pytest.raises(ValueError, match="'window_length' parameter"):
        LSTMForecaster("season").fit(weekly(50))
