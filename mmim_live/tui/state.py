"""What the screen shows, gathered from events and health. One thread calls it."""

from mmim_live.events import Comparison, Event, Reading, SessionStarted, Summary, Utterance, WordHeard
from mmim_live.session_types import Health
from mmim_live.transcript import Transcript

# What is kept, so that a session may run for days. At two readings per second, two hours are kept whole, and older
# stretches become sparser.
MAX_READINGS = 14_400
MAX_ENTRIES = 1_000  # utterances, notices and marks: about two hours of speech
MAX_WORDS = 400  # committed, but in no utterance yet


class SessionState:
    """The session so far; of a long one, what is recent. Events may come in any order."""

    def __init__(self) -> None:
        self.session: SessionStarted | None = None
        self.summary: Summary | None = None
        self.comparison: Comparison | None = None  # of the replay with the live session
        self.health: Health | None = None
        self.transcript = Transcript()
        self.readings_received = 0  # revisions included
        self.readings_counted = 0  # revisions not included
        self.now_s = 0.0  # the latest media time seen
        self._forgotten_utterances = 0  # that have a score
        self._forgotten_score_sum = 0.0  # of those

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
        known = len(self.transcript.readings)
        self.transcript.apply(event)
        self.readings_counted += len(self.transcript.readings) - known
        self._forget()

    def utterance_scores(self) -> tuple[int, float] | None:
        """How many utterances have a score, and its mean over the whole session; None if there are none."""
        scores = [each.score for each in self.transcript.utterances if each.score is not None]
        count = self._forgotten_utterances + len(scores)
        return (count, (self._forgotten_score_sum + sum(scores)) / count) if count else None

    def _forget(self) -> None:
        for entry in self.transcript.log[:-MAX_ENTRIES]:
            if isinstance(entry, Utterance) and entry.score is not None:
                self._forgotten_utterances += 1
                self._forgotten_score_sum += entry.score
        self.transcript.thin_readings(MAX_READINGS)
        self.transcript.keep_last(readings=MAX_READINGS, entries=MAX_ENTRIES, words=MAX_WORDS)
