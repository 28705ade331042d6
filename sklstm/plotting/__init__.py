"""Plots of forecasts, walk-forward validation, training and anomalies."""

from sklstm.plotting.anomaly import AnomalyDisplay
from sklstm.plotting.forecast import ForecastDisplay
from sklstm.plotting.training import TrainingDisplay
from sklstm.plotting.walk_forward import WalkForwardDisplay

__all__ = [
    "ForecastDisplay",
    "WalkForwardDisplay",
    "TrainingDisplay",
    "AnomalyDisplay",
]
