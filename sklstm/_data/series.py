"""Checks of time series and panels."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterator, Sequence
from contextlib import contextmanager
from numbers import Integral
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
from sklearn.utils.validation import check_array, validate_data

from sklstm._data.folds import refuse_hole_of_fold
from sklstm._data.input_types import (
    refuse_columns,
    refuse_containers,
    refuse_non_numbers,
)
from sklstm._data.labels import column_labels
from sklstm._data.panel import Panel, SeriesInput, split_series
from sklstm._data.time_index import (
    check_rows_in_order,
    index_of,
    warn_of_irregular_rows,
)

if TYPE_CHECKING:
    import pandas as pd


class CheckedSeries(NamedTuple):
    """A series and its targets as float64 arrays, with NaN for missing values."""

    X: np.ndarray  # (n_timesteps, n_features)
    y: np.ndarray | None = None  # (n_timesteps,) or (n_timesteps, n_targets)


def check_series(
    estimator: Any, X: Any, y: Any = None, *, reset: bool
) -> CheckedSeries:
    """Check a series and its targets.

    Parameters
    ----------
    estimator : estimator
        Gets ``n_features_in_``, ``feature_names_in_`` and ``_column_labels``, or has
        them compared.
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
    refuse_columns(X, "X")
    refuse_non_numbers(X, "X")
    refuse_non_numbers(y, "y")
    check_rows_in_order(index_of(X), index_of(y))
    names = getattr(X, "columns", None)
    X = _check_column_labels(estimator, X, reset=reset)
    X = validate_data(
        estimator, X, dtype=np.float64, reset=reset, ensure_all_finite=False
    )
    check_no_infinity(X, "X", names)
    if y is None:
        return CheckedSeries(X)
    names = getattr(y, "columns", None)
    y = check_array(
        y,
        dtype=np.float64,
        ensure_2d=False,
        ensure_all_finite=False,
        allow_nd=True,
        ensure_min_samples=0,
        ensure_min_features=0,
        input_name="y",
    )
    if y.shape[1:] == (0,):
        raise ValueError(
            f"y must have at least one column, got 0 feature(s) (shape={y.shape})."
        )
    if y.ndim > 2:
        raise ValueError(
            "y must have shape (n_timesteps,) or (n_timesteps, n_targets), got "
            f"{y.shape}. Pass one column for each target."
        )
    if len(y) != len(X):
        raise ValueError(
            "Found input variables with inconsistent numbers of samples: "
            f"{[len(X), len(y)]} (rows of X, rows of y). Pass a target for each row of "
            "X, NaN where it is not known."
        )
    check_no_infinity(y, "y", names)
    return CheckedSeries(X, y)


def check_several_series(
    estimator: Any,
    X: Any,
    y: Any = None,
    weight: Any = None,
    *,
    reset: bool,
    encode: Callable[[list[SeriesInput]], list[SeriesInput]] | None = None,
) -> tuple[Panel | None, list[SeriesInput], list[CheckedSeries]]:
    """Check a single series or a panel.

    Parameters
    ----------
    estimator : estimator
        Gets ``n_features_in_``, ``feature_names_in_`` and ``_column_labels``, or has
        them compared.
    X : array-like of shape (n_timesteps, n_features), list of them, or a frame with an
            index of (series, time)
    y, weight : as X, optional
    reset : bool
        Whether to set the features, rather than to compare with those of fit.
    encode : callable, optional
        Applied to the series before they are checked.

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
    if encode is not None:
        inputs = encode(inputs)
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


# The squares of larger numbers, and their sums, may be infinite.
_LARGEST = 1e150


def refuse_huge(values: np.ndarray, name: str) -> None:
    """Raise an error if the squares of numbers are too large for double precision."""
    largest = np.fmax.reduce(values, axis=None, initial=0.0)
    smallest = np.fmin.reduce(values, axis=None, initial=0.0)
    if max(largest, -smallest) > _LARGEST:
        raise ValueError(
            f"{name} must hold numbers up to {_LARGEST:g}, got "
            f"{largest if largest > _LARGEST else smallest:.3g}. Divide them, or mark "
            "those that stand for missing values with NaN."
        )


def check_no_infinity(values: np.ndarray, name: str, columns: Sequence | None) -> None:
    """Raise an error at the first infinity, and name its place."""
    # The sum of a column is infinite or NaN if a value is, and costs no memory.
    with np.errstate(over="ignore"):
        is_finite = np.isfinite(values.sum())
    if is_finite or not np.isinf(values).any():
        refuse_huge(values, name)
        return
    row, *column = np.argwhere(np.isinf(values))[0]
    place = f"row {row}"
    for number in column:
        label = number if columns is None else repr(columns[number])
        place += f", column {label}"
    raise ValueError(
        f"Input {name} contains infinity, first in {place}. Mark it as missing, for "
        f"example with {name}.replace([np.inf, -np.inf], np.nan) in pandas."
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


def _check_column_labels(estimator: Any, X: Any, *, reset: bool) -> Any:
    """Remember the labels of the columns of X, or compare them with those of fit.

    scikit-learn remembers and compares labels only if all of them are strings.

    Returns
    -------
    X : array-like
        With labels that scikit-learn takes: it refuses a mixture of types.
    """
    labels = column_labels(X) if hasattr(X, "columns") else None
    fitted = getattr(estimator, "_column_labels", None)
    if reset:
        estimator._column_labels = labels
    elif (
        labels is not None
        and fitted is not None
        and not labels.equals(fitted)
        and not (_are_strings(labels) or _are_strings(fitted))
    ):
        raise ValueError(
            f"X must have the columns of fit, {list(fitted)}, in their order, got "
            f"{list(labels)}. Select them by these labels, or pass an array."
        )
    types = {type(label) for label in ([] if labels is None else labels)}
    if types == {str} or not any(issubclass(each, str) for each in types):
        return X
    assert labels is not None
    # str() turns NumPy's strings into Python's.
    names = list(map(str, labels)) if _are_strings(labels) else range(len(labels))
    return X.set_axis(names, axis=1)


def _are_strings(labels: pd.Index) -> bool:
    return all(isinstance(label, str) for label in labels)


def check_columns(
    name: str, columns: Any, labels: pd.Index | None, n_columns: int
) -> np.ndarray:
    """Return the indices of columns selected by label or index.

    Parameters
    ----------
    name : str
        Parameter that selects the columns, for messages.
    columns : int, label, sequence of them, or None
    labels : pandas.Index or None
        Labels of all columns, if they have any.
    n_columns : int
        Number of all columns.

    Returns
    -------
    indices : ndarray of int
    """
    if columns is None:
        return np.array([], dtype=int)
    known = [] if labels is None else list(labels)
    # A label may be a sequence itself: those of several levels are tuples.
    if (
        isinstance(columns, str)
        or not np.iterable(columns)
        or any(_is_same_label(columns, label) for label in known)
    ):
        columns = [columns]
    indices = [_find_column(name, column, known, n_columns) for column in columns]
    if len(set(indices)) < len(indices):
        raise ValueError(f"{name} names a column twice: {columns!r}.")
    return np.array(indices, dtype=int)


def _find_column(name: str, column: Any, known: list, n_columns: int) -> int:
    """Return the index of a column given by its label or index."""
    is_integer = isinstance(column, Integral) and not isinstance(column, bool)
    found = [i for i, label in enumerate(known) if _is_same_label(column, label)]
    if is_integer and -n_columns <= int(column) < n_columns:
        index = int(column) % n_columns
        if found not in ([], [index]):
            raise ValueError(
                f"{name}={column} is ambiguous: X has the column labels {known}, and "
                f"{column} is the label of column {found[0]}, but the index of column "
                f"{index}. Give X labels of text, for example with "
                "X.rename(columns=str), and pass those."
            )
        return index
    if found:
        return found[0]
    if is_integer:
        raise ValueError(f"{name}={column} is out of range: X has {n_columns} columns.")
    if known:
        raise ValueError(f"{name}={column!r} is not a column of X, which has {known}.")
    if isinstance(column, str):
        raise ValueError(
            f"{name}={column!r} is a column's name, but X has no column names. "
            "Pass X as a DataFrame, or the column's index."
        )
    raise ValueError(f"{name} must hold columns' names or indices, got {column!r}.")


def _is_same_label(column: Any, label: Any) -> bool:
    """Return whether a column is given by this label; True is not the label 1."""
    return (
        isinstance(column, Hashable)
        and isinstance(column, bool) == isinstance(label, bool)
        and bool(column == label)
    )


def _is_one_d(x: Any) -> bool:
    """Return whether an entry of a list is a one-dimensional array or Series."""
    return getattr(x, "ndim", None) == 1
