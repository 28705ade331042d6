"""Prediction intervals by split-conformal prediction."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from functools import partial
from math import ceil
from numbers import Real
from typing import Any

import numpy as np

# Maps predicted quantiles, (..., n_quantiles), to those to return, (..., n_values):
# the median, all quantiles, or the bounds of an interval.
QuantileReducer = Callable[[np.ndarray], np.ndarray]


@dataclass(frozen=True)
class Calibration:
    """Nonconformity scores of windows that training did not use.

    Parameters
    ----------
    scores : list of ndarray of shape (n_windows, horizon, n_targets)
        Scores of each series, the newest last; NaN for missing targets.
    calibration_split : float
        Fraction of the windows that fit held out.
    frozen : bool
        Whether the scores are kept from now on. An update that replaces the rows of a
        series may bring back rows that training used; windows of such rows must not
        calibrate.
    """

    scores: list[np.ndarray]
    calibration_split: float
    frozen: bool = False

    @property
    def joint_scores(self) -> np.ndarray:
        """Scores of all series, of shape (n_windows, horizon, n_targets)."""
        return np.concatenate(self.scores)

    def freeze(self) -> Calibration:
        """Keep the scores from now on."""
        return replace(self, frozen=True)

    def is_updated_by(self, series: int) -> bool:
        """Return whether new windows of a series, by its position, are scored."""
        return not self.frozen and len(self.scores[series]) > 0

    def updated(self, new_scores: Mapping[int, np.ndarray]) -> Calibration:
        """Replace the oldest scores of series, by their positions, by new ones."""
        scores = list(self.scores)
        for series, new in new_scores.items():
            before = scores[series]
            scores[series] = np.concatenate([before, new])[-len(before) :]
        return replace(self, scores=scores)

    def margin(self, coverage: Any) -> np.ndarray:
        """Return how far an interval reaches beyond the outer predicted quantiles.

        Parameters
        ----------
        coverage : float
            Fraction of the rows to cover, between 0 and 1.

        Returns
        -------
        margin : ndarray of shape (horizon, n_targets)
        """
        if not isinstance(coverage, Real) or not 0 < float(coverage) < 1:
            raise ValueError(
                "coverage must be a fraction of the rows, between 0 and 1, got "
                f"{coverage!r}."
            )
        coverage, scores = float(coverage), self.joint_scores
        n_known = np.count_nonzero(~np.isnan(scores), axis=0)
        # One more than the scores: the row to be covered counts too (Lei et al.).
        rank = np.ceil((n_known + 1) * coverage).astype(int)
        if (rank <= n_known).all():
            return np.take_along_axis(np.sort(scores, axis=0), rank[None] - 1, axis=0)[
                0
            ]
        n = n_known.min()
        needed = ceil(round(coverage / (1 - coverage), 9))
        if not self.calibration_split:
            raise ValueError(
                f"coverage={coverage} needs at least {needed} windows that training "
                "did not use, to measure the errors of forecasts, but none was held "
                "out. Fit with calibration_split=0.2, for example."
            )
        raise ValueError(
            f"coverage={coverage} needs at least {needed} windows that training did "
            f"not use, but calibration_split={self.calibration_split} held {n} out "
            "with a known target. "
            "Increase calibration_split, pass more rows, or decrease coverage."
        )

    def interval_bounds(self, coverage: Any, median: int) -> QuantileReducer:
        """Return the function that maps predicted quantiles to interval bounds.

        Parameters
        ----------
        coverage : float
            Fraction of the rows to cover, between 0 and 1.
        median : int
            Index of the median among the quantiles.

        Returns
        -------
        bounds : callable
        """
        return partial(_interval_bounds, margin=self.margin(coverage), median=median)


def nonconformity_scores(predicted: np.ndarray, targets: np.ndarray) -> np.ndarray:
    """Compute how far targets lie outside the outer predicted quantiles.

    Parameters
    ----------
    predicted : ndarray of shape (n_windows, horizon, n_targets, n_quantiles)
        In ascending order.
    targets : ndarray of shape (n_windows, horizon, n_targets)

    Returns
    -------
    scores : ndarray of shape (n_windows, horizon, n_targets)
        Negative inside; the absolute error if there is but one quantile.
    """
    return np.maximum(predicted[..., 0] - targets, targets - predicted[..., -1])


def _interval_bounds(
    predicted: np.ndarray, *, margin: np.ndarray, median: int
) -> np.ndarray:
    """Shift the outer quantiles by the margin, but not beyond the median.

    The margin is negative if the outer quantiles were too far apart.
    """
    middle = predicted[..., median]
    lower = np.minimum(predicted[..., 0] - margin, middle)
    upper = np.maximum(predicted[..., -1] + margin, middle)
    return np.stack([lower, upper], axis=-1)
