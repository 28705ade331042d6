"""Anomaly segments: consecutive rows that score below a threshold."""

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
class AlarmRule:
    """When an alarm is raised, and when it ends, given the scores of consecutive rows.

    An alarm is raised at the row that completes ``min_duration`` consecutive outliers.
    It lasts until more than ``merge_gap`` rows in succession are no longer anomalous.
    While it lasts, a row is anomalous if its score lies below ``hysteresis`` times the
    threshold. The rule looks at no later rows, so it is the same for a recording and
    for rows that arrive one by one.

    Parameters
    ----------
    min_duration : int, default=1
    merge_gap : int, default=0
    hysteresis : float, default=1.0
        At most 1; the threshold is negative.
    """

    min_duration: int = 1
    merge_gap: int = 0
    hysteresis: float = 1.0

    def find(self, scores: np.ndarray, threshold: float) -> np.ndarray:
        """Find the alarms of a recording.

        Parameters
        ----------
        scores : ndarray of shape (n_rows,)
        threshold : float
            Rows with a lower score are outliers.

        Returns
        -------
        alarms : ndarray of int of shape (n_alarms, 3)
            First row, row at which the alarm was raised, and last row of each.
        """
        tracker = AlarmTracker(self, threshold)
        anomalous = np.flatnonzero(scores < max(threshold, self.hysteresis * threshold))
        alarms: list[tuple[int, int, int]] = []
        for row in anomalous.tolist():
            alarms += _as_list(tracker.close_before(row))
            tracker.push(row, scores[row])
        alarms += _as_list(tracker.close_before(len(scores) + self.merge_gap + 1))
        return np.array(alarms, int).reshape(-1, 3)


class AlarmTracker:
    """State of an `AlarmRule` between rows.

    Rows that are not pushed count as normal.

    Parameters
    ----------
    rule : AlarmRule
    threshold : float
    """

    def __init__(self, rule: AlarmRule, threshold: float):
        self.rule = rule
        self._threshold = threshold
        self._run: tuple[int, int] | None = None  # first and last of the outliers
        self._alarm: tuple[int, int, int] | None = None

    @property
    def alarm(self) -> tuple[int, int, int] | None:
        """First row, row of detection and last anomalous row of the open alarm."""
        return self._alarm

    def push(self, row: int, score: float) -> None:
        """Read the score of a row. Call `close_before` first."""
        if self._alarm is not None:
            if score < max(self._threshold, self.rule.hysteresis * self._threshold):
                self._alarm = (*self._alarm[:2], row)
        elif score < self._threshold:
            follows = self._run is not None and self._run[1] == row - 1
            first = self._run[0] if follows and self._run else row
            self._run = (first, row)
            if row - first + 1 >= self.rule.min_duration:
                self._alarm, self._run = (first, row, row), None

    def close_before(self, row: int) -> tuple[int, int, int] | None:
        """Return the open alarm if it is over before a row is read, and forget it."""
        alarm = self._alarm
        if alarm is None or row - alarm[2] <= self.rule.merge_gap + 1:
            return None
        self._alarm = None
        return alarm


def _as_list(alarm: tuple[int, int, int] | None) -> list[tuple[int, int, int]]:
    return [] if alarm is None else [alarm]


def find_maximum_sum(distances: np.ndarray, level: float) -> tuple[int, int]:
    """Return the first and last row of the maximum-sum segment above a level.

    The sum is that of ``distances - level`` over consecutive rows; it is the estimate
    of the beginning and the end of a change by cumulative sums (CUSUM; Page, 1954).
    Averages over several rows exceed their threshold for longer than the change lasts.

    Parameters
    ----------
    distances : ndarray of shape (n_rows,)
    level : float
    """
    sums = np.cumsum(np.append(0.0, distances - level))
    lowest = np.minimum.accumulate(sums[:-1])
    last = int(np.argmax(sums[1:] - lowest))
    # Of equal minima the last one: rows at the level are left out.
    first = last - int(np.argmin(sums[: last + 1][::-1]))
    return first, last


@dataclass(frozen=True)
class AnomalySegments:
    """Segments of rows that score below a threshold. Created by `find`."""

    first_rows: np.ndarray  # (n_segments,)
    last_rows: np.ndarray  # (n_segments,), inclusive
    scores: np.ndarray  # (n_segments,): lowest score of each segment
    contributions: np.ndarray | None  # (n_segments, n_features): sums over the rows

    @classmethod
    def find(
        cls,
        scores: np.ndarray,
        threshold: float,
        contributions: np.ndarray | None,
        rule: AlarmRule | None = None,
        distances: np.ndarray | None = None,
    ) -> AnomalySegments:
        """Find the segments in the scores of a series.

        Parameters
        ----------
        scores : ndarray of shape (n_rows,)
        threshold : float
        contributions : ndarray of shape (n_rows, n_features) or None
            Contribution of each feature to the scores.
        rule : AlarmRule, optional
            By default, each run of consecutive outliers is a segment.
        distances : ndarray of shape (n_rows,), optional
            Anomaly of each row by itself, of which the scores are negative averages.
            Segments then begin where the first run of outliers in them exceeds the
            threshold the most, and end where the last one does.

        Returns
        -------
        segments : AnomalySegments
        """
        alarms = (rule or AlarmRule()).find(scores, threshold)
        first_rows, last_rows = alarms[:, 0], alarms[:, 2]
        lowest = _lowest_scores(first_rows, last_rows, scores)
        if distances is not None:
            runs = np.column_stack(find_runs(scores < threshold))
            cut = [
                _cut(distances, -threshold, runs[(runs >= first) & (runs <= last)])
                for first, last in zip(first_rows, last_rows, strict=True)
            ]
            first_rows, last_rows = np.array(cut, int).reshape(-1, 2).T
        return cls(
            first_rows,
            last_rows,
            lowest,
            _sum_rows(first_rows, last_rows, contributions),
        )

    @classmethod
    def between(
        cls,
        first_rows: np.ndarray,
        last_rows: np.ndarray,
        scores: np.ndarray,
        contributions: np.ndarray | None,
    ) -> AnomalySegments:
        """Describe segments that are known, by the scores of their rows."""
        return cls(
            first_rows,
            last_rows,
            _lowest_scores(first_rows, last_rows, scores),
            _sum_rows(first_rows, last_rows, contributions),
        )

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


def _cut(distances: np.ndarray, level: float, ends: np.ndarray) -> tuple[int, int]:
    """Cut the first and the last run of a segment, given first and last rows of all."""
    runs = ends.reshape(-1, 2)
    first, _ = find_maximum_sum(distances[runs[0, 0] : runs[0, 1] + 1], level)
    _, last = find_maximum_sum(distances[runs[-1, 0] : runs[-1, 1] + 1], level)
    return runs[0, 0] + first, runs[-1, 0] + last


def _lowest_scores(
    first_rows: np.ndarray, last_rows: np.ndarray, scores: np.ndarray
) -> np.ndarray:
    lowest = [
        scores[first : last + 1].min()
        for first, last in zip(first_rows, last_rows, strict=True)
    ]
    return np.array(lowest)


def _sum_rows(
    first_rows: np.ndarray, last_rows: np.ndarray, contributions: np.ndarray | None
) -> np.ndarray | None:
    if contributions is None:
        return None
    sums = [
        contributions[first : last + 1].sum(axis=0)
        for first, last in zip(first_rows, last_rows, strict=True)
    ]
    return np.array(sums).reshape(len(first_rows), contributions.shape[1])
