"""Alarms of a detector while rows arrive, and the choice of its thresholds."""

from __future__ import annotations

from collections.abc import Sequence
from copy import copy
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
from sklearn.utils.validation import check_is_fitted

from sklstm._data.segments import AlarmRule, AlarmTracker, locate_excess
from sklstm._data.time_index import index_of

if TYPE_CHECKING:
    from sklstm.anomaly._base import SeriesDetector

# Level shifts whose delay `choose_threshold` measures, in standard deviations.
_SHIFTS = (3, 5, 10)

# Number of incidents of each size that it inserts.
_N_INCIDENTS = 30


@dataclass
class _Alarm:
    """An alarm of a stream. Rows are counted from the first one of the stream."""

    start: int
    detected: int
    end: int | None
    score: float
    feature: int


class AlarmStream:
    """Alarms of one series, while its rows arrive.

    Created by `sklstm.LSTMForecastDetector.stream` and that of the other detectors of
    time series. The score of a row is that of
    `sklstm.LSTMForecastDetector.running_scores`, and ``live_offset_`` is its threshold.
    An alarm is raised as soon as ``min_duration`` rows in succession are outliers, and
    closed when more than ``merge_gap`` rows in succession are no longer anomalous.
    Later changes of the detector do not affect the stream.

    Parameters
    ----------
    detector : estimator
        Fitted detector.
    new_stream : bool, default=False
        Whether the first rows start a series of their own, rather than continue the
        last ones passed to ``fit`` or ``update``.

    Examples
    --------
    >>> import numpy as np
    >>> from sklstm import LSTMForecastDetector
    >>> X = np.sin(np.arange(460) / 5)[:, None]
    >>> X += np.random.default_rng(0).normal(0, 0.1, X.shape)
    >>> X[350:360] += 3
    >>> detector = LSTMForecastDetector(
    ...     10, smoothing=5, units=8, random_state=0
    ... ).fit(X[:300])
    >>> stream = detector.stream()
    >>> for row in X[300:]:
    ...     for alarm in stream.push([row]).itertuples():
    ...         print("alarm at row", alarm.detected, "since row", alarm.start)
    alarm at row 50 since row 50
    >>> stream.is_alarm, len(stream.alarms)
    (False, 1)
    """

    def __init__(self, detector: SeriesDetector, *, new_stream: bool = False):
        check_is_fitted(detector)
        # A copy, so that refitting the detector does not change a running stream.
        self._detector = copy(detector)
        self._starts = new_stream
        self._tracker = AlarmTracker(detector._alarm_rule, detector.live_offset_)
        self._n_rows = 0
        self._alarms: list[_Alarm] = []
        self._scores: np.ndarray = np.zeros(0)
        # Of the rows that the start or the end of an alarm may lie in.
        self._first_kept = 0
        self._distances: np.ndarray | None = None
        self._labels: list[Any] = []  # of the rows kept
        self._label_of: dict[int, Any] = {}  # of the rows that alarms name

    def push(self, X: Any) -> pd.DataFrame:
        """Read the next rows, and return the alarms that they raise.

        Parameters
        ----------
        X : array-like of shape (n_timesteps, n_features)
            Rows that follow the last ones. If they have an index of times, rows seen
            before are refused, and a gap raises a warning.

        Returns
        -------
        alarms : DataFrame
            One row per alarm that was raised, with the columns of `alarms`.

        Raises
        ------
        ValueError
            If X is not as described, or its rows do not follow the last ones.
        """
        contributions, distances = self._detector._score_next(X, self._starts)
        self._starts = False
        index = index_of(X)
        first = self._n_rows
        self._n_rows += len(distances)
        self._labels += range(first, self._n_rows) if index is None else list(index)
        kept = distances if self._distances is None else self._distances
        if self._distances is not None:
            kept = np.concatenate([self._distances, distances])
        self._distances = kept
        self._scores = contributions.sum(axis=1)
        n_before = len(self._alarms)
        for row, score in enumerate(self._scores.tolist(), start=first):
            self._read(row, score)
        self._forget()
        return self._to_frame(self._alarms[n_before:])

    @property
    def score(self) -> float:
        """Score of the newest row; higher is more normal."""
        if not len(self._scores):
            raise ValueError(
                "The stream has no score before its first row: call push() first."
            )
        return float(self._scores[-1])

    @property
    def decision(self) -> float:
        """Score of the newest row minus ``live_offset_``; negative for an outlier."""
        return self.score - self._detector.live_offset_

    @property
    def is_alarm(self) -> bool:
        """Whether an alarm is open."""
        return self._tracker.alarm is not None

    @property
    def alarms(self) -> pd.DataFrame:
        """All alarms so far, one per row.

        The columns are "start", the row at which the anomaly probably began;
        "detected", the row at which the alarm was raised; "end", the row at which the
        anomaly probably ended, missing while the alarm is open; "score", the lowest so
        far; and "feature", the one that contributes most. Rows are named by their
        index labels, or counted from the first row of the stream.
        """
        return self._to_frame(self._alarms)

    def _read(self, row: int, score: float) -> None:
        """Read the score of one row."""
        closed = self._tracker.close_before(row)
        if closed is not None:
            self._complete(self._alarms[-1], closed[2], is_closed=True)
        was_open = self.is_alarm
        self._tracker.push(row, score)
        if self._tracker.alarm is None:
            return
        if not was_open:
            first, detected, _ = self._tracker.alarm
            # The average that made the first outlier begins before it.
            begin = first - self._detector._smoothing // 2
            begin = max(begin, self._first_kept)
            start = (
                begin
                + locate_excess(
                    self._distance(begin, detected), -self._detector.live_offset_
                )[0]
            )
            self._alarms.append(_Alarm(start, detected, None, score, 0))
        alarm = self._alarms[-1]
        alarm.score = min(alarm.score, score)
        self._complete(alarm, row, is_closed=False)

    def _distance(self, first: int, last: int) -> np.ndarray:
        return self._kept(first, last).sum(axis=1)

    def _kept(self, first: int, last: int) -> np.ndarray:
        assert self._distances is not None
        return self._distances[first - self._first_kept : last + 1 - self._first_kept]

    def _complete(self, alarm: _Alarm, last: int, *, is_closed: bool) -> None:
        """Update what is known of an alarm whose last anomalous row is known."""
        alarm.feature = int(self._kept(alarm.start, last).sum(axis=0).argmax())
        for row in (alarm.start, alarm.detected):
            if row >= self._first_kept:
                self._label_of[row] = self._labels[row - self._first_kept]
        if is_closed:
            distances = self._distance(alarm.start, last)
            excess = locate_excess(distances, -self._detector.live_offset_)
            alarm.end = alarm.start + excess[1]
            self._label_of[alarm.end] = self._labels[alarm.end - self._first_kept]

    def _forget(self) -> None:
        """Forget the rows that no alarm can begin or end in."""
        rule, detector = self._detector._alarm_rule, self._detector
        needed = self._n_rows - detector._smoothing // 2 - rule.min_duration
        if self.is_alarm:
            needed = min(needed, self._alarms[-1].start)
        n_forgotten = max(needed - self._first_kept, 0)
        assert self._distances is not None
        self._distances = self._distances[n_forgotten:]
        self._labels = self._labels[n_forgotten:]
        self._first_kept += n_forgotten

    def _to_frame(self, alarms: Sequence[_Alarm]) -> pd.DataFrame:
        names = self._detector._column_names()
        ends = [alarm.end for alarm in alarms]
        return pd.DataFrame(
            {
                "start": self._to_labels([alarm.start for alarm in alarms]),
                "detected": self._to_labels([alarm.detected for alarm in alarms]),
                "end": self._to_labels(ends),
                "score": np.array([alarm.score for alarm in alarms], float),
                "feature": [names[alarm.feature] for alarm in alarms],
            }
        )

    def _to_labels(self, rows: Sequence[int | None]) -> pd.Series:
        labels = [None if row is None else self._label_of[row] for row in rows]
        if all(label is None or isinstance(label, int) for label in labels):
            return pd.Series(labels, dtype="Int64")
        return pd.Series(labels)


@dataclass(frozen=True)
class ThresholdReport:
    """Result of `sklstm.LSTMForecastDetector.choose_threshold`.

    ``print(report)`` shows it as text.

    Attributes
    ----------
    offset : float
        Threshold of `score_samples`, now the detector's ``offset_``.
    live_offset : float
        Threshold of rows as they arrive, now the detector's ``live_offset_``.
    days : float
        Length of the recordings.
    false_alarms : int
        Number of alarms that a stream raises in the recordings.
    delays : DataFrame
        One row for each size of incident: "shift", the size of a shift of one column
        in standard deviations of the training rows; "detected", the fraction of these
        incidents that raise an alarm; and "delay", the median time from the first
        shifted row to the alarm, of those detected.
    """

    offset: float
    live_offset: float
    days: float
    false_alarms: int
    delays: pd.DataFrame

    def __str__(self) -> str:
        lines = [
            f"{self.false_alarms} alarms in {self.days:.1f} quiet days with the "
            f"threshold {self.live_offset:.3g} (complete recordings: "
            f"{self.offset:.3g}).",
            "Shifts of one column that are detected, and after how long:",
        ]
        columns = (self.delays[name] for name in ("shift", "detected", "delay"))
        for shift, detected, delay in zip(*columns, strict=True):
            line = f"  {shift:g} standard deviations: {detected:.0%}"
            lines.append(line if pd.isna(delay) else f"{line}, median delay {delay}")
        return "\n".join(lines)


def find_threshold(scores: Sequence[np.ndarray], rule: AlarmRule, n_alarms: int) -> Any:
    """Find the highest threshold that raises at most so many alarms.

    Parameters
    ----------
    scores : sequence of ndarray of shape (n_rows,)
        Scores of each recording.
    rule : AlarmRule
    n_alarms : int

    Returns
    -------
    threshold : float
    """
    candidates = np.unique(np.concatenate(scores))

    def is_allowed(number: int) -> bool:
        threshold = float(candidates[number])
        return sum(len(rule.find(each, threshold)) for each in scores) <= n_alarms

    # No score is lower than the lowest one.
    allowed, refused = 0, 1
    while refused < len(candidates) and is_allowed(refused):
        allowed, refused = refused, 2 * refused
    refused = min(refused, len(candidates))
    while refused - allowed > 1:
        middle = (allowed + refused) // 2
        if is_allowed(middle):
            allowed = middle
        else:
            refused = middle
    return float(candidates[allowed])


def measure_delays(
    detector: SeriesDetector,
    recordings: Sequence[np.ndarray],
    live_offset: float,
    row_interval: pd.Timedelta,
) -> pd.DataFrame:
    """Measure how soon a stream detects shifts of one column of quiet recordings.

    Parameters
    ----------
    detector : SeriesDetector
    recordings : sequence of ndarray of shape (n_rows, n_columns)
    live_offset : float
    row_interval : Timedelta

    Returns
    -------
    delays : DataFrame
        As in `ThresholdReport`.
    """
    n_before = detector._history_length
    # What a forecast is based on is anomalous after a window.
    n_rows = (
        detector._window_length
        + detector._smoothing
        + detector._alarm_rule.min_duration
    )
    rows = max(recordings, key=len)
    columns = np.flatnonzero(np.isfinite(detector._scaling.scale))
    places = np.linspace(0, max(len(rows) - n_rows, 0), _N_INCIDENTS).astype(int)
    table = []
    for shift in _SHIFTS:
        delays = []
        for number, place in enumerate(places):
            column = columns[number % len(columns)]
            begin = max(place - n_before, 0)
            excerpt = rows[begin : place + n_rows].copy()
            sign = 1 if number % 2 else -1
            excerpt[place - begin :, column] += (
                sign * shift * detector._scaling.scale[column]
            )
            scores = detector._running_scores(excerpt)[0].sum(axis=1)[place - begin :]
            alarms = detector._alarm_rule.find(scores, live_offset)
            if len(alarms):
                delays.append(alarms[0, 1])
        delay = np.median(delays) * row_interval if delays else pd.NaT
        table.append((shift, len(delays) / len(places), delay))
    return pd.DataFrame(table, columns=["shift", "detected", "delay"])


def find_row_interval(index: pd.Index | None, freq: Any, name: str) -> pd.Timedelta:
    """Return the time from one row to the next.

    Parameters
    ----------
    index : Index or None
        Labels of the rows.
    freq : str, Timedelta, DateOffset or None
        As passed by the user.
    name : str
        Of the rows, for messages.
    """
    if freq is not None:
        try:
            interval = pd.Timedelta(pd.tseries.frequencies.to_offset(freq))
        except (ValueError, TypeError) as error:
            raise ValueError(
                f"freq must be a fixed interval such as '1min' or '10s', got {freq!r}."
            ) from error
        if interval <= pd.Timedelta(0):
            raise ValueError(f"freq must be positive, got {freq!r}.")
        return interval
    if isinstance(index, pd.PeriodIndex):
        index = index.to_timestamp()
    if not isinstance(index, pd.DatetimeIndex) or len(index) < 2:
        raise ValueError(
            f"{name} has no index of times, which tell how many days it lasts. Pass "
            "the time from row to row as freq, such as freq='1min'."
        )
    return pd.Series(index).diff().median()
