"""Walk-forward validation of forecasters, and folds for scikit-learn's searches."""

from sklstm.model_selection._cross_validation import WalkForwardCV
from sklstm.model_selection._result import WalkForwardResult
from sklstm.model_selection._walk_forward import walk_forward

__all__ = ["WalkForwardCV", "WalkForwardResult", "walk_forward"]
