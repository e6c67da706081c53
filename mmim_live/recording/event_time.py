"""Events on another clock: a recording that begins within a session counts from its own beginning. Pure."""

from __future__ import annotations

from dataclasses import fields, replace

from mmim_live.types import Comparison, Event, Mark, Notice, Reading, SessionStarted, Summary, Utterance, WordHeard

_TIMES = ("start_s", "end_s", "heard_s", "time_s")


def event_time_s(event: Event) -> float:
    """The media time at which what the event speaks of was over."""
    match event:
        case Reading() | Utterance() | WordHeard():
            return event.end_s
        case Notice() | Mark():
            return event.time_s
        case Summary():
            return event.duration_s
        case SessionStarted() | Comparison():
            return 0.0


def shifted(event: Event, by_s: float) -> Event:
    """The event on a clock that is `by_s` ahead. What began before that clock did has a negative time."""
    if isinstance(event, Summary):
        return replace(event, duration_s=event.duration_s + by_s)
    names = [each.name for each in fields(event) if each.name in _TIMES]
    return replace(event, **{name: getattr(event, name) + by_s for name in names}) if names else event
