"""Standardisation of columns."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

# Standardised values are clipped here: beside a single extreme value, a network would
# not respond to any other.
_MAX_DEVIATIONS = 10.0

# A column keeps moving if it changes in at least this fraction of the rows.
_MOVING = 0.75

# Scale of a column that was zero throughout, and so has no unit: any other value is
# clipped to the maximum deviation.
_SCALE_OF_ZEROS = 1e-100


@dataclass(frozen=True)
class ColumnScaling:
    """Standardisation of the columns of a series. Created by `fit`."""

    mean: np.ndarray  # (n_columns,)
    scale: np.ndarray  # (n_columns,)

    @classmethod
    def fit(cls, rows: np.ndarray, *, min_deviation: float) -> ColumnScaling:
        """Estimate mean and scale from normal rows.

        Parameters
        ----------
        rows : ndarray of shape (n_rows, n_columns)
            NaN for missing values, which do not count.
        min_deviation : float
            Lower bound of the standard deviation of a column, as a fraction of its
            largest magnitude, or, if it keeps moving, of its largest distance from its
            median.

        Returns
        -------
        scaling : ColumnScaling
            A column without values has mean 0 and scale NaN: later ones are missing
            too, because they have no scale.
        """
        if (missing := np.isnan(rows)).any():
            mean, scale = np.zeros(rows.shape[1]), np.full(rows.shape[1], np.nan)
            for column in np.flatnonzero(~missing.all(axis=0)):
                observed = rows[~missing[:, column], column, None]
                alone = cls.fit(observed, min_deviation=min_deviation)
                mean[column], scale[column] = alone.mean[0], alone.scale[0]
            return cls(mean, scale)
        # In units of the largest magnitude, so that squares neither overflow nor
        # underflow.
        largest = np.abs(rows).max(axis=0)
        unit = np.where(largest > 0, largest, 1.0)
        in_units = rows / unit
        mean, deviation = in_units.mean(axis=0), in_units.std(axis=0)
        constant = is_constant(deviation, mean) | (np.ptp(rows, axis=0) == 0)
        moving = _keeps_moving(rows) & ~constant
        floor = min_deviation * np.where(moving, _reach_from_median(in_units), 1.0)
        deviation = np.maximum(np.where(constant, 0.0, deviation), floor)
        return cls(
            np.where(constant, rows[0], mean * unit),
            np.where(
                (largest > 0) & (deviation > 0), deviation * unit, _SCALE_OF_ZEROS
            ),
        )

    def encode(self, rows: np.ndarray) -> np.ndarray:
        """Standardise and clip rows."""
        scaled = (rows - self.mean) / self.scale
        return np.clip(scaled, -_MAX_DEVIATIONS, _MAX_DEVIATIONS).astype(np.float32)

    def decode(self, rows: np.ndarray) -> np.ndarray:
        """Convert standardised rows back to their units."""
        return rows * self.scale + self.mean


def _keeps_moving(rows: np.ndarray) -> np.ndarray:
    """Return which columns change from nearly every row to the next.

    Their spread is that of a measurement, however small it is beside their magnitude. A
    column that moves now and then has not shown how far it may.
    """
    if len(rows) < 2:
        return np.zeros(rows.shape[1], bool)
    return np.mean(np.diff(rows, axis=0) != 0, axis=0) >= _MOVING


def _reach_from_median(rows: np.ndarray) -> np.ndarray:
    """Return the largest distance of each column from its median."""
    return np.abs(rows - np.median(rows, axis=0)).max(axis=0)


def mean_and_scale(values: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return mean and standard deviation of each column, with 1 for a deviation of 0.

    Parameters
    ----------
    values : ndarray of shape (n_rows, n_columns)
        NaN for missing values, which do not count.

    Returns
    -------
    mean, scale : ndarray of shape (n_columns,)
        0 and 1 for a column without values.
    """
    if np.isnan(values).any():
        columns = [column[~np.isnan(column)] for column in values.T]
        pairs = [
            np.ravel(mean_and_scale(column[:, None])) if len(column) else (0.0, 1.0)
            for column in columns
        ]
        mean, scale = np.array(pairs).T
        return mean, scale
    mean, scale = values.mean(axis=0), values.std(axis=0)
    # NumPy's mean over the rows of several columns accumulates rounding errors, so the
    # computed deviation of a constant column may exceed one; its range is exactly zero.
    constant = is_constant(scale, mean) | (np.ptp(values, axis=0) == 0)
    return mean, np.where(constant, 1.0, scale)


def is_constant(scale: Any, mean: Any) -> Any:
    """Return whether a standard deviation is no larger than rounding errors."""
    return scale <= 10 * np.finfo(float).eps * np.abs(mean)
