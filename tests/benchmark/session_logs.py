"""Hand-written logs of sessions."""

from mmim_live.benchmark.session_log import Observed, Opened, Sample, SessionLog, Usage
from mmim_live.types import Present
from tests.tui.scripted import reading


def log_of(length_s: int, *, mb_per_hour: float = 0.0) -> SessionLog:
    """A calm session: a sample and a report per second, two readings a second, memory that grows evenly."""
    log = SessionLog()
    log.take(Opened(began_s=0.0, loading_s=5.0))
    for second in range(length_s):
        extend(log, second, memory_mb=1000 + mb_per_hour * second / 3600)
    return log


def extend(
    log: SessionLog,
    second: int,
    *,
    memory_mb: float = 1000.0,
    frames: int | None = None,
    readings: bool = True,
    voice: bool = True,
    lost_s: float = 0.0,
) -> None:
    """One more second."""
    log.samples.append(Sample(second, memory_mb, descriptors=20 + second % 2, threads=24, cpu_s=0.5 * second))
    seen = 15 * second if frames is None else frames
    log.take(Usage(second, 1e9 + second, seen, lost_s, {"frames": second // 10}, "whisper-base"))
    for end_s in (second + 0.0, second + 0.5) if readings else ():
        one = reading(end_s, 0.0, status="provisional", revision=0, present=Present(text=False, voice=voice, face=True))
        log.take(Observed(end_s + 0.24, one))
