"""Anomaly detection in time series and in sequences of events."""

from sklstm.anomaly._events import SequenceAnomalyDetector, TokenStream
from sklstm.anomaly._live import AlarmStream, ThresholdReport
from sklstm.anomaly._pca import PCADetector
from sklstm.anomaly._series import LSTMAutoencoderDetector, LSTMForecastDetector

__all__ = [
    "AlarmStream",
    "LSTMAutoencoderDetector",
    "LSTMForecastDetector",
    "PCADetector",
    "SequenceAnomalyDetector",
    "ThresholdReport",
    "TokenStream",
]
