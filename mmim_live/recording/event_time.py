"""Moves events to another clock: a recording that starts within a session counts from its own start."""

from __future__ import annotations

from dataclasses import fields, replace

from mmim_live.events import Event, Summary

_TIMES = ("start_s", "end_s", "heard_s", "time_s")


def shifted(event: Event, by_s: float) -> Event:
    """The event on a clock that is `by_s` ahead. What began before that clock started has a negative time."""
    if isinstance(event, Summary):
        return replace(event, duration_s=event.duration_s + by_s)
    names = [each.name for each in fields(event) if each.name in _TIMES]
    return replace(event, **{name: getattr(event, name) + by_s for name in names}) if names else event
