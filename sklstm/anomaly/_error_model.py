"""Distribution of the errors of normal rows, and the distance of other errors to it."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy.ndimage import correlate1d


@dataclass(frozen=True)
class ErrorModel:
    """Mean and covariance of the errors of normal rows. Created by `fit`."""

    mean: np.ndarray  # (n_columns,)
    precision: np.ndarray  # (n_columns, n_columns): inverse of covariance plus ridge

    @classmethod
    def fit(cls, errors: np.ndarray, ridge: float) -> ErrorModel:
        """Estimate mean and covariance.

        Parameters
        ----------
        errors : ndarray of shape (n_rows, n_columns)
            Errors of normal rows, on the scale of standardised rows. NaN for those of
            missing values, which do not count.
        ridge : float
            Added to the variance of the errors of each column. The smaller it is, the
            more a column that is predicted well, or that never moved, dominates the
            others when it moves a little.

        Returns
        -------
        model : ErrorModel
        """
        observed = ~np.isnan(errors)
        counts = np.maximum(observed.sum(axis=0), 1)
        mean = np.where(observed, errors, 0.0).sum(axis=0) / counts
        centred = np.where(observed, errors - mean, 0.0)
        # Divided so, the matrix is positive semidefinite whatever is missing, and the
        # errors of columns that are rarely observed together are hardly correlated.
        covariance = centred.T @ centred / np.sqrt(np.outer(counts, counts))
        regularised = covariance + ridge * np.eye(errors.shape[1])
        return cls(mean, np.linalg.inv(regularised))

    def contributions(self, errors: np.ndarray) -> np.ndarray:
        """Compute the contribution of each column to the distance of each row.

        Parameters
        ----------
        errors : ndarray of shape (n_rows, n_columns)
            NaN for those of missing values.

        Returns
        -------
        contributions : ndarray of shape (n_rows, n_columns)
            Their sum over the columns is the squared Mahalanobis distance of a row's
            errors, with the ridge added to the covariance, divided by the number of
            columns. It is the distance of the errors of the columns that are observed;
            the contribution of a missing value is zero.
        """
        missing = np.isnan(errors)
        centred = np.where(missing, 0.0, errors - self.mean)
        weighted = centred @ self.precision
        incomplete = np.flatnonzero(missing.any(axis=1))
        if len(incomplete):
            weighted[incomplete] -= self._effect_of_missing(
                weighted[incomplete], missing[incomplete]
            )
        n_observed = np.maximum((~missing).sum(axis=1, keepdims=True), 1)
        return centred * weighted / n_observed

    def _effect_of_missing(
        self, weighted: np.ndarray, missing: np.ndarray
    ) -> np.ndarray:
        """Compute what to subtract from errors weighted by the whole precision.

        The precision of the columns ``o`` that are observed, the inverse of their
        block of the covariance, is the Schur complement
        ``P_oo - P_om inv(P_mm) P_mo``, computed once for all rows that miss the same
        columns ``m``.
        """
        effect = np.zeros_like(weighted)
        patterns, numbers = np.unique(missing, axis=0, return_inverse=True)
        by_pattern = np.split(
            np.argsort(numbers, kind="stable"), np.cumsum(np.bincount(numbers))[:-1]
        )
        for pattern, rows in zip(patterns, by_pattern, strict=True):
            block = self.precision[pattern]
            solved = np.linalg.solve(block[:, pattern], weighted[rows][:, pattern].T)
            effect[rows] = solved.T @ block
        return effect


@dataclass(frozen=True)
class BoundaryCorrection:
    """Ratios by which distances are larger near the ends of a series. Created by `fit`.

    Rows near an end are predicted from less: fewer windows cover them, or fewer rows
    precede them.
    """

    first_ratios: np.ndarray  # (n_rows,): first rows relative to those in the middle
    last_ratios: np.ndarray  # (n_rows,): last rows, in reverse order

    @classmethod
    def fit(
        cls, profiles: np.ndarray, n_first_rows: int, n_last_rows: int
    ) -> BoundaryCorrection:
        """Estimate the ratios from excerpts of a normal series.

        Parameters
        ----------
        profiles : ndarray of shape (n_excerpts, n_rows)
            Distances of the rows of each excerpt, scored as a series of its own. NaN
            for rows without any value, which do not count.
        n_first_rows, n_last_rows : int
            Number of rows at each end that may be predicted from less.

        Returns
        -------
        correction : BoundaryCorrection
        """
        profile = _mean_of_known(profiles)
        n_first = min(n_first_rows, len(profile) // 3)
        n_last = min(n_last_rows, len(profile) // 3)
        middle = _mean_of_known(profile[n_first : len(profile) - n_last])
        if not middle > 0:
            return cls(np.ones(0), np.ones(0))
        ratios = np.fmax(profile / middle, 1.0)
        return cls(ratios[:n_first], ratios[::-1][:n_last])

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
        n_last = min(n_rows, len(self.last_ratios))
        ratios = self._first_ratios_of(n_rows)
        last = slice(n_rows - n_last, None)
        # A row near both ends of a short series is divided by the larger ratio.
        ratios[last] = np.maximum(ratios[last], self.last_ratios[:n_last][::-1])
        return contributions / ratios[:, None]

    def ratios_after(self, n_rows: int, delay: int) -> np.ndarray:
        """Return the ratio of each row when ``delay`` more rows have followed it.

        Parameters
        ----------
        n_rows : int
        delay : int

        Returns
        -------
        ratios : ndarray of shape (n_rows,)
        """
        last = self.last_ratios[delay] if delay < len(self.last_ratios) else 1.0
        return np.maximum(self._first_ratios_of(n_rows), last)

    def _first_ratios_of(self, n_rows: int) -> np.ndarray:
        ratios = np.ones(n_rows)
        n_first = min(n_rows, len(self.first_ratios))
        ratios[:n_first] = self.first_ratios[:n_first]
        return ratios


def _mean_of_known(values: np.ndarray) -> Any:
    """Return the mean over the first axis of what is not NaN; NaN if nothing is."""
    known = ~np.isnan(values)
    counts = known.sum(axis=0)
    sums = np.where(known, values, 0.0).sum(axis=0)
    return np.where(counts, sums / np.maximum(counts, 1), np.nan)


def smooth(
    values: np.ndarray, n_rows: int, counted: np.ndarray | None = None
) -> np.ndarray:
    """Compute the centred moving average over rows, of fewer rows at both ends.

    Each window is summed separately rather than by running sums, so that a result does
    not depend on rows outside its window, not even by rounding.

    Parameters
    ----------
    values : ndarray of shape (n_rows, n_columns)
    n_rows : int
        Length of the window, an odd number.
    counted : ndarray of bool of shape (n_rows,), optional
        False for rows of zeros that are left out of the averages.

    Returns
    -------
    smoothed : ndarray of shape (n_rows, n_columns)
    """
    if n_rows == 1:
        return values
    ones = np.ones(n_rows)
    sums = correlate1d(values, ones, axis=0, mode="constant")
    weight = np.ones(len(values)) if counted is None else counted.astype(float)
    counts = correlate1d(weight, ones, mode="constant")
    return sums / np.maximum(counts, 1.0)[:, None]


def smooth_arrivals(values: Iterable[tuple[np.ndarray, np.ndarray]]) -> np.ndarray:
    """Compute the moving average that ends at each row, of fewer rows at the start.

    It is what `smooth` computes for the last row of a series that ends there.

    Parameters
    ----------
    values : iterable of (ndarray of shape (n_rows, n_columns), ndarray of bool)
        Values of the rows when they arrive, one row later, and so on: a value may
        change when more rows are known. With each, which rows count; the others are
        zero and left out of the averages.

    Returns
    -------
    smoothed : ndarray of shape (n_rows, n_columns)
    """
    sums = counts = np.zeros(0)
    for delay, (delayed, counted) in enumerate(values):
        n_rows = len(delayed)
        if not delay:
            sums, counts = np.zeros(delayed.shape), np.zeros(n_rows)
        if delay >= n_rows:
            break
        known = slice(0, n_rows - delay)
        sums[delay:] += delayed[known]
        counts[delay:] += counted[known]
    return sums / np.maximum(counts, 1.0)[:, None]
