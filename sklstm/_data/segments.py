"""Anomaly segments: runs of consecutive rows that score below a threshold."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd


def find_runs(flags: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Find the runs of consecutive flagged rows.

    Parameters
    ----------
    flags : ndarray of bool of shape (n_rows,)

    Returns
    -------
    first_rows, last_rows : ndarray of shape (n_runs,)
        Row numbers; the last ones inclusive.
    """
    changes = np.diff(np.pad(flags.astype(np.int8), 1))
    return np.flatnonzero(changes == 1), np.flatnonzero(changes == -1) - 1


@dataclass(frozen=True)
class AnomalySegments:
    """Segments of rows that score below a threshold. Created by `find`."""

    first_rows: np.ndarray  # (n_segments,)
    last_rows: np.ndarray  # (n_segments,), inclusive
    scores: np.ndarray  # (n_segments,): lowest score of each segment
    contributions: np.ndarray | None  # (n_segments, n_features): sums over the rows

    @classmethod
    def find(
        cls, scores: np.ndarray, threshold: float, contributions: np.ndarray | None
    ) -> AnomalySegments:
        """Find the segments in the scores of a series.

        Parameters
        ----------
        scores : ndarray of shape (n_rows,)
        threshold : float
        contributions : ndarray of shape (n_rows, n_features) or None
            Contribution of each feature to the scores.

        Returns
        -------
        segments : AnomalySegments
        """
        first_rows, last_rows = find_runs(scores < threshold)
        rows = [
            slice(first, last + 1)
            for first, last in zip(first_rows, last_rows, strict=True)
        ]
        sums = None
        if contributions is not None:
            sums = np.array([contributions[part].sum(axis=0) for part in rows])
            sums = sums.reshape(len(rows), contributions.shape[1])
        lowest = np.array([scores[part].min() for part in rows])
        return cls(first_rows, last_rows, lowest, sums)

    @property
    def top_features(self) -> np.ndarray | None:
        """Index of the feature with the lowest contribution to each segment."""
        if self.contributions is None:
            return None
        return self.contributions.argmin(axis=1)

    def to_frame(
        self, index: pd.Index, features: Sequence[Any] | pd.Index
    ) -> pd.DataFrame:
        """Convert the segments to a table.

        Parameters
        ----------
        index : pandas.Index
            Labels of the rows of the series.
        features : sequence
            Names of the features.

        Returns
        -------
        table : DataFrame
            One row per segment: "start" and "end", labels of its first and last row;
            "score", the lowest; and "feature", the name of the top feature.
        """
        top = self.top_features
        names = None if top is None else [features[number] for number in top]
        return pd.DataFrame(
            {
                "start": index[self.first_rows],
                "end": index[self.last_rows],
                "score": self.scores,
                "feature": names,
            }
        )
