"""Classification and regression of whole sequences."""

from sklstm.sequences._classifier import RNNClassifier
from sklstm.sequences._regressor import RNNRegressor

__all__ = ["RNNClassifier", "RNNRegressor"]
