"""The values that cross module and thread boundaries. All are frozen; times are media time in seconds.

Media time counts from the start of the session: the container's time stamps for a file, the monotonic clock for
devices. Nothing here computes anything beyond what a value says about itself.
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass, field
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

SAMPLE_RATE_HZ = 16_000  # what Whisper and Silero were trained on; every audio block has this rate

Modality = Literal["text", "voice", "face"]
MODALITIES: tuple[Modality, ...] = ("text", "voice", "face")

Status = Literal["provisional", "committed"]

UNSPACED_LANGUAGES = frozenset({"zh", "yue", "ja", "th", "lo", "my"})  # ISO 639; the recogniser's words are characters


# ---- media -------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, eq=False)
class AudioBlock:
    """Mono sound at 16 kHz. Blocks of one source follow one another without a gap, the first starting at 0."""

    start_s: float
    samples: NDArray[np.float32]  # [n], full scale is 1.0

    @property
    def end_s(self) -> float:
        return self.start_s + len(self.samples) / SAMPLE_RATE_HZ


@dataclass(frozen=True, slots=True, eq=False)
class VideoFrame:
    """One picture, upright."""

    time_s: float
    image: NDArray[np.uint8]  # [height, width, 3], RGB


# ---- what the extractors say -------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, eq=False)
class FaceRow:
    """The face at one instant: 52 blendshapes and 6 head pose numbers."""

    time_s: float
    values: NDArray[np.float32]  # [58], in the order of the feature contract


@dataclass(frozen=True, slots=True, eq=False)
class VoiceRow:
    """The voice during 50 ms of speech; `time_s` is the middle. Silence gives no row."""

    time_s: float
    values: NDArray[np.float32]  # [d], in the order of the feature contract


@dataclass(frozen=True, slots=True)
class Word:
    """A recognised word. `heard_s` is the media time up to which the recogniser had listened when it said so.

    A provisional word stands until a word with a later `heard_s` is reported; a committed word stands for good.
    """

    text: str
    start_s: float
    end_s: float
    probability: float
    status: Status
    heard_s: float
    language: str | None = None


@dataclass(frozen=True, slots=True)
class SpeechSegment:
    """A stretch of speech between two pauses, or a part of a long one without."""

    start_s: float
    end_s: float


@dataclass(frozen=True, slots=True)
class SpeechUpdate:
    """What the speech recogniser knows after listening up to `time_s`, a point on its grid of media time."""

    time_s: float
    committed: tuple[Word, ...] = ()  # newly committed, in order; never taken back
    provisional: tuple[Word, ...] = ()  # the whole provisional tail; replaces the previous one
    committed_until_s: float = 0.0  # no word that starts before this will be committed any more
    segments: tuple[SpeechSegment, ...] = ()  # utterances that ended; all their words are committed
    language: str | None = None  # of the speech, ISO 639-1; None while unknown


# ---- windows and readings ----------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Window:
    """What MMIM reads: the words and rows of a stretch of media time.

    A row is inside when start_s <= time_s < end_s, a word when its middle is.
    """

    start_s: float
    end_s: float
    kind: Literal["rolling", "utterance"]
    status: Status
    revision: int
    words: tuple[Word, ...]
    voice: tuple[VoiceRow, ...]
    face: tuple[FaceRow, ...]

    @property
    def text(self) -> str:
        """The words as recognised, joined as their language is written."""
        spaced = not self.words or self.words[0].language not in UNSPACED_LANGUAGES
        return (" " if spaced else "").join(word.text for word in self.words)


@dataclass(frozen=True, slots=True)
class Contributions:
    """Exact Shapley values on the scale of the score; None where the modality is absent."""

    text: float | None = None
    voice: float | None = None
    face: float | None = None


@dataclass(frozen=True, slots=True)
class Agreement:
    """How well voice and face fit the words: the percentile (0 to 1) of log q(. | words) - log p(.) in validation."""

    voice: float | None = None
    face: float | None = None


@dataclass(frozen=True, slots=True)
class Present:
    """Which modalities a reading rests on."""

    text: bool = False
    voice: bool = False
    face: bool = False


@dataclass(frozen=True, slots=True)
class Prediction:
    """What the model says of one window. Scores run from -3 to 3; None is unknown or an abstention."""

    score: float | None
    low: float | None = None
    high: float | None = None
    contributions: Contributions = field(default_factory=Contributions)
    agreement: Agreement = field(default_factory=Agreement)
    present: Present = field(default_factory=Present)


# ---- events: what a session yields and the files hold ------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class SessionStarted:
    """The first event: everything needed to make the run again."""

    version: str
    source: str
    duration_s: float | None
    checkpoint: str
    contract_hash: str
    models: dict[str, str]
    settings: dict[str, Any]
    started_at: str  # wall clock, ISO 8601 with zone
    type: Literal["session"] = "session"


@dataclass(frozen=True, slots=True)
class WordHeard:
    """A word was recognised (provisional) or settled (committed); see `Word` for which stands how long."""

    text: str
    start_s: float
    end_s: float
    probability: float
    status: Status
    heard_s: float
    language: str | None
    type: Literal["word"] = "word"


@dataclass(frozen=True, slots=True)
class Reading:
    """The sentiment of one rolling window. A later `revision` for the same end_s replaces an earlier one."""

    start_s: float
    end_s: float
    score: float | None
    low: float | None
    high: float | None
    status: Status
    revision: int
    contributions: Contributions
    agreement: Agreement
    present: Present
    latency_ms: float  # wall time from the capture of the window's end to this reading
    relative: float | None = None  # score - the user's baseline, while there is one
    type: Literal["reading"] = "reading"


@dataclass(frozen=True, slots=True)
class Utterance:
    """What was said between two pauses, or in a part of a long stretch without, and its sentiment."""

    start_s: float
    end_s: float
    text: str
    language: str | None
    score: float | None
    low: float | None
    high: float | None
    status: Status
    revision: int
    contributions: Contributions
    agreement: Agreement
    present: Present
    latency_ms: float
    relative: float | None = None
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


@dataclass(frozen=True, slots=True)
class Comparison:
    """How far a replay differs from the live session that was recorded; comes before its summary.

    Readings are matched by the end of their window, utterances by their ends. None: there was nothing to compare.
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


@dataclass(frozen=True, slots=True)
class Summary:
    """The last event of a run that came to its end."""

    duration_s: float
    counts: dict[str, int]  # frames, face_rows, voice_rows, words, readings, utterances
    drops: dict[str, int]  # packets that could not be decoded, speech_steps skipped under load
    mean_score: float | None  # over the committed readings
    languages: tuple[str, ...]  # of the words, the most frequent first
    real_time_factor: float  # wall seconds a media second, after loading
    type: Literal["summary"] = "summary"


Event = SessionStarted | WordHeard | Reading | Utterance | Notice | Mark | Comparison | Summary


# ---- the feature contract ----------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class ModalityContract:
    """What the numbers (or words) of one modality mean. Two equal contracts give interchangeable features."""

    names: tuple[str, ...]  # of the columns, in order
    rate_hz: float  # nominal rows a second; 0 for words
    revision: int  # raised whenever the same media would give other numbers
    source: str  # the extractor and its model file

    @property
    def hash(self) -> str:
        """SHA-256 over the canonical JSON of the fields, 16 hexadecimal digits."""
        fields = [list(self.names), self.rate_hz, self.revision, self.source]
        return hashlib.sha256(json.dumps(fields, separators=(",", ":")).encode()).hexdigest()[:16]


@dataclass(frozen=True, slots=True)
class FeatureContract:
    """The contracts of all modalities. A checkpoint carries the one it was trained with."""

    text: ModalityContract
    voice: ModalityContract
    face: ModalityContract

    @property
    def hash(self) -> str:
        """SHA-256 over the three hashes, 16 hexadecimal digits."""
        joined = "".join((self.text.hash, self.voice.hash, self.face.hash))
        return hashlib.sha256(joined.encode()).hexdigest()[:16]
