"""Faults that are injected into a running session, and what came of each: when readings came again, what was lost."""

from __future__ import annotations

import contextlib
import itertools
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

from mmim_live.benchmark.cpu_limit import MISSING, cpu_limit, has_cpulimit
from mmim_live.benchmark.measured_process import MeasuredProcess
from mmim_live.benchmark.network_camera import NetworkCamera
from mmim_live.benchmark.quantiles import quantile
from mmim_live.benchmark.session_log import SessionLog, Usage
from mmim_live.benchmark.session_probe import RaiseOnce, WorkerName
from mmim_live.benchmark.virtual_microphone import VirtualMicrophone
from mmim_live.errors import MmimLiveError
from mmim_live.events import Notice, Reading
from mmim_live.recording.reader import open_recorded
from mmim_live.session_types import ToggleRecording
from mmim_live.types import Present

OUTAGE_S = 10.0  # how long a device is away
SLOW_S = 30.0  # how long the CPU is at a quarter
FULL_S = 20.0  # how long a recording has to fill its disk
DISK_KB = 1024
CLOCK_STEP_S = 3600
CLOCK_READ_S = 1  # how often libfaketime looks at its file
BEFORE_S = 60.0  # the usual latency is that of the last minute
LATE_MS = 500.0  # by how much more than twice the usual latency a reading may be late and count as recovered
RECOVERY_S = 60.0  # a session that gives no such reading for this long has not recovered
SETTLE_S = 10.0  # after recovery, before losses are counted: the recognizer's lag
STILL_S = 1.0  # a face worker that processes no frame for longer loses video


@dataclass(frozen=True, slots=True)
class Stage:
    """What the faults act on."""

    process: MeasuredProcess
    folder: Path  # for temporary files
    microphone: VirtualMicrophone
    camera: NetworkCamera | None  # None: the session uses a camera that cannot be switched off


class Fault(Protocol):
    """Something that breaks for a while."""

    @property
    def name(self) -> str: ...

    @property
    def lasts_s(self) -> float:
        """From `inject` to `restore`."""

    def unavailable(self) -> str | None:
        """Why it cannot be injected here; None if it can."""

    def inject(self) -> None: ...

    def restore(self) -> None:
        """End it, also if it was not injected."""

    def finding(self) -> str:
        """What is special to this fault, once it is over."""


@dataclass(frozen=True, slots=True)
class FaultOutcome:
    """What came of a fault. Losses are counted from the fault until after the recovery."""

    name: str
    at_s: float  # since the session began
    not_run: str = ""  # why it was not injected; the rest is then empty
    lasted_s: float = 0.0
    recovered_s: float | None = None  # from its end to the next punctual reading of everything; None: not in time
    readings_missing: int = 0
    audio_lost_s: float = 0.0
    video_lost_s: float = 0.0
    notices: tuple[str, ...] = ()
    finding: str = ""

    @property
    def survived(self) -> bool:
        """Whether the session went on as before."""
        return self.recovered_s is not None


# ---- the faults --------------------------------------------------------------------------------------------------


@dataclass(slots=True)
class CameraGone:
    """The server of a network camera stops, and starts again."""

    stage: Stage
    name: str = "camera gone"
    lasts_s: float = OUTAGE_S

    def unavailable(self) -> str | None:
        return None if self.stage.camera else "--camera is not a video file"

    def inject(self) -> None:
        assert self.stage.camera is not None
        self.stage.camera.stop()

    def restore(self) -> None:
        assert self.stage.camera is not None
        self.stage.camera.start()

    def finding(self) -> str:
        return ""


@dataclass(slots=True)
class SoundServerKilled:
    """PulseAudio is killed, and started again."""

    stage: Stage
    name: str = "sound server killed"
    lasts_s: float = OUTAGE_S

    def unavailable(self) -> str | None:
        return None

    def inject(self) -> None:
        self.stage.microphone.stop()

    def restore(self) -> None:
        self.stage.microphone.start()

    def finding(self) -> str:
        return ""


@dataclass(slots=True)
class WorkerRaises:
    """One call of a worker's stage raises an unexpected error."""

    stage: Stage
    worker: WorkerName
    lasts_s: float = 0.0

    @property
    def name(self) -> str:
        return f"{self.worker} worker raises"

    def unavailable(self) -> str | None:
        return None

    def inject(self) -> None:
        self.stage.process.request(RaiseOnce(self.worker))

    def restore(self) -> None:
        """Nothing to do: it raises once."""

    def finding(self) -> str:
        restarts = [
            event
            for _, event in self.stage.process.log.events
            if isinstance(event, Notice) and event.code == f"{self.worker}_restarted"
        ]
        return "" if restarts else "no notice of a restart"


@dataclass(slots=True)
class DiskFull:
    """A recording is started on a file system that it fills."""

    stage: Stage
    name: str = "disk full while recording"
    lasts_s: float = FULL_S
    _finding: str = ""

    def unavailable(self) -> str | None:
        if sys.platform != "linux" or os.geteuid() != 0:
            return "mounting a small file system needs root on Linux"
        self._disk.mkdir()
        mounted = subprocess.run(  # noqa: S603
            ["mount", "-t", "tmpfs", "-o", f"size={DISK_KB}k", "tmpfs", str(self._disk)],  # noqa: S607
            capture_output=True,
            text=True,
            check=False,
        )
        return mounted.stderr.strip() or "cannot mount a file system" if mounted.returncode else None

    def inject(self) -> None:
        self.stage.process.request(ToggleRecording(self._disk / "recording"))

    def restore(self) -> None:
        with contextlib.suppress(OSError):
            self._finding = self._look()
        subprocess.run(["umount", "--lazy", str(self._disk)], capture_output=True, check=False)  # noqa: S603, S607

    def finding(self) -> str:
        return self._finding

    @property
    def _disk(self) -> Path:
        return self.stage.folder / "disk"

    def _look(self) -> str:
        """What is left of the recording."""
        failed = any(
            isinstance(event, Notice) and event.code == "recording_failed" for _, event in self.stage.process.log.events
        )
        told = "the failure was reported" if failed else "no report of a failure"
        try:
            (folder,) = self._disk.iterdir()  # under another name as long as it is not complete
            recorded = open_recorded(folder)
        except (MmimLiveError, ValueError) as error:
            return f"{told}; the recording cannot be opened: {error}"
        return f"{told}; {len(recorded.events)} events and {recorded.media.stat().st_size / 1e3:.0f} kB of media kept"


@dataclass(slots=True)
class ClockSet:
    """The clock of the system jumps by an hour, and back. Only the session's process sees it."""

    stage: Stage
    step_s: int
    lasts_s: float = OUTAGE_S
    _seen_s: float = 0.0

    @property
    def name(self) -> str:
        return f"clock set {abs(self.step_s) // 60} min {'forward' if self.step_s > 0 else 'back'}"

    def unavailable(self) -> str | None:
        return None if _faketime_library() else "libfaketime is missing: sudo apt-get install faketime"

    def inject(self) -> None:
        _write_offset(self.stage.folder, self.step_s)

    def restore(self) -> None:
        usage = self.stage.process.log.usage
        self._seen_s = usage[-1].clock_s - time.time() if usage else 0.0
        _write_offset(self.stage.folder, 0)

    def finding(self) -> str:
        # Without this, a session that never saw the step would count as one that survived it.
        return f"the session's clock was off by {self._seen_s:+.0f} s"


@dataclass(slots=True)
class QuarterCpu:
    """The session gets a quarter of the CPU."""

    stage: Stage
    name: str = "a quarter of the CPU"
    lasts_s: float = SLOW_S
    _limit: contextlib.ExitStack = field(default_factory=contextlib.ExitStack)

    def unavailable(self) -> str | None:
        return None if has_cpulimit() else MISSING

    def inject(self) -> None:
        self._limit.enter_context(cpu_limit(self.stage.process.pid, 0.25))

    def restore(self) -> None:
        self._limit.close()

    def finding(self) -> str:
        return ""


def every_fault(stage: Stage) -> tuple[Fault, ...]:
    """In the order in which they are injected."""
    return (
        CameraGone(stage),
        SoundServerKilled(stage),
        WorkerRaises(stage, "face"),
        WorkerRaises(stage, "voice"),
        WorkerRaises(stage, "speech"),
        WorkerRaises(stage, "predictor"),
        DiskFull(stage),
        ClockSet(stage, CLOCK_STEP_S),
        ClockSet(stage, -CLOCK_STEP_S),
        QuarterCpu(stage),
    )


def clock_environment(folder: Path) -> dict[str, str]:
    """What the session's process needs in its environment for `ClockSet`; nothing if libfaketime is missing.

    The monotonic clock stays as it is, as when a real clock is set.
    """
    library = _faketime_library()
    if library is None:
        return {}
    _write_offset(folder, 0)
    return {
        "LD_PRELOAD": str(library),
        "FAKETIME_TIMESTAMP_FILE": str(_offset_file(folder)),
        "FAKETIME_CACHE_DURATION": str(CLOCK_READ_S),
        "FAKETIME_DONT_FAKE_MONOTONIC": "1",
        "DONT_FAKE_MONOTONIC": "1",  # its former name
    }


def _faketime_library() -> Path | None:
    folders = [Path("/usr/lib"), *Path("/usr/lib").glob("*-linux-gnu"), Path("/usr/local/lib")]
    return next(
        (path for each in folders if (path := each / "faketime" / "libfaketimeMT.so.1").is_file()),
        None,
    )


def _offset_file(folder: Path) -> Path:
    return folder / "clock"


def _write_offset(folder: Path, offset_s: int) -> None:
    new = folder / "clock.new"
    new.write_text(f"{offset_s:+d}", encoding="ascii")
    shutil.move(new, _offset_file(folder))  # at once: the session may read it at any time


# ---- their schedule ----------------------------------------------------------------------------------------------


@dataclass(slots=True)
class _Active:
    """A fault that is under way."""

    fault: Fault
    began_s: float
    before: Usage
    usual_ms: float  # 95th percentile of the latency before
    usual: Present  # the modalities before
    ended_s: float | None = None
    recovered_s: float | None = None  # after its end


class FaultInjector:
    """Injects one fault after the other, evenly over the session, each once the one before it is over."""

    def __init__(
        self,
        faults: Sequence[Fault],
        log: SessionLog,
        session_s: float,
        on_fault: Callable[[FaultOutcome], None],
    ) -> None:
        self.outcomes: list[FaultOutcome] = []
        self._waiting = list(faults)
        self._log = log
        self._interval_s = session_s / (len(faults) + 1)
        self._next_s = self._interval_s
        self._on_fault = on_fault
        self._active: _Active | None = None

    def tick(self, now_s: float) -> None:
        """Call a few times per second; `now_s` is the time since the session began."""
        if not self._log.usage:
            return
        if self._active is not None:
            self._follow(self._active, now_s)
        elif self._waiting and now_s >= self._next_s:
            self._next_s = now_s + self._interval_s
            self._inject(self._waiting.pop(0), now_s)

    def close(self) -> None:
        """End the fault that is under way; those that were not injected are outcomes too."""
        if self._active is not None:
            if self._active.ended_s is None:
                self._active.fault.restore()
            self._report(self._active)
        for fault in self._waiting:
            self._add(FaultOutcome(fault.name, self._next_s, not_run="the session was too short"))
        self._waiting.clear()

    def _inject(self, fault: Fault, now_s: float) -> None:
        reason = fault.unavailable()
        if reason is not None:
            self._add(FaultOutcome(fault.name, now_s, not_run=reason))
            return
        recent = [
            event
            for time_s, event in self._log.events
            if time_s >= now_s - BEFORE_S and isinstance(event, Reading) and event.revision == 0
        ]
        usual = Present(
            face=any(reading.present.face for reading in recent), voice=any(reading.present.voice for reading in recent)
        )
        usual_ms = quantile([reading.latency_ms for reading in recent], 0.95)
        self._active = _Active(fault, now_s, self._log.usage[-1], usual_ms, usual)
        fault.inject()

    def _follow(self, active: _Active, now_s: float) -> None:
        if active.ended_s is None:
            if now_s < active.began_s + active.fault.lasts_s:
                return
            active.fault.restore()
            active.ended_s = now_s
        if active.recovered_s is None:
            active.recovered_s = self._recovery(active)
        over_s = active.ended_s + (RECOVERY_S if active.recovered_s is None else active.recovered_s + SETTLE_S)
        if now_s >= over_s:
            self._report(active)

    def _recovery(self, active: _Active) -> float | None:
        """When, after the end of the fault, a punctual reading of what was there before came."""
        ended_s = active.ended_s
        assert ended_s is not None
        for time_s, event in self._log.events:
            if (
                time_s > ended_s
                and isinstance(event, Reading)
                and event.revision == 0
                and event.present.face >= active.usual.face
                and event.present.voice >= active.usual.voice
                and event.latency_ms <= 2 * active.usual_ms + LATE_MS
            ):
                return time_s - ended_s
        return None

    def _report(self, active: _Active) -> None:
        self._active = None
        fault, began_s = active.fault, active.began_s
        now = self._log.usage[-1]
        events = [event for time_s, event in self._log.events if time_s >= began_s]
        self._add(
            FaultOutcome(
                name=fault.name,
                at_s=began_s,
                lasted_s=fault.lasts_s,
                recovered_s=active.recovered_s,
                readings_missing=_missing([event for event in events if isinstance(event, Reading)]),
                audio_lost_s=now.audio_lost_s - active.before.audio_lost_s,
                video_lost_s=_still_s([usage for usage in self._log.usage if usage.time_s >= active.before.time_s]),
                notices=tuple(event.code for event in events if isinstance(event, Notice)),
                finding=fault.finding(),
            )
        )

    def _add(self, outcome: FaultOutcome) -> None:
        self.outcomes.append(outcome)
        self._on_fault(outcome)


def _missing(readings: Sequence[Reading]) -> int:
    """How many windows of the regular grid have no reading."""
    ends_s = sorted({reading.end_s for reading in readings})
    if len(ends_s) < 3:
        return 0
    steps_s = [later - earlier for earlier, later in itertools.pairwise(ends_s)]
    hop_s = quantile(steps_s, 0.5)
    return round((ends_s[-1] - ends_s[0]) / hop_s) + 1 - len(ends_s)


def _still_s(usage: Sequence[Usage]) -> float:
    """For how long no frame was processed, as far as the reports can tell: they may be late themselves."""
    lost_s = 0.0
    moved_s = usage[0].time_s
    for before, now in itertools.pairwise(usage):
        if now.frames > before.frames:
            still_s = before.time_s - moved_s
            lost_s += still_s if still_s > STILL_S else 0.0
            moved_s = now.time_s
    return lost_s
