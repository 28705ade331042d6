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
    precision: np.ndarray  # (n_columns, n_columns), of the covariance and a ridge

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
            They add up to the squared Mahalanobis distance of a row's errors, by their
            covariance and a ridge, over the number of columns.
        """
        off = errors - self.mean
        return off * (off @ self.precision) / errors.shape[1]


@dataclass(frozen=True)
class BoundaryCorrection:
    """How much larger distances are near the ends of a series. Make one with `fit`.

    Rows there are told from less: by fewer windows, or from fewer rows before them.
    """

    front: np.ndarray  # (n_rows,): of the first rows, over those in the middle
    back: np.ndarray  # of the last rows, the very last one first

    @classmethod
    def fit(cls, profiles: np.ndarray, n_edge: int) -> BoundaryCorrection:
        """Learn from stretches of ordinary rows.

        Parameters
        ----------
        profiles : ndarray of shape (n_stretches, n_rows)
            Distances of the rows of each stretch, told as a series of its own.
        n_edge : int
            Rows at each end that may be told from less.

        Returns
        -------
        model : BoundaryCorrection
        """
        profile = profiles.mean(axis=0)
        n_edge = min(n_edge, len(profile) // 3)
        middle = profile[n_edge : len(profile) - n_edge].mean()
        if not n_edge or middle <= 0:
            return cls(np.ones(1), np.ones(1))
        ratio = np.maximum(profile / middle, 1.0)
        return cls(ratio[:n_edge], ratio[::-1][:n_edge])

    def level(self, parts: np.ndarray) -> np.ndarray:
        """Parts of the distances of a series' rows, as if all stood in the middle.

        Parameters
        ----------
        parts : ndarray of shape (n_rows, n_columns)

        Returns
        -------
        parts : ndarray of shape (n_rows, n_columns)
        """
        ratio = np.ones(len(parts))
        n_front, n_back = (min(len(parts), len(e)) for e in (self.front, self.back))
        ratio[:n_front] = self.front[:n_front]
        last = slice(len(parts) - n_back, None)
        ratio[last] = np.maximum(ratio[last], self.back[:n_back][::-1])
        return parts / ratio[:, None]


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
