"""Checks of the targets of sequences."""

from __future__ import annotations

import numpy as np
from sklearn.utils.multiclass import type_of_target
from sklearn.utils.validation import (
    assert_all_finite,
    check_array,
    column_or_1d,
)


def check_labels(estimator, y, n_sequences: int) -> np.ndarray:
    """Check the classes of sequences.

    Parameters
    ----------
    estimator : estimator
    y : array-like of shape (n_sequences,)
    n_sequences : int

    Returns
    -------
    y : ndarray of shape (n_sequences,)
    """
    _require(estimator, y)
    labels = y if isinstance(y, list | tuple) else np.asarray(y).ravel()
    if len({isinstance(label, str) for label in labels}) > 1:
        kinds = sorted({type(label).__name__ for label in labels})
        raise ValueError(
            f"y holds labels of mixed types: {', '.join(kinds)}. Make all of them "
            "text, or all of them numbers."
        )
    y = column_or_1d(y, warn=True)
    if y.dtype.kind in "fc" or y.dtype == object:
        assert_all_finite(y, input_name="y", estimator_name=type(estimator).__name__)
    kind = type_of_target(y, input_name="y", raise_unknown=True)
    if kind not in ("binary", "multiclass"):
        raise ValueError(
            f"Unknown label type: {kind}. y must hold one class for each sequence; for "
            "continuous targets take RNNRegressor."
        )
    _check_as_many(y, n_sequences)
    return y


def check_targets(estimator, y, n_sequences: int) -> np.ndarray:
    """Check the continuous targets of sequences: (n_sequences,) or (n_sequences, k)."""
    _require(estimator, y)
    y = check_array(
        y, ensure_2d=False, dtype=np.float64, input_name="y", estimator=estimator
    )
    if y.ndim > 2:
        raise ValueError(
            "y must have shape (n_sequences,) or (n_sequences, n_targets), got "
            f"{y.shape}."
        )
    _check_as_many(y, n_sequences)
    return y


def _require(estimator, y):
    if y is None:
        raise ValueError(
            f"{type(estimator).__name__} requires y to be passed, but the target y is "
            "None."
        )


def _check_as_many(y, n_sequences):
    if len(y) != n_sequences:
        raise ValueError(
            "Found input variables with inconsistent numbers of samples: "
            f"{[n_sequences, len(y)]} (sequences in X, targets in y). Each row of a "
            "frame or 2-D array is a sequence; of one with a row for each step make a "
            "list: [rows.to_numpy() for _, rows in X.groupby(...)]."
        )
