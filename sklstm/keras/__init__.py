"""User-defined Keras networks as scikit-learn estimators of sequences.

The estimators extend the wrapper of scikeras. Importing this module loads Keras and
TensorFlow; ``import sklstm`` does not.
"""

from sklstm.keras._classifier import KerasSequenceClassifier
from sklstm.keras._regressor import KerasSequenceRegressor

__all__ = ["KerasSequenceClassifier", "KerasSequenceRegressor"]
