"""Displays of forecasts, walk-forward validation and training."""

import subprocess
import sys
from dataclasses import replace
from itertools import pairwise
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest
from sklearn.base import BaseEstimator, RegressorMixin
from sklearn.exceptions import NotFittedError
from sklearn.linear_model import LinearRegression
from sklearn.model_selection import GridSearchCV, KFold
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import MinMaxScaler
from sktime.split import ExpandingWindowSplitter

from sklstm import (
    ForecastDisplay,
    LSTMForecaster,
    TrainingDisplay,
    WalkForwardDisplay,
    walk_forward,
)

matplotlib = pytest.importorskip("matplotlib")
matplotlib.use("Agg")
plt = pytest.importorskip("matplotlib.pyplot")


@pytest.fixture(autouse=True)
def _close_figures():
    yield
    plt.close("all")


class Doubler(RegressorMixin, BaseEstimator):
    """Forecaster that predicts twice the columns of X, with a fixed history."""

    def __init__(self, horizon=2):
        self.horizon = horizon

    def fit(self, X, y):
        """Store the shape of y and a history of losses."""
        self.one_d_ = np.ndim(y) == 1
        self.history_ = {"loss": [3.0, 2.0, 1.0], "val_loss": [4.0, 2.0, 3.0]}
        return self

    def predict(self, X):
        """Return twice the columns of X."""
        forecast = 2 * np.asarray(X, dtype=float)
        return forecast[:, 0] if self.one_d_ else forecast


def xy(line):
    return np.asarray(line.get_xdata()), np.asarray(line.get_ydata())


def legend_labels(ax):
    return [text.get_text() for text in ax.get_legend().get_texts()]


Y = np.arange(12.0) ** 2
X = Y[:, None]
TWO = pd.DataFrame(
    {"a": Y, "b": -Y}, index=pd.date_range("2024-01-01", periods=12, name="day")
)


# Forecasts


def test_lines_show_the_data():
    naive = np.array([4.0, 4.0, 6.0])
    display = ForecastDisplay.from_predictions(
        [1.0, 2.0, 3.0], [1.5, 2.5, 3.5], naive=naive, past=[7.0, 8.0]
    )
    (lines,) = display.lines_
    expected = {
        "past": ([-2, -1], [7, 8]),
        "actual": ([0, 1, 2], [1, 2, 3]),
        "forecast": ([0, 1, 2], [1.5, 2.5, 3.5]),
        "naive": ([0, 1, 2], naive),
    }
    assert set(lines) == set(expected)
    for name, (x, y) in expected.items():
        np.testing.assert_array_equal(xy(lines[name])[0], x)
        np.testing.assert_array_equal(xy(lines[name])[1], y)
    assert sorted(legend_labels(display.ax_)) == sorted(expected)
    assert display.axes_ == [display.ax_]
    assert display.figure_ is display.ax_.figure


def test_plot_draws_and_returns_the_display():
    display = ForecastDisplay(y_true=Y, y_pred=Y + 1)
    assert not plt.get_fignums()
    assert display.plot() is display
    assert set(display.lines_[0]) == {"actual", "forecast"}


def test_each_target_has_a_panel():
    display = ForecastDisplay.from_predictions(
        TWO[8:], TWO[8:].to_numpy() + 1, past=TWO[:8]
    )
    assert len(display.axes_) == len(display.lines_) == 2
    assert [ax.get_ylabel() for ax in display.axes_] == ["a", "b"]
    assert display.axes_[-1].get_xlabel() == "day"
    for lines, column in zip(display.lines_, "ab", strict=True):
        x, y = xy(lines["actual"])
        np.testing.assert_array_equal(x, TWO.index[8:].to_numpy())
        np.testing.assert_array_equal(y, TWO[column][8:])
        np.testing.assert_array_equal(xy(lines["past"])[0], TWO.index[:8].to_numpy())


@pytest.mark.parametrize(
    ("index", "expected"),
    [
        (pd.RangeIndex(5, 8), [5, 6, 7]),
        (pd.Index([0.5, 1.0, 4.0]), [0.5, 1.0, 4.0]),
        (pd.Index(["x", "y", "z"]), [0, 1, 2]),
        (
            pd.period_range("2024-01", periods=3, freq="M"),
            np.array(["2024-01-01", "2024-02-01", "2024-03-01"], "datetime64[ns]"),
        ),
        (
            pd.date_range("2024-01-01", periods=3, tz="Asia/Tokyo"),
            np.array(["2024-01-01", "2024-01-02", "2024-01-03"], "datetime64[ns]"),
        ),
    ],
    ids=["integers", "numbers", "strings", "periods", "time zone"],
)
def test_index_gives_the_x_axis(index, expected):
    y = pd.Series([1.0, 2.0, 3.0], index=index)
    display = ForecastDisplay.from_predictions(y, y.to_numpy())
    np.testing.assert_array_equal(xy(display.lines_[0]["forecast"])[0], expected)
    display.figure_.canvas.draw()


def test_forecast_without_actual_values():
    forecast = pd.Series([1.0, 2.0], index=pd.RangeIndex(12, 14))
    display = ForecastDisplay.from_predictions(None, forecast, past=pd.Series(Y))
    (lines,) = display.lines_
    assert set(lines) == {"past", "forecast"}
    np.testing.assert_array_equal(xy(lines["forecast"])[0], [12, 13])


def test_date_labels_do_not_overlap():
    y = pd.Series(np.arange(2000.0), pd.date_range("2019-01-01", periods=2000))
    display = ForecastDisplay.from_predictions(y, y + 1)
    display.figure_.canvas.draw()
    boxes = [
        label.get_window_extent()
        for label in display.ax_.get_xticklabels()
        if label.get_text()
    ]
    assert len(boxes) > 2
    assert all(a.x1 < b.x0 for a, b in pairwise(boxes))


def test_legend_covers_no_line():
    display = ForecastDisplay.from_predictions(Y, Y[::-1], naive=np.full(12, Y.max()))
    display.figure_.canvas.draw()
    bottom = display.ax_.get_legend().get_window_extent().y0
    top = display.ax_.transData.transform((0, Y.max()))[1]
    assert top < bottom


def test_isolated_values_have_markers():
    (lines,) = ForecastDisplay.from_predictions([1.0], [2.0]).lines_
    assert all(line.get_marker() == "." for line in lines.values())
    (lines,) = ForecastDisplay.from_predictions([1.0, 2.0], [2.0, 2.0]).lines_
    assert all(line.get_marker() == "None" for line in lines.values())


def test_keyword_arguments_style_the_forecast_only():
    display = ForecastDisplay.from_predictions(Y, Y, c="red", lw=5, label="model")
    lines = display.lines_[0]
    assert lines["forecast"].get_color() == "red"
    assert lines["forecast"].get_linewidth() == 5
    assert lines["actual"].get_linewidth() < 5
    assert legend_labels(display.ax_) == ["actual", "model"]


def test_plot_on_existing_axes():
    figure, axes = plt.subplots(2)
    display = ForecastDisplay.from_predictions(Y, Y, ax=axes[1])
    assert display.ax_ is axes[1]
    assert display.figure_ is figure
    assert not axes[0].lines

    display = ForecastDisplay.from_predictions(TWO, TWO, ax=axes)
    assert display.axes_ == list(axes)
    assert plt.get_fignums() == [figure.number]


def test_single_axes_is_divided_among_panels():
    figure, axes = plt.subplots(1, 2)
    display = ForecastDisplay.from_predictions(TWO, TWO, ax=axes[1])
    assert len(display.axes_) == 2
    assert display.figure_ is figure
    assert not axes[1].axison
    outer = axes[1].get_position()
    for ax in display.axes_:
        inner = ax.get_position()
        assert outer.x0 <= inner.x0 < inner.x1 <= outer.x1
        assert outer.y0 <= inner.y0 < inner.y1 <= outer.y1


@pytest.mark.parametrize("past", [None, Y[:6]], ids=["no past", "past"])
def test_naive_forecast_repeats_the_value_before_each_block(past):
    model = Doubler(horizon=2).fit(X[:6], Y[:6])
    display = ForecastDisplay.from_estimator(model, X[6:], Y[6:], past=past)
    (lines,) = display.lines_
    first = np.nan if past is None else Y[5]
    expected = [first, first, Y[7], Y[7], Y[9], Y[9]]
    np.testing.assert_array_equal(xy(lines["naive"])[1], expected)
    np.testing.assert_array_equal(xy(lines["forecast"])[1], 2 * Y[6:])


def test_naive_forecast_is_optional_and_needs_a_known_value():
    model = Doubler(horizon=6).fit(X[:6], Y[:6])
    draw = ForecastDisplay.from_estimator
    assert "naive" not in draw(model, X[6:], Y[6:]).lines_[0]
    assert "naive" in draw(model, X[6:], Y[6:], past=Y[:6]).lines_[0]
    display = draw(model, X[6:], Y[6:], past=Y[:6], naive=False)
    assert "naive" not in display.lines_[0]


def test_horizon_of_the_fitted_forecaster_in_a_search():
    search = GridSearchCV(
        make_pipeline(MinMaxScaler(), Doubler(horizon=1)),
        {"doubler__horizon": [3]},
        cv=KFold(2),
    ).fit(X[:6], Y[:6])
    display = ForecastDisplay.from_estimator(search, X[6:], Y[6:], past=Y[:6])
    naive = xy(display.lines_[0]["naive"])[1]
    np.testing.assert_array_equal(naive, np.repeat([Y[5], Y[8]], 3))


def test_index_of_x_if_y_has_none():
    model = Doubler().fit(TWO, TWO.to_numpy())
    display = ForecastDisplay.from_estimator(model, TWO, TWO.to_numpy())
    x, _ = xy(display.lines_[1]["actual"])
    np.testing.assert_array_equal(x, TWO.index.to_numpy())
    assert [ax.get_ylabel() for ax in display.axes_] == ["target 0", "target 1"]


def test_forecaster_in_a_pipeline():
    model = make_pipeline(
        MinMaxScaler(), LSTMForecaster(4, horizon=2, units=2, epochs=1, random_state=0)
    )
    model.fit(TWO[:8], TWO[:8])
    display = ForecastDisplay.from_estimator(model, TWO[8:], TWO[8:], past=TWO[:8])
    forecast = model.predict(TWO[8:])
    for lines, expected in zip(display.lines_, forecast.T, strict=True):
        np.testing.assert_array_equal(xy(lines["forecast"])[1], expected)
        assert set(lines) == {"past", "actual", "naive", "forecast"}
    display = TrainingDisplay.from_estimator(model)
    np.testing.assert_array_equal(
        xy(display.lines_["loss"])[1], model[-1].history_["loss"]
    )


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"y_true": Y[1:]}, r"y_true and y_pred must have .* \(11,\) and \(12,\)"),
        ({"naive": Y[1:]}, r"naive and y_pred must have .* \(11,\) and \(12,\)"),
        ({"past": np.ones((3, 2))}, r"past must have as many targets.*1, got .*\(3, 2"),
        ({"y_true": pd.Series(Y), "past": Y}, "past must have a pandas index.*ndarray"),
        (
            {"y_true": pd.Series(Y), "past": pd.Series(Y)},
            "time order.*row 0 comes after row 11",
        ),
        ({"ax": [1, 2]}, "ax must hold 1 Axes.*got 2"),
    ],
    ids=["y_true", "naive", "past", "past index", "order", "ax"],
)
def test_arrays_that_do_not_match(arguments, message):
    with pytest.raises(ValueError, match=message):
        ForecastDisplay.from_predictions(**{"y_true": Y, "y_pred": Y, **arguments})


def test_axes_outside_a_grid_cannot_be_divided():
    ax = plt.figure().add_axes([0, 0, 1, 1])
    with pytest.raises(ValueError, match="ax must be part of a grid"):
        ForecastDisplay.from_predictions(TWO, TWO, ax=ax)


def test_unfitted_estimator():
    with pytest.raises(NotFittedError, match="not fitted"):
        ForecastDisplay.from_estimator(LSTMForecaster(), X, Y)
    with pytest.raises(NotFittedError, match="not fitted"):
        TrainingDisplay.from_estimator(LSTMForecaster())


# Walk-forward validation


def splitter(steps=3, first=6, step_length=3):
    return ExpandingWindowSplitter(
        fh=np.arange(1, steps + 1), initial_window=first, step_length=step_length
    )


@pytest.fixture
def result():
    """Two targets, two folds of three rows."""
    return walk_forward(Doubler(horizon=3), TWO, TWO, cv=splitter(), season_length=2)


def test_panels_of_targets_and_of_errors(result):
    display = WalkForwardDisplay.from_results(result)
    assert len(display.axes_) == 3
    assert len(display.lines_) == 2
    assert display.figure_ is display.ax_.figure
    for lines, column in zip(display.lines_, "ab", strict=True):
        x, y = xy(lines["actual"])
        np.testing.assert_array_equal(x, TWO.index[6:].to_numpy())
        np.testing.assert_array_equal(y, TWO[column][6:])
        # One line, interrupted between the folds.
        _, y = xy(lines["forecast"])
        expected = np.insert(2 * TWO[column][6:].to_numpy(), 3, np.nan)
        np.testing.assert_array_equal(y, expected)
        assert set(lines) == {"actual", "forecast"}


def test_intervals_are_bands_interrupted_between_folds(result):
    assert WalkForwardDisplay.from_results(result).bands_ == []
    table = result.forecasts
    table = table.assign(lower=table["forecast"] - 1, upper=table["forecast"] + 2)
    display = WalkForwardDisplay.from_results(replace(result, forecasts=table))
    assert len(display.bands_) == 2
    for band, column in zip(display.bands_, "ab", strict=True):
        forecast = 2 * TWO[column][6:].to_numpy().reshape(2, 3)
        for path, rows in zip(band.get_paths(), forecast, strict=True):
            y = path.vertices[:, 1]
            assert (y.min(), y.max()) == (rows.min() - 1, rows.max() + 2)


def test_coverage_is_passed_to_walk_forward(series):
    forecaster = LSTMForecaster(
        5, units=2, epochs=1, calibration_split=0.3, random_state=0
    )
    cv = splitter(first=60, step_length=10)
    X = series[:, :1]
    display = WalkForwardDisplay.from_estimator(forecaster, X, X, cv=cv, coverage=0.8)
    assert "coverage" in display.result.interval_scores
    assert len(display.bands_) == 1


def test_bars_are_the_scores_by_fold(result):
    display = WalkForwardDisplay.from_results(result, metric="root_mean_squared_error")
    assert set(display.bars_) == {"forecast", "naive", "seasonal_naive"}
    for name, bars in display.bars_.items():
        heights = [bar.get_height() for bar in bars]
        expected = result.scores[("root_mean_squared_error", name)]
        np.testing.assert_allclose(heights, expected)
    # Bars of a fold do not overlap.
    edges = sorted(
        (b.get_x(), b.get_x() + b.get_width()) for b in _all_bars(display.bars_)
    )
    assert all(a[1] <= b[0] for a, b in pairwise(edges))
    assert "root mean squared error" in display.axes_[-1].get_title(loc="left")


def _all_bars(bars):
    return [bar for container in bars.values() for bar in container]


def test_first_metric_by_default(result):
    display = WalkForwardDisplay.from_results(result)
    heights = [bar.get_height() for bar in display.bars_["naive"]]
    np.testing.assert_allclose(heights, result.scores[("mean_absolute_error", "naive")])


def test_errors_of_one_target(result):
    display = WalkForwardDisplay.from_results(result, target="b")
    assert len(display.axes_) == 2
    assert display.ax_.get_ylabel() == "b"
    alone = walk_forward(
        Doubler(horizon=3), TWO[["b"]], TWO["b"], cv=splitter(), season_length=2
    )
    for name, bars in display.bars_.items():
        heights = [bar.get_height() for bar in bars]
        expected = alone.scores[("mean_absolute_error", name)]
        np.testing.assert_allclose(heights, expected)


def test_naive_forecasts_are_optional(result):
    display = WalkForwardDisplay.from_results(result, naive=True)
    rows = result.forecasts[result.forecasts["target"] == "a"]
    for name in ("naive", "seasonal_naive"):
        _, y = xy(display.lines_[0][name])
        np.testing.assert_array_equal(y[np.isfinite(y)], rows[name])


def test_starts_of_folds_are_marked(result):
    display = WalkForwardDisplay.from_results(result)
    (marks,) = display.ax_.collections
    begins = [segment[0, 0] for segment in marks.get_segments()]
    expected = matplotlib.dates.date2num(TWO.index[[6, 9]].to_numpy())
    np.testing.assert_allclose(begins, expected)
    assert [text.get_text().strip() for text in display.ax_.texts] == [
        "fold 0",
        "fold 1",
    ]


def test_overlapping_folds():
    cv = splitter(steps=4, first=6, step_length=2)
    display = WalkForwardDisplay.from_estimator(Doubler(horizon=4), X, Y, cv=cv)
    (lines,) = display.lines_
    np.testing.assert_array_equal(xy(lines["actual"])[0], np.arange(6, 12))
    np.testing.assert_array_equal(xy(lines["actual"])[1], Y[6:])
    folds = 2 * np.concatenate([Y[6:10], [np.nan], Y[8:12]])
    np.testing.assert_array_equal(xy(lines["forecast"])[1], folds)


def test_folds_of_one_row_are_markers():
    cv = splitter(steps=1, first=6, step_length=1)
    display = WalkForwardDisplay.from_estimator(Doubler(horizon=1), X, Y, cv=cv)
    assert display.lines_[0]["forecast"].get_marker() == "."
    assert display.lines_[0]["actual"].get_marker() == "None"


def test_from_estimator_runs_walk_forward(result):
    display = WalkForwardDisplay.from_estimator(
        Doubler(horizon=3),
        TWO,
        TWO,
        cv=splitter(),
        season_length=2,
        scoring="r2",
        color="red",
    )
    pd.testing.assert_frame_equal(display.result.forecasts, result.forecasts)
    assert list(display.result.summary.index) == ["r2"]
    assert display.lines_[0]["forecast"].get_color() == "red"


def test_walk_forward_on_existing_axes(result):
    figure, axes = plt.subplots(3)
    assert WalkForwardDisplay.from_results(result, ax=axes).axes_ == list(axes)
    assert plt.get_fignums() == [figure.number]
    with pytest.raises(ValueError, match="ax must hold 3 Axes.*got 2"):
        WalkForwardDisplay.from_results(result, ax=axes[:2])


def test_unknown_targets_and_metrics(result):
    with pytest.raises(ValueError, match=r"target must be one of.*'a', 'b'.*got 'c'"):
        WalkForwardDisplay.from_results(result, target="c")
    with pytest.raises(ValueError, match=r"metric must be one of.*got 'r2'"):
        WalkForwardDisplay.from_results(result, metric="r2")


def test_one_of_several_series(result):
    panel = {"north": TWO, "south": 3 * TWO}
    frame = pd.concat(panel, names=["region"])
    display = WalkForwardDisplay.from_estimator(
        Doubler(horizon=3), frame, frame, cv=splitter(), season_length=2
    )
    assert len(display.axes_) == 3
    assert display.ax_.get_ylabel() == "series north\na"
    for number, name in enumerate(panel):
        one = WalkForwardDisplay.from_results(display.result, series=name)
        for shown, expected in zip(
            one.lines_, WalkForwardDisplay.from_results(result).lines_, strict=True
        ):
            for line in ("actual", "forecast"):
                x, y = xy(shown[line])
                np.testing.assert_array_equal(x, xy(expected[line])[0])
                np.testing.assert_array_equal(y, (1, 3)[number] * xy(expected[line])[1])
    with pytest.raises(ValueError, match="name must be one of.*got 'west'"):
        WalkForwardDisplay.from_results(display.result, series="west")
    with pytest.raises(ValueError, match="series='north'.*holds a single one"):
        WalkForwardDisplay.from_results(result, series="north")


def test_custom_metric_is_unknown_for_one_of_several_targets():
    def bias(estimator, X, y):
        return float(np.mean(estimator.predict(X) - y))

    result = walk_forward(Doubler(3), TWO, TWO, cv=splitter(), scoring=bias)
    assert len(WalkForwardDisplay.from_results(result).bars_["forecast"]) == 2
    with pytest.raises(ValueError, match="metric='bias' is not known to scikit-learn"):
        WalkForwardDisplay.from_results(result, target="a")


# Training


def test_loss_lines_and_best_epoch():
    display = TrainingDisplay.from_estimator(Doubler().fit(X, Y))
    assert set(display.lines_) == {"loss", "val_loss"}
    np.testing.assert_array_equal(xy(display.lines_["loss"]), [[1, 2, 3], [3, 2, 1]])
    np.testing.assert_array_equal(xy(display.lines_["val_loss"])[1], [4, 2, 3])
    assert display.best_epoch_ == 2
    assert "best epoch: 2" in legend_labels(display.ax_)
    assert display.ax_.get_yscale() == "linear"
    assert display.figure_ is display.ax_.figure


def test_training_without_validation():
    display = TrainingDisplay(history={"loss": [1.0]}).plot(log_scale=True)
    assert set(display.lines_) == {"loss"}
    assert display.best_epoch_ is None
    assert display.ax_.get_yscale() == "log"
    assert display.lines_["loss"].get_marker() == "."


def test_estimator_inside_a_search_and_a_pipeline():
    model = GridSearchCV(
        make_pipeline(MinMaxScaler(), Doubler()), {"doubler__horizon": [3]}, cv=KFold(2)
    ).fit(X, Y)
    _, ax = plt.subplots()
    display = TrainingDisplay.from_estimator(model, ax=ax, name="best", ls=":")
    assert display.ax_ is ax
    assert legend_labels(ax)[0] == "best: training loss"
    assert display.lines_["val_loss"].get_linestyle() == ":"


def test_estimators_without_losses():
    with pytest.raises(ValueError, match="estimator must have the losses.*LinearRegr"):
        TrainingDisplay.from_estimator(LinearRegression().fit(X, Y))
    for history in ({}, {"loss": []}, [1.0]):
        with pytest.raises(ValueError, match="history must be a mapping with"):
            TrainingDisplay(history=history).plot()


# Imports


def test_import_loads_neither_matplotlib_nor_tensorflow():
    code = (
        "import sys, sklstm.plotting\n"
        "from sklstm import ForecastDisplay, TrainingDisplay\n"
        "ForecastDisplay(y_true=[1], y_pred=[1])\n"
        "TrainingDisplay(history={'loss': [1]})\n"
        "print([m for m in ('matplotlib', 'tensorflow', 'keras') if m in sys.modules])"
    )
    process = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True
    )
    assert process.stdout.strip() == "[]"


@pytest.mark.parametrize(
    "draw",
    [
        lambda: ForecastDisplay.from_predictions(Y, Y),
        lambda: TrainingDisplay(history={"loss": [1.0]}).plot(),
        lambda: WalkForwardDisplay.from_results(SimpleNamespace()),
    ],
    ids=["forecast", "training", "walk forward"],
)
def test_without_matplotlib(draw, monkeypatch):
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    with pytest.raises(ImportError, match="needs matplotlib.*pip install"):
        draw()
