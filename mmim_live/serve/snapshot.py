"""What somebody who comes late must hear first to know where the session stands. Bounded; knows no sockets."""

from __future__ import annotations

from collections import deque

from mmim_live.events import Event, Mark, Notice, Reading, SessionStarted, Summary, Utterance, WordHeard
from mmim_live.session_types import Health

LOG_ENTRIES = 50  # utterances, notices and marks together
WORDS = 400  # that are in no utterance yet: more than two minutes of speech


class Snapshot:
    """The state of one session, made anew for the next. Events come in the order in which the session gives them."""

    def __init__(self) -> None:
        self._session: SessionStarted | None = None
        self._log: deque[Utterance | Notice | Mark] = deque(maxlen=LOG_ENTRIES)
        self._settled: deque[WordHeard] = deque(maxlen=WORDS)
        self._tentative: list[WordHeard] = []
        self._heard_s = 0.0
        self._reading: Reading | None = None
        self._summary: Summary | None = None
        self._health: Health | None = None

    def take(self, event: Event | Health) -> None:
        """Note one event."""
        match event:
            case SessionStarted():
                self._session = event
            case Utterance():
                self._settled = deque((w for w in self._settled if w.start_s >= event.end_s), WORDS)
                self._tentative = [word for word in self._tentative if word.start_s >= event.end_s]
                self._log.append(event)
            case Notice() | Mark():
                self._log.append(event)
            case WordHeard():
                if event.heard_s > self._heard_s:
                    self._heard_s, self._tentative = event.heard_s, []
                (self._settled if event.status == "committed" else self._tentative).append(event)
            case Reading():
                if self._reading is None or event.end_s >= self._reading.end_s:
                    self._reading = event
            case Summary():
                self._summary, self._tentative = event, []
            case Health():
                self._health = event

    def events(self) -> list[Event | Health]:
        """What stands, such that hearing it leads to where hearing everything would have led."""
        said = [self._session, *self._log, *self._settled, *self._tentative, self._reading, self._health, self._summary]
        return [event for event in said if event is not None]
