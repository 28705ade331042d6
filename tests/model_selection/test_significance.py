"""Tests of the skill against naive forecasts."""

import numpy as np
import pandas as pd
import pytest
from scipy.stats import ttest_1samp
from sklearn.linear_model import Ridge
from sktime.split import ExpandingWindowSplitter

from sklstm import WindowForecaster, walk_forward
from sklstm.model_selection._significance import diebold_mariano

METRICS = (
    "neg_mean_absolute_error",
    "neg_mean_squared_error",
    "neg_root_mean_squared_error",
    "neg_mean_absolute_percentage_error",
)


def validate(X, y=None, *, steps=4, step_length=4, first=40, horizon=4, **kwargs):
    cv = ExpandingWindowSplitter(
        np.arange(1, steps + 1), initial_window=first, step_length=step_length
    )
    model = WindowForecaster(Ridge(), window_length=4, horizon=horizon)
    return walk_forward(
        model, X, y, cv=cv, **({"scoring": METRICS, "season_length": 7} | kwargs)
    )


def simulate(n, n_lags, seed, size):
    """Loss differences of mean zero with autocorrelation up to some lag."""
    noise = np.random.default_rng(seed).normal(size=(size, n + n_lags))
    ones = np.ones(n_lags + 1)
    return [np.convolve(row, ones, "valid") for row in noise]


class TestDieboldMariano:
    @pytest.mark.parametrize("n", [3, 10, 50])
    def test_without_overlap_it_is_a_t_test(self, n):
        (difference,) = simulate(n, 0, seed=n, size=1)
        expected = ttest_1samp(difference, 0)
        statistic, p_value = diebold_mariano(difference, 0)
        # The correction makes up for the variance with divisor n.
        assert statistic == pytest.approx(expected.statistic)
        assert p_value == pytest.approx(expected.pvalue)

    def test_statistic_by_hand(self):
        difference = np.array([1.0, 2, 3, 2, 1, 2, 3, 4, 3, 1])
        n, h = 10, 3
        mean = difference.mean()
        gamma = [
            ((difference[k:] - mean) * (difference[: n - k] - mean)).sum() / n
            for k in range(h)
        ]
        variance = max(
            gamma[0],
            gamma[0] + 2 * gamma[1],
            gamma[0] + 2 * gamma[1] + 2 * gamma[2],
        )
        expected = mean / np.sqrt(variance / n)
        expected *= np.sqrt((n + 1 - 2 * h + h * (h - 1) / n) / n)
        assert diebold_mariano(difference, h - 1)[0] == pytest.approx(expected)

    @pytest.mark.parametrize(
        ("n", "n_lags", "limits"),
        [
            (5, 0, (0.04, 0.06)),
            (20, 0, (0.04, 0.06)),
            (100, 0, (0.04, 0.06)),
            (50, 1, (0.04, 0.075)),
            (200, 3, (0.04, 0.075)),
        ],
    )
    def test_rejects_in_5_percent_under_the_null(self, n, n_lags, limits):
        p_values = [
            diebold_mariano(difference, n_lags)[1]
            for difference in simulate(n, n_lags, seed=0, size=4000)
        ]
        assert limits[0] < np.mean(np.array(p_values) < 0.05) < limits[1]

    def test_ignoring_overlap_rejects_far_too_often(self):
        p_values = [diebold_mariano(d, 0)[1] for d in simulate(200, 3, 0, 1000)]
        assert np.mean(np.array(p_values) < 0.05) > 0.2

    def test_a_negative_variance_estimate_is_never_used(self):
        difference = np.resize([1.0, -0.9], 20)
        centred = difference - difference.mean()
        assert centred @ centred + 2 * centred[1:] @ centred[:-1] < 0
        statistic, p_value = diebold_mariano(difference, 1)
        assert 0 < statistic < np.inf
        assert 0 < p_value < 1

    def test_degenerate_differences(self):
        assert diebold_mariano(np.zeros(5), 0) == (0.0, 1.0)
        assert diebold_mariano(np.full(5, -2.0), 0) == (-np.inf, 0.0)
        for difference, n_lags in ((np.ones(1), 0), (np.arange(4.0), 3)):
            assert np.isnan(diebold_mariano(difference, n_lags)).all()


class TestSignificance:
    @pytest.fixture
    def result(self, series):
        return validate(series, first=30)

    @pytest.mark.parametrize("metric", METRICS)
    def test_skill_is_that_of_the_summary(self, result, metric):
        metric = metric.removeprefix("neg_")
        table = result.significance(metric)
        assert table.index.tolist() == ["naive", "seasonal_naive"]
        expected = result.summary.loc[metric, ["skill", "seasonal_skill"]]
        np.testing.assert_allclose(table["skill"], expected)

    @pytest.mark.parametrize("metric", METRICS)
    def test_standard_error_by_leaving_out_folds(self, result, metric):
        metric = metric.removeprefix("neg_")
        table = result.forecasts.reset_index()
        n_folds = result.scores.shape[0]
        skills = []
        for left_out in range(n_folds):
            rows = table[table["fold"] != left_out]
            target = rows["target"].to_numpy()
            errors = []
            for name in ("forecast", "naive"):
                error = rows[name] - rows["actual"]
                if metric == "mean_absolute_error":
                    loss = error.abs()
                elif metric == "mean_absolute_percentage_error":
                    loss = (error / rows["actual"]).abs()
                else:
                    loss = error**2
                mean = loss.groupby(target).mean()
                if metric.startswith("root"):
                    mean = np.sqrt(mean)
                errors.append(mean.mean())
            skills.append(1 - errors[0] / errors[1])
        expected = np.sqrt((n_folds - 1) / n_folds * np.var(skills) * n_folds)
        error = result.significance(metric).loc["naive", "std_error"]
        assert error == pytest.approx(expected)

    def test_one_observation_for_each_origin(self, result):
        table = result.forecasts.reset_index()
        losses = [(table[n] - table["actual"]).abs() for n in ("forecast", "naive")]
        difference = (losses[0] - losses[1]).groupby(table["fold"]).mean()
        expected = ttest_1samp(difference, 0)
        row = result.significance().loc["naive"]
        assert row["statistic"] == pytest.approx(expected.statistic)
        assert row["p_value"] == pytest.approx(expected.pvalue)
        assert (row["n_origins"], row["n_lags"]) == (len(difference), 0)

    @pytest.mark.parametrize(
        ("steps", "step_length", "horizon", "n_origins", "n_lags"),
        [(4, 4, 4, 10, 0), (4, 1, 4, 37, 3), (4, 2, 4, 19, 1), (4, 4, 2, 20, 0)],
    )
    def test_origins_and_overlaps(
        self, series, steps, step_length, horizon, n_origins, n_lags
    ):
        result = validate(series, steps=steps, step_length=step_length, horizon=horizon)
        table = result.significance()
        assert (table["n_origins"] == n_origins).all()
        assert (table["n_lags"] == n_lags).all()

    def test_series_of_a_panel_are_one_observation(self, series):
        panel = validate([series, series[20:], series[45:]], step_length=2)
        table = panel.significance()
        assert (table["n_origins"] == 19).all()
        assert (table["n_lags"] == 1).all()
        expected = panel.summary.loc["mean_absolute_error", "skill"]
        assert table.loc["naive", "skill"] == pytest.approx(expected)
        # The same series thrice is no more evidence than once.
        thrice = validate([series] * 3).significance()
        once = validate([series]).significance()
        pd.testing.assert_frame_equal(thrice, once, rtol=0.1)

    def test_skill_and_its_absence(self):
        rng = np.random.default_rng(0)
        sine = np.sin(np.arange(100)) + rng.normal(0, 0.1, 100)
        walk = rng.normal(size=100).cumsum()
        skilled, worse, short = (
            validate(y[:, None], steps=1, step_length=1, horizon=1, first=first)
            for y, first in ((sine, 40), (walk, 40), (sine, 97))
        )
        for result, verdict in (
            (skilled, "significant"),
            (worse, "significantly negative"),
            (short, "not significant"),
        ):
            p_value = result.significance().loc["naive", "p_value"]
            assert (p_value < 0.05) == (verdict != "not significant")
            line = f"skill against naive {verdict} (p = {p_value:.2g}), seasonal_naive"
            assert line in repr(result)

    def test_too_few_origins(self, series):
        result = validate(series, first=74)
        assert result.significance()[["statistic", "p_value"]].isna().all(axis=None)
        assert "naive not testable" in repr(result)

    def test_other_metrics(self, series):
        result = validate(series, scoring=["r2", "neg_mean_squared_error"])
        default = result.significance()
        pd.testing.assert_frame_equal(
            default, result.significance("mean_squared_error")
        )
        for metric in ("r2", "mean_absolute_error"):
            with pytest.raises(ValueError, match=f"metric must be.*got '{metric}'"):
                result.significance(metric)
        result = validate(series, scoring="r2")
        assert "skill against" not in repr(result)
        with pytest.raises(ValueError, match="metric must be.*got None"):
            result.significance()
