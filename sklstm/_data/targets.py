"""Checks of the targets of sequences."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from numbers import Real
from typing import Any

import numpy as np
from scipy.sparse import issparse
from sklearn.base import BaseEstimator
from sklearn.utils.multiclass import type_of_target
from sklearn.utils.validation import assert_all_finite, check_array, column_or_1d

from sklstm._data.input_types import (
    refuse_columns,
    refuse_containers,
    refuse_non_numbers,
)
from sklstm._data.series import refuse_huge
from sklstm._data.user_warnings import warn_user


def check_labels(estimator: BaseEstimator, y: Any, n_sequences: int) -> np.ndarray:
    """Check class labels.

    Parameters
    ----------
    estimator : estimator
        Named in messages.
    y : array-like of shape (n_sequences,)
    n_sequences : int
        Number of sequences in X.

    Returns
    -------
    y : ndarray of shape (n_sequences,)
    """
    _check_passed(estimator, y)
    refuse_containers(y, "y")
    _refuse_several_labels(y, n_sequences)
    labels = y if isinstance(y, list | tuple) else np.asarray(y).ravel()
    for i, label in enumerate(labels):
        if label is None or type(label).__name__ in ("NAType", "NaTType"):
            raise ValueError(
                f"Input y contains NaN: the label y[{i}] is missing, got {label!r}. "
                "Leave out the sequences without a label."
            )
    if len({isinstance(label, str) for label in labels}) > 1:
        types = sorted({type(label).__name__ for label in labels})
        raise ValueError(
            f"y holds labels of mixed types: {', '.join(types)}. Make all of them "
            "strings, or all of them numbers."
        )
    y = column_or_1d(y, warn=True)
    if y.dtype.kind in "fc" or y.dtype == object:
        assert_all_finite(y, input_name="y", estimator_name=type(estimator).__name__)
    kind = type_of_target(y, input_name="y", raise_unknown=True)
    if kind not in ("binary", "multiclass"):
        raise ValueError(
            f"Unknown label type: {kind}. y must hold one class label per sequence; "
            "for continuous targets use RNNRegressor."
        )
    _check_consistent_length(y, n_sequences)
    return y


@dataclass(frozen=True)
class LabelMatrix:
    """Several labels per sequence. Create it with `check_label_matrix`.

    Parameters
    ----------
    values : ndarray of shape (n_sequences, n_labels)
        1 where a sequence has a label, else 0, in single precision.
    names : ndarray of shape (n_labels,), optional
        Names of the labels, from the columns of a data frame.
    """

    values: np.ndarray
    names: np.ndarray | None = None


def is_label_matrix(y: Any) -> bool:
    """Return whether y is sparse or has several columns, as an indicator matrix has.

    Raise an error if y holds a list or set of labels for each sequence.
    """
    refuse_containers(y, "y")
    _refuse_label_lists(y)
    if issparse(y):
        return True
    shape = shape_of(y)
    return shape is not None and len(shape) == 2 and shape[1] > 1


def shape_of(y: Any) -> tuple[int, ...] | None:
    """Return the shape of targets; None for lists of unequal lengths."""
    try:
        # Objects that only convert to arrays are not asked by np.shape.
        return tuple(y.shape if hasattr(y, "shape") else np.asarray(y).shape)
    except ValueError:
        return None


def check_label_matrix(
    estimator: BaseEstimator, y: Any, n_sequences: int
) -> LabelMatrix:
    """Check an indicator matrix of labels.

    Parameters
    ----------
    estimator : estimator
        Named in messages.
    y : array-like or sparse matrix of shape (n_sequences, n_labels)
        1 or True where a sequence has a label, else 0 or False.
    n_sequences : int
        Number of sequences in X.

    Returns
    -------
    labels : LabelMatrix
    """
    refuse_containers(y, "y")
    refuse_columns(y, "y")
    _refuse_label_lists(y)
    names = None
    if hasattr(y, "columns") and all(isinstance(name, str) for name in y.columns):
        names = np.array(list(y.columns))
    matrix = y.toarray() if issparse(y) else np.asarray(y)
    if matrix.ndim != 2 or matrix.shape[1] < 2:
        raise ValueError(
            "y must have at least two columns if it is an indicator matrix of labels, "
            f"got shape {matrix.shape}. Pass y.toarray().ravel() for two classes."
        )
    if matrix.dtype.kind in "biuf":
        if matrix.dtype.kind == "f":
            assert_all_finite(
                matrix, input_name="y", estimator_name=type(estimator).__name__
            )
        invalid = matrix[(matrix != 0) & (matrix != 1)].tolist()
    else:
        missing = [value for value in matrix.flat if _is_missing(value)]
        if missing:
            raise ValueError(
                f"Input y contains NaN: a label is missing, got {missing[0]!r}. Leave "
                "out the sequences whose labels are not known."
            )
        invalid = [v for row in matrix.tolist() for v in row if v not in (0, 1)]
    if invalid:
        raise ValueError(
            f"y must hold one class label per sequence, of shape ({n_sequences},), or "
            "be an indicator matrix, 1 where a sequence has a label and 0 elsewhere, "
            f"but it has shape {matrix.shape} and holds {invalid[0]!r}. If "
            "each column holds classes, use sklearn.multioutput.MultiOutputClassifier. "
            "If these are labels of the steps of each sequence, use RNNTagger."
        )
    _check_consistent_length(matrix, n_sequences)
    return LabelMatrix(matrix.astype(np.float32), names)


def warn_about_label_matrix(labels: np.ndarray, lengths: np.ndarray) -> None:
    """Warn if an indicator matrix of labels seems to be something else.

    Parameters
    ----------
    labels : ndarray of shape (n_sequences, n_labels)
    lengths : ndarray of shape (n_sequences,)
        Numbers of steps of the sequences.
    """
    if (labels.sum(axis=1) == 1).all():
        warn_user(
            f"y seems to be one-hot encoded: of shape {labels.shape}, with a single 1 "
            "in each row. It is read as an indicator matrix of labels, of which a "
            "sequence may have none or several. For classes that exclude each other "
            "pass y.argmax(axis=1), or the labels themselves."
        )
    elif (lengths == labels.shape[1]).all():
        warn_user(
            f"y, of shape {labels.shape}, seems to hold the labels of the steps of "
            "each sequence, because it has as many columns as sequences have steps. It "
            "is read as an indicator matrix of labels of whole sequences. RNNTagger "
            "labels steps."
        )


def check_class_weight(class_weight: Any, classes: np.ndarray) -> None:
    """Raise an error if ``class_weight`` names a class that does not exist."""
    if not isinstance(class_weight, Mapping):
        return
    unknown = [label for label in class_weight if label not in classes.tolist()]
    if unknown:
        raise ValueError(
            f"class_weight names the class {unknown[0]!r}, which is not among the "
            f"classes {classes.tolist()}. Its keys must be labels of y, of the same "
            "type."
        )
    for label, weight in class_weight.items():
        if not isinstance(weight, Real) or not np.isfinite(float(weight)):
            raise ValueError(
                "class_weight must hold a number from 0 for each class, got "
                f"{weight!r} for the class {label!r}."
            )
        if float(weight) < 0:
            raise ValueError(
                f"class_weight must not be negative, got {weight!r} for the class "
                f"{label!r}. A weight of 0 leaves a class out."
            )
    if len(class_weight) == len(classes) and not any(class_weight.values()):
        raise ValueError(
            "class_weight must be larger than 0 for at least one class, got "
            f"{dict(class_weight)}."
        )


def check_targets(estimator: BaseEstimator, y: Any, n_sequences: int) -> np.ndarray:
    """Check continuous targets.

    Parameters
    ----------
    estimator : estimator
        Named in messages.
    y : array-like of shape (n_sequences,) or (n_sequences, n_targets)
    n_sequences : int
        Number of sequences in X.

    Returns
    -------
    y : ndarray of shape (n_sequences,) or (n_sequences, n_targets)
        Double precision.
    """
    _check_passed(estimator, y)
    refuse_containers(y, "y")
    _refuse_ragged(y)
    refuse_non_numbers(y, "y")
    y = check_array(
        y,
        ensure_2d=False,
        allow_nd=True,
        dtype=np.float64,
        input_name="y",
        estimator=estimator,
    )
    refuse_huge(y, "y")
    if y.ndim > 2:
        raise ValueError(
            "y must have shape (n_sequences,) or (n_sequences, n_targets), got "
            f"{y.shape}."
        )
    _check_consistent_length(y, n_sequences)
    return y


def check_actual(y: Any, forecast: np.ndarray) -> np.ndarray:
    """Check the targets with which a forecast is compared.

    Parameters
    ----------
    y : array-like of shape (n_timesteps,) or (n_timesteps, n_targets)
    forecast : ndarray of shape (n_timesteps,) or (n_timesteps, n_targets)

    Returns
    -------
    y : ndarray
        Double precision, with NaN for missing values.
    """
    if y is None:
        raise ValueError("y must hold the targets of the rows of X, got None.")
    refuse_containers(y, "y")
    refuse_non_numbers(y, "y")
    actual = np.asarray(y, dtype=float)
    if actual.size != forecast.size or len(actual) != len(forecast):
        raise ValueError(
            f"y must have the targets of the rows of X, in shape {forecast.shape}, got "
            f"shape {actual.shape}."
        )
    return actual


def _check_passed(estimator: BaseEstimator, y: Any) -> None:
    if y is None:
        raise ValueError(
            f"{type(estimator).__name__} requires y to be passed, but the target y is "
            "None."
        )


def _refuse_label_lists(y: Any) -> None:
    """Raise an error if y holds a list or set of texts for each sequence."""
    if not isinstance(y, list | tuple) and str(getattr(y, "dtype", "")) != "object":
        return
    for i, labels in enumerate(y):
        if isinstance(labels, list | tuple | set | frozenset) and any(
            isinstance(label, str) for label in labels
        ):
            raise ValueError(
                f"y must hold one class label per sequence, or be an indicator matrix, "
                f"but y[{i}] is {labels!r}. For several labels per sequence pass "
                "sklearn.preprocessing.MultiLabelBinarizer().fit_transform(y)."
            )


def _is_missing(value: Any) -> bool:
    """Return whether a label is None, NA, NaT or NaN."""
    is_nan = isinstance(value, float) and np.isnan(value)
    return value is None or type(value).__name__ in ("NAType", "NaTType") or is_nan


def _refuse_several_labels(y: Any, n_sequences: int) -> None:
    """Raise an error if y holds several values for each sequence."""
    _refuse_ragged(y)
    values = np.asarray(y)
    shape = values.shape
    if len(shape) < 2 or shape[1:] == (1,):
        return
    if values.ndim == 2 and values.dtype.kind in "fiub":
        is_one = values == 1
        if (is_one | (values == 0)).all() and (is_one.sum(axis=1) == 1).all():
            raise ValueError(
                f"y must hold one class label per sequence, but it is one-hot encoded, "
                f"of shape {shape}. Pass y.argmax(axis=1), or the labels themselves."
            )
    raise ValueError(
        f"y must hold one class label per sequence, of shape ({n_sequences},), got "
        f"shape {shape}. If these are labels of the steps of each sequence, use "
        "RNNTagger."
    )


def _refuse_ragged(y: Any) -> None:
    """Raise an error if y holds lists of unequal lengths, as labels of steps do."""
    if isinstance(y, list | tuple) or str(getattr(y, "dtype", "")) == "object":
        sizes = {np.size(each) for each in y if not isinstance(each, str | bytes)}
        if len(sizes) > 1:
            raise ValueError(
                "y must hold one target for each sequence, but its entries have "
                f"unequal lengths, from {min(sizes)} to {max(sizes)}. If these are "
                "targets of the steps of each sequence, use RNNTagger or "
                "RNNStepRegressor."
            )


def _check_consistent_length(y: np.ndarray, n_sequences: int) -> None:
    if len(y) != n_sequences:
        raise ValueError(
            "Found input variables with inconsistent numbers of samples: "
            f"{[n_sequences, len(y)]} (sequences in X, targets in y). Each row of a "
            "frame or 2-D array is one sequence; split a frame with one row per time "
            "step into a list: [rows.to_numpy() for _, rows in X.groupby(...)]."
        )
