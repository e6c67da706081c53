"""Utterances as subtitles (.srt, .vtt), each with its score: `[+1.8] that was good`.

Only committed utterances are written, since a cue cannot be taken back. All other events are left out.
"""

import html
import math
from collections.abc import Callable
from itertools import count
from typing import TypeGuard

from mmim_live.types import Event, Utterance

VTT_HEADER = "WEBVTT\n\n"

# SubRip has no escapes, and players take <i> and {\an8} for markup: look-alikes are shown as they are.
_SRT_LOOKALIKES = str.maketrans("<>{}", "‹›()")


def srt_formatter() -> Callable[[Event], str]:
    """A function that turns a committed utterance into a numbered cue, and any other event into nothing."""
    numbers = count(1)

    def format_event(event: Event) -> str:
        if not _is_cue(event):
            return ""
        text = _caption(event).translate(_SRT_LOOKALIKES)
        return f"{next(numbers)}\n{_times(event, ',')}\n{text}\n\n"

    return format_event


def vtt_formatter() -> Callable[[Event], str]:
    """The same in WebVTT, where &, < and > are escaped."""

    def format_event(event: Event) -> str:
        if not _is_cue(event):
            return ""
        return f"{_times(event, '.')}\n{html.escape(_caption(event), quote=False)}\n\n"

    return format_event


def _is_cue(event: Event) -> TypeGuard[Utterance]:
    return isinstance(event, Utterance) and event.status == "committed"


def _caption(utterance: Utterance) -> str:
    """One line: an empty line inside a cue would end it."""
    known = utterance.score is not None and math.isfinite(utterance.score)
    score = f"{utterance.score:+.1f}" if known else "no score"
    return f"[{'+0.0' if score == '-0.0' else score}] {' '.join(utterance.text.split())}".rstrip()


def _times(utterance: Utterance, mark: str) -> str:
    start_ms = max(0, round(utterance.start_s * 1000))
    end_ms = max(start_ms + 1, round(utterance.end_s * 1000))  # players drop cues that last no time
    return f"{_clock(start_ms, mark)} --> {_clock(end_ms, mark)}"


def _clock(time_ms: int, mark: str) -> str:
    seconds, milliseconds = divmod(time_ms, 1000)
    return f"{seconds // 3600:02}:{seconds // 60 % 60:02}:{seconds % 60:02}{mark}{milliseconds:03}"
