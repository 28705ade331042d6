"""Means and scales by which values are standardised."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

# Standardised rows are cut off here: one wild value would be all that a network sees.
_FURTHEST = 10.0

# The scale of a column that was always zero, of which nobody knows the unit: whatever
# it is once it moves, it is far off.
_NO_UNIT = 1e-100


@dataclass(frozen=True)
class ColumnScaling:
    """What a detector reads of the rows of a series. Make one with `fit`."""

    mean: np.ndarray  # (n_columns,)
    scale: np.ndarray

    @classmethod
    def fit(cls, rows: np.ndarray, *, min_deviation: float) -> ColumnScaling:
        """Learn the scales from ordinary rows.

        Parameters
        ----------
        rows : ndarray of shape (n_rows, n_columns)
        min_deviation : float
            The least standard deviation that a column counts as having, as a share
            of its largest magnitude.

        Returns
        -------
        scaling : ColumnScaling
        """
        # Over the largest magnitude, so that squares neither overflow nor vanish.
        largest = np.abs(rows).max(axis=0)
        unit = np.where(largest > 0, largest, 1.0)
        mean, deviation = (rows / unit).mean(axis=0), (rows / unit).std(axis=0)
        constant = is_constant(deviation, mean) | (np.ptp(rows, axis=0) == 0)
        deviation = np.maximum(np.where(constant, 0.0, deviation), min_deviation)
        return cls(
            np.where(constant, rows[0], mean * unit),
            np.where((largest > 0) & (deviation > 0), deviation * unit, _NO_UNIT),
        )

    def encode(self, rows: np.ndarray) -> np.ndarray:
        """Rows on the network's scale."""
        scaled = (rows - self.mean) / self.scale
        return np.clip(scaled, -_FURTHEST, _FURTHEST).astype(np.float32)

    def decode(self, rows: np.ndarray) -> np.ndarray:
        """Rows on the network's scale in their own units."""
        return rows * self.scale + self.mean


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
