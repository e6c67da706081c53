"""The playhead of a replay: the analysis runs ahead and is kept; what the screen shows is the part up to the playhead.

    events --take--> whole (all that is known)           -> timeline
                     state (as it was at the playhead)   -> everything else

An event becomes visible at the media time at which a live session would have known it, and in the order in which the
session yielded it, so that playing shows the same however fast the analysis was.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Callable

from mmim_live.events import Event, SessionStarted, Summary, WordHeard
from mmim_live.session_types import Health, Preview
from mmim_live.tui.state import SessionState

SPEEDS = (0.5, 1.0, 1.5, 2.0, 4.0)
MAX_PREVIEWS = 4_000  # some 28 MB; beyond that every other one is dropped


class Playback:
    """`state` follows the playhead. `now_s` is a monotonic clock; one thread calls it."""

    def __init__(self, state: SessionState, now_s: Callable[[], float], speed: float | None = 1.0) -> None:
        """`speed`: media seconds per second; None: as fast as the analysis."""
        self.whole = SessionState()
        self.state = state
        self.position_s = 0.0
        self.playing = True
        self.speed = speed
        self.events: list[Event] = []
        self.jumps = 0  # how often the playhead was moved
        self._known_s: list[float] = []  # when each event becomes visible; never decreases
        self._shown = 0  # events that `state` holds
        self._previews: list[Preview] = []  # by time
        self._now_s = now_s
        self._advanced_s = now_s()

    @property
    def analyzed_s(self) -> float:
        """How far the analysis has got."""
        return self._known_s[-1] if self._known_s else 0.0

    @property
    def complete(self) -> bool:
        """Whether the analysis has reached the end."""
        return self.whole.summary is not None

    @property
    def at_end(self) -> bool:
        """Whether all has been played."""
        return self.complete and self.position_s >= self.analyzed_s

    @property
    def waiting(self) -> bool:
        """Whether the playhead waits for the analysis."""
        return self.playing and self.speed is not None and not self.complete and self.position_s >= self.analyzed_s

    def take(self, update: Event | Health) -> None:
        """Keep what the session yields."""
        if isinstance(update, Health):
            self.whole.health = self.state.health = update
            return
        if not self.events:
            self._advanced_s = self._now_s()  # the clock starts with the session
        self.whole.take(update)
        time_s = update.heard_s if isinstance(update, WordHeard) else update.time_s
        self.events.append(update)
        self._known_s.append(max(self.analyzed_s, time_s))
        if isinstance(update, SessionStarted | Summary):
            self._show()

    def keep(self, preview: Preview) -> None:
        """Keep a picture."""
        place = bisect_right(self._previews, preview.time_s, key=lambda each: each.time_s)
        self._previews.insert(place, preview)
        if len(self._previews) > MAX_PREVIEWS:
            del self._previews[::2]

    def preview(self) -> Preview | None:
        """The picture at the playhead."""
        place = bisect_right(self._previews, self.position_s, key=lambda each: each.time_s)
        return self._previews[place - 1] if place else None

    def advance(self) -> None:
        """Move the playhead by the time that has passed, as far as the analysis has got."""
        now_s = self._now_s()
        passed_s, self._advanced_s = now_s - self._advanced_s, now_s
        if not self.playing or not self.events:
            return
        ahead_s = self.analyzed_s if self.speed is None else self.position_s + passed_s * self.speed
        self.position_s = max(self.position_s, min(ahead_s, self.analyzed_s))
        self._show()
        if self.at_end:
            self.playing = False

    def seek(self, to_s: float) -> None:
        """Move the playhead. Nothing is computed again."""
        self.position_s = min(max(0.0, to_s), self.analyzed_s)
        self.jumps += 1
        self._show()

    def toggle(self) -> None:
        """Pause or go on; at the end, start again."""
        if self.at_end:
            self.restart()
        else:
            self.playing = not self.playing
            self._advanced_s = self._now_s()

    def play(self) -> None:
        """Go on, if it was paused."""
        self.playing = True
        self._advanced_s = self._now_s()

    def restart(self) -> None:
        """Play from the beginning."""
        self.seek(0.0)
        self.play()

    def change_speed(self, direction: int) -> None:
        """The next higher (1) or lower (-1) speed; above the highest as fast as the analysis."""
        steps: tuple[float | None, ...] = (*SPEEDS, None)
        now = steps.index(self.speed) if self.speed in steps else SPEEDS.index(1.0)
        self.speed = steps[min(len(steps) - 1, max(0, now + direction))]

    def _show(self) -> None:
        """Bring `state` to the playhead."""
        until = bisect_right(self._known_s, self.position_s)
        if until < self._shown:
            self.state.rewind()
            self._shown = 0
        for event in self.events[self._shown : until]:
            self.state.take(event)
        self._shown = until
        self.state.now_s = self.position_s
