"""Injects faults into a running session one by one, and finds out when readings came again and what was lost."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from mmim_live.benchmark.faults import Fault
from mmim_live.benchmark.quantiles import quantile
from mmim_live.benchmark.session_log import SessionLog, Usage
from mmim_live.events import Notice, Reading
from mmim_live.types import Present

BEFORE_S = 60.0  # the usual latency is that of the last minute
LATE_MS = 500.0  # by how much more than twice the usual latency a reading may be late and count as recovered
RECOVERY_S = 60.0  # a session that gives no such reading for this long has not recovered
SETTLE_S = 10.0  # after recovery, before losses are counted: the recognizer's lag
STILL_S = 1.0  # a face worker that processes no frame for longer loses video


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
