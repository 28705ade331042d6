"""Checks of sample weights."""

from __future__ import annotations

import numpy as np

from sklstm._sklearn import check_sample_weight


def check_weights(
    sample_weight, samples: np.ndarray, unit: float | None = None
) -> tuple[np.ndarray, float]:
    """Check the weights of samples.

    Parameters
    ----------
    sample_weight : array-like of shape (n_samples,) or None
    samples : ndarray of shape (n_samples, ...)
    unit : float, optional
        The weight that counts as 1; by default the samples' mean.

    Returns
    -------
    weight : ndarray of shape (n_samples,)
        In that unit; ones if none are given.
    unit : float
    """
    if sample_weight is None:
        return np.ones(len(samples)), 1.0 if unit is None else unit
    weight = check_sample_weight(
        sample_weight,
        samples,
        dtype=np.float64,
        ensure_non_negative=True,
        allow_all_zero_weights=unit is not None,
    )
    unit = float(weight.mean()) if unit is None else unit
    return weight / unit, unit
