"""What passes between a running session and whoever shows it: commands, health, devices, pictures; nothing is stored.

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


# ---- all that a running session says -----------------------------------------------------------------------------

SessionUpdate = Event | Health | SoundLevel | Preview | MmimLiveError  # an error has ended the session
OnUpdate = Callable[[SessionUpdate], None]
