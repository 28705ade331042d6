"""Pictures of forecasts, of walk-forward validation, of training and of anomalies."""

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
