"""Which column of X holds a target's own past."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from sklstm._data.scaling import is_constant

# A column is a target's own past if what a straight line leaves of it is at most
# this share of the target's standard deviation: float32 and rounded copies pass.
_AFFINE_TOLERANCE = 1e-4

# How far a column that the user names may be from an affine image of the target.
_NAMED_TOLERANCE = 1e-2


class TargetColumn(NamedTuple):
    """The column of X that holds a target's own past: target = slope * x + offset."""

    column: int | None = None
    slope: float = 1.0
    offset: float = 0.0


def every_column_as_target(target, unknown: np.ndarray) -> list[TargetColumn]:
    """The columns of X as targets, each its own past.

    Parameters
    ----------
    target : str or other
        The forecaster's parameter, which cannot name anything here.
    unknown : ndarray of int
        The columns that are not known ahead.
    """
    if not isinstance(target, str) or target != "auto":
        raise ValueError(
            f"target={target!r} names the past of y, but without y every "
            'target is a column of X. Pass y, or leave target="auto".'
        )
    if not len(unknown):
        raise ValueError(
            "known_future names all columns of X: without y there is nothing to "
            "forecast."
        )
    return [TargetColumn(int(column)) for column in unknown]


def find_target_columns(
    target,
    Xs: Sequence[np.ndarray],
    Ys: Sequence[np.ndarray],
    unknown: np.ndarray,
    *,
    named: np.ndarray | None = None,
    needed: bool = False,
) -> list[list[TargetColumn]]:
    """The column of X that holds each target's own past, in each series.

    Parameters
    ----------
    target : "auto", None, or int, str or sequence of them
        The forecaster's parameter: find the columns, have none, or those named.
    Xs : sequence of ndarray of shape (n_rows, n_columns)
    Ys : sequence of ndarray of shape (n_rows, n_targets)
    unknown : ndarray of int
        The columns that are not known ahead.
    named : ndarray of int, optional
        The columns that the parameter names.
    needed : bool
        Whether to warn where "auto" finds none.

    Returns
    -------
    own : list of list of TargetColumn
        Of each series, and each target.
    """
    n_targets = Ys[0].shape[1]
    each_target = [[Y[:, i] for Y in Ys] for i in range(n_targets)]
    if target is None:
        return [[TargetColumn()] * n_targets] * len(Xs)
    if named is None:
        found = [_find_column(Xs, ys, unknown)[0] for ys in each_target]
        if TargetColumn() in [images[0] for images in found]:
            _check_columns_agree(Xs, each_target, unknown)
            if needed:
                warnings.warn(
                    "No column of X holds the own past of every target (y, or y scaled "
                    "by a straight line), so the network cannot see it. Add y itself "
                    "as a column of X: a row is never used to forecast itself. If its "
                    "past must not be used, set target=None.",
                    UserWarning,
                    stacklevel=2,
                )
    else:
        if len(named) != n_targets:
            raise ValueError(
                f"target must name one column of X for each of the {n_targets} "
                f"target(s), got {target!r}."
            )
        found = [
            _named(target, column, Xs, ys, unknown)
            for column, ys in zip(named, each_target, strict=True)
        ]
    return [list(one) for one in zip(*found, strict=True)]


def fit_target_column(
    column: int, x: np.ndarray, y: np.ndarray, *, slope: float
) -> TargetColumn:
    """The own past of a target in rows of a series that was not learnt from.

    Parameters
    ----------
    column : int
        The column of the series that was learnt from.
    x, y : ndarray of shape (n_rows, n_columns) and (n_rows,)
    slope : float
        That of the series learnt from, for one that is constant.
    """
    (own,), residual = _find_column([x], [y], [column], _NAMED_TOLERANCE, slope=slope)
    if own.column is None:
        raise ValueError(
            f"y must be an affine image of column {column} of X, as in fit, but a "
            f"line leaves {residual:.0%} of its standard deviation."
        )
    return own


def _named(target, column: int, Xs, ys, unknown) -> list[TargetColumn]:
    """The column that the user names as a target's own past, in each series."""
    if column not in unknown:
        raise ValueError(
            f"target={target!r} names column {column}, which known_future "
            "names too: a target is not known ahead."
        )
    images, residual = _find_column(Xs, ys, [column], _NAMED_TOLERANCE)
    if TargetColumn() in images:
        raise ValueError(
            f"target={target!r} names column {column} as a target's own "
            "past, but y is no affine image of it (a line leaves "
            f"{residual:.0%} of y's standard deviation). Name the column that "
            "is, or pass target=None."
        )
    return images


def _check_columns_agree(Xs, each_target, unknown) -> None:
    """Refuse series that hold a target's own past in different columns."""
    for ys in each_target:
        columns = [
            _find_column([X], [y], unknown)[0][0].column
            for X, y in zip(Xs, ys, strict=True)
        ]
        if None not in columns and len(set(columns)) > 1:
            raise ValueError(
                "the series hold the target's own past in different columns of X, "
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
    """The column of X of which y is an affine image in every series.

    Each series has a line of its own; one that is constant takes the median slope of
    the others.

    Parameters
    ----------
    Xs : sequence of ndarray of shape (n_rows, n_columns)
    ys : sequence of ndarray of shape (n_rows,)
    candidates : sequence or ndarray of int
        The columns to look at.
    tolerance : float
        What a line may leave, as a share of y's standard deviation, in any series.
    slope : float
        That of constant series where no other tells one.

    Returns
    -------
    own : list of TargetColumn
        Of each series; with ``column=None`` if there is no such column.
    residual : float
        What the lines of the best column leave, in the worst series.
    """
    best, residual = [TargetColumn()] * len(Xs), np.inf
    for column in candidates:
        lines = [_fit_line(X[:, column], y) for X, y in zip(Xs, ys, strict=True)]
        worst = max(line.residual for line in lines)
        if worst < residual:
            residual = worst
            slopes = [line.slope for line in lines if line.slope is not None]
            typical = float(np.median(slopes)) if slopes else slope
            best = [line.past(column, typical) for line in lines]
    if residual > tolerance:
        best = [TargetColumn()] * len(Xs)
    return best, residual


class _Line(NamedTuple):
    """Least squares of y on x; ``slope=None`` where they tell none, being constant."""

    slope: float | None
    residual: float  # standard deviation of what is left over that of y
    x_mean: float
    y_mean: float

    def past(self, column: int, slope: float) -> TargetColumn:
        """The column as own past, with the given slope if there is no other."""
        slope = slope if self.slope is None else self.slope
        return TargetColumn(int(column), slope, self.y_mean - slope * self.x_mean)


def _fit_line(x: np.ndarray, y: np.ndarray) -> _Line:
    x_mean, y_mean = float(x.mean()), float(y.mean())
    dx, dy = x - x_mean, y - y_mean
    x_scale, y_scale = np.sqrt(np.mean(dx**2)), np.sqrt(np.mean(dy**2))
    constant = is_constant(x_scale, x_mean), is_constant(y_scale, y_mean)
    if any(constant):
        return _Line(None, 0.0 if all(constant) else 1.0, x_mean, y_mean)
    slope = float(np.mean(dx * dy) / x_scale**2)
    residual = float(np.sqrt(np.mean((dy - slope * dx) ** 2)) / y_scale)
    return _Line(slope, residual, x_mean, y_mean)
