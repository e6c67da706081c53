"""Faults that can be injected into a running session: devices that go away, workers that fail, full disks, clocks."""

from __future__ import annotations

import contextlib
import os
import shutil
import subprocess
import sys
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

from mmim_live.benchmark.cpu_limit import MISSING, cpu_limit, has_cpulimit
from mmim_live.benchmark.measured_process import MeasuredProcess
from mmim_live.benchmark.network_camera import NetworkCamera
from mmim_live.benchmark.session_probe import RaiseOnce, WorkerName
from mmim_live.benchmark.virtual_microphone import VirtualMicrophone
from mmim_live.errors import MmimLiveError
from mmim_live.events import Notice
from mmim_live.recording.reader import open_recorded
from mmim_live.session_types import ToggleRecording

OUTAGE_S = 10.0  # how long a device is away
SLOW_S = 30.0  # how long the CPU is at a quarter
FULL_S = 20.0  # how long a recording has to fill its disk
DISK_KB = 1024
CLOCK_STEP_S = 3600
CLOCK_READ_S = 1  # how often libfaketime looks at its file


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
