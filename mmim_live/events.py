"""What a session yields: a closed set of frozen events. Times are media time in seconds.

The names of the fields and their order are those of the lines in a .jsonl file, so neither may change. Every event has
a `time_s`: the media time at which what it describes was over, 0 for an event about the run as a whole.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any, Literal

from mmim_live.types import Agreement, Contributions, Present, Status


@dataclass(frozen=True, slots=True, kw_only=True)
class SessionStarted:
    """The first event: everything needed to repeat the run."""

    version: str
    source: str
    duration_s: float | None
    checkpoint: str
    contract_hash: str
    models: dict[str, str]
    settings: dict[str, Any]
    started_at: str  # wall clock, ISO 8601 with zone
    type: Literal["session"] = "session"

    @property
    def time_s(self) -> float:
        return 0.0

    @property
    def begins_s(self) -> float:
        """Where in the recording the analysis began: 0 unless it is of an excerpt."""
        value = self.settings.get("start_s")
        known = isinstance(value, int | float) and 0 <= value < math.inf
        return float(value) if known and value is not None else 0.0


@dataclass(frozen=True, slots=True, kw_only=True)
class WordHeard:
    """A recognized word, provisional or committed; see `Transcript` for which one supersedes which."""

    text: str
    start_s: float
    end_s: float
    probability: float
    status: Status
    heard_s: float  # how far the recognizer had listened
    language: str | None
    type: Literal["word"] = "word"

    @property
    def time_s(self) -> float:
        return self.end_s


@dataclass(frozen=True, kw_only=True)
class _Span:
    """A stretch of media time."""

    start_s: float
    end_s: float

    @property
    def time_s(self) -> float:
        return self.end_s


@dataclass(frozen=True, kw_only=True)
class _Spoken(_Span):
    """Something that was said."""

    text: str
    language: str | None


@dataclass(frozen=True, kw_only=True)
class Scored(_Span):
    """A stretch of media time with its sentiment, from -3 to 3; None is unknown or an abstention."""

    score: float | None
    low: float | None
    high: float | None
    status: Status
    revision: int
    contributions: Contributions
    agreement: Agreement
    present: Present
    latency_ms: float  # wall time from the capture of the end to this event
    relative: float | None = None  # score - the user's baseline, if there is one


@dataclass(frozen=True, kw_only=True)
class Reading(Scored):
    """The sentiment of one rolling window. A later `revision` for the same end_s replaces an earlier one."""

    type: Literal["reading"] = "reading"


@dataclass(frozen=True, kw_only=True)
class Utterance(Scored, _Spoken):  # in this order: the fields of the last base come first
    """What was said between two pauses, or in part of a long stretch without any, and its sentiment."""

    type: Literal["utterance"] = "utterance"


@dataclass(frozen=True, slots=True)
class Notice:
    """Something a person should know: a missing track, a second face, speech in a language the model cannot read."""

    time_s: float
    code: str  # stable, for programs
    message: str  # for people
    type: Literal["notice"] = "notice"


@dataclass(frozen=True, slots=True)
class Mark:
    """A moment that the user marked."""

    time_s: float
    label: str = ""
    type: Literal["mark"] = "mark"


@dataclass(frozen=True, slots=True, kw_only=True)
class Comparison:
    """How a replay differs from the live session that was recorded; precedes the replay's summary.

    Readings are matched by the end of their window, utterances by their boundaries. None: nothing to compare.
    """

    readings: int  # committed live, over windows that lie within the recording
    readings_matched: int  # of those, the ones with a score both live and in the replay
    score_mean_difference: float | None  # absolute
    score_largest_difference: float | None  # absolute
    words: int  # committed live
    words_same: float | None  # 1 - word error rate of the replay, at least 0
    utterances: int
    utterances_matched: int
    type: Literal["comparison"] = "comparison"

    @property
    def time_s(self) -> float:
        return 0.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Summary:
    """The last event of a run that reached its end."""

    duration_s: float
    counts: dict[str, int]  # frames, face_rows, voice_rows, words, readings, utterances
    drops: dict[str, int]  # packets that could not be decoded, speech_steps skipped under load
    mean_score: float | None  # of the committed utterances, weighted by duration; None: none has a score
    languages: tuple[str, ...]  # of the words, the most frequent first
    real_time_factor: float  # wall seconds per media second, after loading
    type: Literal["summary"] = "summary"

    @property
    def time_s(self) -> float:
        return self.duration_s


Event = SessionStarted | WordHeard | Reading | Utterance | Notice | Mark | Comparison | Summary
