"""Utterances as subtitles (.srt, .vtt), each with its score, `[+1.8] that was good`, and marks: `[mark] the ending`.

A cue has two lines of 42 characters at most, so a long utterance becomes several, cut between words and timed by them.
Where nobody speaks but a face or a voice is read, a cue has the score alone, `[+0.4] (no words)`. Only what is
committed is written, since a cue cannot be taken back; all other events are left out. A mark is written at once, before
the utterance that it falls into: players put cues in order.
"""

from __future__ import annotations

import html
import math
import statistics
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import count

from mmim_live.events import Event, Mark, Reading, SessionStarted, Summary, Utterance, WordHeard

VTT_HEADER = "WEBVTT\n\n"
MARK_SHOWN_S = 2.0
LINE_LENGTH, LINES = 42, 2  # the usual limits for subtitles
GAP_S = 2.0  # a pause of this length gets cues of its own
GAP_CUE_S = 6.0  # of this length at most
MAX_S = 359_999.0  # 99:59:59; players read hours of two digits

# SubRip has no escapes, and players take <i> and {\an8} for markup: look-alikes are shown as they are.
_SRT_LOOKALIKES = str.maketrans("<>{}", "‹›()")


@dataclass(frozen=True, slots=True)
class Cue:
    """Lines of text shown for a stretch of media time; none is empty, since an empty line would end the cue."""

    start_s: float
    end_s: float
    lines: tuple[str, ...]


def srt_formatter() -> Callable[[Event], str]:
    """A function that turns an event into numbered cues, or into nothing."""
    numbers = count(1)
    cues = CueMaker()
    return lambda event: "".join(
        f"{next(numbers)}\n{_times(cue, ',')}\n{_text(cue).translate(_SRT_LOOKALIKES)}\n\n" for cue in cues.push(event)
    )


def vtt_formatter() -> Callable[[Event], str]:
    """The same in WebVTT, where &, < and > are escaped."""
    cues = CueMaker()
    return lambda event: "".join(
        f"{_times(cue, '.')}\n{html.escape(_text(cue), quote=False)}\n\n" for cue in cues.push(event)
    )


@dataclass(slots=True)
class CueMaker:
    """The cues of one session, event by event."""

    _spoken_until_s: float = 0.0
    _words: list[WordHeard] = field(default_factory=list)  # since the last utterance
    _readings: list[Reading] = field(default_factory=list)  # the same

    def push(self, event: Event) -> list[Cue]:
        """The cues that are complete with this event."""
        match event:
            case SessionStarted():
                self._spoken_until_s = event.begins_s
            case WordHeard(status="committed"):
                self._words.append(event)
            case Reading(status="committed"):
                self._readings.append(event)
            case Mark():
                label = " ".join(event.label.split())
                return [Cue(event.time_s, event.time_s + MARK_SHOWN_S, _lines(f"[mark] {label}".split())[0])]
            case Utterance(status="committed"):
                cues = [*self._pause(event.start_s), *_utterance(event, self._words)]
                self._spoken_until_s = max(self._spoken_until_s, event.end_s)
                self._words.clear()
                return cues
            case Summary():
                return list(self._pause(event.duration_s))
        return []

    def _pause(self, until_s: float) -> Iterator[Cue]:
        """The scores of the pause from the last utterance up to `until_s`."""
        start_s, until_s = self._spoken_until_s, min(until_s, MAX_S)
        if until_s - start_s >= GAP_S:
            length_s = (until_s - start_s) / math.ceil((until_s - start_s) / GAP_CUE_S)
            scores: dict[int, list[float]] = {}  # by the number of the cue
            for reading in self._readings:
                middle_s = (reading.start_s + reading.end_s) / 2
                if reading.score is not None and start_s <= middle_s < until_s:
                    scores.setdefault(int((middle_s - start_s) / length_s), []).append(reading.score)
            for number in sorted(scores):
                begin_s = start_s + number * length_s
                text = f"[{_score(statistics.fmean(scores[number]))}] (no words)"
                yield Cue(begin_s, begin_s + length_s, (text,))
        self._readings.clear()


def _utterance(utterance: Utterance, words: Sequence[WordHeard]) -> Iterator[Cue]:
    said = utterance.text.split()
    texts = _lines(said, f"[{_score(utterance.score)}]")
    inside = [word for word in words if utterance.start_s <= (word.start_s + word.end_s) / 2 <= utterance.end_s]
    starts_s = [word.start_s for word in inside]
    if len(starts_s) != len(said):  # by share of the text, then
        length_s = utterance.end_s - utterance.start_s
        starts_s = [utterance.start_s + length_s * number / max(len(said), 1) for number in range(len(said))]
    begins_s = [utterance.start_s]
    done = 0
    for lines in texts[:-1]:
        done += sum(len(line.split()) for line in lines) - 1  # without the score
        begins_s.append(max(begins_s[-1], starts_s[min(done, len(starts_s) - 1)]))
    for lines, begin_s, end_s in zip(texts, begins_s, [*begins_s[1:], utterance.end_s], strict=True):
        yield Cue(begin_s, end_s, lines)


def _lines(words: Sequence[str], prefix: str = "") -> list[tuple[str, ...]]:
    """The words in cues of at most `LINES` lines, each of which begins with the prefix."""
    cues: list[list[str]] = [[prefix]]
    for word in words:
        for part in _parts(word, LINE_LENGTH - len(prefix) - 1):
            line = f"{cues[-1][-1]} {part}".strip()
            if len(line) <= LINE_LENGTH:
                cues[-1][-1] = line
            elif len(cues[-1]) < LINES:
                cues[-1].append(part)
            else:
                cues.append([f"{prefix} {part}".strip()])
    return [tuple(lines) for lines in cues]


def _parts(word: str, length: int) -> list[str]:
    """A word, cut where it is longer than a line; Chinese is written without spaces."""
    return [word[start : start + length] for start in range(0, len(word), length)]


def _score(score: float | None) -> str:
    if score is None or not math.isfinite(score):
        return "no score"
    shown = f"{score:+.1f}"
    return "+0.0" if shown == "-0.0" else shown


def _text(cue: Cue) -> str:
    return "\n".join(cue.lines)


def _times(cue: Cue, mark: str) -> str:
    start_ms = _milliseconds(cue.start_s)
    end_ms = max(start_ms + 1, _milliseconds(cue.end_s))  # players drop cues that last no time
    return f"{_clock(start_ms, mark)} --> {_clock(end_ms, mark)}"


def _milliseconds(time_s: float) -> int:
    """A time that a player can show: what is no number is 0."""
    return 0 if math.isnan(time_s) else round(min(max(time_s, 0.0), MAX_S) * 1000)


def _clock(time_ms: int, mark: str) -> str:
    seconds, milliseconds = divmod(time_ms, 1000)
    return f"{seconds // 3600:02}:{seconds // 60 % 60:02}:{seconds % 60:02}{mark}{milliseconds:03}"
