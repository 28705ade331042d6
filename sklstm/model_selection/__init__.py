"""Walk-forward validation of forecasters, and folds and search spaces for searches."""

from sklstm.model_selection._naive import naive_scores
from sklstm.model_selection._result import WalkForwardResult
from sklstm.model_selection._search_space import search_space
from sklstm.model_selection._walk_forward import walk_forward
from sklstm.model_selection.cross_validation import WalkForwardCV

__all__ = [
    "WalkForwardCV",
    "WalkForwardResult",
    "naive_scores",
    "search_space",
    "walk_forward",
]
