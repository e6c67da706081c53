"""What the screen shows, gathered from events and health. One thread calls it."""

from mmim_live.events import Comparison, Event, Reading, SessionStarted, Summary, WordHeard
from mmim_live.session_types import Health
from mmim_live.transcript import Transcript


class SessionState:
    """The session so far. Events may come in any order."""

    def __init__(self) -> None:
        self.session: SessionStarted | None = None
        self.summary: Summary | None = None
        self.comparison: Comparison | None = None  # of the replay with the live session
        self.health: Health | None = None
        self.transcript = Transcript()
        self.readings_received = 0  # revisions included
        self.now_s = 0.0  # the latest media time seen

    def take(self, event: Event | Health) -> None:
        """Add one event."""
        match event:
            case Health():
                self.health = event
                self.now_s = max(self.now_s, event.media_time_s)
                return
            case SessionStarted():
                self.session = event
            case Summary():
                self.summary = event
            case Comparison():
                self.comparison = event
            case Reading():
                self.readings_received += 1
            case WordHeard():
                self.now_s = max(self.now_s, event.heard_s)  # the recognizer had listened beyond the word
        self.now_s = max(self.now_s, event.time_s)
        self.transcript.apply(event)
