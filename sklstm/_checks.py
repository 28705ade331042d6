"""Data in: what is accepted, and the errors for what is not."""

from __future__ import annotations

from collections.abc import Sequence
from numbers import Integral

import numpy as np
from sklearn.utils.validation import (
    _check_sample_weight,
    validate_data,
)


def check_series(estimator, X, y=None, *, reset: bool):
    """Check a series and, if given, its targets.

    Parameters
    ----------
    estimator : estimator
        Its ``n_features_in_`` and ``feature_names_in_`` are set, or compared.
    X : array-like of shape (n_timesteps, n_features)
    y : array-like of shape (n_timesteps,) or (n_timesteps, n_targets), optional
    reset : bool
        Whether to set the features or to compare with those set before.

    Returns
    -------
    X : ndarray of shape (n_timesteps, n_features)
    y : ndarray of the shape given, or None
    """
    if getattr(X, "ndim", 2) == 3:
        raise ValueError(
            f"X must be 2-D, (n_timesteps, n_features), got shape {tuple(X.shape)}. "
            f"{type(estimator).__name__} takes the series itself and cuts windows from "
            "it: pass the rows in time order, without windowing them."
        )
    if y is None:
        return validate_data(estimator, X, dtype=np.float64, reset=reset), None
    X, y = validate_data(
        estimator,
        X,
        y,
        dtype=np.float64,
        multi_output=True,
        y_numeric=True,
        reset=reset,
    )
    return X, y.astype(np.float64, copy=False)


def check_row_weights(
    sample_weight, X: np.ndarray, unit: float | None = None
) -> tuple[np.ndarray, float]:
    """Check the weights of rows.

    Parameters
    ----------
    sample_weight : array-like of shape (n_timesteps,) or None
    X : ndarray of shape (n_timesteps, n_features)
    unit : float, optional
        The weight that counts as 1; by default the rows' mean.

    Returns
    -------
    weight : ndarray of shape (n_timesteps,)
        In that unit; ones if none are given.
    unit : float
    """
    if sample_weight is None:
        return np.ones(len(X)), 1.0 if unit is None else unit
    weight = _check_sample_weight(
        sample_weight,
        X,
        dtype=np.float64,
        ensure_non_negative=True,
        allow_all_zero_weights=unit is not None,
    )
    unit = float(weight.mean()) if unit is None else unit
    return weight / unit, unit


def check_enough_rows(X: np.ndarray, window_length: int, horizon: int) -> None:
    """Refuse a series without one whole window and its targets."""
    n_rows, n_features = X.shape
    needed = window_length + horizon
    if n_rows < needed:
        raise ValueError(
            f"X has too few rows: window_length={window_length} and horizon={horizon} "
            f"need at least {needed}, got n_samples={n_rows}, n_features={n_features}. "
            "Give more rows, or a smaller window_length or horizon."
        )


def check_columns(name: str, columns, names: Sequence[str] | None, n_columns: int):
    """Column indices from names or indices.

    Parameters
    ----------
    name : str
        The parameter they come from, for the error.
    columns : int, str, sequence of them, or None
    names : sequence of str or None
        The columns' names, if they have any.
    n_columns : int

    Returns
    -------
    indices : ndarray of int
    """
    if columns is None:
        return np.array([], dtype=int)
    if isinstance(columns, str | Integral):
        columns = [columns]
    indices = []
    for column in columns:
        if isinstance(column, str):
            if names is None:
                raise ValueError(
                    f"{name}={column!r} is a column's name, but X has no column names. "
                    "Pass X as a DataFrame, or the column's index."
                )
            if column not in names:
                raise ValueError(
                    f"{name}={column!r} is not a column of X, which has {list(names)}."
                )
            indices.append(list(names).index(column))
        elif isinstance(column, Integral) and not isinstance(column, bool):
            if not -n_columns <= int(column) < n_columns:
                raise ValueError(
                    f"{name}={column} is out of range: X has {n_columns} columns."
                )
            indices.append(int(column) % n_columns)
        else:
            raise ValueError(
                f"{name} must hold columns' names or indices, got {column!r}."
            )
    if len(set(indices)) < len(indices):
        raise ValueError(f"{name} names a column twice: {columns!r}.")
    return np.array(indices, dtype=int)


def check_units(units) -> tuple[int, ...]:
    """Units of each layer as a tuple."""
    layers = (units,) if isinstance(units, Integral) else tuple(units)
    if not layers or not all(isinstance(n, Integral) and int(n) >= 1 for n in layers):
        raise ValueError(
            "units must be an integer, or one integer from 1 for each recurrent layer "
            f"as a tuple, got {units!r}."
        )
    return tuple(int(n) for n in layers)
