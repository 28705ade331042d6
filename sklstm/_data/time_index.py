"""Where a series stands in time, as the index of its rows says."""

from __future__ import annotations

import warnings
from dataclasses import dataclass, replace
from typing import Any, NamedTuple

import numpy as np

# With fewer rows a series may not tell its own step: five days may be trading days.
STEP_ROWS = 7

# Rows are missing where so few steps at most are longer than the others. More are the
# series' own: weekends, on which nobody trades.
_SHARE_OF_GAPS = 0.01

# The others must be as equal as the months of a year are, or nothing is expected.
_SPREAD_OF_STEPS = 0.25

# Fewer steps do not tell which one is the usual.
_STEPS_TOLD = 10


@dataclass(frozen=True)
class TimeIndex:
    """Labels of the rows that were seen last, and of those that come next.

    Parameters
    ----------
    has_index : bool
        Whether the rows came with a pandas index.
    last : label, optional
        The last row's label.
    step : int or pandas offset, optional
        From one row's label to the next; None if the labels are irregular.
    name : hashable, optional
        Of the index.
    """

    has_index: bool = False
    last: Any = None
    step: Any = None
    name: Any = None

    @classmethod
    def of(cls, index) -> TimeIndex:
        """Those of rows with an index, or with None."""
        if index is None:
            return cls()
        return cls(True, index[-1], usual_step(index), index.name)

    def after(self, index) -> TimeIndex:
        """The times once rows with an index, or with None, have followed."""
        if index is None:
            # Until rows come with labels again, nobody knows where we are.
            return replace(self, last=None)
        if self.last is not None and type(index[-1]) is not type(self.last):
            return TimeIndex.of(index)
        return replace(self, has_index=True, last=index[-1], name=index.name)

    def anew(self, index) -> TimeIndex:
        """The times of other rows, which begin anew, at the same steps as before."""
        times = TimeIndex.of(index)
        if times.step is None and type(times.last) is type(self.last):
            return replace(times, step=self.step)
        return times

    def next_index(self, n_rows: int):
        """The index of the next rows; their numbers from 1 where nobody knows it."""
        import pandas as pd

        if self.step is None or self.last is None:
            return pd.RangeIndex(1, n_rows + 1, name="step")
        index: pd.Index
        if isinstance(self.last, pd.Timestamp):
            index = _dates(self.last, n_rows + 1, self.step)
            # A date that is not on the frequency's grid would not be the first.
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
        self, index, *, name: str, rewind_hint: str, gap_remedy: str = "fit anew"
    ) -> None:
        """Refuse times that do not come after those seen, and warn of gaps.

        Parameters
        ----------
        index : pandas.Index or None
            Labels of the rows that are to follow.
        name : str
            What holds the rows.
        rewind_hint : str
            How rows that were seen may be passed again.
        gap_remedy : str
            What else to do about one than to fill it.
        """
        self._check_new(index, name, rewind_hint)
        self.warn_of_gaps(index, name=name, gap_remedy=gap_remedy)

    def check_next(self, index, *, name: str, rewind_hint: str) -> None:
        """Refuse times that are not those of the next rows, if those are known.

        Parameters
        ----------
        index : pandas.Index or None
        name : str
            What holds the rows.
        rewind_hint : str
            How rows that were seen may be passed again.
        """
        self._check_new(index, name, rewind_hint)
        other = self._find_unexpected(index)
        if other is not None:
            raise ValueError(
                f"{name} must hold the rows that come next, but it {other.place}, and "
                f"{other.expected} is the next after {other.before}. Pass those "
                "rows; rows that have come meanwhile go in by update."
            )

    def warn_of_gaps(self, index, *, name: str, gap_remedy: str = "fit anew") -> None:
        """Warn if the rows that are to follow are not those that come next.

        Parameters
        ----------
        index : pandas.Index or None
            Labels of the rows that are to follow.
        name : str
            What holds the rows.
        gap_remedy : str
            What else to do about one than to fill it.
        """
        if not self._is_comparable(index) or _warn_of_doubled(index, name):
            return
        other = self._find_unexpected(index)
        if other is None:
            return
        if other.is_late:
            remedy = f"as if nothing was missing: fill the gap, or {gap_remedy}."
        else:
            remedy = "as if they came at the steps of those before: resample them."
        warnings.warn(
            f"{name} {other.place}, but {other.expected} is the next after "
            f"{other.before}. The rows are taken {remedy}",
            UserWarning,
            stacklevel=2,
        )

    def _find_unexpected(self, index) -> _UnexpectedRow | None:
        """The first row that is not the one that comes next."""
        if not self._is_comparable(index) or self.step is None or self._has_holidays():
            return None
        expected = self.next_index(len(index))
        off = np.flatnonzero(_are_off(index, expected, self.last))
        if not len(off):
            return None
        row = off[0]
        if row == 0:
            place, before = f"begins at {index[0]}", f"the last row seen, {self.last}"
        else:
            place, before = f"has {index[row]} in row {row}", str(index[row - 1])
        return _UnexpectedRow(
            place, expected[row], before, bool(index[row] > expected[row])
        )

    def _check_new(self, index, name: str, rewind_hint: str) -> None:
        """Refuse rows that were seen, and times that cannot be compared with those."""
        import pandas as pd

        one, last = (None if index is None else index[0]), self.last
        if (
            isinstance(one, pd.Timestamp)
            and isinstance(last, pd.Timestamp)
            and (one.tz is None) != (last.tz is None)
        ):
            raise ValueError(
                f"{name} must have times like those seen, but begins at {one}, and the "
                f"last row seen is {last}: only one of them has a time zone. Give it "
                "to the other, too, as by X.tz_localize, or take it away, as by "
                "X.tz_localize(None)."
            )
        if self.was_seen(index):
            raise ValueError(
                f"{name} must begin after the last row seen, {self.last}, but begins "
                f"at {index[0]}. Leave out what was seen before; {rewind_hint}."
            )

    def was_seen(self, index) -> bool:
        """Whether the first of the labels is one of rows seen, or of before."""
        return self._is_comparable(index) and bool(index[0] <= self.last)

    def _is_comparable(self, index) -> bool:
        """Whether labels of time can be compared with those seen."""
        if index is None or self.last is None or not len(index):
            return False
        one, last = index[0], self.last
        return (
            is_time(index)
            and type(one) is type(last)
            and getattr(one, "tz", None) == getattr(last, "tz", None)
            and getattr(one, "freq", None) == getattr(last, "freq", None)
        )

    def _has_holidays(self) -> bool:
        """Whether the steps are business days, of which some are left out."""
        import pandas as pd

        step = self.last.freq if isinstance(self.last, pd.Period) else self.step
        if isinstance(self.last, pd.Timestamp):
            step = pd.tseries.frequencies.to_offset(step)
        return isinstance(step, pd.offsets.BusinessDay | pd.offsets.BusinessHour)


class _UnexpectedRow(NamedTuple):
    """A row that is not the one that comes next."""

    place: str
    expected: Any
    before: str
    is_late: bool


def index_of(*frames):
    """The pandas index of the first of the frames that has one, or None."""
    for frame in frames:
        # A list has a method of that name.
        if hasattr(frame, "iloc"):
            return frame.index
    return None


def is_time(index) -> bool:
    """Whether labels are points in time or periods."""
    import pandas as pd

    return isinstance(index, pd.DatetimeIndex | pd.PeriodIndex | pd.TimedeltaIndex)


def same_labels(index, other) -> bool:
    """Whether labels are the same; times may be counted in other units."""
    if index.equals(other):
        return True
    alike = type(index) is type(other) and len(index) == len(other)
    return alike and bool(np.all(index == other))


def check_rows_in_order(index, own) -> None:
    """Refuse rows whose labels say that they are not in time order.

    Parameters
    ----------
    index, own : pandas.Index or None
        Labels of the rows of X and of those of y.
    """
    for name, labels in (("X", index), ("y", own)):
        if labels is None or not _counts(labels):
            continue
        if not labels.is_monotonic_increasing:
            raise ValueError(
                f"rows must be in time order, but the index of {name} falls. Sort X "
                "and what belongs to its rows, as by X.sort_index(); or number them "
                "anew, as by X.reset_index(drop=True), if their order is right."
            )
    if (
        index is None
        or own is None
        or len(index) != len(own)
        or same_labels(index, own)
    ):
        return
    of_one_kind = type(index) is type(own)
    if (is_time(index) and of_one_kind) or not len(index.difference(own)):
        raise ValueError(
            f"y must have the rows of X, in their order, but the index of X begins "
            f"{list(index[:2])}, and that of y {list(own[:2])}. Pass y with the index "
            "of X, as by y.reindex(X.index)."
        )


def warn_of_irregular_rows(index, *, name: str) -> None:
    """Warn of rows that seem to be missing, and of times that come twice.

    Parameters
    ----------
    index : pandas.Index or None
        Labels of the rows to learn from, in order.
    name : str
        What holds the rows.
    """
    if index is None or not _counts(index) or usual_step(index) is not None:
        return
    if _warn_of_doubled(index, name):
        return
    gaps = _find_gaps(index)
    if len(gaps):
        row = gaps[0]
        warnings.warn(
            f"{name} seems to lack rows: after {index[row]} comes {index[row + 1]}, "
            f"while other rows are closer together (gaps: {len(gaps)}). The rows are "
            "taken as if nothing was missing. Fill the gaps, as by "
            "X.asfreq(...).interpolate() in pandas; number the rows anew, as by "
            "X.reset_index(drop=True), if none are missing; and cross-validate with "
            "cv=WalkForwardCV(...), which leaves no gap.",
            UserWarning,
            stacklevel=2,
        )


def _find_gaps(index) -> np.ndarray:
    """The rows behind which some seem to be missing."""
    import pandas as pd

    steps = np.diff(index.asi8 if is_time(index) else index.to_numpy(np.int64))
    if len(steps) < _STEPS_TOLD:
        return np.array([], int)
    usual = np.median(steps)
    late = steps > 1.5 * usual
    if isinstance(index, pd.DatetimeIndex):
        nights = np.diff(index.normalize().asi8) > 0
        if late[nights].all():
            late &= ~nights
    even = np.ptp(steps[~late]) <= _SPREAD_OF_STEPS * usual
    few = late.sum() <= max(1, _SHARE_OF_GAPS * len(steps))
    return np.flatnonzero(late & even & few)


def _warn_of_doubled(index, name: str) -> bool:
    """Warn of a time that comes twice, and say whether there is one."""
    if not is_time(index) or index.is_unique:
        return False
    warnings.warn(
        f"{name} has {index[index.duplicated()][0]} more than once, and its rows "
        "are taken as if one came after the other. Keep one row for each time, as "
        "by X.groupby(level=0).mean(); several series go in as a list, or as a "
        "frame with an index of (series, time).",
        UserWarning,
        stacklevel=3,
    )
    return True


def _are_off(index, expected, last) -> np.ndarray:
    """Which labels are not those expected after the last one seen.

    A date may be off by less than half a step: a holiday may move it.
    """
    import pandas as pd

    if not isinstance(index, pd.DatetimeIndex):
        return np.asarray(index != expected)
    steps = expected - expected.insert(0, last)[:-1]
    return np.asarray(2 * abs(index - expected) >= steps)


def _dates(first, n_rows: int, step):
    """Dates from the first one on, also where the clocks are changed."""
    import pandas as pd

    try:
        return pd.date_range(first, periods=n_rows, freq=step)
    except Exception:  # of pandas or of pytz: an hour that is not there, or twice
        dates = pd.date_range(first.tz_localize(None), periods=n_rows, freq=step)
        return dates.tz_localize(
            first.tz,
            ambiguous=np.ones(n_rows, bool),
            nonexistent="shift_forward",
        )


def _counts(index) -> bool:
    """Whether labels tell the order of the rows."""
    return is_time(index) or index.dtype.kind in "iu"


def usual_step(index):
    """What leads from one label to the next, or None if nothing regular does."""
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


def _usual_offset(index):
    import pandas as pd

    if index.freq is not None:
        return index.freq
    if len(index) < 3 or not index.is_monotonic_increasing:
        return None
    offset = pd.infer_freq(index)
    if offset == "bh":
        return None  # pandas says so of any eight hours of a day
    if offset == "D" and len(index) < STEP_ROWS and index.dayofweek.max() < 5:
        return None
    return offset
