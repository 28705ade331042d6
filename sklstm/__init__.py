"""Recurrent networks (LSTM, GRU, simple RNN) as scikit-learn estimators."""

from importlib import import_module
from typing import Any

__version__ = "0.1.0"

# Public names by package, imported on first use: importing sklstm loads neither
# TensorFlow nor matplotlib.
_PUBLIC: dict[str, list[str]] = {
    "forecasting": [
        "LSTMForecaster",
        "WindowForecaster",
        "ForecastPipeline",
        "make_forecast_pipeline",
    ],
    "sequences": [
        "RNNClassifier",
        "RNNRegressor",
        "RNNTagger",
        "RNNStepRegressor",
        "step_scorer",
    ],
    "text": ["SequenceTokenizer", "CharLSTMGenerator", "WordLSTMGenerator"],
    "anomaly": [
        "LSTMAutoencoderDetector",
        "LSTMForecastDetector",
        "PCADetector",
        "SequenceAnomalyDetector",
    ],
    "metrics": [],
    "model_selection": ["WalkForwardCV", "walk_forward"],
    "inspection": [],
    "plotting": [
        "ForecastDisplay",
        "TrainingDisplay",
        "AnomalyDisplay",
        "WalkForwardDisplay",
        "AttributionDisplay",
        "ImportanceDisplay",
        "SearchDisplay",
    ],
    "keras": [],
    "sktime": [],
}
_PACKAGES = {name: package for package, names in _PUBLIC.items() for name in names}

__all__ = ["__version__", *_PACKAGES]


def __getattr__(name: str) -> Any:
    if name in _PACKAGES:
        return getattr(import_module(f"{__name__}.{_PACKAGES[name]}"), name)
    if name in _PUBLIC:
        return import_module(f"{__name__}.{name}")
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted([*__all__, *_PUBLIC])
