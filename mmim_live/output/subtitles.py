"""Utterances as subtitles (.srt, .vtt), each with its score, `[+1.8] that was good`, and marks: `[mark] the ending`.

Only committed utterances are written, since a cue cannot be taken back. All other events are left out. A mark is
written at once, before the utterance that it falls into: players put cues in order.
"""

import html
import math
from collections.abc import Callable
from itertools import count

from mmim_live.events import Event, Mark, Utterance

VTT_HEADER = "WEBVTT\n\n"
MARK_SHOWN_S = 2.0
MAX_S = 359_999.0  # 99:59:59; players read hours of two digits

# SubRip has no escapes, and players take <i> and {\an8} for markup: look-alikes are shown as they are.
_SRT_LOOKALIKES = str.maketrans("<>{}", "‹›()")


def srt_formatter() -> Callable[[Event], str]:
    """A function that turns a committed utterance or a mark into a numbered cue, and any other event into nothing."""
    numbers = count(1)

    def format_event(event: Event) -> str:
        if (caption := _caption(event)) is None:
            return ""
        return f"{next(numbers)}\n{_times(event, ',')}\n{caption.translate(_SRT_LOOKALIKES)}\n\n"

    return format_event


def vtt_formatter() -> Callable[[Event], str]:
    """The same in WebVTT, where &, < and > are escaped."""

    def format_event(event: Event) -> str:
        if (caption := _caption(event)) is None:
            return ""
        return f"{_times(event, '.')}\n{html.escape(caption, quote=False)}\n\n"

    return format_event


def _caption(event: Event) -> str | None:
    """One line, since an empty line inside a cue would end it; None for what is no cue."""
    match event:
        case Utterance(status="committed"):
            known = event.score is not None and math.isfinite(event.score)
            score = f"{event.score:+.1f}" if known else "no score"
            return f"[{'+0.0' if score == '-0.0' else score}] {' '.join(event.text.split())}".rstrip()
        case Mark():
            return f"[mark] {' '.join(event.label.split())}".rstrip()
        case _:
            return None


def _times(event: Event, mark: str) -> str:
    assert isinstance(event, Utterance | Mark)
    start_s = event.time_s if isinstance(event, Mark) else event.start_s
    end_s = start_s + MARK_SHOWN_S if isinstance(event, Mark) else event.end_s
    start_ms = _milliseconds(start_s)
    end_ms = max(start_ms + 1, _milliseconds(end_s))  # players drop cues that last no time
    return f"{_clock(start_ms, mark)} --> {_clock(end_ms, mark)}"


def _milliseconds(time_s: float) -> int:
    """A time that a player can show: what is no number is 0."""
    return 0 if math.isnan(time_s) else round(min(max(time_s, 0.0), MAX_S) * 1000)


def _clock(time_ms: int, mark: str) -> str:
    seconds, milliseconds = divmod(time_ms, 1000)
    return f"{seconds // 3600:02}:{seconds // 60 % 60:02}:{seconds % 60:02}{mark}{milliseconds:03}"
