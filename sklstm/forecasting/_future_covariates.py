"""Checks of future covariates, passed as ``X_future``."""

from __future__ import annotations

from collections.abc import Sequence
from numbers import Integral
from typing import Any

import numpy as np
import pandas as pd
from sklearn.utils.validation import check_array

from sklstm._data.categories import UNKNOWN_CATEGORY, CategoryEncoding
from sklstm._data.input_types import (
    refuse_containers,
    refuse_non_numbers,
    refuse_unequal_rows,
)
from sklstm._data.series import check_no_infinity
from sklstm._data.user_warnings import warn_user
from sklstm._sklearn import safe_indexing


def check_future_covariates(
    X_future: Any,
    future_columns: np.ndarray,
    names: pd.Index | None,
    n_features: int,
    categories: CategoryEncoding,
) -> np.ndarray | None:
    """Check the future covariates of a series, and select their columns.

    Parameters
    ----------
    X_future : array-like of shape (n_rows, n_features or n_future), or None
    future_columns : ndarray of int
        Columns of X that are future covariates.
    names : pandas.Index or None
        Labels of the columns of X.
    n_features : int
        Number of columns of X.
    categories : CategoryEncoding
        Of the columns of X.

    Returns
    -------
    future : ndarray of shape (n_rows, n_future), or None
    """
    if X_future is None:
        return None
    if not len(future_columns):
        raise ValueError(
            "X_future was passed, but known_future names no column that is read "
            "at the forecast rows. Leave it out, or name the columns in known_future "
            "and fit again."
        )
    refuse_containers(X_future, "X_future")
    labels: Sequence | None = None
    if hasattr(X_future, "columns") and names is not None:
        labels = list(names[future_columns])
        values = safe_indexing(X_future, _find_columns(X_future, labels), axis=1)
    else:
        refuse_unequal_rows(X_future, "X_future")
        values = np.asarray(X_future)
        n_future = len(future_columns)
        if values.ndim != 2 or values.shape[1] not in (n_future, n_features):
            raise ValueError(
                f"X_future must be 2-D with the {n_future} column(s) that "
                f"known_future names, or all {n_features} columns of X, got shape "
                f"{values.shape}. One column is values.reshape(-1, 1), or "
                "series.to_frame() in pandas."
            )
        if values.shape[1] == n_features:
            values, labels = values[:, future_columns], future_columns.tolist()
    categories = categories.select(future_columns)
    if categories.columns:
        encoded = categories.encode(values)
        _warn_of_unknown_categories(values, encoded, categories, labels)
        values = encoded
    refuse_non_numbers(values, "X_future")
    values = check_array(
        values, dtype=np.float64, input_name="X_future", ensure_all_finite=False
    )
    check_no_infinity(values, "X_future", labels)
    if np.isnan(values).all():
        raise ValueError(
            "X_future holds no value, but the columns of known_future are read at the "
            "forecast rows. Pass their values, or leave columns whose future is "
            "unknown out of known_future and fit again."
        )
    return values


def _warn_of_unknown_categories(
    values: Any, encoded: np.ndarray, categories: CategoryEncoding, labels: Any
) -> None:
    """Warn of categories that did not occur in fit, such as misspelt ones."""
    for column, ids in zip(categories.columns, categories.ids, strict=True):
        is_unknown = encoded[:, column] == UNKNOWN_CATEGORY
        if not is_unknown.any():
            continue
        given = safe_indexing(values, column, axis=1)
        unknown = pd.unique(pd.Series(np.asarray(given, dtype=object))[is_unknown])
        unknown = [str(each) for each in unknown if not pd.isna(each)]
        if unknown:
            name = column if labels is None else labels[column]
            warn_user(
                f"X_future holds the categories {unknown} in column {name!r}, which "
                "did not occur in fit; the forecast is that for an unknown one. Known "
                f"are {[each for each in ids if each is not None]}."
            )


def _find_columns(X_future: Any, labels: list) -> list[int]:
    """Find the columns with these labels."""
    columns = list(X_future.columns)
    missing = [label for label in labels if label not in columns]
    if missing:
        raise ValueError(
            f"X_future lacks the columns {missing}, which known_future names. It has "
            f"{columns}. Give it the labels of X, or pass an array."
        )
    twice = [label for label in labels if columns.count(label) > 1]
    if twice:
        raise ValueError(f"X_future holds the columns {twice} more than once.")
    return [columns.index(label) for label in labels]


def check_steps(steps: Any) -> int:
    """Check a number of steps."""
    if hasattr(steps, "__len__"):
        raise ValueError(
            f"steps must be an integer from 1, got {type(steps).__name__} of length "
            f"{len(steps)}. Pass future covariates by name, X_future=..., and other "
            "rows to forecast from as X=...."
        )
    if not isinstance(steps, Integral) or int(steps) < 1:
        raise ValueError(f"steps must be an integer from 1, got {steps!r}.")
    return int(steps)


def check_forecast_rows(
    steps: int,
    horizon: int,
    future: np.ndarray | None,
    *,
    needs_future: bool,
    never_known: Sequence,
) -> None:
    """Raise an error if a number of steps cannot be forecast.

    Parameters
    ----------
    steps : int
        Number of rows to forecast.
    horizon : int
        Number of rows forecast at once.
    future : ndarray of shape (n_rows, n_future), or None
        Future covariates.
    needs_future : bool
        Whether there are columns that are future covariates.
    never_known : sequence
        Columns that are neither forecast nor future covariates.
    """
    if needs_future and (future is None or len(future) < steps):
        got = "None" if future is None else f"{len(future)} row(s)"
        raise ValueError(
            f"forecast of {steps} step(s) needs X_future with the columns of "
            f"known_future in {steps} row(s), got {got}."
        )
    if steps > horizon and len(never_known):
        raise ValueError(
            f"steps={steps} is beyond horizon={horizon}, and the columns "
            f"{list(never_known)} are neither forecast nor future covariates. Fit with "
            f"horizon={steps} or more, forecast every column (fit without y), or "
            "name the columns whose future is known in known_future."
        )


def warn_of_unknown_rows(
    rows: np.ndarray, columns: np.ndarray, horizon: int, name: str
) -> None:
    """Warn if rows to predict hold no value, but later ones are forecast from them.

    Parameters
    ----------
    rows : ndarray of shape (n_rows, n_columns)
    columns : ndarray of int
        Columns of the targets, or else those that are no future covariates.
    horizon : int
        Number of rows forecast at once.
    name : str
        Name of the rows in messages.
    """
    if len(rows) > horizon and len(columns) and np.isnan(rows[:, columns]).all():
        warn_user(
            f"{name} holds no value in column(s) {columns.tolist()}, but predict "
            f"forecasts each {horizon} row(s) from those before them. To forecast the "
            "rows after the last one seen, call forecast(steps), or "
            "forecast(X_future=X) with the values of known_future."
        )
