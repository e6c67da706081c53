"""What a running session and its user interface exchange: commands, health, devices, previews. None of it is stored.

All are frozen; times are media time in seconds.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from mmim_live.errors import MmimLiveError
from mmim_live.events import Event

# ---- commands to a running session -------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class MarkMoment:
    """Mark the moment `ago_s` seconds ago, since typing a label takes a while, or a moment of a recording."""

    label: str = ""
    ago_s: float = 0.0
    time_s: float | None = None  # media time, if it is not about now


@dataclass(frozen=True, slots=True)
class ToggleRecording:
    """Start or stop recording a live session. `folder` is created; None: named by date and time, in the usual place."""

    folder: Path | None = None


@dataclass(frozen=True, slots=True)
class ShowPreview:
    """Send camera previews of at most this width and height in pixels, a few per second; None: stop."""

    size: tuple[int, int] | None


@dataclass(frozen=True, slots=True)
class UseDevice:
    """Switch to another camera or microphone. If it does not work yet, the session keeps trying."""

    kind: Literal["camera", "microphone"]
    source: int | str | None


@dataclass(frozen=True, slots=True)
class ToggleBaseline:
    """Measure the user's neutral baseline from now on, or remove the one there is."""


Command = MarkMoment | ToggleRecording | ToggleBaseline | ShowPreview | UseDevice


# ---- health of a running session ---------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Health:
    """The current state of a running session. None: unknown or not applicable."""

    media_time_s: float
    duration_s: float | None = None  # of a recording
    activity: str = ""  # before the first reading, for display: "loading Whisper base"
    fps: float | None = None  # frames analyzed per second
    lag_ms: float | None = None  # median latency of the last readings
    lag_p95_ms: float | None = None
    word_delay_ms: float | None = None  # median from the end of a word to its first hypothesis, over the last words
    drops: int = 0  # frames, audio blocks and speech steps in total
    cpu_percent: float | None = None  # of one core, so that two busy cores are 200
    memory_mb: float | None = None  # resident
    checkpoint: str = ""
    asr_model: str = ""  # and how often it runs, if the CPU is too busy to run it as usual
    device: str = ""
    devices: tuple[DeviceHealth, ...] = ()  # of a live session
    recording: RecordingHealth | None = None  # while recording
    baseline: BaselineHealth | None = None  # while one is being measured or is set

    @property
    def progress(self) -> float | None:
        """The share of the recording that has been processed, 0 to 1."""
        if not self.duration_s:
            return None
        return min(1.0, max(0.0, self.media_time_s / self.duration_s))


@dataclass(frozen=True, slots=True)
class BaselineHealth:
    """The state of the user's baseline: its score or, while it is being measured, the seconds left."""

    score: float | None
    left_s: float | None = None  # 0: waiting for the last words


@dataclass(frozen=True, slots=True)
class RecordingHealth:
    """The state of the recording in progress."""

    folder: str
    length_s: float
    frames_dropped: int = 0  # frames that could not be written in time
    sound_lost_s: float = 0.0  # the same for audio


# ---- devices -----------------------------------------------------------------------------------------------------

DeviceKind = Literal["camera", "microphone"]
DeviceState = Literal["opening", "open", "frozen", "lost", "closed"]


@dataclass(frozen=True, slots=True)
class DeviceChange:
    """A device changed its state. `lost` includes a device that could not be opened in the first place."""

    time_s: float
    kind: DeviceKind
    change: Literal["opened", "frozen", "lost", "returned"]
    message: str  # for the user: which device, and how to fix it


@dataclass(frozen=True, slots=True)
class SoundLevel:
    """The level of the last tenth of a second, in decibels relative to full scale (dBFS, at most 0)."""

    rms_dbfs: float
    peak_dbfs: float  # the highest of the last few seconds
    silent_s: float  # how long there has been no sound at all


@dataclass(frozen=True, slots=True)
class DeviceHealth:
    """The current state of a device. None: not applicable or not known yet."""

    kind: DeviceKind
    name: str
    state: DeviceState
    rate_hz: float | None = None  # frames per second as delivered, or samples per second as requested
    drops: int = 0  # frames not taken in time, or audio overruns
    lost_s: float | None = None  # silence inserted for lost audio, since the first audio
    drift_ppm: float | None = None  # how much slower the sound card runs than the clock, in parts per million
    level: SoundLevel | None = None


@dataclass(frozen=True, slots=True)
class DeviceChoice:
    """A device that a session can use."""

    kind: DeviceKind
    source: int | str | None  # what to open; None is the default microphone
    name: str
    detail: str = ""  # size or rate, for display, or why it does not work
    in_use: bool = False


# ---- camera preview ----------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, eq=False)
class Preview:
    """A scaled-down camera frame, and the position of the face in it."""

    time_s: float
    image: NDArray[np.uint8]  # [height, width, 3], RGB
    points: NDArray[np.float32]  # [n, 2], x and y as fractions of width and height; no rows without a face


# ---- everything that a running session reports -------------------------------------------------------------------

SessionUpdate = Event | Health | SoundLevel | Preview | MmimLiveError  # an error ends the session
OnUpdate = Callable[[SessionUpdate], None]
