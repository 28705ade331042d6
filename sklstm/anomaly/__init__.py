"""Anomaly detection in time series and in sequences of events."""

from sklstm.anomaly._events import SequenceAnomalyDetector, TokenStream
from sklstm.anomaly._series import LSTMAutoencoderDetector, LSTMForecastDetector

__all__ = [
    "LSTMAutoencoderDetector",
    "LSTMForecastDetector",
    "SequenceAnomalyDetector",
    "TokenStream",
]
