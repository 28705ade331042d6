"""Means and scales by which values are standardised."""

from __future__ import annotations

import numpy as np


def mean_and_scale(values: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Mean and standard deviation of each column; 1 in place of a deviation of 0."""
    mean, scale = values.mean(axis=0), values.std(axis=0)
    # Over rows of several columns NumPy's mean is off by more than one rounding, so a
    # constant column has a deviation; it has no range.
    constant = is_constant(scale, mean) | (np.ptp(values, axis=0) == 0)
    return mean, np.where(constant, 1.0, scale)


def is_constant(scale, mean):
    """Whether a standard deviation is nothing but rounding."""
    return scale <= 10 * np.finfo(float).eps * np.abs(mean)
