"""What the errors of ordinary rows are like, and how unlike them others are."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.ndimage import correlate1d

# Added to the variance of each column's errors, which are on the scale of standardised
# rows. Smaller ones let a column that is told well, or never moved, outweigh all others
# as soon as it moves a little.
_RIDGE = 1.0


@dataclass(frozen=True)
class ErrorModel:
    """Mean and covariance of the errors in ordinary rows. Make one with `fit`."""

    mean: np.ndarray  # (n_columns,)
    precision: np.ndarray  # (n_columns, n_columns)

    @classmethod
    def fit(cls, errors: np.ndarray) -> ErrorModel:
        """Learn from errors in ordinary rows.

        Parameters
        ----------
        errors : ndarray of shape (n_rows, n_columns)
            On the scale of standardised rows.

        Returns
        -------
        model : ErrorModel
        """
        mean = errors.mean(axis=0)
        covariance = (errors - mean).T @ (errors - mean) / len(errors)
        ridge = _RIDGE * np.eye(errors.shape[1])
        return cls(mean, np.linalg.inv(covariance + ridge))

    def parts(self, errors: np.ndarray) -> np.ndarray:
        """Each column's part in how unlike ordinary errors are.

        Parameters
        ----------
        errors : ndarray of shape (n_rows, n_columns)

        Returns
        -------
        parts : ndarray of shape (n_rows, n_columns)
            They add up to the squared Mahalanobis distance of a row's errors, over
            the number of columns.
        """
        off = errors - self.mean
        return off * (off @ self.precision) / errors.shape[1]


def smooth(values: np.ndarray, n_rows: int) -> np.ndarray:
    """The mean of so many rows around each; of those there are, at the ends.

    Added up for each row by itself, so that a row's value does not depend on rows
    further away, not even by rounding.

    Parameters
    ----------
    values : ndarray of shape (n_rows, n_columns)
    n_rows : int
        Odd.

    Returns
    -------
    smoothed : ndarray of shape (n_rows, n_columns)
    """
    if n_rows == 1:
        return values
    ones = np.ones(n_rows)
    summed = correlate1d(values, ones, axis=0, mode="constant")
    return summed / correlate1d(np.ones(len(values)), ones, mode="constant")[:, None]
