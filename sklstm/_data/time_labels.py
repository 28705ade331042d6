"""Row labels that are times, also where they are text, dates or other objects."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

if TYPE_CHECKING:
    import pandas as pd

# These stand for labels that are no text, where others have a format of strftime:
# datetime.date objects, and integers such as 20240131.
_DATE_OBJECTS = "date"
_DAY_NUMBERS = "integer"

# Text that has one meaning only: the year comes first.
_WRITTEN_TIME = re.compile(
    r"\d{4}(?P<sep>[-/])\d{2}"
    r"(?:(?P=sep)(?P<day>\d{2})(?:(?P<gap>[T ])\d{2}:\d{2}(?P<seconds>:\d{2})?)?)?"
)
_WRITTEN_DAY = re.compile(r"(19|20)\d{6}")
_WRITTEN_QUARTER = re.compile(r"\d{4}(?P<dash>-?)Q[1-4]")
_WRITTEN_INSTANT = re.compile(
    r"\d{4}-\d{2}-\d{2}(?:[T ]\d{2}:\d{2}.*?(?P<offset>Z|[+-]\d{2}:?\d{2})?)?"
)

# Text of dates that may have several meanings, or is in some language.
_OTHER_DATE = re.compile(
    r"\d{1,2}([./-])\d{1,2}\1\d{2,4}(\D.*)?"
    r"|\d{1,2}[ -][A-Za-z]{3,9}\.?[ -]\d{2,4}.*"
    r"|[A-Za-z]{3,9}\.? (\d{1,2},? )?\d{4}.*"
)


class TimeLabels(NamedTuple):
    """Labels read as times."""

    times: pd.Index  # the labels themselves if they are no times
    written: str | None = None  # how the times were written; see `write_times`


def read_times(index: pd.Index) -> TimeLabels:
    """Read labels as times, if all of them have that meaning and no other.

    Besides pandas' own times these are dates, times and periods in an index of
    objects, categories of them, text in the order year, month, day, and integers such
    as 20240131 if each of them is a day from 1900 to 2099.

    Parameters
    ----------
    index : pandas.Index

    Returns
    -------
    labels : TimeLabels
    """
    import pandas as pd

    if isinstance(index, pd.CategoricalIndex):
        index = index.astype(index.categories.dtype)
    if index.nlevels > 1 or not len(index) or is_time(index):
        return TimeLabels(index)
    if is_number(index):
        return _read_numbers(index)
    if index.dtype.kind in "fb":
        return TimeLabels(index)
    kind = pd.api.types.infer_dtype(index, skipna=False)
    if kind == "string":
        return _read_text(index)
    try:
        if kind == "date":
            return TimeLabels(pd.DatetimeIndex(index), _DATE_OBJECTS)
        if kind in ("datetime", "datetime64"):
            # Zones may change along the rows.
            zones = {str(getattr(time, "tzinfo", None)) for time in index}
            several = len(zones) > 1 and "None" not in zones
            return TimeLabels(pd.DatetimeIndex(pd.to_datetime(index, utc=several)))
        if kind in ("timedelta", "timedelta64"):
            return TimeLabels(pd.TimedeltaIndex(index))
        if kind == "period":
            return TimeLabels(pd.PeriodIndex(index))
        if kind == "integer":
            return _read_numbers(index.astype(np.int64))
    except (TypeError, ValueError):  # such as times with and without a time zone
        pass
    return TimeLabels(index)


def as_times(index: pd.Index) -> pd.Index:
    """Return labels as times if they can be read so, or unchanged."""
    return read_times(index).times


def write_times(times: Any, written: str | None) -> pd.Index:
    """Write times as the labels were that `read_times` read."""
    import pandas as pd

    if written is None:
        return times
    if written == _DATE_OBJECTS:
        return pd.Index(times.date, dtype=object)
    if written == _DAY_NUMBERS:
        return times.strftime("%Y%m%d").astype(np.int64)
    return times.strftime(written)


def is_time(index: pd.Index) -> bool:
    """Return whether labels are time stamps, periods or time deltas."""
    import pandas as pd

    return isinstance(index, pd.DatetimeIndex | pd.PeriodIndex | pd.TimedeltaIndex)


def is_number(index: pd.Index) -> bool:
    """Return whether labels are integers."""
    return index.nlevels == 1 and index.dtype.kind in "iu"


def are_unread_dates(index: pd.Index) -> bool:
    """Return whether labels are text that looks like dates, but is not read as such."""
    return (
        index.nlevels == 1
        and index.dtype.kind in "OUT"
        and all(isinstance(x, str) and _OTHER_DATE.fullmatch(x) for x in index)
    )


def _read_numbers(index: pd.Index) -> TimeLabels:
    import pandas as pd

    if not _WRITTEN_DAY.fullmatch(str(index[0])):
        return TimeLabels(index)
    years = index.to_numpy(np.int64) // 10000
    if not (years.min() >= 1900 and years.max() < 2100):
        return TimeLabels(index)
    times = pd.to_datetime(index.astype(str), format="%Y%m%d", errors="coerce")
    return TimeLabels(index) if times.hasnans else TimeLabels(times, _DAY_NUMBERS)


def _read_text(index: pd.Index) -> TimeLabels:
    import pandas as pd

    written = _find_format(index[0])
    if written is not None:
        times: Any = _parse(index, written)
        # Labels of one length have all their digits, so they are written back alike.
        if not times.hasnans and (index.str.len() == len(index[0])).all():
            return TimeLabels(times, written)
    match = _WRITTEN_INSTANT.fullmatch(index[0])
    if match is not None:
        try:
            times = pd.to_datetime(
                index,
                format="ISO8601",
                errors="coerce",
                # Offsets from UTC may change along the rows.
                utc=match["offset"] is not None,
            )
        except (TypeError, ValueError):  # only some labels have an offset
            return TimeLabels(index)
        if isinstance(times, pd.DatetimeIndex) and not times.hasnans:
            return TimeLabels(times)
    return TimeLabels(index)


def _find_format(label: str) -> str | None:
    """Find the format of strftime in which a label is written."""
    if match := _WRITTEN_TIME.fullmatch(label):
        form = f"%Y{match['sep']}%m"
        if match["day"]:
            form += f"{match['sep']}%d"
        if match["gap"]:
            form += f"{match['gap']}%H:%M"
        return form + ":%S" if match["seconds"] else form
    if _WRITTEN_DAY.fullmatch(label):
        return "%Y%m%d"
    if match := _WRITTEN_QUARTER.fullmatch(label):
        return f"%Y{match['dash']}Q%q"
    return None


def _parse(index: pd.Index, written: str) -> pd.DatetimeIndex | pd.PeriodIndex:
    import pandas as pd

    if "%q" not in written:
        return pd.to_datetime(index, format=written, errors="coerce")
    quarters = [
        pd.Period(label.replace("-", ""), "Q")
        if _WRITTEN_QUARTER.fullmatch(label)
        else pd.NaT
        for label in index
    ]
    return pd.PeriodIndex(quarters, freq="Q")
