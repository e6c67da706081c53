"""What a measured session reports, and the log that the measuring process keeps of it.

The log is kept outside the measured process, so that keeping it costs that process no memory.
"""

from __future__ import annotations

import time
from dataclasses import dataclass, field

from mmim_live.events import Event


@dataclass(frozen=True, slots=True)
class Opened:
    """The session is open and about to start."""

    began_s: float  # on `time.monotonic`: when its media time was 0
    loading_s: float  # from the start of the process


@dataclass(frozen=True, slots=True)
class Observed:
    """An event, and when it arrived."""

    time_s: float  # wall time since the session began; live, this is media time
    event: Event


@dataclass(frozen=True, slots=True)
class Usage:
    """The state of the session, reported twice per second."""

    time_s: float  # since the session began
    clock_s: float  # `time.time` of the process
    frames: int  # processed so far
    audio_lost_s: float
    drops: dict[str, int]
    effort: str  # of speech recognition


@dataclass(frozen=True, slots=True)
class Totals:
    """What the session used, after loading."""

    cpu_s: float  # of all threads
    wall_s: float
    cpu_by_thread_s: dict[str, float]
    drops: dict[str, int]
    peak_memory_mb: float  # loading included


Message = Opened | Observed | Usage | Totals


@dataclass(frozen=True, slots=True)
class Sample:
    """The resources of the process, as the system sees them."""

    time_s: float  # since the session began
    memory_mb: float  # resident, 10^6 bytes
    descriptors: int
    threads: int
    cpu_s: float


@dataclass(slots=True)
class SessionLog:
    """Everything that was reported and sampled, in order of time."""

    opened: Opened | None = None
    events: list[tuple[float, Event]] = field(default_factory=list)  # with the time of their arrival
    usage: list[Usage] = field(default_factory=list)
    samples: list[Sample] = field(default_factory=list)
    totals: Totals | None = None

    def now_s(self) -> float:
        """The time since the session began; 0 before."""
        return 0.0 if self.opened is None else time.monotonic() - self.opened.began_s

    def take(self, message: Message) -> None:
        """Keep a message."""
        match message:
            case Opened():
                self.opened = message
            case Observed(time_s, event):
                self.events.append((time_s, event))
            case Usage():
                self.usage.append(message)
            case Totals():
                self.totals = message
