"""Classification and regression of sequences."""

from sklstm.sequences._classifier import RNNClassifier
from sklstm.sequences._regressor import RNNRegressor

__all__ = ["RNNClassifier", "RNNRegressor"]
