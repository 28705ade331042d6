"""Checks of labels, targets and weights for each step of a sequence."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np
import pandas as pd

from sklstm._data.sequences import Sequences


def join_steps(
    values: Any,
    sequences: Sequences,
    *,
    name: str,
    padding: Sequence[np.ndarray] | None = None,
) -> np.ndarray:
    """Check that there is a value for each step, and concatenate the sequences.

    Parameters
    ----------
    values : list of array-like of shape (n_steps,) or (n_steps, n_values), or \
            array-like of shape (n_sequences, n_steps)
    sequences : Sequences
    name : str
        Name of the values in messages.
    padding : sequence of ndarray of bool, optional
        Which steps of each sequence are padding, as X was passed; ``sequences`` do not
        hold them. Their values may be left out.

    Returns
    -------
    joined : ndarray of shape (n_rows,) or (n_rows, n_values)
        One sequence after another.
    """
    if values is None:
        raise ValueError(
            f"{name} requires to be passed, but it is None: a list with an array for "
            "each sequence, which holds a value for each step."
        )
    if isinstance(values, str | bytes | dict) or not hasattr(values, "__len__"):
        raise ValueError(
            f"{name} must be a list with an array for each sequence, which holds a "
            f"value for each step, got {type(values).__name__}."
        )
    values = values.to_numpy() if hasattr(values, "to_numpy") else values
    if len(values) != len(sequences):
        raise ValueError(
            "Found input variables with inconsistent numbers of samples: "
            f"{[len(sequences), len(values)]} (sequences in X, arrays in {name})."
        )
    parts: list[np.ndarray] = []
    for i, (each, n_steps) in enumerate(
        zip(values, sequences.lengths.tolist(), strict=True)
    ):
        part = _as_array(each, f"{name}[{i}]")
        if padding is not None and len(part) == len(padding[i]) != n_steps:
            part = part[~padding[i]]
        if len(part) != n_steps:
            raise ValueError(
                f"{name}[{i}] must hold a value for each of the {n_steps} steps of "
                f"X[{i}], got {len(part)}. Pass both with the same steps."
            )
        if part.shape[1:] != (parts or [part])[0].shape[1:]:
            raise ValueError(
                f"{name}[{i}] has {part[0].size} value(s) per step, but {name}[0] has "
                f"{parts[0][0].size}. All sequences must have the same number."
            )
        parts.append(part)
    return np.concatenate(parts)


def _as_array(values: Any, name: str) -> np.ndarray:
    """Return the values of a sequence, one row a step."""
    if isinstance(values, str | bytes) or not hasattr(values, "__len__"):
        raise ValueError(
            f"{name} must hold a value for each step of its sequence, got {values!r}. "
            "For one value per sequence use RNNClassifier or RNNRegressor."
        )
    if hasattr(values, "to_numpy"):
        values = values.to_numpy()
    if not isinstance(values, np.ndarray):
        # Not np.array(values): it would turn numbers among texts into texts.
        array = np.empty(len(values), dtype=object)
        array[:] = values
        nested = len(array) and isinstance(array[0], list | tuple | np.ndarray)
        values = np.array(list(array)) if nested else array
    return values[:, 0] if values.ndim == 2 and values.shape[1] == 1 else values


def is_missing(labels: np.ndarray, missing_label: Any) -> np.ndarray:
    """Tell which labels are missing: None, NaN, and those equal to a given one."""
    missing = pd.isna(labels)
    if missing_label is not None and not pd.isna(missing_label):
        missing |= np.array([_equal(label, missing_label) for label in labels], bool)
    return missing


def _equal(label: Any, other: Any) -> bool:
    return isinstance(label, str) == isinstance(other, str) and bool(label == other)


def split_steps(rows: np.ndarray, lengths: Iterable[int]) -> np.ndarray:
    """Split rows into an array of objects with the rows of each sequence."""
    ends = np.cumsum(list(lengths))
    split = np.empty(len(ends), dtype=object)
    for i, part in enumerate(np.split(rows, ends[:-1])):
        split[i] = part
    return split


def check_step_weights(
    sample_weight: Any,
    sequences: Sequences,
    counted: np.ndarray,
    padding: Sequence[np.ndarray] | None = None,
) -> np.ndarray:
    """Check weights of sequences or of their steps.

    Parameters
    ----------
    sample_weight : array-like of shape (n_sequences,), list of arrays, or None
        A weight for each sequence, or for each step of each.
    sequences : Sequences
    counted : ndarray of bool of shape (n_rows,)
        Which steps have a target; the others get the weight zero.
    padding : sequence of ndarray of bool, optional
        As for `join_steps`.

    Returns
    -------
    weight : ndarray of shape (n_rows,)
    """
    if sample_weight is None:
        return counted.astype(float)
    of_steps = len(sample_weight) and any(hasattr(w, "__len__") for w in sample_weight)
    if of_steps:
        weight = join_steps(
            sample_weight, sequences, name="sample_weight", padding=padding
        )
    else:
        weight = np.asarray(sample_weight)
        if weight.shape != (len(sequences),):
            raise ValueError(
                f"sample_weight must hold a weight for each of the {len(sequences)} "
                f"sequences, or an array for each, got shape {weight.shape}."
            )
        weight = np.repeat(weight, sequences.lengths)
    try:
        weight = weight.astype(float)
    except (TypeError, ValueError):
        weight = np.array([np.nan])
    if not (weight >= 0).all() or np.isinf(weight).any():
        raise ValueError("sample_weight must hold finite numbers from 0.")
    return np.where(counted, weight, 0.0)
