"""Display of anomalies: series, scores, anomaly segments, top features, incidents."""

import pickle
from itertools import pairwise

import numpy as np
import pandas as pd
import pytest
from sklearn.base import BaseEstimator
from sklearn.decomposition import PCA
from sklearn.ensemble import IsolationForest
from sklearn.exceptions import NotFittedError
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from sklstm import AnomalyDisplay

matplotlib = pytest.importorskip("matplotlib")
matplotlib.use("Agg")
plt = pytest.importorskip("matplotlib.pyplot")


@pytest.fixture(autouse=True)
def _close_figures():
    yield
    plt.close("all")


class FarFromMean(BaseEstimator):
    """Flags rows further from the mean of the training rows than any of those."""

    def fit(self, X, y=None):
        """Learn the mean, and the largest distance to it."""
        self.n_features_in_ = X.shape[1]
        if hasattr(X, "columns"):
            self.feature_names_in_ = np.asarray(X.columns, dtype=object)
        self.mean_ = np.asarray(X, dtype=float).mean(axis=0)
        self.offset_ = self.score_samples(X).min()
        return self

    def feature_scores(self, X):
        """Minus the squared distance of each value to the mean."""
        return -((np.asarray(X, dtype=float) - self.mean_) ** 2)

    def score_samples(self, X):
        """Sum of the feature scores."""
        return self.feature_scores(X).sum(axis=1)


def make_series(n_features=3):
    """Forty rows with two anomalies, of four rows and of one row."""
    X = np.random.default_rng(0).uniform(-1, 1, size=(40, n_features))
    X[10:14, 1] += 9
    X[30, 0] -= 7
    return X


NORMAL = np.random.default_rng(1).uniform(-1, 1, size=(200, 3))
X = make_series()
INDEX = pd.date_range("2024-01-01", periods=40, freq="h", name="hour")
FRAME = pd.DataFrame(X, columns=["cpu", "mem", "net"], index=INDEX)


@pytest.fixture
def detector():
    return FarFromMean().fit(NORMAL)


def xy(line):
    return np.asarray(line.get_xdata()), np.asarray(line.get_ydata())


def spans(collection):
    """Left and right end of each shaded span."""
    edges = [path.vertices[:, 0] for path in collection.get_paths()]
    return [(x.min(), x.max()) for x in edges]


def edges_of_hours(first, last):
    """Left and right end of a span of rows of INDEX on the axis."""
    half = np.timedelta64(30, "m")
    edges = INDEX.to_numpy()[first] - half, INDEX.to_numpy()[last] + half
    return matplotlib.dates.date2num(edges)


def bars(display):
    """Spans and names of the incidents."""
    (strip,) = display.ax_.child_axes
    (collection,) = strip.collections
    return spans(collection), [text.get_text() for text in strip.texts]


def labels(display):
    return [text.get_text() for text in display.axes_[-1].texts]


def legend(display):
    return [text.get_text() for text in display.axes_[-1].get_legend().get_texts()]


# Lines, spans and tables


def test_lines_show_the_series_and_the_score(detector):
    display = AnomalyDisplay.from_estimator(detector, X)
    assert display.features_ == [0, 1, 2]
    assert len(display.axes_) == len(display.lines_) == 4
    for number, lines in enumerate(display.lines_[:-1]):
        np.testing.assert_array_equal(xy(lines["value"])[0], np.arange(40))
        np.testing.assert_array_equal(xy(lines["value"])[1], X[:, number])
    lines = display.lines_[-1]
    np.testing.assert_array_equal(xy(lines["score"])[1], detector.score_samples(X))
    assert set(xy(lines["threshold"])[1]) == {detector.offset_}
    assert [ax.texts[0].get_text() for ax in display.axes_[:-1]] == [
        "feature 0",
        "feature 1",
        "feature 2",
    ]
    assert display.ax_ is display.axes_[0]
    assert display.figure_ is display.ax_.figure


def test_segments_are_shaded_darker_in_the_panel_of_the_top_feature(detector):
    display = AnomalyDisplay.from_estimator(detector, X)
    first, second = (9.5, 13.5), (29.5, 30.5)
    drawn = [
        {kind: spans(collection) for kind, collection in panel.items()}
        for panel in display.spans_
    ]
    assert drawn == [
        {"flagged": [first], "top_feature": [second]},
        {"flagged": [second], "top_feature": [first]},
        {"flagged": [first, second]},
        {"flagged": [first, second]},
    ]
    assert sorted(labels(display)) == ["feature 0", "feature 1"]


def test_segments_in_a_table(detector):
    display = AnomalyDisplay.from_estimator(detector, FRAME.to_numpy())
    table = display.segments_
    scores = detector.score_samples(X)
    assert table["start"].tolist() == [10, 30]
    assert table["end"].tolist() == [13, 30]
    assert table["feature"].tolist() == [1, 0]
    np.testing.assert_array_equal(table["score"], [scores[10:14].min(), scores[30]])
    table = AnomalyDisplay.from_estimator(detector, FRAME).segments_
    assert table["start"].tolist() == [INDEX[10], INDEX[30]]
    assert table["feature"].tolist() == ["mem", "cpu"]


def test_the_pandas_index_is_the_x_axis(detector):
    display = AnomalyDisplay.from_estimator(detector, FRAME, features=["mem"])
    ax, score_ax = display.axes_
    np.testing.assert_array_equal(xy(display.lines_[0]["value"])[0], INDEX.to_numpy())
    assert score_ax.get_xlabel() == "hour"
    (span,) = spans(display.spans_[0]["top_feature"])
    np.testing.assert_allclose(span, edges_of_hours(10, 13))
    formatter = ax.xaxis.get_major_formatter()
    assert isinstance(formatter, matplotlib.dates.ConciseDateFormatter)


def test_a_span_does_not_extend_into_a_gap():
    table = FRAME[["cpu"]].iloc[[0, 1, 2, 20, 21]]
    display = AnomalyDisplay.from_predictions(table, [0, 0, -2, 0, 0], threshold=-1)
    (span,) = spans(display.spans_[0]["flagged"])
    np.testing.assert_allclose(span, edges_of_hours(2, 2))


def test_no_anomalies(detector):
    display = AnomalyDisplay.from_estimator(detector, NORMAL)
    assert display.spans_ == [{}, {}, {}, {}]
    assert display.segments_.empty
    assert legend(display) == ["score", "threshold"]


def test_the_first_and_the_last_row_may_be_flagged():
    display = AnomalyDisplay.from_predictions(
        X[:4], [-2, 0, -3, -4], threshold=-1, feature_scores=-np.eye(4)[:, :3]
    )
    assert spans(display.spans_[-1]["flagged"]) == [(-0.5, 0.5), (1.5, 3.5)]


def test_rows_without_a_score_are_not_flagged():
    scores = np.r_[np.nan, np.nan, -5, np.zeros(37)]
    display = AnomalyDisplay.from_predictions(X, scores, threshold=-1)
    assert display.segments_["start"].tolist() == [2]
    assert display.segments_["feature"].tolist() == [None]


def test_style_of_the_score_line(detector):
    display = AnomalyDisplay.from_estimator(detector, X, c="green")
    assert display.lines_[-1]["score"].get_color() == "green"
    assert display.lines_[0]["value"].get_color() != "green"


def test_a_display_can_be_pickled_and_draws_only_in_plot():
    display = AnomalyDisplay(X=X, scores=np.zeros(40), threshold=-1)
    assert not plt.get_fignums()
    assert pickle.loads(pickle.dumps(display)).threshold == -1
    assert display.plot() is display


# Score axis


def score_axis(scores, threshold):
    scores = np.resize(scores, 40)
    display = AnomalyDisplay.from_predictions(X, scores, threshold=threshold)
    return display.axes_[-1]


def test_score_axis_is_logarithmic_for_extreme_scores():
    assert score_axis([-1.0, -2.0, -12.0], -3.0).get_yscale() == "linear"
    ax = score_axis([-1.0, -2.0, -9000.0], -3.0)
    assert ax.get_yscale() == "symlog"
    to_screen = ax.transAxes.inverted().transform
    heights = [
        to_screen(ax.transData.transform((0, score)))[1] for score in (-1.0, -3.0)
    ]
    assert heights[0] - heights[1] > 0.1
    # Tick labels do not overlap.
    shown = [tick for tick in ax.get_yticks() if ax.get_ylim()[0] <= tick <= 0]
    assert shown == [-10_000, -1000, -100, -10, 0]


def test_score_axis_is_linear_for_scores_above_zero():
    assert score_axis([1.0, 2.0, -5.0], 0.0).get_yscale() == "linear"
    assert score_axis([0.0], 0.0).get_yscale() == "linear"


# Features drawn


@pytest.mark.parametrize(
    ("features", "expected"),
    [
        (["net", "cpu"], ["net", "cpu"]),
        ([2, "mem"], ["net", "mem"]),
        ("mem", ["mem"]),
        (0, ["cpu"]),
        ([], []),
    ],
)
def test_features_by_name_or_number(detector, features, expected):
    display = AnomalyDisplay.from_estimator(detector, FRAME, features=features)
    assert display.features_ == expected
    assert len(display.axes_) == len(expected) + 1
    for name, lines in zip(expected, display.lines_, strict=False):
        np.testing.assert_array_equal(xy(lines["value"])[1], FRAME[name])


def test_integer_column_names_take_precedence_over_positions():
    table = pd.DataFrame({2: X[:, 0], 0: X[:, 1]})
    display = AnomalyDisplay.from_predictions(
        table, np.zeros(40), threshold=-1, features=[0]
    )
    np.testing.assert_array_equal(xy(display.lines_[0]["value"])[1], X[:, 1])


def test_default_features_are_top_features_of_the_most_rows():
    contributions = np.zeros((100, 12))
    # One extreme row of feature 0 does not outweigh the longer segments of others.
    lengths = {11: 5, 3: 4, 9: 3, 2: 3, 7: 2, 5: 2, 0: 1}
    for number, (feature, length) in enumerate(lengths.items()):
        rows = slice(3 + 10 * number, 3 + 10 * number + length)
        contributions[rows, feature] = -1000 if feature == 0 else -5
    display = AnomalyDisplay.from_predictions(
        np.zeros((100, 12)),
        contributions.sum(axis=1),
        threshold=-1,
        feature_scores=contributions,
    )
    assert display.features_ == [2, 3, 5, 7, 9, 11]


def test_default_features_without_anomalies_have_the_lowest_scores():
    contributions = -np.tile(np.arange(8.0), (20, 1))
    display = AnomalyDisplay.from_predictions(
        np.zeros((20, 8)),
        contributions.sum(axis=1),
        threshold=-99,
        feature_scores=contributions,
    )
    assert display.features_ == [2, 3, 4, 5, 6, 7]


def test_default_features_without_feature_scores_are_the_first():
    display = AnomalyDisplay.from_predictions(
        np.zeros((20, 8)), -np.ones(20), threshold=0
    )
    assert display.features_ == [0, 1, 2, 3, 4, 5]
    assert not labels(display)


def test_labels_of_segments_do_not_overlap():
    scores = np.zeros(400)
    scores[100:300:2] = -2
    scores[[200, 380]] = -3
    contributions = np.column_stack([scores, np.zeros(400)])
    frame = pd.DataFrame(contributions, columns=["metric_a", "b"])
    display = AnomalyDisplay.from_predictions(
        frame, scores, threshold=-1, feature_scores=contributions
    )
    assert len(display.segments_) == 101
    display.figure_.canvas.draw()
    boxes = [text.get_window_extent() for text in display.axes_[-1].texts]
    assert len(boxes) == 3
    boxes.sort(key=lambda box: box.x0)
    assert all(a.x1 < b.x0 for a, b in pairwise(boxes))
    extent = display.axes_[-1].get_window_extent()
    assert extent.x0 <= boxes[0].x0
    assert boxes[-1].x1 <= extent.x1


# Estimators


def test_a_pipeline_scores_transformed_rows_and_draws_the_original():
    scale = [1.0, 1000.0, 0.01]
    model = make_pipeline(StandardScaler(), FarFromMean()).fit(NORMAL * scale)
    table = FRAME * scale
    display = AnomalyDisplay.from_estimator(model, table.to_numpy())
    scores = model[-1].score_samples(model[:-1].transform(table.to_numpy()))
    np.testing.assert_array_equal(xy(display.lines_[-1]["score"])[1], scores)
    np.testing.assert_array_equal(xy(display.lines_[1]["value"])[1], table["mem"])
    assert display.segments_["feature"].tolist() == [1, 0]

    normal = pd.DataFrame(NORMAL * scale, columns=table.columns)
    display = AnomalyDisplay.from_estimator(model.fit(normal), table)
    np.testing.assert_array_equal(xy(display.lines_[-1]["score"])[0], INDEX.to_numpy())
    assert display.segments_["start"].tolist() == [INDEX[10], INDEX[30]]
    assert display.segments_["feature"].tolist() == ["mem", "cpu"]


class ColumnSelector(BaseEstimator):
    """Selects columns in another order."""

    def fit(self, X, y=None):
        """Do nothing."""
        self.fitted_ = True
        return self

    def transform(self, X):
        """Select the last column, then the second."""
        return X[["net", "mem"]]


def test_a_pipeline_that_reorders_columns():
    normal = pd.DataFrame(NORMAL, columns=FRAME.columns)
    model = make_pipeline(ColumnSelector(), FarFromMean()).fit(normal)
    display = AnomalyDisplay.from_estimator(model, FRAME)
    assert display.features_ == ["cpu", "mem", "net"]
    assert display.segments_["feature"].tolist() == ["mem"]
    assert spans(display.spans_[1]["top_feature"])
    assert "top_feature" not in display.spans_[2]


def test_a_pipeline_that_creates_columns_has_no_top_features():
    model = make_pipeline(PCA(2), FarFromMean()).fit(NORMAL)
    display = AnomalyDisplay.from_estimator(model, X)
    assert len(display.segments_) == 2
    assert display.segments_["feature"].isna().all()
    assert display.feature_scores is None


def test_a_pipeline_without_transformers(detector):
    display = AnomalyDisplay.from_estimator(make_pipeline(detector), X)
    assert display.segments_["feature"].tolist() == [1, 0]


def test_any_detector_with_a_threshold():
    forest = IsolationForest(n_estimators=10, random_state=0).fit(NORMAL)
    display = AnomalyDisplay.from_estimator(forest, X)
    flagged = np.flatnonzero(forest.predict(X) == -1)
    assert display.segments_["start"].iloc[0] == flagged[0]
    assert set(display.spans_[0]) == {"flagged"}


# Incidents


def test_incidents_are_marked_above_the_panels(detector):
    display = AnomalyDisplay.from_estimator(
        detector, X, incidents=[(29, 31, "spike"), (9, 13)]
    )
    assert bars(display) == ([(8.5, 13.5), (28.5, 31.5)], ["spike"])
    strip = display.ax_.child_axes[0].get_window_extent()
    assert strip.y0 > display.ax_.get_window_extent().y1
    assert "true incident" in legend(display)


def test_incidents_by_index_labels(detector):
    wanted = edges_of_hours(0, 23)
    for day in [("2024-01-01", "2024-01-01"), (INDEX[0], INDEX[23])]:
        display = AnomalyDisplay.from_estimator(detector, FRAME, incidents=[day])
        np.testing.assert_allclose(bars(display)[0], [wanted])


def test_an_incident_that_begins_before_the_series(detector):
    display = AnomalyDisplay.from_estimator(
        detector, FRAME, incidents=[("2023-12-01", INDEX[3])]
    )
    wanted = edges_of_hours(0, 3)
    np.testing.assert_allclose(bars(display)[0], [wanted])


def test_names_of_incidents_do_not_overlap(detector):
    incidents = [(i, i, f"incident number {i}") for i in range(40)]
    display = AnomalyDisplay.from_estimator(detector, X, incidents=incidents)
    spans, names = bars(display)
    assert len(spans) == 40
    assert 4 < len(names) < 40
    display.figure_.canvas.draw()
    (strip,) = display.ax_.child_axes
    boxes = [text.get_window_extent() for text in strip.texts]
    for number, box in enumerate(boxes):
        assert not any(box.overlaps(other) for other in boxes[:number])
        assert strip.get_window_extent().x0 - 2 <= box.x0


# Axes


def test_draws_on_existing_axes(detector):
    figure, axes = plt.subplots(4, 1)
    display = AnomalyDisplay.from_estimator(detector, X, ax=axes)
    assert display.axes_ == list(axes)
    figure, ax = plt.subplots()
    display = AnomalyDisplay.from_estimator(detector, X, ax=ax)
    assert len(display.axes_) == 4
    assert display.figure_ is figure


# Errors


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"X": X[:, 0]}, r"X must be one series of shape .*shape \(40,\).*Reshape"),
        ({"X": [X, X]}, r"X must be one series .*\(2, 40, 3\)"),
        ({"X": [X, X[1:]]}, r"X must be one series .*different lengths"),
        ({"scores": np.zeros(39)}, r"scores must have shape \(40,\).*got \(39,\)"),
        ({"scores": X}, r"scores must have shape \(40,\).*got \(40, 3\)"),
        (
            {"feature_scores": X[:, :2]},
            r"feature_scores must have the shape of X, \(40, 3\), got \(40, 2\)",
        ),
        ({"features": ["disk"]}, r"features must be names .*'cpu', 'mem'.*got 'disk'"),
        ({"features": [-1]}, r"features must .*from 0 to 2, got -1"),
        ({"X": FRAME[::-1]}, r"time order, but row 2024-01-02 14:.*Sort it"),
        ({"X": FRAME.assign(mem="up")}, r"numbers to be drawn, but 'mem'.*Name"),
        (
            {"incidents": [("2025-01-01", "2025-01-02")]},
            r"incidents must be \(start, end\).*2024-01-01.*got \('2025-01-01'",
        ),
        ({"incidents": [(INDEX[5], INDEX[4])]}, "incidents must be .*Leave out"),
        ({"incidents": [("soon", "later")]}, "incidents must be .*got .'soon'"),
        ({"incidents": [(INDEX[5],)]}, "incidents must be "),
        ({"incidents": ["2024-01-01"]}, "incidents must be .*got '2024-01-01'"),
        ({"incidents": [3]}, "incidents must be .*got 3"),
        ({"X": X, "incidents": [(40, 41)]}, "rows from 0 to 39, got .40, 41."),
        ({"X": X, "incidents": [(-5, -1)]}, "rows from 0 to 39, got .-5, -1."),
    ],
)
def test_invalid_arguments(change, message):
    arguments = {"X": FRAME, "scores": np.zeros(40), "threshold": -1} | change
    rows, scores = arguments.pop("X"), arguments.pop("scores")
    with pytest.raises(ValueError, match=message):
        AnomalyDisplay.from_predictions(rows, scores, **arguments)


def test_invalid_estimators(detector):
    for unfitted in (FarFromMean(), make_pipeline(StandardScaler(), FarFromMean())):
        with pytest.raises(NotFittedError):
            AnomalyDisplay.from_estimator(unfitted, X)
    scaler = StandardScaler().fit(X)
    with pytest.raises(ValueError, match="score_samples and offset_.*StandardScaler"):
        AnomalyDisplay.from_estimator(scaler, X)
    with pytest.raises(ValueError, match="X must be one series"):
        AnomalyDisplay.from_estimator(detector, X[:, 0])
    with pytest.raises(ValueError, match="ax must hold 4 Axes"):
        AnomalyDisplay.from_estimator(detector, X, ax=plt.subplots(3)[1])


@pytest.mark.parametrize("as_frame", [True, False])
def test_segments_are_those_of_the_detector(as_frame):
    class Merging(FarFromMean):
        def anomaly_segments(self, X):
            index = getattr(X, "index", np.arange(len(X)))
            return pd.DataFrame({"start": [index[9]], "end": [index[31]]})

    frame = pd.DataFrame(NORMAL, columns=FRAME.columns)
    shown = FRAME if as_frame else FRAME.to_numpy()
    labels = INDEX if as_frame else np.arange(len(FRAME))
    for model in (Merging(), make_pipeline(StandardScaler(), Merging())):
        model.fit(frame if as_frame else NORMAL)
        display = AnomalyDisplay.from_estimator(model, shown)
        assert display.segments_["start"].tolist() == [labels[9]]
        assert display.segments_["end"].tolist() == [labels[31]]
        top = np.asarray(display.feature_scores)[9:32].sum(axis=0).argmin()
        names = FRAME.columns if as_frame else range(FRAME.shape[1])
        assert display.segments_["feature"].tolist() == [names[top]]


@pytest.mark.parametrize(
    ("segments", "message"),
    [
        ([(1, 2)], 'columns "start" and "end"'),
        (pd.DataFrame({"start": [3]}), 'columns "start" and "end"'),
        (pd.DataFrame({"start": [999], "end": [1000]}), "labels of rows of X"),
        (pd.DataFrame({"start": [5], "end": [3]}), "labels of rows of X"),
    ],
)
def test_invalid_segments(segments, message):
    with pytest.raises(ValueError, match=message):
        AnomalyDisplay.from_predictions(
            X, np.zeros(len(X)), threshold=-1.0, segments=segments
        )
