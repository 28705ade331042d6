"""Targets that were shifted by hand, and columns that hold their future."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from sklstm._data.user_warnings import warn_user

if TYPE_CHECKING:
    import pandas as pd

# Shifts are looked for up to the horizon, and up to this number of rows.
_MAX_SHIFT = 31

# Fewer rows agree with some column by chance.
_MIN_ROWS = 20

# Rows that are compared first, to leave out most shifts cheaply.
_FIRST_ROWS = 200

# Largest residual of a straight line, as a fraction of the standard deviation.
_TOLERANCE = 1e-4

# A series that follows from this number of its last rows, as a sum of sine waves does,
# equals shifted columns without being one.
_RECURRENCE = 8


def warn_of_shift(
    Xs: Sequence[np.ndarray],
    ys: Sequence[np.ndarray],
    candidates: np.ndarray,
    names: pd.Index | None,
    horizon: int,
) -> bool:
    """Warn if a target is a column of X some rows later, as after ``shift(-1)``.

    Parameters
    ----------
    Xs : sequence of ndarray of shape (n_rows, n_columns)
    ys : sequence of ndarray of shape (n_rows,)
    candidates : ndarray of int
        Columns to compare with.
    names : pandas.Index or None
        Labels of the columns.
    horizon : int

    Returns
    -------
    warned : bool
    """
    found = _find_shift(Xs, ys, candidates, horizon, 1)
    if found is None:
        return False
    column, shift = found
    name = _name(column, names)
    rows = f"{shift} row{'s' if shift > 1 else ''}"
    warn_user(
        f"y equals column {name} of X {rows} later, so one of them was shifted by "
        "hand. Do not shift: the forecaster reads the rows up to one row and forecasts "
        f"the {horizon} row(s) after it (horizon={horizon}). If y was shifted, as by "
        f"y = X[{name}].shift(-{shift}), pass y = X[{name}] and horizon={shift} or "
        f"more. If {name} is y of {rows} earlier, pass y itself as a column of X in "
        "its place: the network reads the last rows of every column anyway."
    )
    return True


def warn_of_leaks(
    Xs: Sequence[np.ndarray],
    ys: Sequence[np.ndarray],
    candidates: np.ndarray,
    names: pd.Index | None,
    horizon: int,
) -> None:
    """Warn if a column of X holds a target some rows earlier: its future.

    Parameters
    ----------
    Xs, ys, candidates, names, horizon
        As for `warn_of_shift`.
    """
    found = _find_shift(Xs, ys, candidates, horizon, -1)
    if found is None:
        return
    column, shift = found
    name, rows = _name(column, names), f"{shift} row{'s' if shift > 1 else ''}"
    warn_user(
        f"column {name} of X holds the values that y has {rows} later, which are not "
        f"known at that time: forecasts of known rows will look far too good. Leave "
        f"{name} out of X."
    )


def _name(column: int, names: pd.Index | None) -> str:
    return str(column) if names is None else repr(names[column])


def _find_shift(
    Xs: Sequence[np.ndarray],
    ys: Sequence[np.ndarray],
    candidates: np.ndarray,
    horizon: int,
    direction: int,
) -> tuple[int, int] | None:
    """Find a column that equals y so many rows later, or earlier, in every series."""
    longest = int(np.argmax([len(y) for y in ys]))
    X, y = Xs[longest], ys[longest]
    most = min(max(horizon, _MAX_SHIFT), len(y) - _MIN_ROWS)
    if most < 1 or _follows_from_its_past(y):
        return None
    first = slice(0, _FIRST_ROWS)
    for column in candidates:
        for shift in range(1, most + 1):
            x_part, y_part = _align(X[:, column], y, direction * shift)
            if not _is_line(x_part[first], y_part[first]):
                continue
            pairs = [
                _align(X[:, column], y, direction * shift)
                for X, y in zip(Xs, ys, strict=True)
                if len(y) > shift
            ]
            if all(_is_line(x, y, constant=True) for x, y in pairs):
                return int(column), shift
    return None


def _align(x: np.ndarray, y: np.ndarray, shift: int) -> tuple[np.ndarray, np.ndarray]:
    """Pair y with the values of x so many rows later."""
    if shift > 0:
        return x[shift:], y[:-shift]
    return x[:shift], y[-shift:]


def _is_line(x: np.ndarray, y: np.ndarray, *, constant: bool = False) -> bool:
    """Return whether y is an affine image of x; ``constant``: or both are constant."""
    known = np.isfinite(x) & np.isfinite(y)
    if known.sum() < _MIN_ROWS:
        return constant
    dx, dy = x[known] - x[known].mean(), y[known] - y[known].mean()
    x_scale, y_scale = np.linalg.norm(dx), np.linalg.norm(dy)
    if not x_scale or not y_scale:
        return constant and x_scale == y_scale
    residual = np.linalg.norm(dy - (dx @ dy) / x_scale**2 * dx)
    return bool(residual <= _TOLERANCE * y_scale)


def _follows_from_its_past(y: np.ndarray) -> bool:
    """Return whether a linear recurrence determines a series, or it is constant."""
    part = y[np.isfinite(y)][:_FIRST_ROWS]
    if len(part) <= 3 * _RECURRENCE or not np.ptp(part):
        return True
    part = (part - part.mean()) / part.std()
    past = np.lib.stride_tricks.sliding_window_view(part[:-1], _RECURRENCE)
    past = np.column_stack([past, np.ones(len(past))])
    target = part[_RECURRENCE:]
    residual = target - past @ np.linalg.lstsq(past, target)[0]
    return bool(np.linalg.norm(residual) <= 1e-2 * np.linalg.norm(target))
