"""The regularised least-squares solution that the linear skip starts from.

The regression predicts the normalised targets of a window: y from x, the history of the
target itself, and c, the changes of the future covariates.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np

from sklstm.engine import LinearMaps, WindowData
from sklstm.forecasting._windows import (
    WindowShape,
    gather_covariate_changes,
    gather_history,
    gather_targets,
    step_weights,
    weights_vary_within_windows,
)

# Penalties to choose from, in multiples of the mean square of a feature: a penalty
# counts as much as this number of windows in which nothing happens.
_PENALTIES = 10.0 ** np.arange(5, -4, -1)

# Stands for the sum of weights that are all zero.
_NO_WEIGHT = np.finfo(float).tiny

# Values that are gathered at once: bounds the memory.
_CHUNK = 2**20

# Number of windows to fit to, and to compute the quantiles of the residuals from, at
# most: more would not change the solution.
_MAX_WINDOWS = 100_000
_MAX_QUANTILE_WINDOWS = 10_000


def fit_linear_maps(
    data: WindowData,
    shape: WindowShape,
    quantiles: tuple[float, ...] = (0.5,),
    *,
    intercept: bool = False,
) -> LinearMaps:
    """Fit the linear maps of a forecasting network by ridge regression.

    The targets share one map of their history; each has its own map of the changes of
    the future covariates. The penalty is the one with the least generalised
    cross-validation error [1]_ over all forecast steps; if that of no maps at all is
    less, they are zero. The normal equations are summed over chunks of windows, which
    are never in memory together. Of more than 100,000 windows, as many are sampled.

    Parameters
    ----------
    data : WindowData
        Windows, with targets and weights.
    shape : WindowShape
    quantiles : tuple of float, default=(0.5,)
        Quantiles to predict. The median is the forecast of the regression; the others
        are as far from it as the quantiles of the residuals.
    intercept : bool, default=False
        Whether to fit an intercept for each target and step. Without it, a window that
        does not change has a forecast that does not change.

    Returns
    -------
    maps : LinearMaps

    References
    ----------
    .. [1] Golub, Heath & Wahba (1979), "Generalized cross-validation as a method for
       choosing a good ridge parameter", Technometrics 21(2).
    """
    data = _sample(data, _MAX_WINDOWS)
    steps = [slice(0, shape.horizon)]
    if weights_vary_within_windows(data, shape):
        # The normal equations then differ from step to step.
        steps = [slice(step, step + 1) for step in range(shape.horizon)]
    moments = [_sum_moments(data, shape, part, intercept) for part in steps]
    penalties = [np.inf]
    if shape.n_target_columns or shape.n_future_columns:
        penalties += [*_PENALTIES]
    best = min(
        (
            [_solve(part, penalty, intercept) for part in moments]
            for penalty in penalties
        ),
        key=lambda solutions: sum(solution.error.sum() for solution in solutions),
    )
    maps = LinearMaps(
        *map(np.concatenate, zip(*(solution.maps for solution in best), strict=True))
    )
    if len(quantiles) == 1:
        return maps
    # Residuals of the training windows are too small by the degrees of freedom.
    inflation = np.concatenate([solution.inflation for solution in best])
    spread = _residual_quantiles(data, shape, maps, quantiles)
    return maps._replace(intercept=maps.intercept + inflation[:, None, None] * spread)


class _Moments(NamedTuple):
    """Weighted sums over all windows; with an intercept, the products are centred."""

    weight: float
    x_mean: np.ndarray  # (n_target_columns, window_length)
    c_mean: np.ndarray  # (n_changes,)
    y_mean: np.ndarray  # (n_targets, n_steps)
    xx: np.ndarray  # (window_length, window_length), summed over targets
    xy: np.ndarray  # (window_length, n_steps), summed over targets
    cx: np.ndarray  # (n_target_columns, n_changes, window_length)
    cc: np.ndarray  # (n_changes, n_changes)
    cy: np.ndarray  # (n_targets, n_changes, n_steps)
    yy: np.ndarray  # (n_steps,), summed over targets


class _Solution(NamedTuple):
    """The ridge regression with one penalty, at some forecast steps."""

    maps: LinearMaps
    error: np.ndarray  # (n_steps,): generalised cross-validation error
    # Standard deviation of the residuals of new windows, relative to that of the
    # training windows.
    inflation: np.ndarray  # (n_steps,)


def _sum_moments(
    data: WindowData, shape: WindowShape, steps: slice, intercept: bool
) -> _Moments:
    """Sum the moments of all windows, for forecast steps of equal weights."""
    shifts: list[np.ndarray] = []
    totals: list[np.ndarray] = []
    for chunk in _chunks(data, shape):
        parts = _features_and_targets(chunk, shape, steps)
        if not shifts:
            # Sums around typical values lose no digits when they are centred.
            shifts = [part.mean(axis=0) * intercept for part in parts]
        x, c, y = (part - shift for part, shift in zip(parts, shifts, strict=True))
        w = step_weights(chunk, shape, steps.start).astype(np.float64)
        sums = [w.sum(), *(np.tensordot(w, part, 1) for part in (x, c, y))]
        sums += _products(w, x, c, y)
        totals = list(map(np.add, totals, sums)) if totals else sums
    weight = max(float(totals[0]), _NO_WEIGHT)
    centred = intercept and totals[0] > 0
    means = [total / weight * centred for total in totals[1:4]]
    of_means = _products(np.array([weight]), *(mean[None] for mean in means))
    return _Moments(
        weight,
        *((mean + shift) * centred for mean, shift in zip(means, shifts, strict=True)),
        *(total - mean for total, mean in zip(totals[4:], of_means, strict=True)),
    )


def _products(
    w: np.ndarray, x: np.ndarray, c: np.ndarray, y: np.ndarray
) -> tuple[np.ndarray, ...]:
    """Sum the products of features and targets over windows, as in `_Moments`."""
    n_target_columns, window_length = x.shape[1:]
    n_steps = y.shape[2]
    wx, wc, wy = w[:, None, None] * x, w[:, None] * c, w[:, None, None] * y
    weighted_rows = wx.reshape(-1, window_length).T
    return (
        weighted_rows @ x.reshape(-1, window_length),
        weighted_rows @ y[:, :n_target_columns].reshape(-1, n_steps),
        c.T @ wx.swapaxes(0, 1),
        c.T @ wc,
        c.T @ wy.swapaxes(0, 1),
        np.sum(wy * y, axis=(0, 1)),
    )


def _solve(moments: _Moments, penalty: float, intercept: bool) -> _Solution:
    """Solve the ridge regression; an infinite penalty leaves the maps at zero."""
    n_target_columns, n_changes, window_length = moments.cx.shape
    n_targets, _, n_steps = moments.cy.shape
    x_map = np.zeros((window_length, n_steps))
    c_map = np.zeros((n_targets, n_changes, n_steps))
    squares, n_free = moments.yy, 0.0
    if np.isfinite(penalty):
        x_penalty = penalty * _mean_square(
            moments.xx, moments.weight * n_target_columns
        )
        c_penalty = penalty * _mean_square(moments.cc, moments.weight)
        # Block elimination: first the covariates' map of each target, then the map of
        # the history, which the targets share.
        cc_inverse = np.linalg.inv(moments.cc + c_penalty * np.eye(n_changes))
        c_on_x = cc_inverse @ moments.cx
        c_map = cc_inverse @ moments.cy
        xx = moments.xx + x_penalty * np.eye(window_length)
        xx -= np.einsum("tcx,tcz->xz", moments.cx, c_on_x, optimize=True)
        xy = moments.xy - np.einsum(
            "tcx,tcs->xs", moments.cx, c_map[:n_target_columns], optimize=True
        )
        xx_inverse = np.linalg.inv(xx)
        x_map = xx_inverse @ xy
        c_map[:n_target_columns] -= c_on_x @ x_map

        squares = moments.yy - np.sum(x_map * moments.xy, axis=0)
        squares -= np.sum(c_map * moments.cy, axis=(0, 1))
        squares -= x_penalty * np.sum(x_map**2, axis=0)
        squares -= c_penalty * np.sum(c_map**2, axis=(0, 1))
        # Trace of the hat matrix: the number of parameters less their shrinkage.
        c_trace = n_targets * np.trace(cc_inverse)
        c_trace += np.sum((c_on_x @ xx_inverse) * c_on_x)
        n_free = window_length + n_targets * n_changes
        n_free -= x_penalty * np.trace(xx_inverse) + c_penalty * c_trace
    history, covariates = x_map.T, c_map.transpose(2, 0, 1)
    constant = moments.y_mean.T - covariates @ moments.c_mean
    constant[:, :n_target_columns] -= history @ moments.x_mean.T
    n_values = moments.weight * n_targets
    n_left = n_values - n_free - n_targets * intercept
    # Steps at which no window has any weight have no say in the choice of the penalty.
    error = np.zeros(n_steps)
    if moments.weight > _NO_WEIGHT:
        error = np.full(n_steps, np.inf)
        if n_left > 0:
            error = n_values * np.maximum(squares, 0.0) / n_left**2
    return _Solution(
        LinearMaps(history, covariates, constant[:, :, None]),
        error=error,
        inflation=np.full(n_steps, np.sqrt(n_values / max(n_left, 1.0))),
    )


def _mean_square(products: np.ndarray, weight: float) -> float:
    """Return the mean square of features from their products; one if it is zero."""
    if not len(products):
        return 1.0
    return float(np.trace(products) / len(products) / max(weight, 1e-300)) or 1.0


def _residual_quantiles(
    data: WindowData,
    shape: WindowShape,
    maps: LinearMaps,
    quantiles: tuple[float, ...],
) -> np.ndarray:
    """Return the quantiles of the residuals relative to their median.

    Returns
    -------
    offsets : ndarray of shape (horizon, n_targets, n_quantiles)
    """
    data = _sample(data, _MAX_QUANTILE_WINDOWS)
    weights = np.stack([step_weights(data, shape, i) for i in range(shape.horizon)])
    residuals = np.concatenate(
        [_residuals(chunk, shape, maps) for chunk in _chunks(data, shape)]
    )
    found = np.stack(
        [
            np.quantile(
                residuals[:, step],
                quantiles,
                axis=0,
                weights=weight if weight.any() else None,
                method="inverted_cdf",
            ).T
            for step, weight in enumerate(weights)
        ]
    )
    return found - found[:, :, [quantiles.index(0.5)]]


def _residuals(data: WindowData, shape: WindowShape, maps: LinearMaps) -> np.ndarray:
    """Return the errors of the linear maps' forecasts, (n_windows, horizon, n_targets).

    They lack the intercept, which does not change the distance between quantiles.
    """
    x, c, y = _features_and_targets(data, shape)
    residuals = y.swapaxes(1, 2) - (maps.covariates @ c.T).transpose(2, 0, 1)
    residuals[:, :, : x.shape[1]] -= maps.history @ x.swapaxes(1, 2)
    return residuals


def _features_and_targets(
    data: WindowData, shape: WindowShape, steps: slice = slice(None)
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Gather x, c and y.

    Returns
    -------
    x : ndarray of shape (n_windows, n_target_columns, window_length)
    c : ndarray of shape (n_windows, n_changes)
    y : ndarray of shape (n_windows, n_targets, n_steps)
    """
    y = gather_targets(data, shape)[:, steps].swapaxes(1, 2)
    x = gather_history(data, shape).swapaxes(1, 2)
    c = gather_covariate_changes(data, shape)
    return x.astype(np.float64), c.astype(np.float64), y.astype(np.float64)


def _sample(data: WindowData, max_windows: int) -> WindowData:
    """Take a sample of the windows if there are more than a number of them."""
    n_windows = len(data.starts)
    if n_windows <= max_windows:
        return data
    # At random, since a regular spacing could be that of a season. The seed is fixed:
    # the sample is part of the method and not of the random state of an estimator.
    sample = np.random.default_rng(0).choice(n_windows, max_windows, replace=False)
    return data.take(np.sort(sample))


def _chunks(data: WindowData, shape: WindowShape) -> Iterator[WindowData]:
    """Split windows into chunks of a bounded number of values."""
    n_values = shape.window_length * shape.n_columns + shape.horizon * (
        shape.n_targets + shape.n_future_columns
    )
    size = max(_CHUNK // n_values, 1)
    for start in range(0, len(data.starts), size):
        stop = min(start + size, len(data.starts))
        yield data.take(np.arange(start, stop))
