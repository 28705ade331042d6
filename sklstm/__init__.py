"""Recurrent networks (LSTM, GRU, simple RNN) as scikit-learn estimators."""

from importlib import import_module

__version__ = "0.1.0"

# Loaded on first use: importing the package loads neither TensorFlow nor matplotlib.
_HOMES = {
    "LSTMForecaster": "forecasting",
    "WindowForecaster": "forecasting",
    "RNNClassifier": "sequences",
    "RNNRegressor": "sequences",
    "SequenceTokenizer": "text",
    "CharLSTMGenerator": "text",
    "WordLSTMGenerator": "text",
    "LSTMAutoencoderDetector": "anomaly",
    "LSTMForecastDetector": "anomaly",
    "SequenceAnomalyDetector": "anomaly",
    "WalkForwardCV": "model_selection",
    "walk_forward": "model_selection",
    "ForecastDisplay": "plotting",
    "TrainingDisplay": "plotting",
    "AnomalyDisplay": "plotting",
    "WalkForwardDisplay": "plotting",
}

__all__ = ["__version__", *_HOMES]


def __getattr__(name):
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{_HOMES[name]}"), name)


def __dir__():
    return sorted(__all__)
