"""Alarms of a detector while rows arrive, and the choice of its thresholds."""

from __future__ import annotations

from collections.abc import Sequence
from copy import copy
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
from sklearn.utils.validation import check_is_fitted

from sklstm._data.segments import AlarmRule, AlarmTracker, find_maximum_sum
from sklstm._data.time_index import index_of
from sklstm._data.time_labels import as_times

if TYPE_CHECKING:
    from sklstm.anomaly._base import SeriesDetector

# Level shifts whose delay `choose_threshold` measures, in standard deviations.
_SHIFTS = (0.5, 1, 2, 5)

# Number of incidents of each size that it inserts: this number, or one in each column,
# but not more than the second number.
_MIN_INCIDENTS, _MAX_INCIDENTS = 30, 100

# Largest fraction of the rows that it lets be flagged. Beyond, alarms merge into few.
_MAX_FLAGGED = 0.05

# Number of thresholds that it tries.
_N_THRESHOLDS = 1000


@dataclass
class _Alarm:
    """An alarm of a stream. Rows are counted from the first one of the stream."""

    start: int
    detected: int
    score: float
    sums: np.ndarray  # (n_columns,): contributions to the distances since the start
    end: int | None = None


class _Ending:
    """End of the maximum-sum segment of what exceeds the threshold, row by row."""

    def __init__(self) -> None:
        self.row, self.label = 0, None
        self._sum, self._largest = 0.0, -np.inf

    def read(self, row: int, label: Any, excess: float) -> None:
        """Read by how much the distance of the next row exceeds the threshold."""
        self._sum = max(self._sum, 0.0) + excess
        if self._sum >= self._largest:
            self._largest, self.row, self.label = self._sum, row, label


class AlarmStream:
    """Alarms of one series, while its rows arrive.

    Created by `sklstm.LSTMForecastDetector.stream` and that of the other detectors of
    time series. The score of a row is that of
    `sklstm.LSTMForecastDetector.running_scores`, and ``live_offset_`` is its threshold.
    An alarm is raised as soon as ``min_duration`` rows in succession are outliers, and
    closed when more than ``merge_gap`` rows in succession are no longer anomalous (see
    ``hysteresis``).
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
        self._ending = _Ending()
        self._was_outlier = False
        self._scores: np.ndarray = np.zeros(0)
        # Of the rows that the start of an alarm may lie in: the last ones.
        self._first_kept = 0
        self._distances = np.zeros((0, detector.n_features_in_))
        self._labels: list[Any] = []
        self._label_of: dict[int, Any] = {}  # of the rows that alarms name
        self._label_dtype: Any = None

    def push(self, X: Any) -> pd.DataFrame:
        """Read the next rows, and return the alarms that they raise.

        Parameters
        ----------
        X : array-like of shape (n_timesteps, n_features)
            Rows that follow the last ones, with all columns, those of ``known_future``
            too. If they have an index of times, rows seen before are refused, and a gap
            raises a warning. Rows with other labels are taken as they come.

        Returns
        -------
        alarms : DataFrame
            One row per alarm that was raised, with the columns of ``alarms``, as known
            now. In ``alarms`` they are kept up to date.

        Raises
        ------
        ValueError
            If X is not as described, or its rows do not follow the last ones.
        """
        if hasattr(X, "__len__") and not len(X):
            return self._to_frame([])
        contributions, distances = self._detector._score_next(X, self._starts)
        self._starts = False
        index = index_of(X)
        first = self._n_rows
        self._n_rows += len(distances)
        if self._label_dtype is None and index is not None:
            self._label_dtype = index.dtype
        self._labels += range(first, self._n_rows) if index is None else list(index)
        self._distances = np.concatenate([self._distances, distances])
        self._scores = contributions.sum(axis=1)
        n_before = len(self._alarms)
        for row, score in enumerate(self._scores.tolist(), start=first):
            self._read(row, score)
        self._forget()
        return self._to_frame(self._alarms[n_before:])

    @property
    def scores(self) -> np.ndarray:
        """Scores of the rows pushed last, each as when it arrived."""
        return self._scores.copy()

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
        index labels, or counted from the first row of the stream. An anomaly that is
        over before ``min_duration`` rows were outliers has an end before the detection.
        """
        return self._to_frame(self._alarms)

    def _read(self, row: int, score: float) -> None:
        """Read the score of one row."""
        was_open = self.is_alarm
        self._tracker.push(row, score)
        if self._tracker.alarm is None:
            return
        is_outlier = score < self._detector.live_offset_
        if not was_open:
            self._open_alarm(*self._tracker.alarm[:2], score)
        else:
            alarm = self._alarms[-1]
            alarm.sums += self._kept(row, row)[0]
            alarm.score = min(alarm.score, score)
            if is_outlier:
                self._read_end(row, starts_run=not self._was_outlier)
        self._was_outlier = is_outlier
        if self._tracker.close_before(row + 1) is not None:
            alarm = self._alarms[-1]
            alarm.end = self._ending.row
            self._label_of[alarm.end] = self._ending.label

    def _open_alarm(self, first: int, detected: int, score: float) -> None:
        # The average that made the first outlier begins before it.
        begin = max(first - self._detector._smoothing // 2, self._first_kept)
        if self._alarms and (end := self._alarms[-1].end) is not None:
            begin = max(begin, min(end + 1, first))
        kept = self._kept(begin, detected)
        level = -self._detector.live_offset_
        start = begin + find_maximum_sum(kept.sum(axis=1), level)[0]
        sums = self._kept(start, detected).sum(axis=0)
        self._alarms.append(_Alarm(start, detected, score, sums))
        for row in (start, detected):
            self._label_of[row] = self._labels[row - self._first_kept]
        for row in range(first, detected + 1):
            self._read_end(row, starts_run=row == first)

    def _read_end(self, row: int, *, starts_run: bool) -> None:
        """Read an outlier of the open alarm, which may be its last one."""
        if starts_run:
            self._ending = _Ending()
        excess = self._kept(row, row).sum() + self._detector.live_offset_
        self._ending.read(row, self._labels[row - self._first_kept], float(excess))

    def _kept(self, first: int, last: int) -> np.ndarray:
        return self._distances[first - self._first_kept : last + 1 - self._first_kept]

    def _forget(self) -> None:
        """Forget the rows that no alarm can begin in."""
        n_kept = self._detector._smoothing // 2 + self._tracker.rule.min_duration
        n_forgotten = max(len(self._labels) - n_kept, 0)
        self._distances = self._distances[n_forgotten:].copy()
        self._labels = self._labels[n_forgotten:]
        self._first_kept += n_forgotten

    def _to_frame(self, alarms: Sequence[_Alarm]) -> pd.DataFrame:
        names = self._detector._column_names()
        features = [names[int(alarm.sums.argmax())] for alarm in alarms]
        return pd.DataFrame(
            {
                "start": self._to_labels([alarm.start for alarm in alarms]),
                "detected": self._to_labels([alarm.detected for alarm in alarms]),
                "end": self._to_labels([alarm.end for alarm in alarms]),
                "score": np.array([alarm.score for alarm in alarms], float),
                "feature": pd.Series(features, dtype=object),
            }
        )

    def _to_labels(self, rows: Sequence[int | None]) -> pd.Series:
        """Return the labels of rows; missing for an alarm without an end."""
        labels = [None if row is None else self._label_of[row] for row in rows]
        dtype = self._label_dtype
        if dtype is None or pd.api.types.is_integer_dtype(dtype):
            return pd.Series(labels, dtype="Int64")
        return pd.Series(labels, dtype=dtype)


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
    n_false_alarms : int
        Number of alarms that a stream raises in the recordings.
    delays : DataFrame
        One row for each size of incident: "shift", the size of a shift of one column
        in standard deviations of the training rows; "detected", the fraction of these
        incidents that raise an alarm; and "delay", the median time from the first
        shifted row to the alarm, of those detected. The incidents last for a window and
        ``smoothing`` rows, in places of the recordings without an alarm.

    Examples
    --------
    >>> import numpy as np
    >>> from sklstm import LSTMForecastDetector
    >>> X = np.sin(np.arange(900) / 5)[:, None]
    >>> X += np.random.default_rng(0).normal(0, 0.1, X.shape)
    >>> detector = LSTMForecastDetector(
    ...     10, smoothing=5, units=8, random_state=0
    ... ).fit(X[:500])
    >>> report = detector.choose_threshold(
    ...     X[500:], false_alarms_per_day=4, row_interval="1min"
    ... )
    >>> report.n_false_alarms <= 1, report.live_offset == detector.live_offset_
    (True, True)
    >>> float(report.delays["detected"].iloc[-1])
    1.0
    """

    offset: float
    live_offset: float
    days: float
    n_false_alarms: int
    delays: pd.DataFrame

    def __str__(self) -> str:
        alarms = (
            "1 alarm" if self.n_false_alarms == 1 else f"{self.n_false_alarms} alarms"
        )
        lines = [
            f"{alarms} in {self.days:.1f} days. live_offset_ = {self.live_offset:.3g}, "
            f"offset_ = {self.offset:.3g}.",
            "Shifts of one column that are detected, and after how long:",
        ]
        columns = (self.delays[name] for name in ("shift", "detected", "delay"))
        for shift, detected, delay in zip(*columns, strict=True):
            line = f"  {shift:g} standard deviations: {detected:.0%}"
            lines.append(line if pd.isna(delay) else f"{line}, median delay {delay}")
        return "\n".join(lines)


def find_threshold(
    scores: Sequence[np.ndarray], rule: AlarmRule, n_alarms: int
) -> float:
    """Find the threshold up to which there are at most so many alarms.

    Parameters
    ----------
    scores : sequence of ndarray of shape (n_rows,)
        Scores of each recording.
    rule : AlarmRule
    n_alarms : int

    Returns
    -------
    threshold : float
        The lowest score, below which there is no other, or a higher one.
    """
    ordered = np.sort(np.concatenate(scores))
    n_flagged = max(int(_MAX_FLAGGED * len(ordered)), 1)
    ranks = np.geomspace(1, n_flagged, _N_THRESHOLDS).astype(int) - 1
    found = float(ordered[0])
    # Higher thresholds can have fewer alarms again, because they merge.
    for threshold in np.unique(ordered[ranks]).tolist():
        if sum(len(rule.find(each, threshold)) for each in scores) > n_alarms:
            break
        found = threshold
    return found


def measure_delays(
    detector: SeriesDetector,
    recordings: Sequence[np.ndarray],
    live_offset: float,
    intervals: Sequence[pd.Timedelta],
) -> pd.DataFrame:
    """Measure how soon a stream detects shifts of one column of quiet recordings.

    Parameters
    ----------
    detector : SeriesDetector
    recordings : sequence of ndarray of shape (n_rows, n_columns)
    live_offset : float
    intervals : sequence of Timedelta
        Time from row to row of each recording.

    Returns
    -------
    delays : DataFrame
        As in `ThresholdReport`.
    """
    rule, scaling = detector._alarm_rule, detector._scaling
    scored = detector._scored_columns
    scored = scored[np.isfinite(scaling.scale[scored])]
    n_before = detector._history_length
    # After a window, a forecast is based on shifted rows only.
    n_rows = detector._window_length + detector._smoothing + rule.min_duration
    n_incidents = min(max(_MIN_INCIDENTS, len(scored)), _MAX_INCIDENTS)
    rng = np.random.default_rng(0)
    columns = np.resize(rng.permutation(scored), n_incidents)
    signs = rng.choice([-1, 1], n_incidents)
    # Places at equal distances in all recordings together.
    lengths = np.array([len(rows) for rows in recordings])
    ends = np.cumsum(lengths)
    rows_in_all = np.linspace(0, max(ends[-1] - 1, 0), n_incidents).astype(int)
    numbers = np.searchsorted(ends, rows_in_all, side="right")
    places = rows_in_all - (ends - lengths)[numbers]
    places = np.maximum(np.minimum(places, lengths[numbers] - n_rows), 0)

    def detect(rows: np.ndarray, place: int) -> int | None:
        scores = detector._running_scores(rows)[0].sum(axis=1)[place:]
        alarms = rule.find(scores, live_offset)
        return int(alarms[0, 1]) if len(alarms) else None

    found: dict[float, list[Any]] = {shift: [] for shift in _SHIFTS}
    for number, place, column, sign in zip(
        numbers, places, columns, signs, strict=True
    ):
        begin = max(place - n_before, 0)
        excerpt = recordings[number][begin : place + n_rows]
        inside = slice(place - begin, None)
        is_known = np.isfinite(excerpt[inside, column]).all()
        if not is_known or detect(excerpt, place - begin) is not None:
            continue
        for shift in _SHIFTS:
            shifted = excerpt.copy()
            shifted[inside, column] += sign * shift * scaling.scale[column]
            delay = detect(shifted, place - begin)
            found[shift].append(None if delay is None else delay * intervals[number])
    table = []
    for shift, delays in found.items():
        detected = [delay for delay in delays if delay is not None]
        table.append(
            (
                shift,
                len(detected) / len(delays) if delays else np.nan,
                pd.Series(detected, dtype="timedelta64[ns]").median(),
            )
        )
    return pd.DataFrame(table, columns=["shift", "detected", "delay"])


def find_row_intervals(
    indices: Sequence[pd.Index | None], row_interval: Any
) -> list[pd.Timedelta]:
    """Return the time from one row to the next of each recording.

    Parameters
    ----------
    indices : sequence of Index or None
        Labels of the rows of each recording.
    row_interval : str, Timedelta or None
        As passed by the user.
    """
    if row_interval is not None:
        try:
            interval = pd.Timedelta(row_interval)
        except (ValueError, TypeError) as error:
            raise ValueError(
                "row_interval must be a time such as '1min' or '10s', got "
                f"{row_interval!r}."
            ) from error
        if not interval > pd.Timedelta(0):
            raise ValueError(f"row_interval must be positive, got {row_interval!r}.")
        return [interval] * len(indices)
    found = [_median_interval(index) for index in indices]
    known = [interval for interval in found if interval is not None]
    if not known:
        raise ValueError(
            "X has no index of times, which tell how many days it lasts. Pass the time "
            "from row to row, such as row_interval='1min'."
        )
    # A single row does not tell; it hardly counts either.
    return [known[0] if interval is None else interval for interval in found]


def _median_interval(index: pd.Index | None) -> pd.Timedelta | None:
    times = None if index is None else as_times(index)
    if isinstance(times, pd.PeriodIndex):
        times = times.to_timestamp()
    if not isinstance(times, pd.DatetimeIndex | pd.TimedeltaIndex) or len(times) < 2:
        return None
    return pd.Series(times).diff().median()
