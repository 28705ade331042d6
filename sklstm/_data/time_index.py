"""The time index of a series: its last time, its step and its continuation."""

from __future__ import annotations

from dataclasses import dataclass, replace
from numbers import Integral
from typing import TYPE_CHECKING, Any, NamedTuple, cast

import numpy as np

from sklstm._data.time_labels import (
    are_unread_dates,
    as_times,
    is_number,
    is_time,
    read_times,
    write_times,
)
from sklstm._data.time_steps import date_range, find_gaps, usual_step
from sklstm._data.user_warnings import warn_user

if TYPE_CHECKING:
    import pandas as pd

# A market that closes on single days may close for at most so long at a time.
_LONGEST_HOLIDAYS = np.timedelta64(14, "D")

# Kinds of time stamps.
_ZONES = ("times without a time zone", "times with a time zone")


@dataclass(frozen=True)
class TimeIndex:
    """Position of a series in time: the time of its last row, and its step.

    Parameters
    ----------
    has_index : bool
        Whether the rows had a pandas index.
    last : label, optional
        Time of the last row, in the time zone of the first ones; None if that row had
        no label.
    step : int or pandas offset, optional
        Step from one time to the next; None if the times are irregular.
    kind : str
        Kind of the labels. Only those of the same kind can be compared.
    name : hashable, optional
        Name of the index.
    written : str, optional
        How times are written in the labels; see `write_times`.
    zone : tzinfo, optional
        Time zone of the last rows, for the labels of the next ones.
    """

    has_index: bool = False
    last: Any = None
    step: Any = None
    kind: str = ""
    name: Any = None
    written: str | None = None
    zone: Any = None

    @classmethod
    def from_index(cls, index: pd.Index | None) -> TimeIndex:
        """Describe the index of the rows of a series; None if they have none."""
        if index is None:
            return cls()
        times, written = read_times(index)
        return cls(
            has_index=True,
            last=times[-1],
            step=usual_step(times),
            kind=kind_of(times[-1]),
            name=index.name,
            written=written,
            zone=getattr(times, "tz", None),
        )

    def extended_by(self, index: pd.Index | None) -> TimeIndex:
        """Move on to the last of the rows that follow, keeping the step."""
        if index is None:
            # The position in time is unknown until rows have labels again.
            return replace(self, last=None)
        times = TimeIndex.from_index(index)
        if times.kind != self.kind:
            return times
        last = times.last
        if self.zone is not None and self.last is not None:
            # The step is that of the clocks there: a day has 23 hours in spring.
            last = last.tz_convert(self.last.tz)
        return replace(times, last=last, step=self.step)

    def restarted_at(self, index: pd.Index | None) -> TimeIndex:
        """Describe the rows of a new stream; if they show no step, keep this one."""
        return TimeIndex.from_index(index).with_step_of(self)

    def with_step_of(self, *others: TimeIndex) -> TimeIndex:
        """Take the step of the first of others that has one, if it is unknown."""
        if self.step is not None or not self.has_index:
            return self
        steps = (other.step for other in others if other.kind == self.kind)
        step = next((step for step in steps if step is not None), None)
        return replace(self, step=step)

    def next_index(self, n_rows: int) -> pd.Index:
        """Return the labels of the next rows; numbers from 1 if they are unknown."""
        import pandas as pd

        if self.step is None or self.last is None:
            return pd.RangeIndex(1, n_rows + 1, name="step")
        times = self._next_times(n_rows)
        if self.zone is not None:
            times = times.tz_convert(self.zone)
        return write_times(times, self.written).rename(self.name)

    def can_compare(self, index: pd.Index | None) -> bool:
        """Return whether labels are of the same kind as the last one seen."""
        return self._comparable_times(index) is not None

    def _next_times(self, n_rows: int) -> Any:
        """Return the times of the next rows."""
        import pandas as pd

        last, step, periods = self.last, self.step, cast(Any, pd.PeriodIndex)
        if isinstance(last, pd.Timestamp):
            index = date_range(last, n_rows + 1, step)
            # The first date is later than `last` if `last` is not on the grid of the
            # frequency.
            return index[index > last][:n_rows]
        if isinstance(last, pd.Period):
            if isinstance(step, Integral):
                ordinals = last.ordinal + int(step) * np.arange(1, n_rows + 1)
                return periods.from_ordinals(ordinals, freq=last.freq)
            days: Any = date_range(last.start_time, n_rows + 1, step)
            return days[days > last.start_time][:n_rows].to_period(last.freq)
        first = last + step
        if isinstance(last, pd.Timedelta):
            return pd.timedelta_range(first, periods=n_rows, freq=step)
        return pd.RangeIndex(first, first + n_rows * step, step)

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
        times = self._comparable_times(index)
        row = None if times is None else self._find_unexpected(times)
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
        times = self._comparable_times(index)
        if times is None or _warn_of_duplicates(times, name):
            return
        row = self._find_unexpected(times)
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
        times = self._comparable_times(index)
        return times is not None and bool(times[0] <= self.last)

    def _check_not_seen(
        self, index: pd.Index | None, name: str, rewind_hint: str
    ) -> None:
        """Raise an error if rows were seen before, or have times of another kind."""
        if index is None or self.last is None or not len(index):
            return
        times = as_times(index)
        first, kind = times[0], kind_of(times[0])
        if kind != self.kind and {kind, self.kind} == set(_ZONES):
            raise ValueError(
                f"{name} must have times like those seen before, but begins at "
                f"{first}, and the last row seen is {self.last}: only one of them has "
                "a time zone. Add it to the other with X.tz_localize(...), or remove "
                "it with X.tz_localize(None)."
            )
        if kind != self.kind and is_time(times) and _is_time_kind(self.kind):
            raise ValueError(
                f"{name} must have {self.kind}, like the rows seen before, but its "
                f"index has {kind}. Convert it, for example with X.to_period(...) or "
                "X.to_timestamp()."
            )
        if self.was_seen(index):
            raise ValueError(
                f"{name} must begin after the last row seen, {self.last}, but begins "
                f"at {first}. Leave out the rows seen before; {rewind_hint}."
            )

    def _find_unexpected(self, times: Any) -> _UnexpectedRow | None:
        """Find the first row that is not at the time expected of it."""
        if self.step is None:
            return None
        if self._has_holidays():
            return self._find_closure(times)
        expected = self._next_times(len(times))
        unexpected = np.flatnonzero(_differs(times, expected, self.last))
        if not len(unexpected):
            return None
        return self._describe_unexpected(times, unexpected[0], expected[unexpected[0]])

    def _find_closure(self, times: Any) -> _UnexpectedRow | None:
        """Find the first row after more days without rows than holidays explain."""
        previous = times.insert(0, self.last)[:-1]
        has_periods = not hasattr(times, "normalize")
        begins = [t.to_timestamp() if has_periods else t for t in (previous, times)]
        for row in np.flatnonzero(begins[1] - begins[0] > _LONGEST_HOLIDAYS).tolist():
            (expected,) = replace(self, last=previous[row])._next_times(1)
            begin = expected.start_time if has_periods else expected
            if begins[1][row] - begin > _LONGEST_HOLIDAYS:
                return self._describe_unexpected(times, row, expected)
        return None

    def _describe_unexpected(
        self, times: Any, row: int, expected: Any
    ) -> _UnexpectedRow:
        if row == 0:
            place = f"begins at {times[0]}"
            previous = f"the last row seen, {self.last},"
        else:
            place, previous = f"has {times[row]} in row {row}", str(times[row - 1])
        return _UnexpectedRow(place, expected, previous, bool(times[row] > expected))

    def _comparable_times(self, index: pd.Index | None) -> Any:
        """Return the times of rows if they are of the kind of the last one seen.

        They have its time zone; None if they cannot be compared.
        """
        if index is None or self.last is None or not len(index):
            return None
        times: Any = as_times(index)
        if not is_time(times) or kind_of(times[0]) != self.kind:
            return None
        return times if self.zone is None else times.tz_convert(self.last.tz)

    def _has_holidays(self) -> bool:
        """Return whether the steps are business days, some of which are skipped."""
        import pandas as pd

        step = self.step
        if isinstance(self.last, pd.Timestamp):
            step = pd.tseries.frequencies.to_offset(step)
        elif isinstance(self.last, pd.Period) and isinstance(step, Integral):
            step = self.last.freq
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
    index = None if index is None else as_times(index)
    target_index = None if target_index is None else as_times(target_index)
    for name, labels in (("X", index), ("y", target_index)):
        if labels is not None and has_order(labels):
            _check_order(labels, name)
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


def _check_order(labels: pd.Index, name: str) -> None:
    if labels.hasnans:
        row = int(np.flatnonzero(labels.isna())[0])
        raise ValueError(
            f"rows must have a time each, but the index of {name} has none in row "
            f"{row}. Drop such rows, or give them their times."
        )
    if not labels.is_monotonic_increasing:
        raise ValueError(
            f"rows must be in time order, but the index of {name} decreases. Sort "
            "X, y and sample_weight by time, for example with X.sort_index(). If "
            "the order of the rows is right, number them with "
            "X.reset_index(drop=True). Searches by successive halving draw rows at "
            'random unless resource="epochs".'
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
    if index is None:
        return
    if are_unread_dates(index):
        warn_user(
            f"{name} has an index of text that looks like dates, such as "
            f"{index[0]!r}. Whether its rows are in order is not checked. Convert it, "
            "for example with X.index = pandas.to_datetime(X.index, format=...)."
        )
        return
    times = as_times(index)
    if not (is_time(times) or is_number(times)) or usual_step(times) is not None:
        return
    if _warn_of_duplicates(times, name):
        return
    gaps = find_gaps(times)
    if len(gaps):
        row = gaps[0]
        warn_user(
            f"{name} seems to lack rows: after {times[row]} comes {times[row + 1]}, "
            f"while other rows are closer together (number of gaps: {len(gaps)}). The "
            "rows are used as if none were missing. Fill the gaps, for example with "
            "X.asfreq(...).interpolate() in pandas. If no rows are missing, number "
            "them with X.reset_index(drop=True). For cross-validation use "
            "cv=WalkForwardCV(...), which leaves no gap.",
        )


def has_order(index: pd.Index) -> bool:
    """Return whether the order of labels is the order in time."""
    return is_time(index) or index.dtype.kind in "iuf"


def _warn_of_duplicates(index: Any, name: str) -> bool:
    """Warn if a time occurs more than once, and return whether one does."""
    if index.is_unique:
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


def kind_of(label: Any) -> str:
    """Describe labels like this one, as far as they can be compared."""
    import pandas as pd

    if isinstance(label, pd.Timestamp):
        return _ZONES[label.tz is not None]
    if isinstance(label, pd.Period):
        return f"periods of {label.freqstr}"
    if isinstance(label, pd.Timedelta):
        return "time deltas"
    return "numbers" if isinstance(label, Integral) else type(label).__name__


def _is_time_kind(kind: str) -> bool:
    return kind.startswith(("times", "periods", "time deltas"))
