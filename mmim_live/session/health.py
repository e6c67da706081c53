"""How a running session fares: rates, delays, drops, load. Knows sessions, not who looks."""

from __future__ import annotations

import contextlib
import threading
import time
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING

import psutil

from mmim_live.session_types import Health
from mmim_live.settings import Settings

if TYPE_CHECKING:
    from mmim_live.session.session import Session

HEALTH_INTERVAL_S = 0.5


class HealthMeter:
    """Looks at a session now and then; what is told a second is told since the last look."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._process = psutil.Process()
        self._process.cpu_percent()  # the first call only sets the mark to measure from
        self._seen = (0, time.monotonic())  # frames, and when they were counted

    def look(self, session: Session | None, activity: str = "") -> Health:
        """One look; `activity` is what goes on while there is no session yet."""
        checkpoint, memory_mb = self._settings.checkpoint, self._process.memory_info().rss / 1e6
        if session is None:
            return Health(0.0, activity=activity, memory_mb=memory_mb, checkpoint=checkpoint)
        lags_ms = session.inference.lags_ms() or (None, None)
        return Health(
            media_time_s=session.source.media_s,
            duration_s=session.source.duration_s,
            fps=self._fps(session.inference.frames),
            lag_ms=lags_ms[0],
            lag_p95_ms=lags_ms[1],
            drops=sum(session.drops().values()),
            cpu_percent=self._process.cpu_percent(),
            memory_mb=memory_mb,
            checkpoint=checkpoint,
            asr_model=session.governor.effort if session.governor else session.models.names.get("speech", ""),
            device=session.models.device,
            devices=session.source.devices(),
            recording=session.recorder.health() if session.recorder else None,
            baseline=session.inference.baseline.look(session.source.media_s),
        )

    def _fps(self, frames: int) -> float | None:
        """Frames that the face worker went through a second of wall time, since the last look."""
        before, then = self._seen
        now = time.monotonic()
        self._seen = (frames, now)
        return (frames - before) / (now - then) if now > then else None


@contextlib.contextmanager
def telling_health(session: Session, settings: Settings, tell: Callable[[Health], None]) -> Iterator[None]:
    """While the block runs, `tell` is called twice a second, from a thread."""
    meter, over = HealthMeter(settings), threading.Event()

    def watch() -> None:
        while not over.wait(HEALTH_INTERVAL_S):
            tell(meter.look(session))

    thread = threading.Thread(target=watch, name="mmim-health", daemon=True)
    thread.start()
    try:
        yield
    finally:
        over.set()
        thread.join()
