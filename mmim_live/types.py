"""The values that cross module and thread boundaries. All are frozen; times are media time in seconds.

Media time counts from the start of the session: the container's time stamps for a file, the monotonic clock for
devices. Nothing here computes anything beyond what a value says about itself.
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass, field
from pathlib import Path
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


# ---- what a person asks of a running session -----------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class MarkMoment:
    """Mark the moment `ago_s` before this one: typing a label takes its time."""

    label: str = ""
    ago_s: float = 0.0


@dataclass(frozen=True, slots=True)
class ToggleRecording:
    """Begin to record a live session, or end it. `folder` is made; None: by date and time where recordings go."""

    folder: Path | None = None


@dataclass(frozen=True, slots=True)
class ShowPicture:
    """Send pictures of at most this width and height in pixels, some a second; None: no more."""

    size: tuple[int, int] | None


@dataclass(frozen=True, slots=True)
class UseDevice:
    """Go on with another camera or microphone. One that does not work is waited for."""

    kind: Literal["camera", "microphone"]
    source: int | str | None


@dataclass(frozen=True, slots=True)
class ToggleBaseline:
    """Take the user's neutral speech, from now on, as a baseline for scores; or forget the one there is."""


Command = MarkMoment | ToggleRecording | ToggleBaseline | ShowPicture | UseDevice


# ---- how a running session fares; shown, never stored ------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Health:
    """One look at a running session. None is unknown or does not apply."""

    media_time_s: float
    duration_s: float | None = None  # of a recording
    activity: str = ""  # what it does while there is no reading yet, for people: "loading Whisper base"
    fps: float | None = None  # face frames a second
    lag_ms: float | None = None  # median latency of the last readings
    lag_p95_ms: float | None = None
    drops: int = 0  # frames, audio blocks and speech steps together
    cpu_percent: float | None = None  # of one core, so that two busy cores are 200
    memory_mb: float | None = None  # resident
    checkpoint: str = ""
    asr_model: str = ""  # and how often it listens, where the machine is too slow for more
    device: str = ""
    devices: tuple[DeviceHealth, ...] = ()  # of a live session
    recording: RecordingHealth | None = None  # while one runs
    baseline: BaselineHealth | None = None  # while one is taken, or holds

    @property
    def progress(self) -> float | None:
        """The share of a recording that is done, 0 to 1."""
        if not self.duration_s:
            return None
        return min(1.0, max(0.0, self.media_time_s / self.duration_s))


@dataclass(frozen=True, slots=True)
class BaselineHealth:
    """One look at the user's baseline: its score, or, while it is taken, how much speech is still to come."""

    score: float | None
    left_s: float | None = None  # 0: the last words are awaited


@dataclass(frozen=True, slots=True)
class RecordingHealth:
    """One look at a recording that is being made."""

    folder: str
    length_s: float
    frames_dropped: int = 0  # pictures that could not be written in time
    sound_lost_s: float = 0.0  # the same of sound


# ---- devices -----------------------------------------------------------------------------------------------------

DeviceKind = Literal["camera", "microphone"]
DeviceState = Literal["opening", "open", "frozen", "lost", "closed"]


@dataclass(frozen=True, slots=True)
class DeviceChange:
    """A device changed its state. `lost` is also told of a device that could not be opened to begin with."""

    time_s: float
    kind: DeviceKind
    change: Literal["opened", "frozen", "lost", "returned"]
    message: str  # for people: which device, and how to mend it


@dataclass(frozen=True, slots=True)
class SoundLevel:
    """How loud the last tenth of a second was, in decibels relative to full scale (dBFS, at most 0)."""

    rms_dbfs: float
    peak_dbfs: float  # the highest of the last seconds
    silent_s: float  # for how long there has been no sound at all


@dataclass(frozen=True, slots=True)
class DeviceHealth:
    """One look at a device. None does not apply, or is not known yet."""

    kind: DeviceKind
    name: str
    state: DeviceState
    rate_hz: float | None = None  # pictures a second as they come, or samples a second as asked
    drops: int = 0  # pictures that nobody took in time, or times that sound found no room
    lost_s: float | None = None  # silence in place of sound that was lost, since the first sound
    drift_ppm: float | None = None  # by how many millionths the sound card is slower than the clock
    level: SoundLevel | None = None


@dataclass(frozen=True, slots=True)
class DeviceChoice:
    """A device that a session can use."""

    kind: DeviceKind
    source: int | str | None  # what it is opened by; None is the default microphone
    name: str
    gives: str = ""  # size and rate, for people; or why it gives nothing
    in_use: bool = False


# ---- shown while somebody looks, never stored --------------------------------------------------------------------


@dataclass(frozen=True, slots=True, eq=False)
class Preview:
    """A small picture of what the camera sees, and where the face is in it."""

    time_s: float
    image: NDArray[np.uint8]  # [height, width, 3], RGB
    points: NDArray[np.float32]  # [n, 2], x and y as parts of width and height; no rows where there is no face


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
