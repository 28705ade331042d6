"""AnomalySegments of flagged rows, and the feature to blame for each."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd


@dataclass(frozen=True)
class AnomalySegments:
    """AnomalySegments of rows that score below a threshold. Make one with `find`."""

    firsts: np.ndarray  # first and last row of each
    lasts: np.ndarray
    scores: np.ndarray  # the lowest score of each
    sums: np.ndarray | None  # (n_stretches, n_features): parts that they add up to

    @classmethod
    def find(
        cls, scores: np.ndarray, threshold: float, parts: np.ndarray | None
    ) -> AnomalySegments:
        """Find the stretches.

        Parameters
        ----------
        scores : ndarray of shape (n_rows,)
        threshold : float
        parts : ndarray of shape (n_rows, n_features) or None
            What each feature adds to the scores.

        Returns
        -------
        stretches : AnomalySegments
        """
        edges = np.diff(np.pad((scores < threshold).astype(np.int8), 1))
        firsts, ends = np.flatnonzero(edges == 1), np.flatnonzero(edges == -1)
        rows = [slice(*pair) for pair in zip(firsts, ends, strict=True)]
        sums = None
        if parts is not None:
            sums = np.array([parts[each].sum(axis=0) for each in rows])
            sums = sums.reshape(len(rows), parts.shape[1])
        lowest = np.array([scores[each].min() for each in rows])
        return cls(firsts, ends - 1, lowest, sums)

    @property
    def blamed(self) -> np.ndarray | None:
        """Number of the feature whose parts add up to the least, for each stretch."""
        return None if self.sums is None else self.sums.argmin(axis=1)

    def to_frame(self, index: pd.Index, features) -> pd.DataFrame:
        """The stretches as a table.

        Parameters
        ----------
        index : pandas.Index
            Labels of the rows.
        features : sequence
            Names of the features.

        Returns
        -------
        table : DataFrame
            "start" and "end", labels of the first and the last row; "score", the
            lowest; and "feature", the one to blame.
        """
        blamed = self.blamed
        names = None if blamed is None else [features[number] for number in blamed]
        return pd.DataFrame(
            {
                "start": index[self.firsts],
                "end": index[self.lasts],
                "score": self.scores,
                "feature": names,
            }
        )
