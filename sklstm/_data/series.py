"""Checks of time series and panels."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from numbers import Integral
from typing import Any, NamedTuple

import numpy as np
from sklearn.utils.validation import validate_data

from sklstm._data.folds import refuse_hole_of_fold
from sklstm._data.input_types import refuse_containers, refuse_non_numbers
from sklstm._data.panel import Panel, SeriesInput, split_series
from sklstm._data.time_index import (
    check_rows_in_order,
    index_of,
    warn_of_irregular_rows,
)


class CheckedSeries(NamedTuple):
    """A series and its targets as arrays of finite float64 values."""

    X: np.ndarray  # (n_timesteps, n_features)
    y: np.ndarray | None = None  # (n_timesteps,) or (n_timesteps, n_targets)


def check_series(
    estimator: Any, X: Any, y: Any = None, *, reset: bool
) -> CheckedSeries:
    """Check a series and its targets.

    Parameters
    ----------
    estimator : estimator
        Gets ``n_features_in_`` and ``feature_names_in_``, or has them compared.
    X : array-like of shape (n_timesteps, n_features)
    y : array-like of shape (n_timesteps,) or (n_timesteps, n_targets), optional
    reset : bool
        Whether to set the features, rather than to compare with those of fit.

    Returns
    -------
    checked : CheckedSeries
    """
    refuse_containers(X, "X")
    refuse_containers(y, "y")
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
    refuse_non_numbers(X, "X")
    refuse_non_numbers(y, "y")
    check_rows_in_order(index_of(X), index_of(y))
    names = getattr(X, "columns", None)
    if y is None:
        X = validate_data(
            estimator, X, dtype=np.float64, reset=reset, ensure_all_finite=False
        )
        check_finite(X, "X", names)
        return CheckedSeries(X)
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
    return CheckedSeries(X, y.astype(np.float64, copy=False))


def check_several_series(
    estimator: Any, X: Any, y: Any = None, weight: Any = None, *, reset: bool
) -> tuple[Panel | None, list[SeriesInput], list[CheckedSeries]]:
    """Check a single series or a panel.

    Parameters
    ----------
    estimator : estimator
        Gets ``n_features_in_`` and ``feature_names_in_``, or has them compared.
    X : array-like of shape (n_timesteps, n_features), list of them, or a frame with an
            index of (series, time)
    y, weight : as X, optional
    reset : bool
        Whether to set the features, rather than to compare with those of fit.

    Returns
    -------
    panel : Panel or None
        None if X is a single series.
    inputs : list of SeriesInput
        Each series as it was passed.
    checked : list of CheckedSeries
    """
    refuse_containers(X, "X")
    refuse_containers(y, "y")
    if isinstance(X, list | tuple) and not len(X):
        raise ValueError(
            "X holds no series: pass an array of shape (n_timesteps, n_features), or a "
            "list of one or more."
        )
    one_d = [i for i, x in enumerate(X) if _is_one_d(x)] if isinstance(X, list) else []
    if one_d and (reset or len({np.shape(x) for x in X}) > 1):
        raise ValueError(
            f"X[{one_d[0]}] is 1-D, but a series has shape (n_timesteps, n_features). "
            "Pass each of several series of one feature as x.reshape(-1, 1), or the "
            "rows of one series as an array."
        )
    panel, inputs = split_series(X, y, weight)
    checked = []
    for i, series in enumerate(inputs):
        with name_in_errors(series.place):
            checked.append(
                check_series(estimator, series.X, series.y, reset=reset and i == 0)
            )
        if reset:
            index = series.time_index
            name = series.place or ("y" if index_of(series.X) is None else "X")
            if panel is None:
                refuse_hole_of_fold(index, name=name)
            warn_of_irregular_rows(index, name=name)
    return panel, inputs, checked


@contextmanager
def name_in_errors(place: str) -> Iterator[None]:
    """Name the place, such as one of several series, in errors about it."""
    try:
        yield
    except ValueError as error:
        if not place:
            raise
        raise ValueError(f"{place}: {error}") from error


def check_finite(values: np.ndarray, name: str, columns: Sequence | None) -> None:
    """Raise an error at the first NaN or infinity, and name its place."""
    if np.isfinite(values).all():
        return
    row, *column = np.argwhere(~np.isfinite(values))[0]
    place = f"row {row}"
    for number in column:
        label = number if columns is None else repr(columns[number])
        place += f", column {label}"
    value = values[row, *column]
    kind = "NaN" if np.isnan(value) else "infinity"
    raise ValueError(
        f"Input {name} contains {kind}, first in {place}. A network reads every row: "
        f"fill the gaps, for example with {name}.interpolate() in pandas."
    )


def check_enough_rows(X: np.ndarray, window_length: int, horizon: int) -> None:
    """Raise an error if a series has not one window with all its target rows."""
    n_rows, n_features = X.shape
    needed = window_length + horizon
    if n_rows < needed:
        raise ValueError(
            f"X has too few rows: window_length={window_length} and horizon={horizon} "
            f"need at least {needed}, got n_samples={n_rows}, n_features={n_features}. "
            "Pass more rows, or decrease window_length or horizon."
        )


def check_columns(
    name: str, columns: Any, names: Sequence[str] | np.ndarray | None, n_columns: int
) -> np.ndarray:
    """Return the indices of columns selected by name or index.

    Parameters
    ----------
    name : str
        Parameter that selects the columns, for messages.
    columns : int, str, sequence of them, or None
    names : sequence of str or None
        Names of all columns, if they have any.
    n_columns : int
        Number of all columns.

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


def _is_one_d(x: Any) -> bool:
    """Return whether an entry of a list is a one-dimensional array or Series."""
    return getattr(x, "ndim", None) == 1
