"""Plots of forecasts, validation, training, searches, anomalies and explanations."""

from sklstm.plotting.anomaly import AnomalyDisplay
from sklstm.plotting.attribution import AttributionDisplay
from sklstm.plotting.forecast import ForecastDisplay
from sklstm.plotting.importance import ImportanceDisplay
from sklstm.plotting.search import SearchDisplay
from sklstm.plotting.training import TrainingDisplay
from sklstm.plotting.walk_forward import WalkForwardDisplay

__all__ = [
    "ForecastDisplay",
    "WalkForwardDisplay",
    "TrainingDisplay",
    "AnomalyDisplay",
    "AttributionDisplay",
    "ImportanceDisplay",
    "SearchDisplay",
]
