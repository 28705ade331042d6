"""What is known ahead: the rows that are given as ``X_future``."""

from __future__ import annotations

from collections.abc import Sequence
from numbers import Integral

import numpy as np
from sklearn.utils.validation import check_array

from sklstm._data.panel import Panel, split_series
from sklstm._data.series import check_finite


def split_future_covariates(X_future, panel: Panel | None, n_series: int) -> list:
    """Split what is known of the future of several series into that of each."""
    if panel is None or X_future is None:
        return [X_future] * n_series
    plans, given = split_series(X_future)
    if plans is None or (plans.names is None) != (panel.names is None):
        raise ValueError(
            "X_future must be passed as the series are: a list with an entry for each, "
            "or a frame with an index of (series, time)."
        )
    if plans.names is None or panel.names is None:
        if len(given) != n_series:
            raise ValueError(
                f"X_future must have an entry for each of the {n_series} series, got "
                f"{len(given)}."
            )
        return [each.X for each in given]
    by_name = {name: each.X for name, each in zip(plans.names, given, strict=True)}
    missing = [name for name in panel.names if name not in by_name]
    if missing:
        raise ValueError(f"X_future lacks the series {missing}.")
    return [by_name[name] for name in panel.names]


def read_future_covariates(
    X_future, known: np.ndarray, names: Sequence[str] | None, n_features: int
) -> np.ndarray | None:
    """Values of the columns known ahead, (n_rows, n_future); None without a plan.

    Parameters
    ----------
    X_future : array-like of shape (n_rows, n_features or n_future_columns), or None
    known : ndarray of int
        The columns known ahead.
    names : sequence of str or None
        What the columns of X are called.
    n_features : int
        How many X has.
    """
    if X_future is None:
        return None
    if not len(known):
        raise ValueError(
            "X_future was given, but known_future names no column that is read "
            "at the forecast rows. Leave it out, or name the columns in fit."
        )
    called: Sequence | None = None
    if hasattr(X_future, "columns") and names is not None:
        called = [names[column] for column in known]
        missing = [name for name in called if name not in X_future.columns]
        if missing:
            raise ValueError(
                f"X_future lacks the columns {list(map(str, missing))}, which "
                "known_future names."
            )
        values = X_future[called]
    else:
        values = np.asarray(X_future)
        if values.ndim != 2 or values.shape[1] not in (len(known), n_features):
            raise ValueError(
                f"X_future must be 2-D with the {len(known)} column(s) that "
                f"known_future names, or all {n_features} columns of X, got shape "
                f"{values.shape}. One column is values.reshape(-1, 1), or "
                "series.to_frame() in pandas."
            )
        if values.shape[1] == n_features:
            values, called = values[:, known], known.tolist()
    values = check_array(
        values, dtype=np.float64, input_name="X_future", ensure_all_finite=False
    )
    check_finite(values, "X_future", called)
    return values


def check_steps(
    steps,
    horizon: int,
    plan: np.ndarray | None,
    known: np.ndarray,
    never_known: Sequence,
) -> None:
    """Refuse a forecast that needs what cannot be known.

    Parameters
    ----------
    steps : int
        How many rows are to be forecast ...
    horizon : int
        ... of which so many at once.
    plan : ndarray of shape (n_rows, n_future_columns) or None
    known : ndarray of int
        The columns known ahead.
    never_known : sequence
        Columns that are neither forecast nor known ahead.
    """
    if hasattr(steps, "__len__"):
        raise ValueError(
            f"steps must be an integer from 1, got {type(steps).__name__} of length "
            f"{len(steps)}. Values known ahead are passed by name: X_future=..., other "
            "rows to forecast from: X=...."
        )
    if not isinstance(steps, Integral) or int(steps) < 1:
        raise ValueError(f"steps must be an integer from 1, got {steps!r}.")
    steps = int(steps)
    if len(known) and (plan is None or len(plan) < steps):
        got = "None" if plan is None else f"{len(plan)} row(s)"
        raise ValueError(
            f"forecast of {steps} step(s) needs X_future with the columns of "
            f"known_future in {steps} row(s), got {got}."
        )
    if steps > horizon and len(never_known):
        raise ValueError(
            f"steps={steps} is beyond horizon={horizon}, and the columns "
            f"{list(never_known)} are neither forecast nor known ahead. Fit with "
            f"horizon={steps} or more, forecast every column (fit without y), or "
            "name those known ahead in known_future."
        )
