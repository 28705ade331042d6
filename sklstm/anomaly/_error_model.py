"""Distribution of the errors of normal rows, and the distance of other errors to it."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.ndimage import correlate1d

# Added to the variance of the errors of each column, which are on the scale of
# standardised rows. With a smaller ridge, a column that is predicted well or that never
# moved would dominate all others as soon as it moves a little.
_RIDGE = 1.0


@dataclass(frozen=True)
class ErrorModel:
    """Mean and covariance of the errors of normal rows. Created by `fit`."""

    mean: np.ndarray  # (n_columns,)
    precision: np.ndarray  # (n_columns, n_columns): inverse of covariance plus ridge

    @classmethod
    def fit(cls, errors: np.ndarray) -> ErrorModel:
        """Estimate mean and covariance.

        Parameters
        ----------
        errors : ndarray of shape (n_rows, n_columns)
            Errors of normal rows, on the scale of standardised rows.

        Returns
        -------
        model : ErrorModel
        """
        mean = errors.mean(axis=0)
        covariance = (errors - mean).T @ (errors - mean) / len(errors)
        ridge = _RIDGE * np.eye(errors.shape[1])
        return cls(mean, np.linalg.inv(covariance + ridge))

    def contributions(self, errors: np.ndarray) -> np.ndarray:
        """Compute the contribution of each column to the distance of each row.

        Parameters
        ----------
        errors : ndarray of shape (n_rows, n_columns)

        Returns
        -------
        contributions : ndarray of shape (n_rows, n_columns)
            Their sum over the columns is the squared Mahalanobis distance of a row's
            errors, with the ridge added to the covariance, divided by the number of
            columns.
        """
        centred = errors - self.mean
        return centred * (centred @ self.precision) / errors.shape[1]


@dataclass(frozen=True)
class BoundaryCorrection:
    """Ratios by which distances are larger near the ends of a series. Created by `fit`.

    Rows near an end are predicted from less: fewer windows cover them, or fewer rows
    precede them.
    """

    first_ratios: np.ndarray  # (n_rows,): first rows relative to those in the middle
    last_ratios: np.ndarray  # (n_rows,): last rows, in reverse order

    @classmethod
    def fit(cls, profiles: np.ndarray, n_boundary_rows: int) -> BoundaryCorrection:
        """Estimate the ratios from excerpts of a normal series.

        Parameters
        ----------
        profiles : ndarray of shape (n_excerpts, n_rows)
            Distances of the rows of each excerpt, scored as a series of its own.
        n_boundary_rows : int
            Number of rows at each end that may be predicted from less.

        Returns
        -------
        correction : BoundaryCorrection
        """
        profile = profiles.mean(axis=0)
        n_rows = min(n_boundary_rows, len(profile) // 3)
        middle = profile[n_rows : len(profile) - n_rows].mean()
        if not n_rows or middle <= 0:
            return cls(np.ones(1), np.ones(1))
        ratios = np.maximum(profile / middle, 1.0)
        return cls(ratios[:n_rows], ratios[::-1][:n_rows])

    def apply(self, contributions: np.ndarray) -> np.ndarray:
        """Scale the contributions near both ends as if the rows were in the middle.

        Parameters
        ----------
        contributions : ndarray of shape (n_rows, n_columns)

        Returns
        -------
        corrected : ndarray of shape (n_rows, n_columns)
        """
        n_rows = len(contributions)
        n_first = min(n_rows, len(self.first_ratios))
        n_last = min(n_rows, len(self.last_ratios))
        ratios = np.ones(n_rows)
        ratios[:n_first] = self.first_ratios[:n_first]
        last = slice(n_rows - n_last, None)
        # A row near both ends of a short series is divided by the larger ratio.
        ratios[last] = np.maximum(ratios[last], self.last_ratios[:n_last][::-1])
        return contributions / ratios[:, None]


def smooth(values: np.ndarray, n_rows: int) -> np.ndarray:
    """Compute the centred moving average over rows, of fewer rows at both ends.

    Each window is summed separately rather than by running sums, so that a result does
    not depend on rows outside its window, not even by rounding.

    Parameters
    ----------
    values : ndarray of shape (n_rows, n_columns)
    n_rows : int
        Length of the window, an odd number.

    Returns
    -------
    smoothed : ndarray of shape (n_rows, n_columns)
    """
    if n_rows == 1:
        return values
    ones = np.ones(n_rows)
    sums = correlate1d(values, ones, axis=0, mode="constant")
    return sums / correlate1d(np.ones(len(values)), ones, mode="constant")[:, None]
