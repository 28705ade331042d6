"""From the scores of tokens to the score of a sequence of any length."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from math import ceil
from typing import Self

import numpy as np
import pandas as pd

# Quantile of the surprisals of normal tokens above which "excess" counts them.
_EXCESS_QUANTILE = 0.85

# Sequences from which the mean and the standard deviation of the scores are estimated
# at a length: at least this number, and this fraction of those held out. The longest
# ones may be of another kind than the others.
_MIN_SEQUENCES = 10
_MIN_FRACTION = 0.8

# Number of lengths at which they are estimated.
_N_LENGTHS = 40

# Lower bound of the standard deviation, in nats: it is zero if all sequences are alike.
_MIN_DEVIATION = 1e-3

AGGREGATES = ("excess", "mean", "median", "worst_window", "min")


def find_surprisal_limit(token_scores: Sequence[np.ndarray]) -> float:
    """Return the surprisal above which "excess" counts, from normal sequences."""
    return float(-np.quantile(np.concatenate(token_scores), 1 - _EXCESS_QUANTILE))


def running_aggregate(
    name: str, length: int, limit: float
) -> Callable[[np.ndarray], np.ndarray]:
    """Return the function from token scores to the scores of all beginnings.

    Parameters
    ----------
    name : {"excess", "mean", "median", "worst_window", "min"}
    length : int
        Number of tokens in a window of "worst_window".
    limit : float
        Surprisal above which "excess" counts.
    """
    by_name: dict[str, Callable[[np.ndarray], np.ndarray]] = {
        "excess": lambda scores: _running_mean(np.minimum(scores + limit, 0)),
        "mean": _running_mean,
        "worst_window": partial(_running_worst_window, length=int(length)),
        "median": lambda scores: pd.Series(scores).expanding().median().to_numpy(),
        "min": np.minimum.accumulate,
    }
    return by_name[name]


@dataclass(frozen=True)
class LengthCorrection:
    """Mean and standard deviation of the scores of normal sequences by their length.

    Parameters
    ----------
    lengths : ndarray of int of shape (n_lengths,)
        Numbers of tokens.
    means, deviations : ndarray of shape (n_lengths,)
        Interpolated between the lengths, and constant beyond the last one.
    """

    lengths: np.ndarray
    means: np.ndarray
    deviations: np.ndarray

    @classmethod
    def fit(cls, running_scores: Sequence[np.ndarray]) -> Self:
        """Estimate both from the scores of all beginnings of held-out sequences.

        Too few of them leave scores as they are.
        """
        n_needed = max(_MIN_SEQUENCES, ceil(_MIN_FRACTION * len(running_scores)))
        if len(running_scores) < n_needed:
            return cls(np.ones(1), np.zeros(1), np.ones(1))
        longest = sorted(len(scores) for scores in running_scores)[-n_needed]
        lengths = np.unique(np.geomspace(1, longest, _N_LENGTHS).astype(int))
        by_length = [
            np.array([scores[n - 1] for scores in running_scores if len(scores) >= n])
            for n in lengths
        ]
        deviations = np.array([scores.std(ddof=1) for scores in by_length])
        # The scores of short sequences vary more. Where all begin alike they do not,
        # but a difference there must not outweigh those in the rest of a sequence.
        deviations = np.maximum.accumulate(deviations[::-1])[::-1]
        return cls(
            lengths,
            np.array([scores.mean() for scores in by_length]),
            np.maximum(deviations, _MIN_DEVIATION),
        )

    def apply(self, running_scores: np.ndarray) -> np.ndarray:
        """Standardise the scores of all beginnings of a sequence."""
        places = np.log(np.arange(1, len(running_scores) + 1))
        known = np.log(self.lengths)
        means = np.interp(places, known, self.means)
        return (running_scores - means) / np.interp(places, known, self.deviations)


def _running_mean(scores: np.ndarray) -> np.ndarray:
    return np.cumsum(scores, dtype=np.float64) / np.arange(1, len(scores) + 1)


def _running_worst_window(scores: np.ndarray, length: int) -> np.ndarray:
    """Return the lowest mean of ``length`` consecutive scores up to each score.

    Before there are ``length`` scores, it is the mean of all.
    """
    sums = np.cumsum(np.append(0.0, scores))
    worst = np.minimum.accumulate((sums[length:] - sums[:-length]) / length)
    return np.append(_running_mean(scores[: length - 1]), worst)
