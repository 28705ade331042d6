"""The time index of a series: its regular step, gaps and continuation."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from sklstm._data.user_warnings import warn_user

if TYPE_CHECKING:
    import pandas as pd

# Fewer rows may not show the step of a series: five days in a row may be trading days.
MIN_STEP_ROWS = 7

# Longer steps count as gaps only if they are at most this fraction of all steps. More
# of them belong to the series, such as weekends without trading.
_MAX_GAP_FRACTION = 0.01

# Gaps are looked for only where the other steps differ by at most this fraction of the
# usual step, as the lengths of months do.
_MAX_STEP_RANGE = 0.25

# Fewer steps do not show which one is usual.
_MIN_STEPS = 10


@dataclass(frozen=True)
class TimeIndex:
    """Position of a series in time: the label of its last row, and its step.

    Parameters
    ----------
    has_index : bool
        Whether the rows had a pandas index.
    last : label, optional
        Label of the last row; None if that row had none.
    step : int or pandas offset, optional
        Step from one label to the next; None if the labels are irregular.
    name : hashable, optional
        Name of the index.
    """

    has_index: bool = False
    last: Any = None
    step: Any = None
    name: Any = None

    @classmethod
    def from_index(cls, index: pd.Index | None) -> TimeIndex:
        """Describe the index of the rows of a series; None if they have none."""
        if index is None:
            return cls()
        return cls(True, index[-1], usual_step(index), index.name)

    def extended_by(self, index: pd.Index | None) -> TimeIndex:
        """Move on to the last of the rows that follow, keeping the step."""
        if index is None:
            # The position in time is unknown until rows have labels again.
            return replace(self, last=None)
        if self.last is not None and type(index[-1]) is not type(self.last):
            return TimeIndex.from_index(index)
        return replace(self, has_index=True, last=index[-1], name=index.name)

    def restarted_at(self, index: pd.Index | None) -> TimeIndex:
        """Describe the rows of a new stream; if they show no step, keep this one."""
        times = TimeIndex.from_index(index)
        if times.step is None and type(times.last) is type(self.last):
            return replace(times, step=self.step)
        return times

    def next_index(self, n_rows: int) -> pd.Index:
        """Return the labels of the next rows; numbers from 1 if they are unknown."""
        import pandas as pd

        if self.step is None or self.last is None:
            return pd.RangeIndex(1, n_rows + 1, name="step")
        index: pd.Index
        if isinstance(self.last, pd.Timestamp):
            index = _date_range(self.last, n_rows + 1, self.step)
            # The first date is later than `last` if `last` is not on the grid of the
            # frequency.
            index = index[index > self.last][:n_rows]
        elif isinstance(self.last, pd.Period):
            index = pd.period_range(self.last + 1, periods=n_rows)
        elif isinstance(self.last, pd.Timedelta):
            first = self.last + self.step
            index = pd.timedelta_range(first, periods=n_rows, freq=self.step)
        else:
            first = self.last + self.step
            index = pd.RangeIndex(first, first + n_rows * self.step, self.step)
        return index.rename(self.name)

    def check_continued(
        self,
        index: pd.Index | None,
        *,
        name: str,
        rewind_hint: str,
        gap_remedy: str = "fit again",
    ) -> None:
        """Raise an error if rows do not follow those seen, and warn of gaps.

        Parameters
        ----------
        index : pandas.Index or None
            Labels of the rows that are to follow.
        name : str
            Name of the rows in messages.
        rewind_hint : str
            How to pass rows that were seen before, as a main clause.
        gap_remedy : str
            What to do about a gap other than to fill it.
        """
        self._check_not_seen(index, name, rewind_hint)
        self.warn_of_gaps(index, name=name, gap_remedy=gap_remedy)

    def check_next(
        self, index: pd.Index | None, *, name: str, rewind_hint: str
    ) -> None:
        """Raise an error if rows are not the next ones, where those are known.

        Parameters
        ----------
        index : pandas.Index or None
            Labels of the rows.
        name : str
            Name of the rows in messages.
        rewind_hint : str
            How to pass rows that were seen before, as a main clause.
        """
        self._check_not_seen(index, name, rewind_hint)
        row = self._find_unexpected(index)
        if row is not None:
            raise ValueError(
                f"{name} must hold the rows that come next, but it {row.place}, and "
                f"the row expected after {row.previous} is {row.expected}. Pass the "
                "rows that come next; rows observed in the meantime go to update()."
            )

    def warn_of_gaps(
        self, index: pd.Index | None, *, name: str, gap_remedy: str = "fit again"
    ) -> None:
        """Warn if rows that are to follow are not the next ones.

        Parameters
        ----------
        index : pandas.Index or None
            Labels of the rows that are to follow.
        name : str
            Name of the rows in messages.
        gap_remedy : str
            What to do about a gap other than to fill it.
        """
        if not self._is_comparable(index) or _warn_of_duplicates(index, name):
            return
        row = self._find_unexpected(index)
        if row is None:
            return
        if row.is_late:
            remedy = f"as if none were missing: fill the gap, or {gap_remedy}."
        else:
            remedy = "as if they had the step of the rows before: resample them."
        warn_user(
            f"{name} {row.place}, but the row expected after {row.previous} is "
            f"{row.expected}. The rows are used {remedy}",
        )

    def was_seen(self, index: pd.Index | None) -> bool:
        """Return whether the first label is not later than the last row seen."""
        return (
            index is not None
            and self._is_comparable(index)
            and bool(index[0] <= self.last)
        )

    def _check_not_seen(
        self, index: pd.Index | None, name: str, rewind_hint: str
    ) -> None:
        """Raise an error if rows were seen before, or only one side has a time zone."""
        import pandas as pd

        first, last = (None if index is None else index[0]), self.last
        if (
            isinstance(first, pd.Timestamp)
            and isinstance(last, pd.Timestamp)
            and (first.tz is None) != (last.tz is None)
        ):
            raise ValueError(
                f"{name} must have times like those seen before, but begins at "
                f"{first}, and the last row seen is {last}: only one of them has a "
                "time zone. Add it to the other with X.tz_localize(...), or remove it "
                "with X.tz_localize(None)."
            )
        if index is not None and self.was_seen(index):
            raise ValueError(
                f"{name} must begin after the last row seen, {last}, but begins at "
                f"{first}. Leave out the rows seen before; {rewind_hint}."
            )

    def _find_unexpected(self, index: pd.Index | None) -> _UnexpectedRow | None:
        """Find the first row that is not at the time expected of it."""
        if (
            index is None
            or not self._is_comparable(index)
            or self.step is None
            or self._has_holidays()
        ):
            return None
        expected = self.next_index(len(index))
        unexpected = np.flatnonzero(_differs(index, expected, self.last))
        if not len(unexpected):
            return None
        row = unexpected[0]
        if row == 0:
            place = f"begins at {index[0]}"
            previous = f"the last row seen, {self.last},"
        else:
            place, previous = f"has {index[row]} in row {row}", str(index[row - 1])
        return _UnexpectedRow(
            place, expected[row], previous, bool(index[row] > expected[row])
        )

    def _is_comparable(self, index: pd.Index | None) -> bool:
        """Return whether labels are times of the same kind as the last one seen."""
        if index is None or self.last is None or not len(index):
            return False
        first, last = index[0], self.last
        return (
            is_time(index)
            and type(first) is type(last)
            and getattr(first, "tz", None) == getattr(last, "tz", None)
            and getattr(first, "freq", None) == getattr(last, "freq", None)
        )

    def _has_holidays(self) -> bool:
        """Return whether the steps are business days, some of which are skipped."""
        import pandas as pd

        step = self.last.freq if isinstance(self.last, pd.Period) else self.step
        if isinstance(self.last, pd.Timestamp):
            step = pd.tseries.frequencies.to_offset(step)
        return isinstance(step, pd.offsets.BusinessDay | pd.offsets.BusinessHour)


class _UnexpectedRow(NamedTuple):
    """A row whose label is not the one expected."""

    place: str
    expected: Any  # label
    previous: str
    is_late: bool  # later than expected


def index_of(*frames: Any) -> Any:
    """Return the index of the first of the objects that is a pandas one, or None."""
    for frame in frames:
        # Checking for "index" would not do: a list has a method of that name.
        if hasattr(frame, "iloc"):
            return frame.index
    return None


def is_time(index: pd.Index) -> bool:
    """Return whether labels are time stamps, periods or time deltas."""
    import pandas as pd

    return isinstance(index, pd.DatetimeIndex | pd.PeriodIndex | pd.TimedeltaIndex)


def same_labels(index: pd.Index, other: pd.Index) -> bool:
    """Return whether labels are equal; the resolution of times may differ."""
    if index.equals(other):
        return True
    comparable = type(index) is type(other) and len(index) == len(other)
    return comparable and bool(np.all(index == other))


def check_rows_in_order(index: pd.Index | None, target_index: pd.Index | None) -> None:
    """Raise an error if rows are out of time order, or if labels of X and y differ.

    Parameters
    ----------
    index, target_index : pandas.Index or None
        Labels of the rows of X and of y.
    """
    for name, labels in (("X", index), ("y", target_index)):
        if labels is None or not _has_order(labels):
            continue
        if not labels.is_monotonic_increasing:
            raise ValueError(
                f"rows must be in time order, but the index of {name} decreases. Sort "
                "X, y and sample_weight by time, for example with X.sort_index(). If "
                "the order of the rows is right, number them with "
                "X.reset_index(drop=True). Searches by successive halving draw rows at "
                'random unless resource="epochs".'
            )
    if (
        index is None
        or target_index is None
        or len(index) != len(target_index)
        or same_labels(index, target_index)
    ):
        return
    same_kind = type(index) is type(target_index)
    if (is_time(index) and same_kind) or not len(index.difference(target_index)):
        raise ValueError(
            f"y must have the rows of X, in their order, but the index of X begins "
            f"with {list(index[:2])}, that of y with {list(target_index[:2])}. Pass y "
            "with the index of X, for example with y.reindex(X.index)."
        )


def warn_of_irregular_rows(index: pd.Index | None, *, name: str) -> None:
    """Warn if rows seem to be missing, or if a time occurs more than once.

    Parameters
    ----------
    index : pandas.Index or None
        Labels of training rows, in order.
    name : str
        Name of the rows in messages.
    """
    if index is None or not _has_order(index) or usual_step(index) is not None:
        return
    if _warn_of_duplicates(index, name):
        return
    gaps = _find_gaps(index)
    if len(gaps):
        row = gaps[0]
        warn_user(
            f"{name} seems to lack rows: after {index[row]} comes {index[row + 1]}, "
            f"while other rows are closer together (number of gaps: {len(gaps)}). The "
            "rows are used as if none were missing. Fill the gaps, for example with "
            "X.asfreq(...).interpolate() in pandas. If no rows are missing, number "
            "them with X.reset_index(drop=True). For cross-validation use "
            "cv=WalkForwardCV(...), which leaves no gap.",
        )


def usual_step(index: pd.Index) -> Any:
    """Return the step from one label to the next, or None if it is not regular."""
    import pandas as pd

    if isinstance(index, pd.PeriodIndex):
        return 1 if (np.diff(index.asi8) == 1).all() else None
    if isinstance(index, pd.DatetimeIndex):
        return _usual_offset(index)
    if isinstance(index, pd.TimedeltaIndex) or pd.api.types.is_integer_dtype(index):
        steps = index[1:] - index[:-1]
        regular = len(steps) and (steps == steps[0]).all() and index[0] < index[-1]
        return steps[0] if regular else None
    return None


def _usual_offset(index: pd.DatetimeIndex) -> Any:
    import pandas as pd

    if index.freq is not None:
        return index.freq
    if len(index) < 3 or not index.is_monotonic_increasing:
        return None
    offset = pd.infer_freq(index)
    if offset == "bh":
        return None  # pandas infers business hours from any eight hours of a day
    if offset == "D" and len(index) < MIN_STEP_ROWS and index.dayofweek.max() < 5:
        return None
    return offset


def _find_gaps(index: Any) -> np.ndarray:
    """Return the positions of the rows after which some seem to be missing."""
    import pandas as pd

    steps = np.diff(index.asi8 if is_time(index) else index.to_numpy(np.int64))
    if len(steps) < _MIN_STEPS:
        return np.array([], int)
    usual = np.median(steps)
    is_long = steps > 1.5 * usual
    if isinstance(index, pd.DatetimeIndex):
        nights = np.diff(index.normalize().asi8) > 0
        if is_long[nights].all():
            is_long &= ~nights
    regular = np.ptp(steps[~is_long]) <= _MAX_STEP_RANGE * usual
    rare = is_long.sum() <= max(1, _MAX_GAP_FRACTION * len(steps))
    return np.flatnonzero(is_long & regular & rare)


def _warn_of_duplicates(index: Any, name: str) -> bool:
    """Warn if a time occurs more than once, and return whether one does."""
    if not is_time(index) or index.is_unique:
        return False
    warn_user(
        f"{name} has {index[index.duplicated()][0]} more than once, and its rows "
        "are used as if they followed each other. Keep one row for each time, for "
        "example with X.groupby(level=0).mean(). Pass several series as a list, or as "
        "a frame with an index of (series, time).",
    )
    return True


def _differs(index: pd.Index, expected: pd.Index, last: Any) -> np.ndarray:
    """Return which labels are not those expected after the last one seen.

    A date may be off by less than half a step, because a holiday may shift it.
    """
    import pandas as pd

    if not isinstance(index, pd.DatetimeIndex):
        return np.asarray(index != expected)
    steps = expected - expected.insert(0, last)[:-1]
    return np.asarray(2 * abs(index - expected) >= steps)


def _date_range(first: Any, n_rows: int, step: Any) -> pd.DatetimeIndex:
    """Return dates at a regular step, also across changes of the clocks."""
    import pandas as pd

    try:
        return pd.date_range(first, periods=n_rows, freq=step)
    except Exception:  # of pandas or pytz: an hour that does not exist, or exists twice
        dates = pd.date_range(first.tz_localize(None), periods=n_rows, freq=step)
        return dates.tz_localize(
            first.tz,
            ambiguous=np.ones(n_rows, bool),
            nonexistent="shift_forward",
        )


def _has_order(index: pd.Index) -> bool:
    """Return whether the order of labels is the order in time."""
    return is_time(index) or index.dtype.kind in "iu"
