"""From scores to labels: the convention of scikit-learn's outlier detectors."""

from __future__ import annotations

from collections.abc import Callable
from numbers import Real

import numpy as np
from sklearn.base import OutlierMixin

from sklstm._sklearn import Interval, StrOptions

CONTAMINATION = [StrOptions({"auto"}), Interval(Real, 0, 0.5, closed="right")]


class ThresholdMixin(OutlierMixin):
    """Shift scores by an offset, and label what lies below.

    Whoever takes it in has ``score_samples``, high where all is as it always was, and
    sets ``offset_``.
    """

    offset_: float

    def decision_function(self, X):
        """Score rows or sequences, shifted so that outliers lie below zero.

        Parameters
        ----------
        X : as for `score_samples`

        Returns
        -------
        decision : as from `score_samples`
            ``score_samples(X) - offset_``.
        """
        return _map_scores(self.score_samples(X), lambda scores: scores - self.offset_)

    def predict(self, X):
        """Label rows or sequences.

        Parameters
        ----------
        X : as for `score_samples`

        Returns
        -------
        labels : as from `score_samples`
            -1 for outliers, 1 for the others.
        """
        decision = self.decision_function(X)
        return _map_scores(decision, lambda values: np.where(values < 0, -1, 1))


def _map_scores(scores, function: Callable[[np.ndarray], np.ndarray]):
    """A function of scores, or of those of each of several series."""
    if isinstance(scores, list):
        return [function(each) for each in scores]
    return function(scores)


def find_offset(contamination, scores) -> float:
    """The score below which something is an outlier.

    Parameters
    ----------
    contamination : "auto" or float
        A share: so many of the scores lie below. "auto": none of them does.
    scores : ndarray
        Of what was given to fit; for "auto", of what training did not see.

    Returns
    -------
    offset : float
    """
    if contamination == "auto":
        return float(np.min(scores))
    return float(np.percentile(scores, 100 * contamination))
