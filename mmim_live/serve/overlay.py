"""What the overlay shows, ready-made: the page only puts these texts and classes in place.

An audience sees it: notices, loading and health stay in the app.
"""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass

from mmim_live.events import Reading, Utterance, WordHeard
from mmim_live.serve.snapshot import Snapshot
from mmim_live.types import SCORE_LIMIT, join_words
from mmim_live.wording import Tone, headline, shown_sign, shown_tone, signed

DEFAULT_LINES, MAX_LINES = 4, 50  # utterances shown
_UNKNOWN = "–"


@dataclass(frozen=True, slots=True)
class ScoreView:
    """The current reading. Places are percentages of the scale's width; None: not drawn."""

    tone: Tone
    status: str  # provisional, committed; empty before the first reading
    sign: str
    number: str
    words: str
    detail: str
    marker: float | None
    interval_start: float | None
    interval_width: float | None


@dataclass(frozen=True, slots=True)
class LineView:
    """One utterance."""

    tone: Tone
    label: str
    text: str


@dataclass(frozen=True, slots=True)
class OverlayView:
    """Everything on the page."""

    score: ScoreView
    lines: tuple[LineView, ...]
    committed: str  # words of no utterance yet
    provisional: str
    status: str  # that the session has ended


def overlay_view(snapshot: Snapshot, lines: int) -> OverlayView:
    """The page for a state of the session; `lines` is how many utterances to show at most."""
    transcript = snapshot.transcript
    utterances = transcript.utterances[-lines:] if lines else []
    return OverlayView(
        score=_score(transcript.reading),
        lines=tuple(_line(utterance) for utterance in utterances),
        committed=_text(transcript.committed),
        provisional=_text(transcript.provisional),
        status="ended" if snapshot.summary is not None else "",
    )


def overlay_line(view: OverlayView) -> str:
    """The view as a JSON object of type `overlay`."""
    return json.dumps({"type": "overlay"} | asdict(view), ensure_ascii=False, allow_nan=False)


def _score(reading: Reading | None) -> ScoreView:
    if reading is None or reading.score is None:
        return ScoreView(
            tone="neutral",
            status="" if reading is None else reading.status,
            sign="",
            number=_UNKNOWN,
            words="not enough to read" if reading is not None else "no reading yet",
            detail="",
            marker=None,
            interval_start=None,
            interval_width=None,
        )
    interval, start, width = [], None, None
    if reading.low is not None and reading.high is not None:
        interval = [f"{_signed(reading.low)} to {_signed(reading.high)}"]
        start = _percent(reading.low)
        width = round(_percent(reading.high) - start, 2)
    words, leaning = headline(reading.score, reading.low, reading.high)
    return ScoreView(
        tone=shown_tone(reading.score, reading.low, reading.high),
        status=reading.status,
        sign=shown_sign(reading.score, reading.low, reading.high, ascii_only=False),
        number=_signed(reading.score),
        words=words,
        detail=" · ".join([*([leaning] if leaning else []), *interval, reading.status]),
        marker=_percent(reading.score),
        interval_start=start,
        interval_width=width,
    )


def _line(utterance: Utterance) -> LineView:
    score, low, high = utterance.score, utterance.low, utterance.high
    if score is None:
        return LineView("neutral", _UNKNOWN, utterance.text)
    label = f"{shown_sign(score, low, high, ascii_only=False)} {_signed(score)}"
    return LineView(shown_tone(score, low, high), label, utterance.text)


def _text(words: list[WordHeard]) -> str:
    return join_words([word.text for word in words], words[0].language if words else None)


def _signed(value: float) -> str:
    return signed(value).replace("-", "−")


def _percent(score: float) -> float:
    """The place of a score on the scale, 0 to 100."""
    limited = min(SCORE_LIMIT, max(-SCORE_LIMIT, score))
    return round(100 * (limited + SCORE_LIMIT) / (2 * SCORE_LIMIT), 2)
