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

# Relative difference of cross-validation errors that counts as none.
_TIE = 1e-5

# Number of forecast steps to choose the penalty from, at most, if the normal equations
# differ from step to step.
_MAX_STEPS_OF_PENALTY = 4

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
    the future covariates. Missing targets have no weight, and windows that end in
    missing values less than others. The penalty is the one with
    the least generalised cross-validation error [1]_ over the forecast steps; if that
    of no maps at all is less, they are zero. The normal equations are summed over
    chunks of windows, which are never in memory together. Of more than 100,000 windows,
    as many are sampled. If the weights of windows differ from step to step, each step
    has normal equations of its own; then four steps choose the penalty, and 10,000
    windows are sampled.

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
    steps = [slice(0, shape.horizon)]
    if weights_vary_within_windows(data, shape):
        # The normal equations then differ from step to step.
        steps = [slice(step, step + 1) for step in range(shape.horizon)]
    n_windows = _MAX_WINDOWS if len(steps) == 1 else _MAX_WINDOWS // 10
    data = _sample(data, n_windows)
    moments = [_sum_moments(data, shape, part, intercept) for part in steps]
    penalties = [np.inf]
    if shape.n_target_columns or shape.n_covariate_changes:
        penalties += [*_PENALTIES]
    counted = [part for part in moments if (part.weight > _NO_WEIGHT).any()]
    some = counted[:: -(-len(counted) // _MAX_STEPS_OF_PENALTY) or 1]
    best, least = np.inf, np.inf
    # From the largest penalty: a smaller one must be better by more than rounding.
    for penalty in penalties:
        error = sum(_solve(part, penalty, intercept).error.sum() for part in some)
        if error < (1 - _TIE) * least:
            best, least = penalty, error
    solutions = [_solve(part, best, intercept) for part in moments]
    maps = LinearMaps(
        *map(
            np.concatenate, zip(*(solution.maps for solution in solutions), strict=True)
        )
    )
    if len(quantiles) == 1:
        return maps
    # Residuals of the training windows are too small by the degrees of freedom.
    inflation = np.concatenate([solution.inflation for solution in solutions])
    spread = _residual_quantiles(data, shape, maps, quantiles)
    return maps._replace(intercept=maps.intercept + inflation[:, None, None] * spread)


class _Moments(NamedTuple):
    """Weighted sums over all windows; with an intercept, the products are centred.

    ``n_weights`` is the number of targets if some are missing, otherwise 1.
    """

    weight: np.ndarray  # (n_targets,)
    x_mean: np.ndarray  # (n_target_columns, window_length)
    c_mean: np.ndarray  # (n_weights, n_changes)
    y_mean: np.ndarray  # (n_targets, n_steps)
    xx: np.ndarray  # (window_length, window_length), summed over targets
    xy: np.ndarray  # (window_length, n_steps), summed over targets
    cx: np.ndarray  # (n_target_columns, n_changes, window_length)
    cc: np.ndarray  # (n_weights, n_changes, n_changes)
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
        w = step_weights(chunk, shape, steps.start) * _reliability(chunk, shape)
        if not shifts:
            # Sums around typical values lose no digits when they are centred.
            counted = w.any(axis=1) if w.any() else slice(None)
            shifts = [part[counted].mean(axis=0) * intercept for part in parts]
        x, c, y = (part - shift for part, shift in zip(parts, shifts, strict=True))
        sums = [
            w.sum(axis=0),
            np.einsum("nt,ntx->tx", *_for_each(w, x)),
            np.einsum("nt,nc->tc", w, c),
            np.einsum("nt,nts->ts", *_for_each(w, y)),
            *_products(w, x, c[:, None], y),
        ]
        totals = list(map(np.add, totals, sums)) if totals else sums
    weight = np.maximum(totals[0], _NO_WEIGHT)
    centred = (totals[0] > 0)[:, None] & intercept
    means = [
        total / _cut(weight, total)[:, None] * _cut(centred, total)
        for total in totals[1:4]
    ]
    of_means = _products(weight[None], *(mean[None] for mean in means))
    return _Moments(
        np.broadcast_to(weight, shape.n_targets),
        *(
            (mean + shift) * _cut(centred, mean)
            for mean, shift in zip(means, shifts, strict=True)
        ),
        *(total - mean for total, mean in zip(totals[4:], of_means, strict=True)),
    )


def _reliability(data: WindowData, shape: WindowShape) -> np.ndarray:
    """Return how much each window counts, by the age of its last observed values.

    The longer the gap at the end of a window, the larger the errors of its forecasts:
    their variance is taken to grow by one unit with each row.

    Returns
    -------
    reliability : ndarray of shape (n_windows, 1 or n_targets)
    """
    if data.since is None:
        return np.ones((len(data.starts), 1))
    reliability = np.ones((len(data.starts), shape.n_targets))
    found = slice(shape.n_target_columns)
    last_rows = data.starts + shape.window_length - 1
    reliability[:, found] = 1 / (1 + data.since[last_rows, found])
    return reliability


def _cut(weights: np.ndarray, values: np.ndarray) -> np.ndarray:
    """Select the weights of the first targets, as many as there are values of."""
    return weights if len(weights) == 1 else weights[: len(values)]


def _for_each(w: np.ndarray, values: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Give each target of the values, on their second axis, its weights."""
    n_targets = values.shape[1]
    return np.broadcast_to(
        _cut(w.T, values.swapaxes(0, 1)).T, (len(w), n_targets)
    ), values


def _products(
    w: np.ndarray, x: np.ndarray, c: np.ndarray, y: np.ndarray
) -> tuple[np.ndarray, ...]:
    """Sum the products of features and targets over windows, as in `_Moments`.

    Parameters
    ----------
    w : ndarray of shape (n_windows, n_weights)
    x : ndarray of shape (n_windows, n_target_columns, window_length)
    c : ndarray of shape (n_windows, 1 or n_weights, n_changes)
    y : ndarray of shape (n_windows, n_targets, n_steps)
    """
    n_target_columns, window_length = x.shape[1:]
    n_steps = y.shape[2]
    of_target = slice(None) if w.shape[1] == 1 else slice(n_target_columns)
    wx, wy = w[:, of_target, None] * x, w[:, :, None] * y
    weighted_rows = wx.reshape(-1, window_length).T
    transposed = c.transpose(1, 2, 0)
    of_column = slice(None) if c.shape[1] == 1 else slice(n_target_columns)
    return (
        weighted_rows @ x.reshape(-1, window_length),
        weighted_rows @ y[:, :n_target_columns].reshape(-1, n_steps),
        transposed[of_column] @ wx.swapaxes(0, 1),
        transposed @ (w[:, :, None] * c).swapaxes(0, 1),
        transposed @ wy.swapaxes(0, 1),
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
            moments.xx, moments.weight[:n_target_columns].sum()
        )
        c_weight = moments.weight[: len(moments.cc)].sum()
        c_penalty = penalty * _mean_square(moments.cc.sum(axis=0), c_weight)
        # Block elimination: first the covariates' map of each target, then the map of
        # the history, which the targets share.
        cc_inverse = np.linalg.inv(moments.cc + c_penalty * np.eye(n_changes))
        of_column = slice(None) if len(cc_inverse) == 1 else slice(n_target_columns)
        c_on_x = cc_inverse[of_column] @ moments.cx
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
        traces = np.trace(cc_inverse, axis1=1, axis2=2)
        c_trace = np.broadcast_to(traces, n_targets).sum()
        c_trace += np.sum((c_on_x @ xx_inverse) * c_on_x)
        n_free = window_length + n_targets * n_changes
        n_free -= x_penalty * np.trace(xx_inverse) + c_penalty * c_trace
    history, covariates = x_map.T, c_map.transpose(2, 0, 1)
    constant = moments.y_mean.T - np.sum(covariates * moments.c_mean, axis=2)
    constant[:, :n_target_columns] -= history @ moments.x_mean.T
    n_values = float(moments.weight.sum())
    n_left = n_values - n_free - n_targets * intercept
    # Steps at which no window has any weight have no say in the choice of the penalty.
    error = np.zeros(n_steps)
    if (moments.weight > _NO_WEIGHT).any():
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
    weights = [step_weights(data, shape, step) for step in range(shape.horizon)]
    residuals = np.concatenate(
        [_residuals(chunk, shape, maps) for chunk in _chunks(data, shape)]
    )
    found = np.stack(
        [
            np.quantile(
                residuals[:, step],
                quantiles,
                axis=0,
                # Targets without any weight have the quantiles of equal weights.
                weights=np.where(weight.any(axis=0), weight, 1.0)
                * np.ones(residuals.shape[2]),
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
    if data.since is not None:
        y = np.nan_to_num(y, nan=0.0)  # missing targets have no weight
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
    n_values = shape.window_length * shape.n_columns + shape.n_covariate_changes
    n_values += shape.horizon * shape.n_targets
    size = max(_CHUNK // n_values, 1)
    for start in range(0, len(data.starts), size):
        stop = min(start + size, len(data.starts))
        yield data.take(np.arange(start, stop))
