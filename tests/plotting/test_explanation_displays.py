"""Displays of attributions, of importances and of searches."""

import re
from html import unescape

import numpy as np
import pandas as pd
import pytest
from scipy.stats import loguniform
from sklearn.ensemble import RandomForestRegressor
from sklearn.linear_model import Ridge
from sklearn.metrics import make_scorer, max_error
from sklearn.model_selection import GridSearchCV, KFold, RandomizedSearchCV
from sktime.split import ExpandingWindowSplitter

from sklstm import (
    AttributionDisplay,
    CharLSTMGenerator,
    ImportanceDisplay,
    LSTMForecaster,
    SearchDisplay,
    WalkForwardCV,
    WindowForecaster,
    WordLSTMGenerator,
)
from sklstm.inspection import attribute, permutation_importance
from sklstm.model_selection import naive_scores

matplotlib = pytest.importorskip("matplotlib")
matplotlib.use("Agg")
plt = pytest.importorskip("matplotlib.pyplot")

TINY = {"units": 4, "epochs": 1, "random_state": 0}
CV = ExpandingWindowSplitter(fh=[1, 2, 3, 4], initial_window=80, step_length=4)


@pytest.fixture(autouse=True)
def _close_figures():
    yield
    plt.close("all")


@pytest.fixture(scope="module", name="X")
def make_rows():
    values = np.random.default_rng(0).normal(size=(100, 3))
    return pd.DataFrame(values, columns=["y", "a", "b"])


@pytest.fixture(scope="module")
def forecaster(X):
    return LSTMForecaster(5, 2, known_future=["b"], target="y", **TINY).fit(X, X["y"])


@pytest.fixture(scope="module")
def search(X):
    search = GridSearchCV(
        WindowForecaster(Ridge()),
        {"window_length": [3, 5], "regressor__alpha": [0.1, 1.0, 10.0]},
        scoring="neg_mean_absolute_error",
        cv=WalkForwardCV(CV),
    )
    return search.fit(X, X["y"])


class TestAttributionDisplay:
    def test_a_heat_map_of_one_output(self, X, forecaster):
        attribution = attribute(forecaster, X, steps=1)
        display = AttributionDisplay.from_attribution(attribution, output=3)
        one = attribution.select(3).contributions
        drawn = display.colors_.get_array()
        columns = display.columns_
        assert drawn.shape == (3, 7)
        assert np.ma.filled(drawn, np.nan) == pytest.approx(
            one[columns].to_numpy().T, nan_ok=True
        )
        low, high = display.colors_.get_clim()
        assert high == -low == pytest.approx(np.nanmax(np.abs(one.to_numpy())))
        # The sums below.
        heights = [bar.get_height() for bar in display.axes_[1].patches]
        assert heights == pytest.approx(one.sum(axis=1).to_numpy())
        output, baseline = attribution.outputs.iloc[3]
        assert f"output {output:.4g} (baseline {baseline:.4g}" in (
            display.ax_.get_title(loc="left")
        )

    def test_the_mean_magnitude_of_several_outputs(self, X, forecaster):
        attribution = attribute(forecaster, X)
        display = AttributionDisplay.from_attribution(attribution)
        expected = attribution.contributions.abs().groupby("lag").mean()
        drawn = np.ma.filled(display.colors_.get_array(), np.nan)
        assert drawn == pytest.approx(
            expected[display.columns_].to_numpy().T, nan_ok=True
        )
        assert display.colors_.get_clim()[0] == 0
        assert f"{len(attribution.outputs)} outputs" in display.ax_.get_title("left")

    def test_columns_beyond_the_limit_are_added_up(self, X, forecaster):
        attribution = attribute(forecaster, X, steps=1).select(0)
        display = AttributionDisplay.from_attribution(attribution, max_columns=1)
        assert display.columns_[1] == "2 others"
        total = attribution.contributions.sum().sum()
        assert display.colors_.get_array().sum() == pytest.approx(total)

    def test_a_single_row_or_column_is_visible(self):
        y = np.sin(np.arange(60) / 5)
        for length in (1, 5):
            fitted = LSTMForecaster(length, 2, **TINY).fit(y[:, None], y)
            display = AttributionDisplay.from_estimator(fitted)
            edges = display.colors_.get_coordinates()
            assert (np.diff(edges[:, 0, 1]) == 1).all()
            assert (np.diff(edges[0, :, 0]) == 1).all()
            assert edges.shape[:2] == (2, length + 1)

    def test_series_coloured_by_contribution(self, X, forecaster):
        attribution = attribute(forecaster, X, steps=1)
        display = AttributionDisplay.from_attribution(
            attribution, output=2, kind="series", max_columns=2
        )
        assert len(display.columns_) == 2
        one = attribution.select(2)
        for panel, column in zip(display.axes_, display.columns_, strict=False):
            (points,) = panel.collections
            offsets = np.ma.filled(points.get_offsets(), np.nan)
            assert offsets[:, 1] == pytest.approx(
                one.inputs[column].to_numpy(), nan_ok=True
            )
            assert np.ma.filled(points.get_array(), np.nan) == pytest.approx(
                one.contributions[column].to_numpy(), nan_ok=True
            )

    def test_series_of_categories_and_tokens(self, X):
        kinds = pd.Categorical(np.resize(["calm", "storm"], len(X)))
        rows = X[["y"]].assign(weather=kinds)
        fitted = LSTMForecaster(5, **TINY, target="y").fit(rows, rows["y"])
        display = AttributionDisplay.from_estimator(fitted, kind="series")
        panel = display.axes_[display.columns_.index("weather")]
        labels = [each.get_text() for each in panel.get_yticklabels()]
        assert sorted(labels) == ["calm", "storm"]
        assert not panel.lines
        generator = CharLSTMGenerator(window_length=20, **TINY).fit("a cab. " * 20)
        with pytest.raises(ValueError, match='draws numbers.*Use "text"'):
            AttributionDisplay.from_estimator(generator, "a c", kind="series")

    def test_a_single_column_is_a_series(self):
        y = np.sin(np.arange(60) / 5)
        fitted = LSTMForecaster(5, **TINY).fit(y[:, None], y)
        display = AttributionDisplay.from_estimator(fitted)
        assert len(display.axes_) == 1
        assert display.ax_.get_xlabel() == "lag"

    def test_text(self):
        text = "the cat sat.\nthe dog ran. " * 12
        generator = CharLSTMGenerator(window_length=20, **TINY).fit(text)
        prompt = text[:150]
        display = AttributionDisplay.from_estimator(generator, prompt)
        shown = "".join(each.get_text() for each in display.ax_.texts)
        assert shown == prompt.replace(" ", "·").replace("\n", "·")
        assert len(display.ax_.patches) == len(prompt)
        # A line break begins a new line.
        rows = [round(each.get_y()) for each in display.ax_.patches]
        assert rows[12] == 0
        assert rows[13] == 1
        html = display.to_html()
        spans = re.findall(r"<span[^>]*>([^<]*)</span>", html)
        assert unescape("".join(spans)) == prompt
        titles = [float(each) for each in re.findall(r'title="([^"]*)"', html)]
        contributions = display.attribution.contributions["token"].to_numpy()
        assert titles == pytest.approx(contributions, rel=1e-3)

    def test_words_in_html_are_escaped_and_separated(self):
        generator = WordLSTMGenerator(window_length=10, **TINY).fit(
            "an < ox & c . " * 20
        )
        attribution = attribute(generator, "an < ox &")
        html = AttributionDisplay(attribution=attribution).to_html()
        assert "<span" in html
        assert ">&lt;</span> <span" in html
        assert "&amp;" in html

    def test_axes_of_the_user(self, X, forecaster):
        attribution = attribute(forecaster, X, steps=1).select(0)
        figure, axes = plt.subplots(2)
        display = AttributionDisplay.from_attribution(attribution, ax=axes)
        assert display.figure_ is figure
        with pytest.raises(ValueError, match="ax must hold 2 Axes.*got 3"):
            display.plot(ax=plt.subplots(3)[1])

    def test_bad_input(self, X, forecaster):
        attribution = attribute(forecaster, X)
        display = AttributionDisplay(attribution=attribution)
        with pytest.raises(ValueError, match="kind must be one of.*got 'pie'"):
            display.plot(kind="pie")
        with pytest.raises(ValueError, match="attribution to tokens"):
            display.plot(kind="text")
        with pytest.raises(ValueError, match="shows a single output.*Pass output"):
            display.plot(kind="series")
        with pytest.raises(ValueError, match="max_columns must be at least 1"):
            display.plot(max_columns=0)
        with pytest.raises(ValueError, match="output must be the number of a row"):
            AttributionDisplay(attribution=attribution, output=(5, 1)).plot()
        with pytest.raises(ValueError, match="one output to tokens"):
            display.to_html()


class TestImportanceDisplay:
    def test_bars_are_the_means(self, X):
        importance = permutation_importance(
            WindowForecaster(Ridge(), window_length=5),
            X,
            X["y"],
            cv=CV,
            n_repeats=2,
            random_state=0,
        )
        display = ImportanceDisplay.from_results(importance, max_columns=2)
        means = importance.summary["importance"].sort_values(ascending=False)
        assert display.labels_ == means.index[:2].tolist()
        widths = [bar.get_width() for bar in display.bars_]
        assert widths == pytest.approx(means[:2].to_numpy())
        naive = importance.errors["naive"].mean()
        assert f"naive {naive:.4g}" in display.ax_.get_title("left")

    def test_lags_keep_their_order(self, X):
        display = ImportanceDisplay.from_estimator(
            LSTMForecaster(5, **TINY),
            X,
            X["y"],
            cv=CV,
            by="lag",
            n_repeats=1,
            random_state=0,
        )
        assert display.labels_ == ["-4", "-3", "-2", "-1", "0"]
        assert display.ax_.get_ylabel() == "lag"


class TestSearchDisplay:
    def test_the_best_candidate_of_each_value(self, search):
        display = SearchDisplay.from_estimator(search)
        table = pd.DataFrame(search.cv_results_)
        error = -table["mean_test_score"]
        best = error.groupby(table["param_window_length"].astype(int)).min()
        line = display.points_["window_length"].lines[0]
        assert line.get_ydata() == pytest.approx(best.to_numpy())
        labels = [each.get_text() for each in display.axes_[-1].get_xticklabels()]
        assert labels == ["3", "5"]
        assert display.axes_[0].get_xlabel() == "alpha"
        assert display.axes_[0].get_ylabel() == "mean absolute error"
        assert not display.naive_lines_

    def test_the_naive_line(self, X, search):
        display = SearchDisplay.from_estimator(search, X, X["y"])
        naive = -naive_scores(X, X["y"], cv=CV, horizon=1).mean()
        assert len(display.naive_lines_) == 2
        for line in display.naive_lines_:
            assert line.get_ydata() == pytest.approx([naive, naive])

    def test_a_far_naive_line_is_told_in_words(self, X, search):
        display = SearchDisplay.from_estimator(search)
        naive = np.full(3, 1000 * search.cv_results_["mean_test_score"].mean())
        far = SearchDisplay(
            cv_results=search.cv_results_,
            scoring="neg_mean_absolute_error",
            naive=naive,
        ).plot()
        assert far.ax_.get_ylim()[1] < -naive[0] / 10
        (note,) = far.ax_.texts
        assert note.get_text() == f"naive {-naive[0]:.4g} ↑"
        assert "best" in display.ax_.get_title("left")

    def test_continuous_parameters_and_other_scores(self, X):
        search = RandomizedSearchCV(
            WindowForecaster(Ridge()),
            {"regressor__alpha": loguniform(1e-3, 1e3)},
            n_iter=8,
            cv=WalkForwardCV(CV),
            random_state=0,
        ).fit(X, X["y"])
        display = SearchDisplay.from_estimator(search, X, X["y"])
        (panel,) = display.axes_
        assert panel.get_xscale() == "log"
        assert panel.get_ylabel() == "score"
        # The score of a forecaster is R squared.
        naive = naive_scores(X, X["y"], cv=CV, scoring="r2", horizon=1).mean()
        assert display.naive_lines_[0].get_ydata()[0] == pytest.approx(naive)

    def test_several_metrics(self, X):
        search = GridSearchCV(
            WindowForecaster(Ridge()),
            {"window_length": [3, 5]},
            scoring=["r2", "neg_mean_absolute_error"],
            refit="neg_mean_absolute_error",
            cv=WalkForwardCV(CV),
        ).fit(X, X["y"])
        display = SearchDisplay.from_estimator(search, X, X["y"])
        assert display.ax_.get_ylabel() == "mean absolute error"
        other = SearchDisplay.from_estimator(search, metric="r2")
        assert other.ax_.get_ylabel() == "r2"
        with pytest.raises(ValueError, match=r"one of those of the search.*got 'mse'"):
            SearchDisplay.from_estimator(search, metric="mse")

    def test_scorers_of_the_user(self, X):
        def scores(estimator, X, y):
            error = np.abs(estimator.predict(X) - y).mean()
            return {"mae": error, "negative": -error}

        error = -naive_scores(X, X["y"], cv=CV, horizon=1).mean()
        for scoring, refit, sign in (
            (scores, "mae", 1),
            (
                {"neg_own": make_scorer(max_error, greater_is_better=False)},
                "neg_own",
                0,
            ),
        ):
            search = GridSearchCV(
                WindowForecaster(Ridge()),
                {"window_length": [3, 5]},
                scoring=scoring,
                refit=refit,
                cv=WalkForwardCV(CV),
            ).fit(X, X["y"])
            display = SearchDisplay.from_estimator(search, X, X["y"])
            naive = display.naive_lines_[0].get_ydata()[0]
            assert naive > 0
            if sign:
                assert naive == pytest.approx(error)

    def test_a_search_without_any_score(self, X):
        def broken(estimator, X, y):
            raise ValueError("broken")

        search = GridSearchCV(
            WindowForecaster(Ridge()),
            {"window_length": [3, 5]},
            scoring=broken,
            cv=WalkForwardCV(CV),
        )
        with pytest.warns(UserWarning, match="broken"):
            search.fit(X, X["y"])
        with pytest.raises(ValueError, match='error_score="raise"'):
            SearchDisplay.from_estimator(search)

    def test_bad_input(self, X, search):
        with pytest.raises(ValueError, match="search must be a GridSearchCV"):
            SearchDisplay.from_estimator(RandomForestRegressor())
        with pytest.raises(ValueError, match="params must be.*got 'units'"):
            SearchDisplay.from_estimator(search, params=["units"])
        with pytest.raises(ValueError, match="ax must hold 2 Axes"):
            SearchDisplay.from_estimator(search, ax=plt.subplots()[1])
        single = GridSearchCV(Ridge(), {"alpha": [1.0]}, cv=KFold(2, shuffle=True))
        single.fit(X[["a"]], X["y"])
        with pytest.raises(ValueError, match="no parameter with several values"):
            SearchDisplay.from_estimator(single)
        with pytest.raises(ValueError, match="splitter in time order"):
            SearchDisplay.from_estimator(single, X, X["y"], params=["alpha"])
