"""The regular step of times, and gaps between them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from sklstm._data.time_labels import is_time

if TYPE_CHECKING:
    import pandas as pd

# Fewer rows may not show the step of a series: five days in a row may be trading days.
MIN_STEP_ROWS = 7

# Fewer rows do not show that two days of each month recur.
_MIN_HALF_MONTHS = 5

# Gaps are looked for only where the other steps differ by at most this fraction of the
# usual step, as the lengths of months do.
_MAX_STEP_RANGE = 0.25

# Fewer steps do not show which one is usual.
_MIN_STEPS = 10

# Fewer weeks do not show at which hours of the week there are no rows.
_MIN_WEEKS = 3

# Where some days of the week have no rows, at most this fraction of the other days may
# lack theirs: they are holidays.
_MAX_HOLIDAYS = 0.1

# Gaps recur if at least this fraction of them follow each other at the same distance.
_MIN_RECURRING = 0.8


def usual_step(index: pd.Index) -> Any:
    """Return the step from one label to the next, or None if it is not regular.

    Parameters
    ----------
    index : pandas.Index
        Times, or numbers.

    Returns
    -------
    step : int, Timedelta, str or pandas offset, or None
        Of periods their number in units of the base frequency: 3 for quarters in
        periods of months.
    """
    import pandas as pd

    if isinstance(index, pd.PeriodIndex):
        return _usual_number_of_periods(index)
    if isinstance(index, pd.DatetimeIndex):
        return named_frequency(index) or _unnamed_calendar(index)
    if isinstance(index, pd.TimedeltaIndex) or pd.api.types.is_integer_dtype(index):
        steps = index[1:] - index[:-1]
        return steps[0] if _are_equal(steps) else None
    return None


def named_frequency(index: pd.DatetimeIndex) -> Any:
    """Return the frequency of times as pandas names it, or None."""
    import pandas as pd

    if index.freq is not None:
        return index.freq
    if len(index) < 3 or not index.is_monotonic_increasing:
        return None
    offset = pd.infer_freq(index)
    if offset is None:
        # pandas takes steps of 169 hours for days, if the end of daylight saving time
        # makes one of them 168 hours on the clock.
        steps = index[1:] - index[:-1]
        return pd.tseries.frequencies.to_offset(steps[0]) if _are_equal(steps) else None
    if offset == "bh":
        return None  # pandas infers business hours from any eight hours of a day
    if offset == "D" and _may_be_trading_days(index):
        return None
    if offset.startswith("WOM-"):
        # pandas infers third Fridays whether or not months are left out.
        months = 12 * index.year + index.month
        return offset if (np.diff(months) == 1).all() else None
    return offset


def _are_equal(steps: Any) -> bool:
    """Return whether there are steps, all of them equal and positive."""
    return bool(len(steps) and (steps == steps[0]).all() and steps[0] > 0 * steps[0])


def date_range(first: Any, n_rows: int, step: Any) -> pd.DatetimeIndex:
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


def _may_be_trading_days(index: Any) -> bool:
    """Return whether days are too few to show that weekends have rows."""
    return len(index) < MIN_STEP_ROWS and index.dayofweek.max() < 5


def _usual_number_of_periods(index: Any) -> Any:
    steps = np.diff(index.asi8)
    if not len(steps):
        return None if index.freqstr == "D" else index.freq.n
    if steps[0] > 0 and (steps == steps[0]).all():
        is_day = index.freqstr == "D" and steps[0] == 1
        return None if is_day and _may_be_trading_days(index) else int(steps[0])
    return _unnamed_calendar(index.to_timestamp())


def _unnamed_calendar(index: pd.DatetimeIndex) -> Any:
    """Return the offset of dates at a regular step that pandas has no name for."""
    wall = index.tz_localize(None)
    days = wall.normalize()
    if len(index) < 3 or not index.is_unique or not index.is_monotonic_increasing:
        return None
    if not (wall - days == wall[0] - days[0]).all():
        return None
    return _same_day_of_month(days) or _half_months(index, days) or _weekdays(days)


def _same_day_of_month(days: pd.DatetimeIndex) -> Any:
    import pandas as pd

    months = 12 * days.year + days.month
    steps = np.diff(months)
    day = days.day.max()
    same = (days.day == np.minimum(day, days.days_in_month)).all()
    if not same or steps[0] < 1 or (steps != steps[0]).any():
        return None
    # With its day, the offset also returns to it from the last days of February.
    return pd.DateOffset(months=int(steps[0]), day=int(day))


def _half_months(index: pd.DatetimeIndex, days: pd.DatetimeIndex) -> Any:
    import pandas as pd

    day, n_rows = days.day, len(days)
    # The 15th and the last day of months of 28 to 31 days are five different days.
    if n_rows < _MIN_HALF_MONTHS or day.nunique() > 5:
        return None
    offsets: list[Any] = []
    if 2 <= day.max() <= 27:
        offsets.append(pd.offsets.SemiMonthBegin(day_of_month=int(day.max())))
    if day.min() <= 27:
        offsets.append(pd.offsets.SemiMonthEnd(day_of_month=int(day.min())))
    for offset in offsets:
        if date_range(index[0], n_rows, offset).equals(index):
            return offset
    return None


def _weekdays(days: pd.DatetimeIndex) -> Any:
    import pandas as pd

    n_rows = np.bincount(days.dayofweek, minlength=7)
    if len(days) < MIN_STEP_ROWS or n_rows[n_rows > 0].min() < 2:
        return None
    weekmask = "".join("1" if n else "0" for n in n_rows)
    first, last = days[[0, -1]].to_numpy().astype("datetime64[D]")
    if np.busday_count(first, last + 1, weekmask) != len(days):
        return None
    return pd.offsets.CustomBusinessDay(weekmask=weekmask)


def find_gaps(index: Any) -> np.ndarray:
    """Return the positions of the rows after which some seem to be missing.

    Steps longer than the usual one that recur, such as nights and weekends without
    trading, belong to the series. So do days without rows, if there are few of them
    and some days of the week never have any: they are holidays.

    Parameters
    ----------
    index : pandas.Index
        Times or integers, in order and each of them once.

    Returns
    -------
    rows : ndarray of int
    """
    has_times = is_time(index)
    values = index.asi8 if has_times else index.to_numpy(np.int64)
    steps = np.diff(values)
    if len(steps) < _MIN_STEPS:
        return np.array([], int)
    usual = np.median(steps)
    is_long = steps > 1.5 * usual
    if not is_long.any() or np.ptp(steps[~is_long]) > _MAX_STEP_RANGE * usual:
        return np.array([], int)
    gaps = np.flatnonzero(is_long)
    if has_times:
        gaps = gaps[~_in_calendar(index, gaps)]
    # Rows at the same distance from each other end the gaps that recur.
    distances = np.diff(values[gaps + 1])
    if len(distances) > 2:
        n_equal = np.unique(distances, return_counts=True)[1].max()
        if n_equal >= _MIN_RECURRING * len(distances):
            return np.array([], int)
    return gaps


def _in_calendar(index: Any, gaps: np.ndarray) -> np.ndarray:
    """Return which gaps belong to the calendar of the series."""
    times, usual = _to_wall_times(index)
    day = times.astype("datetime64[D]")
    before, after = times[gaps], times[gaps + 1]
    at_midnight = np.flatnonzero(np.diff(day).astype(int))
    nights = at_midnight if np.isin(at_midnight, gaps).all() else at_midnight[:0]

    calendar = _Calendar(times, usual)
    first_missing, last_missing = before + usual, after - usual
    is_closed = calendar.is_closed(first_missing) & calendar.is_closed(last_missing)
    known = np.isin(gaps, nights) | is_closed
    if calendar.has_closed_weekdays:
        is_holiday = ~known & (after - before > np.timedelta64(20, "h"))
        if is_holiday.sum() <= _MAX_HOLIDAYS * len(np.unique(day)):
            known |= is_holiday
    return known


def _to_wall_times(index: Any) -> tuple[np.ndarray, np.timedelta64]:
    """Return times on the clocks of their zone, and the usual step between them."""
    import pandas as pd

    if isinstance(index, pd.PeriodIndex):
        index = index.to_timestamp()
    elif isinstance(index, pd.TimedeltaIndex):
        index = pd.Timestamp(0) + index
    times = index.tz_localize(None).to_numpy().astype("datetime64[us]")
    return times, np.timedelta64(int(np.median(np.diff(times).astype(int))), "us")


class _Calendar:
    """At which months, weekdays and hours a series has rows at all."""

    def __init__(self, times: np.ndarray, usual: np.timedelta64) -> None:
        self._slot_length = np.maximum(usual, np.timedelta64(1, "m"))
        # The first row is in the middle of a slot, so that times may be inexact.
        time_of_day = times[0] - times[0].astype("datetime64[D]")
        self._shift = self._slot_length / 2 - time_of_day
        self._is_intraday = usual < np.timedelta64(20, "h")
        span = (times[-1] - times[0]) / np.timedelta64(1, "D")
        days = np.unique(times.astype("datetime64[D]"))
        years, weeks = span / 365.25, span / 7

        months = np.unique(days.astype("datetime64[M]")).astype(int) % 12
        n_years = np.bincount(months, minlength=12)
        self._closed_months = (n_years < years / 2) & (years >= 2)

        n_weeks = np.bincount(_weekday(days), minlength=7)
        is_weekend = np.arange(7) >= 5
        self._closed_weekdays = np.where(
            is_weekend & (n_weeks == 0), True, (n_weeks < weeks / 2) & (weeks >= 2)
        )
        if usual > np.timedelta64(36, "h"):
            self._closed_weekdays[:] = False

        if self._is_intraday:
            n_slots = int(np.timedelta64(1, "D") // self._slot_length) + 1
            slots, day = self._slot(times), times.astype("datetime64[D]").astype(int)
            day, slot = np.divmod(np.unique(n_slots * day + slots), n_slots)
            n_days = np.bincount(slot, minlength=n_slots)
            # The first and the last day may lack slots before and after the series.
            each_slot = np.arange(n_slots)
            n_possible = len(days) - (each_slot < slots[0]) - (each_slot > slots[-1])
            self._closed_slots = (n_days < n_possible / 2) & (n_possible > 1)
            hour = 7 * slot + (day + 3) % 7
            n_hours = np.bincount(hour, minlength=7 * n_slots)
            self._closed_hours = (n_hours < weeks / 2) & (weeks >= _MIN_WEEKS)

    @property
    def has_closed_weekdays(self) -> bool:
        """Whether some days of the week have no rows."""
        return bool(self._closed_weekdays.any())

    def is_closed(self, times: np.ndarray) -> np.ndarray:
        """Return whether the series has no rows at times like these."""
        weekday = _weekday(times)
        closed = self._closed_months[times.astype("datetime64[M]").astype(int) % 12]
        closed |= self._closed_weekdays[weekday]
        if self._is_intraday:
            slot = self._slot(times)
            closed |= self._closed_slots[slot] | self._closed_hours[7 * slot + weekday]
        return closed

    def _slot(self, times: np.ndarray) -> np.ndarray:
        """Return the number of the part of the day, of about the usual step."""
        times = times + self._shift
        time_of_day = times - times.astype("datetime64[D]")
        return (time_of_day // self._slot_length).astype(int)


def _weekday(times: np.ndarray) -> np.ndarray:
    """Return the day of the week, from 0 for Monday."""
    return (times.astype("datetime64[D]").astype(int) + 3) % 7
