"""HTML diagrams of estimators in notebooks, and polars data frames."""

import importlib

import numpy as np
import pytest
from sklearn.linear_model import Ridge
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import MinMaxScaler

from sklstm import (
    AnomalyDisplay,
    CharLSTMGenerator,
    LSTMAutoencoderDetector,
    LSTMForecastDetector,
    LSTMForecaster,
    PCADetector,
    RNNClassifier,
    RNNRegressor,
    SequenceAnomalyDetector,
    SequenceTokenizer,
    WindowForecaster,
    WordLSTMGenerator,
)

X = np.random.default_rng(0).normal(size=(60, 2)).cumsum(axis=0)
LABELS = ["a", "b"] * 30
TEXTS = ["one two three", "two three one"] * 30
TINY = {"units": 2, "epochs": 1, "random_state": 0}
WINDOWS = {"window_length": 5, **TINY}

ESTIMATORS = [
    (LSTMForecaster(**WINDOWS), (X, X[:, 0])),
    (WindowForecaster(Ridge(), window_length=5), (X, X[:, 0])),
    (RNNClassifier(**TINY), (X, LABELS)),
    (RNNRegressor(**TINY), (X, X[:, 0])),
    (SequenceTokenizer(), (TEXTS,)),
    (CharLSTMGenerator(window_length=5, **TINY), (TEXTS,)),
    (WordLSTMGenerator(window_length=5, **TINY), (TEXTS,)),
    (LSTMAutoencoderDetector(**WINDOWS), (X,)),
    (LSTMForecastDetector(**WINDOWS), (X,)),
    (PCADetector(window_length=5), (X,)),
    (
        SequenceAnomalyDetector(window_length=5, **TINY),
        ([[1, 2, 3] * n for n in range(1, 9)],),
    ),
]


def estimator_name(value):
    return type(value).__name__ if hasattr(value, "get_params") else ""


@pytest.mark.parametrize(("estimator", "data"), ESTIMATORS, ids=estimator_name)
def test_html_diagram(estimator, data):
    unfitted = estimator._repr_html_()
    assert "Not fitted" in unfitted
    assert type(estimator).__name__ in unfitted
    assert "random_state" in unfitted or not hasattr(estimator, "random_state")
    fitted = estimator.fit(*data)._repr_html_()
    assert "Not fitted" not in fitted
    assert "Fitted" in fitted


@pytest.mark.parametrize(
    ("name", "data"),
    [
        ("SktimeLSTMForecaster", None),
        ("SktimeRNNClassifier", (X[:, None], np.array(LABELS))),
        ("SktimeRNNRegressor", (X[:, None], X[:, 0])),
        ("SktimeLSTMAutoencoderDetector", (X,)),
        ("SktimeLSTMForecastDetector", (X,)),
    ],
)
def test_html_diagram_of_sktime_estimators(name, data):
    import pandas as pd

    options = WINDOWS if name.endswith("Detector") else TINY
    estimator = getattr(importlib.import_module("sklstm.sktime"), name)(**options)
    assert name in estimator._repr_html_()
    if data is None:
        estimator.fit(pd.Series(X[:, 0]), fh=[1])
    else:
        estimator.fit(*data)
    assert name in estimator._repr_html_()


def test_html_diagram_of_keras_estimators():
    import keras

    from sklstm.keras import KerasSequenceClassifier, KerasSequenceRegressor

    def build(meta):
        n_outputs = meta.get("n_classes_", meta["n_outputs_"])
        activation = "softmax" if "n_classes_" in meta else None
        return keras.Sequential(
            [
                keras.Input(meta["X_shape_"][1:]),
                keras.layers.Dense(n_outputs, activation=activation),
            ]
        )

    for cls, y in (
        (KerasSequenceRegressor, X[:, 0]),
        (KerasSequenceClassifier, LABELS),
    ):
        estimator = cls(build, epochs=1, run_eagerly=True)
        assert "Not fitted" in estimator._repr_html_()
        assert "Not fitted" not in estimator.fit(X, y)._repr_html_()


def test_html_diagram_of_a_pipeline():
    pipeline = make_pipeline(MinMaxScaler(), LSTMForecaster(**WINDOWS))
    assert "LSTMForecaster" in pipeline.fit(X, X[:, 0])._repr_html_()


class TestPolars:
    """Polars data frames are tables with column names and without an index."""

    @pytest.fixture
    def frame(self):
        return pytest.importorskip("polars").DataFrame(X, schema=["a", "b"])

    @pytest.fixture
    def forecaster(self):
        return LSTMForecaster(horizon=2, **WINDOWS)

    def test_single_series(self, frame, forecaster):
        forecast = forecaster.fit(frame, frame["a"]).predict(frame)
        assert forecaster.feature_names_in_.tolist() == ["a", "b"]
        expected = LSTMForecaster(horizon=2, **WINDOWS).fit(X, X[:, 0])
        np.testing.assert_array_equal(forecast, expected.predict(X))
        np.testing.assert_array_equal(forecaster.forecast(), expected.forecast())

    def test_future_covariates_by_name(self, frame, forecaster):
        forecaster.set_params(known_future=["b"]).fit(frame, frame["a"])
        expected = LSTMForecaster(horizon=2, known_future=1, **WINDOWS)
        expected.fit(X, X[:, 0])
        np.testing.assert_array_equal(
            forecaster.forecast(X_future=frame[:2][["b"]]),
            expected.forecast(X_future=X[:2, [1]]),
        )

    def test_list_of_series(self, frame, forecaster):
        forecaster.fit([frame, frame[:40]], [frame["a"], frame["a"][:40]])
        model = LSTMForecaster(horizon=2, **WINDOWS)
        model.fit([X, X[:40]], [X[:, 0], X[:40, 0]])
        forecasts = zip(forecaster.forecast(), model.forecast(), strict=True)
        for forecast, expected in forecasts:
            np.testing.assert_array_equal(forecast, expected)

    @pytest.mark.parametrize("cls", [LSTMAutoencoderDetector, LSTMForecastDetector])
    def test_detectors(self, frame, cls):
        pytest.importorskip("matplotlib").use("Agg")
        detector = cls(contamination=0.1, **WINDOWS).fit(frame)
        expected = cls(contamination=0.1, **WINDOWS).fit(X)
        np.testing.assert_array_equal(
            detector.score_samples(frame), expected.score_samples(X)
        )
        assert set(detector.anomaly_segments(frame)["feature"]) <= {"a", "b"}
        assert AnomalyDisplay.from_estimator(detector, frame).features_[0] in "ab"

    def test_sequences(self, frame):
        sequences = [frame[: 5 + i % 3] for i in range(20)]
        labels = frame.select(label=frame["a"] > frame["a"].median())["label"][:20]
        classifier = RNNClassifier(**TINY).fit(sequences, labels)
        expected = RNNClassifier(**TINY).fit(
            [sequence.to_numpy() for sequence in sequences], labels.to_numpy()
        )
        np.testing.assert_array_equal(
            classifier.predict_proba(sequences[:3]),
            expected.predict_proba([x.to_numpy() for x in sequences[:3]]),
        )
