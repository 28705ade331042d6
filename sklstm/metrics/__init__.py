"""Evaluation of alarms by events: incidents found, false alarms, detection delay."""

from sklstm.metrics._events import labels_to_events, merge_events
from sklstm.metrics._matching import EventMatches, event_report, match_events

__all__ = [
    "EventMatches",
    "event_report",
    "labels_to_events",
    "match_events",
    "merge_events",
]
