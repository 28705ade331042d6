"""Means and scales by which values are standardised."""

from __future__ import annotations

import numpy as np


def mean_and_scale(values: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Mean and standard deviation of each column; 1 in place of a deviation of 0."""
    mean, scale = values.mean(axis=0), values.std(axis=0)
    return mean, np.where(is_constant(scale, mean), 1.0, scale)


def is_constant(scale, mean):
    """Whether a standard deviation is nothing but rounding."""
    return scale <= 10 * np.finfo(float).eps * np.abs(mean)
