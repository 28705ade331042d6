"""Checks of future covariates, passed as ``X_future``."""

from __future__ import annotations

from collections.abc import Sequence
from numbers import Integral
from typing import Any

import numpy as np
from sklearn.utils.validation import check_array

from sklstm._data.input_types import refuse_containers, refuse_non_numbers
from sklstm._data.series import check_finite


def check_future_covariates(
    X_future: Any,
    future_columns: np.ndarray,
    names: Sequence[str] | np.ndarray | None,
    n_features: int,
) -> np.ndarray | None:
    """Check the future covariates of a series, and select their columns.

    Parameters
    ----------
    X_future : array-like of shape (n_rows, n_features or n_future), or None
    future_columns : ndarray of int
        Columns of X that are future covariates.
    names : sequence of str or None
        Names of the columns of X.
    n_features : int
        Number of columns of X.

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
        labels = [names[column] for column in future_columns]
        missing = [name for name in labels if name not in X_future.columns]
        if missing:
            raise ValueError(
                f"X_future lacks the columns {list(map(str, missing))}, which "
                "known_future names."
            )
        values = X_future[labels]
    else:
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
    refuse_non_numbers(values, "X_future")
    values = check_array(
        values, dtype=np.float64, input_name="X_future", ensure_all_finite=False
    )
    check_finite(values, "X_future", labels)
    return values


def check_steps(
    steps: Any,
    horizon: int,
    future: np.ndarray | None,
    *,
    needs_future: bool,
    never_known: Sequence,
) -> int:
    """Check that a number of steps can be forecast.

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

    Returns
    -------
    steps : int
    """
    if hasattr(steps, "__len__"):
        raise ValueError(
            f"steps must be an integer from 1, got {type(steps).__name__} of length "
            f"{len(steps)}. Pass future covariates by name, X_future=..., and other "
            "rows to forecast from as X=...."
        )
    if not isinstance(steps, Integral) or int(steps) < 1:
        raise ValueError(f"steps must be an integer from 1, got {steps!r}.")
    steps = int(steps)
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
    return steps


def refuse_unknown_rows(X: Any, columns: np.ndarray, name: str) -> None:
    """Raise an error if rows to predict hold no value in columns that must be known.

    Parameters
    ----------
    X : array-like of shape (n_rows, n_columns)
    columns : ndarray of int
        Columns of the targets, or else those that are no future covariates.
    name : str
        Name of the rows in messages.
    """
    try:
        values = np.asarray(X, dtype=np.float64)
    except (TypeError, ValueError):  # reported by later checks
        return
    if values.ndim != 2 or not len(columns) or columns.max() >= values.shape[1]:
        return
    if values.size and np.isnan(values[:, columns]).all():
        raise ValueError(
            f"{name} contains NaN in all rows of column(s) {columns.tolist()}: predict "
            "takes observed rows, and forecasts each from those before it. To forecast "
            "the rows after the last one seen, call forecast(steps), or "
            "forecast(X_future=X) with the values of known_future."
        )
