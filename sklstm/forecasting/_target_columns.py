"""Targets of the series, and the columns of X that hold their history."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from sklstm._data.labels import TargetFormat
from sklstm._data.panel import SeriesInput
from sklstm._data.scaling import is_constant
from sklstm._data.series import CheckedSeries, check_columns
from sklstm._data.user_warnings import warn_user
from sklstm.forecasting._shifted_targets import warn_of_leaks, warn_of_shift

if TYPE_CHECKING:
    import pandas as pd

# A column holds the history of a target if a straight line through both leaves at most
# this fraction of the target's standard deviation: float32 and rounded copies pass.
_AFFINE_TOLERANCE = 1e-4

# The same for a column that the user names.
_NAMED_TOLERANCE = 1e-2


class TargetColumn(NamedTuple):
    """The column of X that holds a target's history: target = slope * x + offset.

    ``column=None`` if no column does.
    """

    column: int | None = None
    slope: float = 1.0
    offset: float = 0.0


class SeriesTargets(NamedTuple):
    """Targets of a series, as columns."""

    Y: np.ndarray  # (n_rows, n_targets)
    columns: list[TargetColumn]  # of each target
    format: TargetFormat


def find_targets(
    target: Any,
    inputs: Sequence[SeriesInput],
    checked: Sequence[CheckedSeries],
    candidates: np.ndarray,
    *,
    names: pd.Index | None,
    horizon: int,
    warn: bool,
) -> list[SeriesTargets]:
    """Find the targets of each series, and the columns that hold their history.

    Parameters
    ----------
    target : "auto", None, or int, str or sequence of them
        The forecaster's parameter.
    inputs : sequence of SeriesInput
    checked : sequence of CheckedSeries
    candidates : ndarray of int
        Columns of X that are no future covariates.
    names : pandas.Index or None
        Labels of the columns of X.
    horizon : int
        Number of rows forecast at once.
    warn : bool
        Whether to warn if "auto" finds no column for a target.

    Returns
    -------
    targets : list of SeriesTargets
    """
    Xs = [series.X for series in checked]
    if all(series.y is None for series in checked):
        columns = _columns_as_targets(target, candidates)
        target_format = TargetFormat(None if names is None else names[candidates])
        return [SeriesTargets(X[:, candidates], columns, target_format) for X in Xs]
    Ys = _stack_targets(inputs, checked)
    target_format = TargetFormat(one_d=getattr(checked[0].y, "ndim", None) == 1)
    if target is None:
        found = [[TargetColumn()] * Ys[0].shape[1]] * len(Xs)
    elif isinstance(target, str) and target == "auto":
        found = _find_columns(
            Xs, Ys, candidates, names=names, horizon=horizon, warn=warn
        )
    else:
        named = check_columns("target", target, names, Xs[0].shape[1])
        found = _fit_named_columns(target, named, Xs, Ys, candidates)
    # A column that is the history of another target is forecast with this one.
    others = np.setdiff1d(
        candidates, [column.column for column in found[0] if column.column is not None]
    )
    for ys in _split_targets(Ys):
        warn_of_leaks(Xs, ys, others, names, horizon)
    return [
        SeriesTargets(Y, columns, target_format)
        for Y, columns in zip(Ys, found, strict=True)
    ]


def fit_target_column(
    column: int, X: np.ndarray, y: np.ndarray, *, slope: float
) -> TargetColumn:
    """Fit the line from a column to a target in a series that was not in fit.

    Parameters
    ----------
    column : int
        The column that holds the target's history in the series of fit.
    X, y : ndarray of shape (n_rows, n_columns) and (n_rows,)
    slope : float
        Slope to use if the series is constant.

    Returns
    -------
    target_column : TargetColumn
    """
    (found,), residual = _find_column([X], [y], [column], _NAMED_TOLERANCE, slope=slope)
    if found.column is None:
        raise ValueError(
            f"y must be an affine image of column {column} of X, as in fit, but a "
            f"line leaves {residual:.0%} of its standard deviation."
        )
    return found


def _columns_as_targets(target: Any, candidates: np.ndarray) -> list[TargetColumn]:
    """Take the columns of X as targets, each with its own history."""
    if not isinstance(target, str) or target != "auto":
        raise ValueError(
            f"target={target!r} names the column of X that holds the history of y, but "
            "without y every target is a column of X. Pass y, or leave "
            'target="auto".'
        )
    if not len(candidates):
        raise ValueError(
            "known_future names all columns of X, or X has no column of numbers: "
            "without y there is nothing to forecast. If numbers are stored as text, "
            "convert them, for example with pandas.to_numeric."
        )
    return [TargetColumn(int(column)) for column in candidates]


def _stack_targets(
    inputs: Sequence[SeriesInput], checked: Sequence[CheckedSeries]
) -> list[np.ndarray]:
    """Return the targets of each series as columns, as many in each."""
    Ys: list[np.ndarray] = []
    for series, (X, y) in zip(inputs, checked, strict=True):
        if y is None:
            raise ValueError(
                f"{series.place} has no targets, but others have: y must hold those "
                "of every series, or be None."
            )
        Ys.append(y.reshape(len(X), -1))
        if Ys[-1].shape[1] != Ys[0].shape[1]:
            raise ValueError(
                f"{series.place} has {Ys[-1].shape[1]} target(s), but "
                f"{inputs[0].place} has {Ys[0].shape[1]}."
            )
    return Ys


def _find_columns(
    Xs: Sequence[np.ndarray],
    Ys: Sequence[np.ndarray],
    candidates: np.ndarray,
    *,
    names: pd.Index | None,
    horizon: int,
    warn: bool,
) -> list[list[TargetColumn]]:
    """Find the column of each target; of each series a list with all targets."""
    each_target = _split_targets(Ys)
    found = [_find_column(Xs, ys, candidates)[0] for ys in each_target]
    if TargetColumn() in [columns[0] for columns in found]:
        _check_columns_agree(Xs, each_target, candidates)
        unseen = [
            ys
            for ys, columns in zip(each_target, found, strict=True)
            if columns[0].column is None
        ]
        shifted = [warn_of_shift(Xs, ys, candidates, names, horizon) for ys in unseen]
        if warn and not any(shifted):
            warn_user(
                "No column of X holds the history of every target (y, or an affine "
                "image of it), so the model cannot see it. Add y itself as a column of "
                "X: a row is never used to forecast itself. If the history must not be "
                "used, set target=None.",
            )
    return [list(columns) for columns in zip(*found, strict=True)]


def _fit_named_columns(
    target: Any,
    named: np.ndarray,
    Xs: Sequence[np.ndarray],
    Ys: Sequence[np.ndarray],
    candidates: np.ndarray,
) -> list[list[TargetColumn]]:
    """Fit the columns that the user names; of each series a list with all targets."""
    n_targets = Ys[0].shape[1]
    if len(named) != n_targets:
        raise ValueError(
            f"target must name one column of X for each of the {n_targets} "
            f"target(s), got {target!r}."
        )
    found = []
    for column, ys in zip(named, _split_targets(Ys), strict=True):
        if column not in candidates:
            raise ValueError(
                f"target={target!r} names column {column}, which known_future "
                "names too: the future of a target is not known."
            )
        columns, residual = _find_column(Xs, ys, [column], _NAMED_TOLERANCE)
        if TargetColumn() in columns:
            raise ValueError(
                f"target={target!r} names column {column} as the history of a target, "
                "but y is no affine image of it (a line leaves "
                f"{residual:.0%} of y's standard deviation). Name the column that "
                "is, or pass target=None."
            )
        found.append(columns)
    return [list(columns) for columns in zip(*found, strict=True)]


def _split_targets(Ys: Sequence[np.ndarray]) -> list[list[np.ndarray]]:
    """Return for each target its values in every series."""
    return [[Y[:, i] for Y in Ys] for i in range(Ys[0].shape[1])]


def _check_columns_agree(
    Xs: Sequence[np.ndarray],
    each_target: Sequence[Sequence[np.ndarray]],
    candidates: np.ndarray,
) -> None:
    """Raise an error if the series hold a target's history in different columns."""
    for ys in each_target:
        columns = [
            _find_column([X], [y], candidates)[0][0].column
            for X, y in zip(Xs, ys, strict=True)
        ]
        if None not in columns and len(set(columns)) > 1:
            raise ValueError(
                "the series hold the history of the target in different columns of X, "
                f"{columns}. Give all of them the same columns, or name one in target."
            )


def _find_column(
    Xs: Sequence[np.ndarray],
    ys: Sequence[np.ndarray],
    candidates: Sequence[int] | np.ndarray,
    tolerance: float = _AFFINE_TOLERANCE,
    *,
    slope: float = 1.0,
) -> tuple[list[TargetColumn], float]:
    """Find the column of X of which y is an affine image in every series.

    Each series has its own line; a constant series has the median slope of the others.

    Parameters
    ----------
    Xs : sequence of ndarray of shape (n_rows, n_columns)
    ys : sequence of ndarray of shape (n_rows,)
    candidates : sequence or ndarray of int
        Columns to try.
    tolerance : float
        Largest residual in any series.
    slope : float
        Slope to use if all series are constant.

    Returns
    -------
    columns : list of TargetColumn
        Of each series; with ``column=None`` if there is no such column.
    residual : float
        Largest residual of the best column in any series, as a fraction of the
        standard deviation of y.
    """
    best, residual = [TargetColumn()] * len(Xs), np.inf
    for column in candidates:
        lines = [_fit_line(X[:, column], y) for X, y in zip(Xs, ys, strict=True)]
        worst = max(line.residual for line in lines)
        if worst < residual:
            residual = worst
            slopes = [line.slope for line in lines if line.slope is not None]
            typical = float(np.median(slopes)) if slopes else slope
            best = [line.to_target_column(column, typical) for line in lines]
    if residual > tolerance:
        best = [TargetColumn()] * len(Xs)
    return best, residual


class _Line(NamedTuple):
    """Line of least squares of y on x."""

    slope: float | None  # None if x or y is constant
    residual: float  # standard deviation of the residuals over that of y
    x_mean: float
    y_mean: float

    def to_target_column(self, column: int, default_slope: float) -> TargetColumn:
        """Return the column with this line, or the default slope if it has none."""
        slope = default_slope if self.slope is None else self.slope
        return TargetColumn(int(column), slope, self.y_mean - slope * self.x_mean)


def _fit_line(x: np.ndarray, y: np.ndarray) -> _Line:
    known = ~np.isnan(x) & ~np.isnan(y)
    if not known.all():
        if not known.any():
            # Without any value of y, nothing speaks against the column.
            mean = 0.0 if np.isnan(x).all() else float(np.nanmean(x))
            return _Line(None, float(not np.isnan(y).all()), mean, mean)
        x, y = x[known], y[known]
    x_mean, y_mean = float(x.mean()), float(y.mean())
    dx, dy = x - x_mean, y - y_mean
    x_scale, y_scale = np.sqrt(np.mean(dx**2)), np.sqrt(np.mean(dy**2))
    constant = is_constant(x_scale, x_mean), is_constant(y_scale, y_mean)
    if any(constant):
        return _Line(None, 0.0 if all(constant) else 1.0, x_mean, y_mean)
    slope = float(np.mean(dx * dy) / x_scale**2)
    residual = float(np.sqrt(np.mean((dy - slope * dx) ** 2)) / y_scale)
    return _Line(slope, residual, x_mean, y_mean)
