"""The season of a series and of a panel."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sktime.datasets import load_airline, load_lynx

from sklstm._data.season import find_common_season, find_season


def seasonal(n, period, noise=0.5, trend=0.0, seed=0):
    """A sawtooth with noise and a trend."""
    rng = np.random.default_rng(seed)
    pattern = np.roll(np.linspace(-2, 2, period), seed)
    return np.resize(pattern, n) + trend * np.arange(n) + rng.normal(0, noise, n)


class TestFindSeason:
    def test_airline_passengers(self):
        passengers = load_airline()
        assert find_season(passengers) == 12
        assert find_season(np.log(passengers), max_period=24) == 12
        assert find_season(passengers, max_period=11) is None

    def test_lynx(self):
        assert find_season(load_lynx()) in (9, 10)
        assert find_season(np.log(load_lynx())) == 10

    def test_sunspots(self, data_folder):
        table = pd.read_csv(data_folder / "univariate" / "monthly-sunspots.csv")
        years = table.iloc[:, 1].to_numpy().reshape(-1, 12).mean(axis=1)
        assert find_season(years) in (10, 11)

    def test_electricity_transformers(self, data_folder):
        path = next((data_folder / "ett").rglob("*ETTh1*"))
        table = pd.read_csv(path, nrows=2000)
        columns = [table[name] for name in ("HUFL", "HULL", "MUFL", "LUFL")]
        assert [find_season(column) for column in columns] == [24] * 4
        assert find_common_season(columns, max_period=200) == 24

    @settings(max_examples=30, deadline=None)
    @given(
        period=st.sampled_from([4, 7, 12, 24]),
        seed=st.integers(0, 1000),
        trend=st.sampled_from([0.0, 0.3, -3.0]),
        scale=st.sampled_from([1e-6, 1.0, 1e9]),
    )
    def test_simulated_season_at_any_scale_and_trend(self, period, seed, trend, scale):
        values = seasonal(20 * period, period, trend=trend, seed=seed)
        assert find_season(scale * values) == period

    @pytest.mark.parametrize("noise", [0.1, 0.3, 0.7])
    @pytest.mark.parametrize("period", [7, 12, 24, 50])
    def test_sine_waves(self, period, noise):
        rng = np.random.default_rng(period)
        n = 20 * period
        sine = np.sin(2 * np.pi * np.arange(n) / period)
        found = find_season(sine + rng.normal(0, noise, n))
        assert found == pytest.approx(period, abs=period / 20)

    def test_season_on_a_random_walk(self):
        walk = np.random.default_rng(0).normal(size=240).cumsum()
        assert find_season(walk + seasonal(240, 12)) == 12

    @pytest.mark.parametrize("integrated", [False, True])
    @pytest.mark.parametrize("n", [30, 100, 400])
    def test_noise_and_random_walks_have_none(self, integrated, n):
        rng = np.random.default_rng(n)
        noise = rng.normal(size=(200, n))
        series = noise.cumsum(axis=1) if integrated else noise
        found = [find_season(values) is not None for values in series]
        assert np.mean(found) <= 0.02

    def test_missing_values(self):
        values = seasonal(240, 12)
        values[np.random.default_rng(0).integers(0, 240, 20)] = np.nan
        values[60:75] = np.nan
        values[0], values[100] = -np.inf, np.inf
        assert find_season(values) == 12

    @pytest.mark.parametrize(
        "values",
        [
            [],
            [1.0],
            [1, 2, 1, 2, 1],
            np.zeros(100),
            np.full(100, 0.1),
            np.arange(100) / 3,
            np.full(50, np.nan),
            [np.nan, 1] * 30,
            [np.nan] * 40 + [1.0, 2.0],
            np.eye(1, 60)[0],
            np.repeat([0.0, 1.0], 30),
        ],
        ids=repr,
    )
    def test_no_season(self, values):
        assert find_season(values) is None
        assert find_season(values, max_period=1) is None

    def test_shortest_repetitions(self):
        assert find_season(seasonal(35, 12, noise=0.1)) is None
        assert find_season(seasonal(72, 12, noise=0.1)) == 12


class TestFindCommonSeason:
    def test_most_series_decide(self):
        noise = np.random.default_rng(0).normal(size=(2, 100))
        weekly = [seasonal(140, 7, seed=seed) for seed in range(3)]
        assert find_common_season([*weekly, seasonal(140, 5), *noise]) == 7
        assert find_common_season([weekly[0], *noise, noise[0]]) is None

    def test_series_of_unequal_length(self):
        panel = [seasonal(n, 12, seed=n) for n in (240, 120, 180)]
        assert find_common_season([*panel, np.zeros(3)]) == 12

    def test_none(self):
        assert find_common_season([]) is None
        assert find_common_season([np.zeros(40), np.arange(9)]) is None
