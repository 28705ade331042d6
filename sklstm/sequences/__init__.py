"""Classification and regression of sequences and of their steps."""

from sklstm.sequences._classifier import RNNClassifier
from sklstm.sequences._regressor import RNNRegressor
from sklstm.sequences._step_regressor import RNNStepRegressor
from sklstm.sequences._step_scorer import step_scorer
from sklstm.sequences._steps import StepStream
from sklstm.sequences._tagger import RNNTagger

__all__ = [
    "RNNClassifier",
    "RNNRegressor",
    "RNNStepRegressor",
    "RNNTagger",
    "StepStream",
    "step_scorer",
]
