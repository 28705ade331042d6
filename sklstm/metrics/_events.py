"""Tables of events, and their positions on an axis of integers."""

from __future__ import annotations

from collections.abc import Hashable
from dataclasses import dataclass, replace
from functools import cached_property
from numbers import Integral, Real
from typing import Any

import numpy as np
import pandas as pd

from sklstm._data.panel import split_series
from sklstm._data.segments import find_runs
from sklstm._data.time_index import has_order, index_of, kind_of
from sklstm._data.time_labels import as_times, is_time

# Columns of a table of events that hold labels of rows.
_LABELS = ("start", "detected", "end")

_NUMBERS = "numbers"


def labels_to_events(
    labels: Any, index: Any = None, *, pos_label: int | None = None
) -> Any:
    """Find the events in the labels of single rows: runs of anomalous rows.

    Parameters
    ----------
    labels : array-like of shape (n_rows,)
        A label for each row, in time order: 0 and 1 or False and True, where 1 is
        anomalous; or 1 and -1 as from ``predict`` of the detectors, where -1 is. For
        several series, a list of arrays, or one array for the rows of a panel.
    index : pandas.Index or list of them, default=None
        Labels of the rows: times, periods or row numbers. An index of (series, time)
        makes the rows those of several series. None uses the index of a pandas Series,
        otherwise row numbers from 0.
    pos_label : {1, -1} or None, default=None
        Label of anomalous rows. None finds out, which labels that are all 1 do not
        tell: pass -1 with labels from ``predict``, where a quiet series has only 1.

    Returns
    -------
    events : DataFrame
        One row per event, with the columns "start" and "end", the labels of its first
        and last row. Several series are index levels, and a list of arrays gives a list
        of DataFrames, as from ``anomaly_segments`` of the detectors.

    Raises
    ------
    ValueError
        If the labels are not as described, are all 1 without ``pos_label``, or the rows
        are not in time order.

    See Also
    --------
    match_events : Which alarms detect which incidents.

    Examples
    --------
    >>> import pandas as pd
    >>> from sklstm.metrics import labels_to_events
    >>> labels_to_events([0, 1, 1, 0, 0, 1])
       start  end
    0      1    2
    1      5    5
    >>> hours = pd.date_range("2025-01-01", periods=4, freq="h")
    >>> labels_to_events([1, 1, -1, -1], hours, pos_label=-1)
                    start                 end
    0 2025-01-01 02:00:00 2025-01-01 03:00:00
    """
    if _is_list_of_arrays(labels):
        indices = [None] * len(labels) if index is None else index
        if not isinstance(indices, list | tuple) or len(indices) != len(labels):
            raise ValueError(
                "index must be a list with an entry for each of the "
                f"{len(labels)} series in labels, got {_describe(index)}."
            )
        parts = [_check_labels(part) for part in labels]
        pos_label = _check_pos_label(np.concatenate(parts), pos_label)
        return [
            _find_events(part == pos_label, _row_labels(each, source, len(part)))
            for part, each, source in zip(parts, indices, labels, strict=True)
        ]
    values = _check_labels(labels)
    pos_label = _check_pos_label(values, pos_label)
    flags = values == pos_label
    rows = _row_labels(index, labels, len(values))
    if rows.nlevels == 1:
        return _find_events(flags, rows)
    panel, inputs = split_series(pd.DataFrame({"flags": flags}, index=rows))
    tables = [_find_events(each.X["flags"].to_numpy(), each.X.index) for each in inputs]
    return tables if panel is None else panel.concat(tables)


def merge_events(events: Any, *, gap: Any = 0) -> pd.DataFrame:
    """Merge events that overlap or follow each other closely.

    Parameters
    ----------
    events : DataFrame or list of DataFrame
        Events with the columns "start" and "end", in any order, as for `match_events`.
    gap : int, str or timedelta, default=0
        Largest difference between the end of an event and the start of the next one
        for which they are merged: a number of rows if the events are labelled by row
        numbers, otherwise a time such as "10min". 0 merges events that share a row, and
        1 those of adjacent rows, too.

    Returns
    -------
    merged : DataFrame
        The merged events of each series in the order of their starts. Of the other
        columns, the earliest "detected", and the lowest "score" with its "feature", are
        kept if there are such columns. A list gives one table, in which an index level
        "series" holds the position in the list.

    Raises
    ------
    ValueError
        If the table or ``gap`` is not as described.

    Examples
    --------
    >>> import pandas as pd
    >>> from sklstm.metrics import merge_events
    >>> alarms = pd.DataFrame({"start": [3, 12, 40], "end": [8, 15, 41]})
    >>> merge_events(alarms, gap=5)
       start  end
    0      3   15
    1     40   41
    """
    read = Events.read(events, "events")
    distance = read.distance(gap, "gap")
    table, ends = read.table, read.closed_at(read.last).ends
    columns = [each for each in (*_LABELS, "score", "feature") if each in table]
    chosen: dict[str, list[int]] = {each: [] for each in columns}
    names: list[tuple] = []
    for name, positions in read.groups.items():
        order = positions[np.argsort(read.starts[positions], kind="stable")]
        first = first_of_groups(read.starts[order], ends[order], distance)
        for number, rows in enumerate(np.split(order, first[1:])):
            lowest = rows[0]
            if "score" in table:
                scores = table["score"].to_numpy(dtype=np.float64)[rows]
                lowest = rows[np.where(np.isnan(scores), np.inf, scores).argmin()]
            open_rows = rows[read.is_open[rows]]
            last = open_rows[0] if len(open_rows) else rows[ends[rows].argmax()]
            picked = {
                "start": rows[0],
                "detected": rows[read.raised[rows].argmin()],
                "end": last,
                "score": lowest,
                "feature": lowest,
            }
            for each in columns:
                chosen[each].append(picked[each])
            key = name if isinstance(name, tuple) else (name,)
            names.append((*key, number))
    merged = {each: table[each].iloc[chosen[each]].array for each in columns}
    if table.index.nlevels == 1:
        return pd.DataFrame(merged, index=pd.RangeIndex(len(names)))
    index = table.index[:0]
    if names:
        index = pd.MultiIndex.from_tuples(names, names=table.index.names)
    return pd.DataFrame(merged, index=index)


@dataclass(frozen=True)
class Events:
    """Events of one or several series, on an axis of integers.

    Positions on the axis are row numbers, or nanoseconds of times and of the starts of
    periods. Created by `read`.
    """

    table: pd.DataFrame
    name: str  # name of the parameter, for messages
    kind: str | None  # kind of the labels; None if there are no events
    starts: np.ndarray  # (n_events,)
    raised: np.ndarray  # (n_events,): when each event became known
    ends: np.ndarray  # (n_events,), inclusive; undefined where open
    is_open: np.ndarray  # (n_events,): whether the end is still unknown
    stops: np.ndarray  # (n_events,), exclusive, as far as the labels tell

    @classmethod
    def read(cls, events: Any, name: str) -> Events:
        """Read and check a table of events.

        Parameters
        ----------
        events : DataFrame or list of DataFrame
        name : str
            Name of the parameter.
        """
        table = _check_tables(events, name)
        columns = [each for each in _LABELS if each in table]
        present = {each: table[each].notna().to_numpy() for each in columns}
        for each in ("start", "detected"):
            if each in present and not present[each].all():
                row = table.index[~present[each]][0]
                raise ValueError(
                    f"{name} must have a label in column {each!r} of every row, but "
                    f"row {row!r} has none. Only 'end' may be missing, in an event "
                    "that is still going on."
                )
        # The labels of all columns are read together, so that they are of one kind.
        parts = [table[each][present[each]] for each in columns if present[each].any()]
        labels = pd.Index(pd.concat(parts) if parts else [])
        axis = read_labels(labels, f"Columns {columns} of {name}")
        positions, stops, done = {}, np.zeros(len(table), np.int64), 0
        for each in columns:
            n_labels = present[each].sum()
            values = np.zeros(len(table), np.int64)
            values[present[each]] = axis.positions[done : done + n_labels]
            if each == "end":
                stops[present[each]] = axis.stops[done : done + n_labels]
            positions[each], done = values, done + n_labels
        read = cls(
            table,
            name,
            axis.kind,
            positions["start"],
            positions.get("detected", positions["start"]),
            positions["end"],
            ~present["end"],
            stops,
        )
        read._check_order()
        return read

    def _check_order(self) -> None:
        for bad, earlier, later in (
            ((self.ends < self.starts) & ~self.is_open, "end", "start"),
            (self.raised < self.starts, "detected", "start"),
        ):
            if bad.any():
                row = self.table.iloc[int(bad.argmax())]
                raise ValueError(
                    f"{self.name} must have {later!r} no later than {earlier!r}, but "
                    f"row {row.name!r} has {later} {row[later]} and {earlier} "
                    f"{row[earlier]}."
                )

    def __len__(self) -> int:
        return len(self.table)

    @property
    def last(self) -> int:
        """Last known position of any event; 0 if there are none."""
        known = [self.starts, self.raised, self.ends[~self.is_open]]
        return int(max((part.max() for part in known if len(part)), default=0))

    @cached_property
    def groups(self) -> dict[Hashable, np.ndarray]:
        """Positions in the table of the events of each series."""
        index: Any = self.table.index
        if index.nlevels == 1:
            return {None: np.arange(len(self))} if len(self) else {}
        groups: dict[Hashable, list[int]] = {}
        for position, name in enumerate(index.droplevel(-1)):
            groups.setdefault(name, []).append(position)
        return {name: np.array(positions) for name, positions in groups.items()}

    def closed_at(self, last: int, stop: int | None = None) -> Events:
        """End the events that are still open at a position, or where they began.

        Parameters
        ----------
        last : int
            Position of the last row.
        stop : int, optional
            Where that row ends, if it has a length.
        """
        end = np.maximum(np.maximum(self.starts, self.raised), last)
        ends = np.where(self.is_open, end, self.ends)
        stop = np.maximum(end, last if stop is None else stop)
        return replace(self, ends=ends, stops=np.where(self.is_open, stop, self.stops))

    def distance(self, value: Any, name: str) -> int:
        """Convert a distance between labels to one on the axis."""
        return to_distance(value, name, self.kind)


@dataclass(frozen=True)
class Axis:
    """Labels of rows as positions on an axis of integers. Created by `read_labels`."""

    kind: str | None
    positions: np.ndarray
    stops: np.ndarray  # where each label ends: only periods have a length of their own


def read_labels(index: pd.Index, name: str) -> Axis:
    """Read labels of rows: row numbers, times, periods or time deltas.

    Parameters
    ----------
    index : pandas.Index
    name : str
        What the labels are, for messages.
    """
    if not len(index):
        return Axis(None, np.zeros(0, np.int64), np.zeros(0, np.int64))
    times: Any = as_times(index)
    if is_time(times):
        starts, stops = times, times
        if isinstance(times, pd.PeriodIndex):
            starts, stops = times.to_timestamp(), (times + 1).to_timestamp()
        return Axis(
            kind_of(times[0]), starts.as_unit("ns").asi8, stops.as_unit("ns").asi8
        )
    numbers = times.dtype.kind in "iuf"
    if numbers:
        positions = times.to_numpy(dtype=np.float64)
        numbers = bool((positions == np.floor(positions)).all())
    if not numbers:
        kinds = sorted({kind_of(label) for label in index})
        found = " and ".join(kinds) if len(kinds) > 1 else f"{index[0]!r}"
        raise ValueError(
            f"{name} must hold labels of one kind that have an order, row numbers, "
            f"times or periods, but hold {found}. Convert them, for example with "
            "pd.to_datetime."
        )
    positions = times.to_numpy(dtype=np.int64)
    return Axis(_NUMBERS, positions, positions + 1)


def to_distance(value: Any, name: str, kind: str | None) -> int:
    """Convert a distance between labels of some kind to one on the axis."""
    is_integer = isinstance(value, Integral) and _is_number(value)
    if is_integer and value == 0:
        return 0
    if kind == _NUMBERS or (kind is None and is_integer):
        if not is_integer or value < 0:
            raise ValueError(
                f"{name} must be a number of rows, 0 or more, because the events are "
                f"labelled by row numbers, got {value!r}."
            )
        return int(value)
    return to_nanoseconds(value, name)


def to_nanoseconds(value: Any, name: str) -> int:
    """Convert a time difference to nanoseconds."""
    time: Any = pd.NaT
    if value is not None and not isinstance(value, bool) and not _is_number(value):
        try:
            time = pd.Timedelta(value)
        except (TypeError, ValueError):
            time = pd.NaT
    if time is pd.NaT or time < pd.Timedelta(0):
        raise ValueError(
            f'{name} must be a time that is not negative, such as "5min" or '
            f"pd.Timedelta(minutes=5), got {value!r}."
        )
    return int(time.as_unit("ns").value)


def _is_number(value: Any) -> bool:
    # For NumPy, differences of times are integers.
    return isinstance(value, Real) and not isinstance(value, bool | np.timedelta64)


def is_time_kind(kind: str | None) -> bool:
    """Return whether positions on the axis are nanoseconds."""
    return kind is not None and kind != _NUMBERS


def first_of_groups(starts: np.ndarray, ends: np.ndarray, gap: int = 0) -> np.ndarray:
    """Return where groups of events begin whose gaps are at most so long.

    Parameters
    ----------
    starts, ends : ndarray of shape (n_events,)
        In the order of the starts.
    gap : int
    """
    reach = np.maximum.accumulate(ends)
    return np.flatnonzero(np.append(True, starts[1:] > reach[:-1] + gap)[: len(starts)])


def _check_tables(events: Any, name: str) -> pd.DataFrame:
    """Check a table of events, or join those of several series to one."""
    if isinstance(events, list | tuple):
        if not events:
            raise ValueError(f"{name} is an empty list: pass a table for each series.")
        tables = [_check_table(each, f"{name}[{i}]") for i, each in enumerate(events)]
        # An empty table may have no types, which it must not impose on the others.
        filled = {i: each for i, each in enumerate(tables) if len(each)}
        if not filled:
            index = pd.MultiIndex.from_arrays([[], []], names=["series", None])
            return tables[0].set_axis(index)
        return pd.concat(filled, names=["series"])
    return _check_table(events, name)


def _check_table(events: Any, name: str) -> pd.DataFrame:
    if not isinstance(events, pd.DataFrame):
        raise TypeError(
            f'{name} must be a pandas DataFrame with the columns "start" and "end", or '
            f"a list of them, one for each series, got {_describe(events)}. "
            "labels_to_events makes one from labels of rows."
        )
    missing = [each for each in ("start", "end") if each not in events]
    if missing:
        raise ValueError(
            f'{name} must have the columns "start" and "end", the labels of the first '
            f"and the last row of each event, but lacks {missing}. It has "
            f"{list(events.columns)}."
        )
    return events


def _describe(value: Any) -> str:
    if isinstance(value, list | tuple):
        return f"a {type(value).__name__} of length {len(value)}"
    return f"a {type(value).__name__}"


def _is_list_of_arrays(labels: Any) -> bool:
    if not isinstance(labels, list | tuple) or not len(labels):
        return False
    return np.ndim(labels[0]) > 0


def _check_labels(labels: Any) -> np.ndarray:
    values = np.asarray(labels)
    if values.ndim != 1:
        raise ValueError(
            "labels must have one label for each row, an array of shape (n_rows,), got "
            f"shape {values.shape}."
        )
    if not len(values):
        return np.zeros(0, np.int64)
    invalid = [each for each in pd.unique(values) if each not in (-1, 0, 1)]
    if invalid:
        raise ValueError(
            "labels must be 0 and 1, or 1 and -1 as from predict, got "
            f"{invalid[0]!r}. For scores, compare them with a threshold first."
        )
    # Booleans say what they mean: those that are all True are not ambiguous.
    return values if values.dtype.kind == "b" else values.astype(np.int64)


def _check_pos_label(values: np.ndarray, pos_label: int | None) -> int:
    """Return the label of anomalous rows."""
    if pos_label not in (None, 1, -1):
        raise ValueError(f"pos_label must be 1, -1 or None, got {pos_label!r}.")
    found = {int(each) for each in np.unique(values)}
    if found >= {-1, 0}:
        raise ValueError(
            "labels must be 0 and 1, or 1 and -1 as from predict, but hold both 0 and "
            "-1."
        )
    if pos_label is None:
        if found == {1} and values.dtype.kind != "b":
            raise ValueError(
                "labels are all 1, which is anomalous among 0 and 1, but normal among "
                "1 and -1. Pass pos_label=-1 for labels from predict, otherwise "
                "pos_label=1."
            )
        return -1 if -1 in found else 1
    other = {1: -1, -1: 0}[pos_label]
    if other in found:
        raise ValueError(
            f"labels hold {other}, which pos_label={pos_label} excludes: it is for "
            + ("0 and 1." if pos_label == 1 else "1 and -1, as from predict.")
        )
    return pos_label


def _row_labels(index: Any, labels: Any, n_rows: int) -> pd.Index:
    rows = index_of(labels) if index is None else index
    if rows is None:
        return pd.RangeIndex(n_rows)
    rows = rows if isinstance(rows, pd.Index) else pd.Index(rows)
    if len(rows) != n_rows:
        raise ValueError(
            f"index must have a label for each of the {n_rows} rows of labels, got "
            f"{len(rows)}."
        )
    return rows


def _find_events(flags: np.ndarray, index: pd.Index) -> pd.DataFrame:
    times = as_times(index)
    if has_order(times) and not times.is_monotonic_increasing:
        raise ValueError(
            "index must be in time order: events are runs of rows that follow each "
            "other. Sort labels and index by time first."
        )
    first_rows, last_rows = find_runs(flags)
    return pd.DataFrame({"start": index[first_rows], "end": index[last_rows]})
