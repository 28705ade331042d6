"""Checks of time series and panels."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from numbers import Integral

import numpy as np
from sklearn.utils.validation import validate_data

from sklstm._data.panel import Panel, SeriesInput, split_series
from sklstm._data.time_index import (
    check_rows_in_order,
    index_of,
    warn_of_irregular_rows,
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
    if getattr(X, "ndim", 2) == 1 and getattr(X.dtype, "kind", "O") != "O":
        n_features = None if reset else getattr(estimator, "n_features_in_", None)
        if n_features not in (None, 1) and len(X) == n_features:
            remedy = "one row is x.reshape(1, -1), or frame.iloc[[i]] in pandas."
        else:
            remedy = (
                "a series of one column is x.reshape(-1, 1), or x.to_frame() in pandas."
            )
        raise ValueError(
            "X must be 2-D, (n_timesteps, n_features), got shape "
            f"{tuple(X.shape)}. Reshape your data: {remedy}"
        )
    check_rows_in_order(index_of(X), index_of(y))
    names = getattr(X, "columns", None)
    if y is None:
        X = validate_data(
            estimator, X, dtype=np.float64, reset=reset, ensure_all_finite=False
        )
        check_finite(X, "X", names)
        return X, None
    if np.asarray(y).dtype.kind == "f":
        check_finite(np.asarray(y), "y", getattr(y, "columns", None))
    X, y = validate_data(
        estimator,
        X,
        y,
        dtype=np.float64,
        multi_output=True,
        y_numeric=True,
        reset=reset,
        ensure_all_finite=False,
    )
    check_finite(X, "X", names)
    return X, y.astype(np.float64, copy=False)


def check_finite(values, name: str, columns) -> None:
    """Refuse NaN and infinity, and say where they are."""
    if np.isfinite(values).all():
        return
    row, *column = np.argwhere(~np.isfinite(values))[0]
    place = f"row {row}"
    for number in column:
        called = number if columns is None else repr(columns[number])
        place += f", column {called}"
    value = values[row, *column]
    kind = "NaN" if np.isnan(value) else "infinity"
    raise ValueError(
        f"Input {name} contains {kind}, first in {place}. A network reads every row: "
        f"fill the gaps, as by {name}.interpolate() in pandas."
    )


def check_several_series(
    estimator, X, y=None, weight=None, *, reset: bool
) -> tuple[Panel | None, list[SeriesInput], list[tuple]]:
    """Check a series, or several: in a list, or in one frame.

    Parameters
    ----------
    estimator : estimator
        Its ``n_features_in_`` and ``feature_names_in_`` are set, or compared.
    X : array-like of shape (n_timesteps, n_features), list of them, or a frame with an
            index of (series, time)
    y, weight : as X, optional
    reset : bool
        Whether to set the features or to compare with those set before.

    Returns
    -------
    panel : Panel or None
        How they were passed; None if X is one series.
    given : list of Given
    checked : list of (X, y)
        Of each series, as `check_series` gives them.
    """
    if isinstance(X, list | tuple) and not len(X):
        raise ValueError(
            "X holds no series: pass an array of shape (n_timesteps, n_features), or a "
            "list of one or more."
        )
    lines = [i for i, x in enumerate(X) if _is_line(x)] if isinstance(X, list) else []
    if lines and (reset or len({np.shape(x) for x in X}) > 1):
        raise ValueError(
            f"X[{lines[0]}] is 1-D, but a series has shape (n_timesteps, n_features). "
            "Pass each of several series of one feature as x.reshape(-1, 1), or the "
            "rows of one series as an array."
        )
    panel, given = split_series(X, y, weight)
    checked = []
    for i, each in enumerate(given):
        with naming(each.place):
            checked.append(
                check_series(estimator, each.X, each.y, reset=reset and i == 0)
            )
        if reset:
            warn_of_irregular_rows(
                index_of(each.X, each.y),
                name=each.place or ("y" if index_of(each.X) is None else "X"),
            )
    return panel, given, checked


@contextmanager
def naming(place: str) -> Iterator[None]:
    """Name the place, one of several series, in errors about it."""
    try:
        yield
    except ValueError as error:
        if not place:
            raise
        raise ValueError(f"{place}: {error}") from error


def _is_line(x) -> bool:
    """Whether something in a list is a one-dimensional array or Series."""
    return getattr(x, "ndim", None) == 1


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
