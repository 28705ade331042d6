"""Which alarms detect which incidents, how early, and how many are false."""

from __future__ import annotations

from collections.abc import Hashable, Iterator
from numbers import Integral
from typing import Any, NamedTuple

import numpy as np
import pandas as pd

from sklstm._data.panel import split_series
from sklstm._data.time_index import index_of
from sklstm.metrics._events import (
    Axis,
    Events,
    first_of_groups,
    is_time_kind,
    read_labels,
    to_distance,
    to_nanoseconds,
)

_NONE = np.zeros(0, np.int64)
_NANOSECONDS_PER_DAY = 86_400 * 10**9


class EventMatches(NamedTuple):
    """Incidents with the alarms that detect them. Returned by `match_events`.

    Attributes
    ----------
    incidents : DataFrame
        One row per incident, in the order passed: "start" and "end"; "found", whether
        an alarm detects it; "alarm", the index label of the first alarm that does, in
        the table of alarms of its series; "detected", when that alarm was raised; and
        "delay", from the start of the incident to that time.
    alarms : DataFrame
        The alarms as passed, with a column "false_alarm": whether an alarm matches no
        incident.

    Examples
    --------
    >>> import pandas as pd
    >>> from sklstm.metrics import match_events
    >>> incidents = pd.DataFrame({"start": [10], "end": [20]})
    >>> alarms = pd.DataFrame({"start": [13, 50], "end": [18, 60]})
    >>> match_events(incidents, alarms).false_alarms
       start  end  false_alarm
    1     50   60         True
    """

    incidents: pd.DataFrame
    alarms: pd.DataFrame

    @property
    def false_alarms(self) -> pd.DataFrame:
        """The alarms that match no incident."""
        return self.alarms[self.alarms["false_alarm"]]


def match_events(
    incidents: Any, alarms: Any, *, tolerance: Any = 0, max_delay: Any = None
) -> EventMatches:
    """Match alarms with the incidents that they detect.

    An alarm matches an incident if they share a row, and detects it from the moment at
    which it is raised [1]_. Each incident counts once, however many alarms match it,
    and none of them is false. An alarm that matches several incidents detects all of
    them. An alarm that is raised before an incident and lasts into it has a delay of 0.

    Parameters
    ----------
    incidents : DataFrame or list of DataFrame
        Incidents, with the columns "start" and "end", the labels of their first and
        last rows: row numbers, times or periods. A date is the time of its midnight.
        Several series are a list of tables, or a table with an index of (series,
        number), as from `labels_to_events`.
        Incidents of one series must not overlap; `merge_events` merges those that do.
    alarms : DataFrame or list of DataFrame
        Alarms with the same columns, as from ``anomaly_segments`` of the detectors.
        They may overlap, and each counts. If they have a column "detected", it holds
        the time at which an alarm was raised, which otherwise is its start. A missing
        "end" is that of an alarm that is still open.
    tolerance : int, str or timedelta, default=0
        Distance from an incident at which an alarm still matches it, before its start
        and after its end: a number of rows if the labels are row numbers, otherwise a
        time such as "5min". It allows for labels that are not exact, and for warnings
        shortly before an incident. An alarm that ends before the incident starts has a
        delay of 0, too.
    max_delay : int, str or timedelta or None, default=None
        Longest delay with which an incident counts as found, as for ``tolerance``. An
        alarm that comes later neither detects the incident nor is false.

    Returns
    -------
    matches : EventMatches
        Tables of the incidents, with their first alarm and its delay, and of the
        alarms, with a column "false_alarm". Lists give one table, in which an index
        level "series" holds the position in the list.

    Raises
    ------
    TypeError
        If an argument is no table.
    ValueError
        If a table lacks a column, an event ends before it starts, incidents overlap,
        labels are of several kinds, or a parameter is not as described.

    See Also
    --------
    event_report : Recall, precision, false alarms per day and delays.
    labels_to_events : Events from labels of single rows.

    References
    ----------
    .. [1] Hundman et al. (2018), "Detecting spacecraft anomalies using LSTMs and
       nonparametric dynamic thresholding", KDD.

    Examples
    --------
    >>> import pandas as pd
    >>> from sklstm.metrics import match_events
    >>> incidents = pd.DataFrame({"start": [10, 80], "end": [20, 90]})
    >>> alarms = pd.DataFrame({"start": [13, 17, 50], "end": [15, 22, 60]})
    >>> matches = match_events(incidents, alarms)
    >>> matches.incidents
       start  end  found  alarm  detected  delay
    0     10   20   True      0        13      3
    1     80   90  False   <NA>      <NA>   <NA>
    >>> len(matches.false_alarms)
    1
    """
    return _tabulate(*_match(incidents, alarms, tolerance, max_delay))


def event_report(
    incidents: Any,
    alarms: Any,
    *,
    index: Any = None,
    n_rows: int | None = None,
    row_interval: Any = None,
    tolerance: Any = 0,
    max_delay: Any = None,
) -> pd.Series:
    """Compute recall, precision, false alarms per day and delays of alarms.

    Parameters
    ----------
    incidents : DataFrame or list of DataFrame
        Incidents, as for `match_events`.
    alarms : DataFrame or list of DataFrame
        Alarms, as for `match_events`.
    index : pandas.Index or list of them, default=None
        Labels of all rows that were watched for alarms, such as ``X_test.index``; of
        several series a list, or an index of (series, time). Their number and their
        usual distance give the time that false alarms are counted in. All events must
        lie within them.
    n_rows : int or None, default=None
        Number of rows that were watched, of all series together, if there is no
        ``index``. It needs ``row_interval``.
    row_interval : str or timedelta, default=None
        Time from one row to the next, such as "1min". None takes it from an index of
        times; row numbers do not tell.
    tolerance : int, str or timedelta, default=0
        Distance from an incident at which an alarm still matches it, as for
        `match_events`.
    max_delay : int, str or timedelta or None, default=None
        Longest delay with which an incident counts as found, as for `match_events`.

    Returns
    -------
    report : Series
        "n_incidents", "n_found", "n_alarms" and "n_false_alarms".

        "recall", the fraction of the incidents that were found; "precision",
        ``n_found / (n_found + n_false_alarms)``, so that several alarms in one incident
        count once [1]_; "f1", their harmonic mean.

        "range_recall", the mean over the incidents of the fraction of their time that
        alarms cover, and "range_precision", the mean over the alarms of the fraction of
        their time that lies in incidents [2]_, in both without tolerance.

        "false_alarms_per_day"; NaN without ``index`` or ``n_rows``, or if the time
        between rows is unknown.

        "median_delay" and "max_delay" of the incidents that were found, in rows or as a
        time.

        What has no value is NaN (NaT): recall without incidents, precision if no
        incident was found and no alarm is false.

    Raises
    ------
    TypeError
        If incidents or alarms are no table.
    ValueError
        If an event lies outside ``index``, or an argument is not as described.

    See Also
    --------
    match_events : The single incidents and alarms.

    Notes
    -----
    Recall and precision of events say nothing of the length of alarms: one that never
    ends finds everything. "range_precision" shows it. It has a flat bias, and counts
    neither the existence nor the number of overlaps.

    Early detection matters as much as detection [3]_: state the delays, or set
    ``max_delay``.

    Metrics of rows after point adjustment, where a whole incident counts as detected as
    soon as one of its rows is flagged, favour detectors that flag rows at random [4]_.
    Here an incident counts once, whatever its length.

    References
    ----------
    .. [1] Hundman et al. (2018), "Detecting spacecraft anomalies using LSTMs and
       nonparametric dynamic thresholding", KDD.
    .. [2] Tatbul et al. (2018), "Precision and recall for time series", NeurIPS.
    .. [3] Lavin and Ahmad (2015), "Evaluating real-time anomaly detection algorithms:
       the Numenta anomaly benchmark", ICMLA.
    .. [4] Kim et al. (2022), "Towards a rigorous evaluation of time-series anomaly
       detection", AAAI.

    Examples
    --------
    >>> import pandas as pd
    >>> from sklstm.metrics import event_report
    >>> incidents = pd.DataFrame({"start": [100, 800], "end": [199, 899]})
    >>> alarms = pd.DataFrame({"start": [130, 500], "end": [179, 509]})
    >>> event_report(incidents, alarms, n_rows=1440, row_interval="1min")
    n_incidents                2
    n_found                    1
    n_alarms                   2
    n_false_alarms             1
    recall                   0.5
    precision                0.5
    f1                       0.5
    range_recall            0.25
    range_precision          0.5
    false_alarms_per_day     1.0
    median_delay            30.0
    max_delay               30.0
    dtype: object
    """
    if n_rows is not None:
        _check_n_rows(n_rows, index, row_interval)
    interval = None
    if row_interval is not None:
        interval = to_nanoseconds(row_interval, "row_interval")
    read_incidents, read_alarms, first, is_false = _match(
        incidents, alarms, tolerance, max_delay
    )
    kind = read_incidents.kind or read_alarms.kind
    watched = {} if index is None else _read_index(index)
    _check_within(watched, read_incidents)
    _check_within(watched, read_alarms)
    time, row_time = _watched_time(watched, interval)
    if n_rows is not None and interval is not None:
        time = n_rows * interval
    n_found = int((first >= 0).sum())
    n_false = int(is_false.sum())
    recall = _ratio(n_found, len(first))
    precision = _ratio(n_found, n_found + n_false)
    in_alarm, in_incident = _range_fractions(
        read_incidents, read_alarms, watched, row_time
    )
    delays = _delays(read_incidents, read_alarms, first)[first >= 0]
    report = {
        "n_incidents": len(first),
        "n_found": n_found,
        "n_alarms": len(is_false),
        "n_false_alarms": n_false,
        "recall": recall,
        "precision": precision,
        "f1": _ratio(2 * n_found, len(first) + n_found + n_false),
        "range_recall": _ratio(in_alarm.sum(), len(in_alarm)),
        "range_precision": _ratio(in_incident.sum(), len(in_incident)),
        "false_alarms_per_day": _ratio(n_false * _NANOSECONDS_PER_DAY, time or 0),
        "median_delay": _to_delay(np.median(delays) if n_found else None, kind),
        "max_delay": _to_delay(delays.max() if n_found else None, kind),
    }
    return pd.Series(report, dtype=object)


def _match(
    incidents: Any, alarms: Any, tolerance: Any, max_delay: Any
) -> tuple[Events, Events, np.ndarray, np.ndarray]:
    """Read and match events.

    Returns
    -------
    incidents, alarms : Events
    first : ndarray of shape (n_incidents,)
        Position of the first alarm that detects each incident; -1 if none does.
    is_false : ndarray of bool of shape (n_alarms,)
    """
    read_incidents = Events.read(incidents, "incidents")
    read_alarms = Events.read(alarms, "alarms")
    _check_alike(read_incidents, read_alarms)
    kind = read_incidents.kind or read_alarms.kind
    reach = to_distance(tolerance, "tolerance", kind)
    longest = None
    if max_delay is not None:
        longest = to_distance(max_delay, "max_delay", kind)
    # Beyond the last event, it does not matter when an open one ends.
    last = max(read_incidents.last, read_alarms.last)
    read_incidents = read_incidents.closed_at(last)
    read_alarms = read_alarms.closed_at(last)
    _check_disjoint(read_incidents)
    first = np.full(len(read_incidents), -1)
    is_false = np.ones(len(read_alarms), bool)
    for _, rows, others in _by_series(read_incidents, read_alarms):
        # Alarms in the order of their starts: those that can match an incident lie
        # before the first that starts too late, and after all that end too early.
        order = others[np.argsort(read_alarms.starts[others], kind="stable")]
        starts, ends = read_alarms.starts[order], read_alarms.ends[order]
        earliest = read_incidents.starts[rows] - reach
        latest = read_incidents.ends[rows] + reach
        begin = np.searchsorted(np.maximum.accumulate(ends), earliest, side="left")
        stop = np.searchsorted(starts, latest, side="right")
        for i, row in enumerate(rows):
            candidates = order[begin[i] : stop[i]]
            candidates = candidates[read_alarms.ends[candidates] >= earliest[i]]
            is_false[candidates] = False
            raised = read_alarms.raised[candidates]
            if longest is not None:
                in_time = raised - read_incidents.starts[row] <= longest
                candidates, raised = candidates[in_time], raised[in_time]
            if len(candidates):
                first[row] = candidates[raised.argmin()]
    return read_incidents, read_alarms, first, is_false


def _tabulate(
    incidents: Events, alarms: Events, first: np.ndarray, is_false: np.ndarray
) -> EventMatches:
    found = first >= 0
    table = incidents.table[["start", "end"]].copy()
    table["found"] = found
    numbers = alarms.table.index.get_level_values(-1)
    table["alarm"] = _take(pd.Series(numbers), first)
    column = "detected" if "detected" in alarms.table else "start"
    table["detected"] = _take(alarms.table[column], first)
    delays = _delays(incidents, alarms, first)
    if is_time_kind(incidents.kind or alarms.kind):
        times = pd.Series(pd.to_timedelta(delays, unit="ns"), index=table.index)
        table["delay"] = times.where(found)
    else:
        table["delay"] = pd.array(delays, dtype="Int64")
        table.loc[~found, "delay"] = pd.NA
    return EventMatches(table, alarms.table.assign(false_alarm=is_false))


def _take(values: pd.Series, positions: np.ndarray) -> Any:
    """Take values at positions; missing where they are negative."""
    if pd.api.types.is_integer_dtype(values.dtype):
        values = values.astype("Int64")
    elif not len(values):
        values = values.astype(object)
    return values.array.take(positions, allow_fill=True)


def _delays(incidents: Events, alarms: Events, first: np.ndarray) -> np.ndarray:
    """Compute the delays on the axis; 0 for incidents that were not found."""
    found = first >= 0
    delays = np.zeros(len(first), np.int64)
    delays[found] = alarms.raised[first[found]] - incidents.starts[found]
    return np.maximum(delays, 0)


def _to_delay(delay: Any, kind: str | None) -> Any:
    if is_time_kind(kind):
        return pd.NaT if delay is None else pd.Timedelta(int(delay), unit="ns")
    return np.nan if delay is None else float(delay)


def _ratio(numerator: float, denominator: float) -> float:
    return float(numerator / denominator) if denominator else float("nan")


def _by_series(
    incidents: Events, alarms: Events
) -> Iterator[tuple[Hashable, np.ndarray, np.ndarray]]:
    """Yield the positions of incidents and alarms of each series."""
    for name in dict.fromkeys([*incidents.groups, *alarms.groups]):
        yield name, incidents.groups.get(name, _NONE), alarms.groups.get(name, _NONE)


def _check_alike(incidents: Events, alarms: Events) -> None:
    """Raise an error if incidents and alarms cannot be compared."""
    if not len(incidents) or not len(alarms):
        return
    if incidents.kind != alarms.kind:
        raise ValueError(
            f"incidents and alarms must have labels of one kind, but incidents are "
            f"labelled by {incidents.kind} such as {incidents.table['start'].iloc[0]}, "
            f"alarms by {alarms.kind} such as {alarms.table['start'].iloc[0]}."
        )
    levels = [each.table.index.nlevels for each in (incidents, alarms)]
    if levels[0] != levels[1]:
        raise ValueError(
            "incidents and alarms must be of the same series: both with an index of "
            f"(series, number), or neither, got {levels[0]} and {levels[1]} index "
            'levels. pd.concat({"a": ..., "b": ...}) makes such a table from one table '
            "for each series."
        )


def _check_disjoint(incidents: Events) -> None:
    """Raise an error if incidents of one series overlap: each is to count once."""
    for name, rows in incidents.groups.items():
        order = rows[np.argsort(incidents.starts[rows], kind="stable")]
        reach = np.maximum.accumulate(incidents.ends[order])
        overlaps = incidents.starts[order][1:] <= reach[:-1]
        if overlaps.any():
            later = incidents.table.iloc[order[1:][int(overlaps.argmax())]]
            place = "" if name is None else f" of series {name!r}"
            raise ValueError(
                "incidents must not overlap, because each counts once, but the one "
                f"that starts at {later['start']}{place} begins before an earlier one "
                "has ended. Pass merge_events(incidents)."
            )


def _check_n_rows(n_rows: Any, index: Any, row_interval: Any) -> None:
    if index is not None:
        raise ValueError("Pass either index or n_rows, not both.")
    if not isinstance(n_rows, Integral) or isinstance(n_rows, bool) or n_rows < 1:
        raise ValueError(f"n_rows must be an integer of at least 1, got {n_rows!r}.")
    if row_interval is None:
        raise ValueError(
            "n_rows needs row_interval, the time from one row to the next, such as "
            '"1min".'
        )


def _read_index(index: Any) -> dict[Hashable, Axis]:
    """Read the labels of the rows of each series that were watched."""
    if isinstance(index, list | tuple):
        indices: dict[Hashable, Any] = dict(enumerate(index))
    else:
        indices = {None: index}
    rows = {}
    for name, each in indices.items():
        labels = each if isinstance(each, pd.Index) else index_of(each)
        if labels is None:
            raise TypeError(
                "index must be a pandas Index, such as X_test.index, or a list of "
                f"them, one for each series, got {type(each).__name__}."
            )
        if labels.nlevels == 1:
            rows[name] = labels
            continue
        panel, inputs = split_series(pd.DataFrame(index=labels))
        names = [None] if panel is None or panel.names is None else panel.names
        rows.update(zip(names, (part.X.index for part in inputs), strict=True))
    axes = {name: read_labels(labels, "index") for name, labels in rows.items()}
    return {name: axis for name, axis in axes.items() if axis.kind is not None}


def _check_within(watched: dict[Hashable, Axis], events: Events) -> None:
    """Raise an error if events lie outside the rows that were watched."""
    for name, rows in events.groups.items() if watched else ():
        axis = watched.get(name)
        if axis is None:
            raise ValueError(
                f"index must have the rows of all series of {events.name}, but lacks "
                f"the series {name!r}. It must be a list, or have levels of (series, "
                "time), as the events do."
                if name is not None
                else f"index is that of several series, but {events.name} are those "
                "of one: pass them with an index of (series, number)."
            )
        if axis.kind != events.kind:
            raise ValueError(
                f"index must have labels of the kind of {events.name}, {events.kind}, "
                f"got {axis.kind}."
            )
        closed = events.is_open[rows]
        ends = np.where(closed, events.starts[rows], events.ends[rows])
        outside = (events.starts[rows] < axis.positions.min()) | (
            ends > axis.positions.max()
        )
        if outside.any():
            event = events.table.iloc[rows[int(outside.argmax())]]
            raise ValueError(
                f"{events.name} must lie within index, but the one from "
                f"{event['start']} to {event['end']} does not. Pass the labels of all "
                "rows that were watched, and only events among them."
            )


def _watched_time(
    watched: dict[Hashable, Axis], interval: int | None
) -> tuple[int | None, int | None]:
    """Return how long series were watched, and the time of a row, in nanoseconds."""
    if not watched:
        return None, interval
    total, intervals = 0, []
    for axis in watched.values():
        lengths = axis.stops - axis.positions  # of periods, which may differ
        if interval is not None:
            lengths = np.full(len(lengths), interval)
        elif not is_time_kind(axis.kind):
            return None, None
        elif not lengths.any():
            steps = np.diff(np.sort(axis.positions))
            lengths = np.full(len(lengths), np.median(steps) if len(steps) else 0)
        if not lengths.any():
            return None, interval
        intervals.append(int(np.median(lengths)))
        total += int(lengths.sum())
    return total, int(np.median(intervals))


def _range_fractions(
    incidents: Events,
    alarms: Events,
    watched: dict[Hashable, Axis],
    row_time: int | None,
) -> tuple[np.ndarray, np.ndarray]:
    """Compute the fraction of each incident in alarms, and of each alarm in incidents.

    Events of times end with their last row, whose time is that to the next one; if that
    is unknown, they end with its time stamp.
    """
    in_alarm, in_incident = np.zeros(len(incidents)), np.zeros(len(alarms))
    row = (row_time or 1) if is_time_kind(incidents.kind or alarms.kind) else 1
    for name, rows, others in _by_series(incidents, alarms):
        if name in watched:
            axis = watched[name]
            end = int(axis.positions.max()), int(axis.stops.max())
            incidents, alarms = incidents.closed_at(*end), alarms.closed_at(*end)
        spans = []
        for events, positions in ((incidents, rows), (alarms, others)):
            starts, ends = events.starts[positions], events.ends[positions]
            # Only periods tell how long a row is.
            stops = np.maximum(events.stops[positions], ends + 1)
            if not events.kind or not events.kind.startswith("periods"):
                stops = ends + row
            spans.append((starts, stops))
        in_alarm[rows] = _covered(*spans[0], *spans[1])
        in_incident[others] = _covered(*spans[1], *spans[0])
    return in_alarm, in_incident


def _covered(
    starts: np.ndarray, stops: np.ndarray, others: np.ndarray, other_stops: np.ndarray
) -> np.ndarray:
    """Compute the fraction of each span that lies in any of the other spans."""
    if not len(others):
        return np.zeros(len(starts))
    order = np.argsort(others, kind="stable")
    others, other_stops = others[order], other_stops[order]
    first = first_of_groups(others, other_stops)
    begin, stop = others[first], np.maximum.reduceat(other_stops, first)
    before = np.concatenate([[0], np.cumsum(stop - begin)])

    def length_before(points: np.ndarray) -> np.ndarray:
        last = np.searchsorted(begin, points, side="right") - 1
        inside = np.minimum(points, stop[last]) - begin[last]
        return np.where(last < 0, 0, before[last] + inside)

    return (length_before(stops) - length_before(starts)) / (stops - starts)
