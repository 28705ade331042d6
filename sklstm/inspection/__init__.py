"""Explanations of forecasts, classes and labels by what was read."""

from sklstm._core.attribution import Attribution
from sklstm.inspection._attribution import attribute
from sklstm.inspection._importance import PermutationImportance, permutation_importance
from sklstm.inspection._response import what_if

__all__ = [
    "Attribution",
    "PermutationImportance",
    "attribute",
    "permutation_importance",
    "what_if",
]
