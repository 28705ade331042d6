"""The estimators in the interfaces of sktime.

They convert between sktime's containers and the estimators of this package, which do
all the work.
"""

from sklstm.sktime._collections import SktimeRNNClassifier, SktimeRNNRegressor
from sklstm.sktime._detector import (
    SktimeLSTMAutoencoderDetector,
    SktimeLSTMForecastDetector,
)
from sklstm.sktime._forecaster import SktimeLSTMForecaster

__all__ = [
    "SktimeLSTMForecaster",
    "SktimeRNNClassifier",
    "SktimeRNNRegressor",
    "SktimeLSTMAutoencoderDetector",
    "SktimeLSTMForecastDetector",
]
