"""The state of a device, reported once per change, and how long to wait before the next attempt to open it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

from mmim_live.capture.clock import SessionClock
from mmim_live.session_types import DeviceChange, DeviceKind, DeviceState

# A returning device must be picked up within 5 s: the longest wait plus the time that opening takes.
FIRST_WAIT_S = 0.25
LONGEST_WAIT_S = 2.0

Report = Callable[[DeviceChange], None]


class DeviceStatus:
    """Written by the device's own thread, read by any. `report` is called on that thread and must be quick."""

    def __init__(self, kind: DeviceKind, clock: SessionClock, report: Report) -> None:
        self.state: DeviceState = "opening"
        self._kind: DeviceKind = kind
        self._clock = clock
        self._report = report
        self._was_open = False

    def open(self, message: str) -> None:
        """Media is flowing."""
        if self.state != "open":
            self._change("open", "returned" if self._was_open else "opened", message)
            self._was_open = True

    def frozen(self, message: str) -> None:
        """The device keeps delivering the same frame."""
        if self.state != "frozen":
            self._change("frozen", "frozen", message)

    def lost(self, message: str) -> None:
        """The device is gone, or does not respond."""
        if self.state != "lost":
            self._change("lost", "lost", message)

    def _change(
        self, state: DeviceState, change: Literal["opened", "frozen", "lost", "returned"], message: str
    ) -> None:
        self.state = state
        self._report(DeviceChange(self._clock.now_s(), self._kind, change, message))


@dataclass(slots=True)
class Backoff:
    """Waits that double from one attempt to the next."""

    _wait_s: float = FIRST_WAIT_S

    def next_s(self) -> float:
        """How long to wait now."""
        wait_s, self._wait_s = self._wait_s, min(2 * self._wait_s, LONGEST_WAIT_S)
        return wait_s

    def reset(self) -> None:
        """The device delivered media."""
        self._wait_s = FIRST_WAIT_S
