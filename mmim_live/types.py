"""Values that the extractors and the model produce. All are frozen; times are media time in seconds.

Media time counts from the start of the session: it is the container's timestamps for a file, the monotonic clock for
devices. What a session yields to its listeners is in `events`.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable
from dataclasses import asdict, dataclass, field
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

SAMPLE_RATE_HZ = 16_000  # what Whisper and Silero were trained on; the rate of every audio block
SCORE_LIMIT = 3.0  # scores range from -3 to 3, the scale of CMU-MOSI

Modality = Literal["text", "voice", "face"]
MODALITIES: tuple[Modality, ...] = ("text", "voice", "face")

Status = Literal["provisional", "committed"]

UNSPACED_LANGUAGES = frozenset({"zh", "yue", "ja", "th", "lo", "my"})  # ISO 639; the recognizer's words are characters


def join_words(words: Iterable[str], language: str | None) -> str:
    """The words as one text, spaced the way their language is written."""
    return ("" if language in UNSPACED_LANGUAGES else " ").join(words)


# ---- media -------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, eq=False)
class AudioBlock:
    """Mono audio at 16 kHz. The blocks of a source are contiguous and start at 0."""

    start_s: float
    samples: NDArray[np.float32]  # [n], full scale is 1.0

    @property
    def end_s(self) -> float:
        return self.start_s + len(self.samples) / SAMPLE_RATE_HZ


@dataclass(frozen=True, slots=True, eq=False)
class VideoFrame:
    """One upright frame."""

    time_s: float
    image: NDArray[np.uint8]  # [height, width, 3], RGB


# ---- what the extractors produce ----------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, eq=False)
class FaceRow:
    """The face at one instant: 52 blendshapes, 6 head pose values and 7 of the expression."""

    time_s: float
    values: NDArray[np.float32]  # [65], in the order of the feature contract


@dataclass(frozen=True, slots=True, eq=False)
class VoiceRow:
    """The voice over 50 ms of speech, centered on `time_s`. Silence produces no row."""

    time_s: float
    values: NDArray[np.float32]  # [d], in the order of the feature contract


@dataclass(frozen=True, slots=True)
class Word:
    """A recognized word. `heard_s` is the media time up to which the recognizer had listened at that point.

    A provisional word holds until a word with a later `heard_s` is reported; a committed word is final.
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
    """Speech between two pauses, or part of a long stretch without any."""

    start_s: float
    end_s: float


@dataclass(frozen=True, slots=True)
class SpeechUpdate:
    """The state of the speech recognizer after listening up to `time_s`, a point on its media time grid."""

    time_s: float
    committed: tuple[Word, ...] = ()  # newly committed, in order; never retracted
    provisional: tuple[Word, ...] = ()  # the whole provisional tail; replaces the previous one
    committed_until_s: float = 0.0  # no more words that start before this will be committed
    segments: tuple[SpeechSegment, ...] = ()  # utterances that ended; all their words are committed
    language: str | None = None  # of the speech, ISO 639-1; None while unknown


# ---- windows and predictions -------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Window:
    """The input of MMIM: the words and rows within a stretch of media time.

    A row is inside if start_s <= time_s < end_s, a word if its midpoint is.
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
        """The recognized words, joined the way their language is written."""
        return join_words([word.text for word in self.words], self.words[0].language if self.words else None)


@dataclass(frozen=True, slots=True)
class Contributions:
    """Exact Shapley values on the scale of the score; None where the modality is absent."""

    text: float | None = None
    voice: float | None = None
    face: float | None = None


@dataclass(frozen=True, slots=True)
class Agreement:
    """How well voice and face match the words: percentile of log q(. | words) - log p(.) on validation data, 0 to 1."""

    voice: float | None = None
    face: float | None = None


@dataclass(frozen=True, slots=True)
class Present:
    """Which modalities a prediction is based on."""

    text: bool = False
    voice: bool = False
    face: bool = False


@dataclass(frozen=True, slots=True)
class Prediction:
    """The model's output for one window. Scores range from -3 to 3; None is unknown or an abstention."""

    score: float | None
    low: float | None = None
    high: float | None = None
    contributions: Contributions = field(default_factory=Contributions)
    agreement: Agreement = field(default_factory=Agreement)
    present: Present = field(default_factory=Present)

    def to_dict(self) -> dict[str, Any]:
        """The same as plain values, for JSON."""
        return asdict(self)


# ---- the feature contract ----------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class ModalityContract:
    """What the features of one modality mean. Equal contracts mean interchangeable features."""

    names: tuple[str, ...]  # of the columns, in order
    rate_hz: float  # nominal rows per second; 0 for words
    revision: int  # bumped whenever the same media would produce different values
    source: str  # the extractor and its model file

    @property
    def hash(self) -> str:
        """SHA-256 over the canonical JSON of the fields, 16 hexadecimal digits."""
        fields = [list(self.names), self.rate_hz, self.revision, self.source]
        return hashlib.sha256(json.dumps(fields, separators=(",", ":")).encode()).hexdigest()[:16]


@dataclass(frozen=True, slots=True)
class FeatureContract:
    """The contracts of all modalities. A checkpoint stores the one it was trained with."""

    text: ModalityContract
    voice: ModalityContract
    face: ModalityContract

    @property
    def hash(self) -> str:
        """SHA-256 over the three hashes, 16 hexadecimal digits."""
        joined = "".join((self.text.hash, self.voice.hash, self.face.hash))
        return hashlib.sha256(joined.encode()).hexdigest()[:16]
