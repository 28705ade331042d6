"""Threshold of the scores, by the convention of scikit-learn's outlier detectors."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Callable
from numbers import Real
from typing import Any, Literal

import numpy as np
from sklearn.base import OutlierMixin

from sklstm._sklearn import Interval, StrOptions

CONTAMINATION = [StrOptions({"auto"}), Interval(Real, 0, 0.5, closed="right")]


class ThresholdMixin(OutlierMixin):
    """Mixin that derives decision function and labels from scores and a threshold.

    A detector defines ``score_samples``, higher for normal samples, and sets
    ``offset_`` in ``fit``.
    """

    # Fitted state.
    offset_: float

    @abstractmethod
    def score_samples(self, X: Any) -> Any:
        """Score samples; higher is more normal."""

    def decision_function(self, X: Any) -> Any:
        """Compute the score minus the threshold; negative for outliers.

        Parameters
        ----------
        X : same types and shapes as for `score_samples`
            Samples to score.

        Returns
        -------
        decision : same type and shape as from `score_samples`
            ``score_samples(X) - offset_``.
        """
        return _map_scores(self.score_samples(X), lambda scores: scores - self.offset_)

    def predict(self, X: Any) -> Any:
        """Predict whether samples are outliers.

        Parameters
        ----------
        X : same types and shapes as for `score_samples`
            Samples to label.

        Returns
        -------
        labels : same type and shape as from `score_samples`
            -1 for outliers, 1 for inliers.
        """
        decision = self.decision_function(X)
        return _map_scores(decision, lambda values: np.where(values < 0, -1, 1))


def _map_scores(scores: Any, function: Callable[[np.ndarray], np.ndarray]) -> Any:
    """Apply a function to an array of scores, or to each of a list of them."""
    if isinstance(scores, list):
        return [function(part) for part in scores]
    return function(scores)


def find_offset(contamination: float | Literal["auto"], scores: np.ndarray) -> float:
    """Find the threshold below which a score is that of an outlier.

    Parameters
    ----------
    contamination : "auto" or float
        Fraction of the scores that lie below the threshold. "auto" uses the lowest
        score, so that none does.
    scores : ndarray of shape (n_samples,)
        Scores of the samples in fit; for "auto" of held-out samples.

    Returns
    -------
    offset : float
    """
    if contamination == "auto":
        return float(np.min(scores))
    return float(np.percentile(scores, 100 * contamination))
