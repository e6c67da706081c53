"""The state of a session that a late client receives first: bounded, however long the session runs."""

from __future__ import annotations

from mmim_live.events import Event, SessionStarted, Summary
from mmim_live.session_types import Health
from mmim_live.transcript import Transcript, entry_start_s

LOG_ENTRIES = 50  # utterances and marks together, and as many notices
WORDS = 400  # that are in no utterance yet: more than two minutes of speech


class Snapshot:
    """One session's state; a new session needs a new one. Events come in the order in which the session yields them."""

    def __init__(self) -> None:
        self.transcript = Transcript()
        self.session: SessionStarted | None = None
        self.summary: Summary | None = None
        self.health: Health | None = None

    def apply(self, event: Event | Health) -> None:
        """Take in one event."""
        match event:
            case Health():
                self.health = event
                return
            case SessionStarted():
                self.session = event
            case Summary():
                self.summary = event
        self.transcript.apply(event)
        self.transcript.keep_last(readings=1, entries=LOG_ENTRIES, words=WORDS)

    def events(self) -> list[Event | Health]:
        """The current events, such that replaying them gives this same state."""
        known = self.transcript
        words = [*known.committed, *known.provisional]
        log = sorted([*known.notices, *known.log], key=entry_start_s)
        events = [self.session, *log, *words, known.reading, self.health, self.summary]
        return [event for event in events if event is not None]
