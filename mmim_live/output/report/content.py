"""What a report says: events -> values in the words of the app.

The events may hold anything that a recording can say: texts lose control characters here, and numbers that are not
finite become unknown. Markup is escaped where the values are put into the page.
"""

from __future__ import annotations

import dataclasses
import math
import re
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Literal, TypeVar

from mmim_live.events import Comparison, Event, Mark, Notice, Reading, Scored, SessionStarted, Summary, Utterance
from mmim_live.highlights import strongest
from mmim_live.mean_score import MeanScore
from mmim_live.output.subtitles import MAX_S
from mmim_live.text_normalization import one_line
from mmim_live.transcript import Transcript
from mmim_live.types import MODALITIES, SCORE_LIMIT, Contributions
from mmim_live.wording import (
    above,
    agreement_sentence,
    clock,
    comparison_sentence,
    headline,
    misfits,
    shown_sign,
    shown_tone,
    sign,
    signed,
    unclear,
)

Look = Literal["positive", "neutral", "negative", "unclear", "none"]  # how a score is drawn
LABELS = {"text": "words", "voice": "voice", "face": "face"}
STRONGEST = 3  # sentences of each sign

_SIGNS: dict[Look, str] = {
    "positive": sign(SCORE_LIMIT, ascii_only=False),
    "neutral": sign(0.0, ascii_only=False),
    "negative": sign(-SCORE_LIMIT, ascii_only=False),
    "unclear": shown_sign(0.0, -SCORE_LIMIT, SCORE_LIMIT, ascii_only=False),
    "none": "–",
}
_LANGUAGE = re.compile(r"[a-z]{2,3}")
_Scored = TypeVar("_Scored", bound=Scored)


@dataclass(frozen=True, slots=True)
class Sentence:
    """An utterance, in words and signs. `score` and so on are as in the event; `number` is what is shown."""

    place: int  # from 1
    start_s: float
    end_s: float
    clock: str
    text: str
    language: str | None
    look: Look
    sign: str
    number: str
    words: str
    leaning: str
    score: float | None
    low: float | None
    high: float | None
    interval: str
    contributions: tuple[tuple[str, str], ...]  # such as ("words", "+2.4")
    remarks: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Remark:
    """A mark or a notice at its time."""

    time_s: float
    clock: str
    text: str


@dataclass(frozen=True, slots=True)
class Content:
    """All that a report shows except the model card."""

    source: str
    session: SessionStarted | None  # as it came
    version: str
    checkpoint: str
    contract_hash: str
    started: str
    window_s: float | None  # length of the rolling window
    begins_s: float  # 0 unless an excerpt was analyzed
    ends_s: float
    duration: str  # of what was analyzed
    stretch: str  # which part of the recording that is; empty: all of it
    complete: bool
    mean: str
    scored: int  # sentences that the mean counts
    languages: str
    counts: tuple[tuple[str, int], ...]
    drops: tuple[tuple[str, int], ...]
    looks: tuple[tuple[Look, str, int], ...]  # with its sign, and how many sentences have it
    sentences: tuple[Sentence, ...]
    strongest: tuple[tuple[str, Sentence], ...]
    marks: tuple[Remark, ...]
    transcript: tuple[Sentence | Remark, ...]  # with marks in their places
    notices: tuple[Remark, ...]
    comparison: str
    readings: tuple[Reading, ...]  # committed, in order of end_s
    settings: tuple[tuple[str, str], ...]
    models: tuple[tuple[str, str], ...]


def content_of(events: Sequence[Event]) -> Content:
    """The content of the report of one session."""
    cleaned = [_cleaned(event) for event in events]
    transcript = Transcript.of(cleaned)
    readings = tuple(each for each in transcript.readings if each.status == "committed")
    spoken = [each for each in transcript.utterances if each.status == "committed"]
    session = next((event for event in cleaned if isinstance(event, SessionStarted)), None)
    summary = next((event for event in reversed(cleaned) if isinstance(event, Summary)), None)
    comparison = next((event for event in cleaned if isinstance(event, Comparison)), None)
    by_event = {id(each): _sentence(each, place) for place, each in enumerate(spoken, 1)}
    marks = tuple(_remark(each, each.label or "mark") for each in transcript.marks)
    sentences = tuple(by_event.values())
    begins_s = _time(session.begins_s) if session else 0.0
    ends_s = max([begins_s, summary.duration_s] if summary else [begins_s, *(each.time_s for each in cleaned)])
    mean = MeanScore()
    for each in spoken:
        mean.add(each)
    value = mean.value if summary is None else summary.mean_score
    looks = Counter(each.look for each in sentences)
    return Content(
        source=one_line(session.source) if session else "",
        session=session,
        version=one_line(session.version) if session else "",
        checkpoint=one_line(session.checkpoint) if session else "",
        contract_hash=one_line(session.contract_hash) if session else "",
        window_s=float(window)
        if isinstance(window := (session.settings if session else {}).get("window"), float | int)
        else None,
        started=_date(session.started_at) if session else "",
        begins_s=begins_s,
        ends_s=ends_s,
        duration=clock(ends_s - begins_s),
        stretch=f"from {clock(begins_s)} to {clock(ends_s)}" if session and "start_s" in session.settings else "",
        complete=summary is not None,
        mean="" if value is None else _signed(value),
        scored=mean.count,
        languages=", ".join(one_line(each) for each in (summary.languages if summary else ())),
        counts=_counted(summary.counts if summary else {}),
        drops=_counted({name: count for name, count in summary.drops.items() if count} if summary else {}),
        looks=tuple((look, sign_of, looks[look]) for look, sign_of in _SIGNS.items() if looks[look]),
        sentences=sentences,
        strongest=tuple((name, by_event[id(each)]) for name, each in strongest(spoken, STRONGEST)),
        marks=marks,
        transcript=tuple(sorted([*sentences, *marks], key=_begins_s)),
        notices=tuple(_remark(each, each.message) for each in transcript.notices),
        comparison=comparison_sentence(comparison) if comparison else "",
        readings=readings,
        settings=_table(session.settings if session else {}),
        models=_table(session.models if session else {}),
    )


def look_of(scored: Scored) -> Look:
    """How the score is drawn: in the tone that the app shows, or as unclear, or as unknown."""
    if scored.score is None:
        return "none"
    if unclear(scored.low, scored.high):
        return "unclear"
    return shown_tone(scored.score, scored.low, scored.high)


def _sentence(said: Utterance, place: int) -> Sentence:
    words, leaning = ("no score", "") if said.score is None else headline(said.score, said.low, said.high)
    interval = "" if said.low is None or said.high is None else f"{_signed(said.low)} to {_signed(said.high)}"
    return Sentence(
        place=place,
        start_s=said.start_s,
        end_s=said.end_s,
        clock=clock(said.start_s),
        text=one_line(said.text),
        language=said.language if said.language and _LANGUAGE.fullmatch(said.language) else None,
        look=look_of(said),
        sign="" if said.score is None else shown_sign(said.score, said.low, said.high, ascii_only=False),
        number="" if said.score is None else _signed(said.score),
        words=words,
        leaning=leaning,
        score=said.score,
        low=said.low,
        high=said.high,
        interval=interval,
        contributions=tuple(
            (LABELS[name], _signed(value))
            for name in MODALITIES
            if (value := getattr(said.contributions, name)) is not None
        ),
        remarks=tuple(_remarks(said)),
    )


def _signed(value: float) -> str:
    """As the app shows it, but with the sign for minus, which screen readers read."""
    return signed(value).replace("-", "−")


def _remarks(said: Utterance) -> Iterator[str]:
    if misfits(said.agreement):
        yield agreement_sentence(said.agreement, said.present)
    if said.relative is not None and said.score is not None:
        yield f"{above(said.relative, said.score - said.relative)}."


def _remark(event: Mark | Notice, text: str) -> Remark:
    return Remark(event.time_s, clock(event.time_s), one_line(text))


def _begins_s(entry: Sentence | Remark) -> float:
    return entry.start_s if isinstance(entry, Sentence) else entry.time_s


def _counted(counts: dict[str, int]) -> tuple[tuple[str, int], ...]:
    return tuple((one_line(name).replace("_", " "), count) for name, count in counts.items())


def _table(values: dict[str, object] | dict[str, str]) -> tuple[tuple[str, str], ...]:
    """Settings that say something: neither empty nor unset."""
    shown = ((name, "on" if value is True else "off" if value is False else value) for name, value in values.items())
    return tuple((one_line(str(name)), one_line(str(value))) for name, value in shown if value not in ("", None))


def _date(text: str) -> str:
    try:
        return f"{datetime.fromisoformat(text):%Y-%m-%d %H:%M %Z}".strip()
    except ValueError:
        return one_line(text)


# ---- events that may hold anything -----------------------------------------------------------------------------------


def _cleaned(event: Event) -> Event:
    match event:
        case Reading() | Utterance():
            return _cleaned_scored(event)
        case Mark() | Notice():
            return dataclasses.replace(event, time_s=_time(event.time_s))
        case Summary():
            mean_score = _bounded(event.mean_score, SCORE_LIMIT)
            return dataclasses.replace(event, duration_s=_time(event.duration_s), mean_score=mean_score)
    return event


def _cleaned_scored(event: _Scored) -> _Scored:
    start_s = _time(event.start_s)
    limit = SCORE_LIMIT
    contributions = {name: _bounded(getattr(event.contributions, name), 2 * limit) for name in MODALITIES}
    return dataclasses.replace(
        event,
        start_s=start_s,
        end_s=max(start_s, _time(event.end_s)),
        score=_bounded(event.score, limit),
        low=_bounded(event.low, limit),
        high=_bounded(event.high, limit),
        contributions=Contributions(**contributions),
        relative=_bounded(event.relative, 2 * limit),
    )


def _time(time_s: float) -> float:
    return min(max(time_s, 0.0), MAX_S) if math.isfinite(time_s) else 0.0


def _bounded(value: float | None, limit: float) -> float | None:
    return min(max(value, -limit), limit) if value is not None and math.isfinite(value) else None
