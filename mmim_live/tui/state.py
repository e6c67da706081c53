"""What the screen shows, gathered from events and health. One thread calls it."""

from mmim_live.events import Comparison, Event, Reading, SessionStarted, Summary, Utterance, WordHeard
from mmim_live.mean_score import MeanScore
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
        self.utterance: Utterance | None = None  # the latest
        self.transcript = Transcript()
        self.readings_received = 0  # revisions included
        self.readings_counted = 0  # revisions not included
        self.now_s = 0.0  # the latest media time seen
        self._mean_score = MeanScore()  # utterances are committed when they appear, and never revised after that

    def rewind(self) -> None:
        """Forget everything but the health: the session is shown from its beginning again."""
        health, rewrites = self.health, self.transcript.rewrites
        self.__init__()  # type: ignore[misc]
        self.health = health
        self.transcript.rewrites = rewrites + 1  # so that what was written is written again

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
            case Utterance():
                self._mean_score.add(event)
                self.utterance = event
            case WordHeard():
                self.now_s = max(self.now_s, event.heard_s)  # the recognizer had listened beyond the word
        self.now_s = max(self.now_s, event.time_s)
        known = len(self.transcript.readings)
        self.transcript.apply(event)
        self.readings_counted += len(self.transcript.readings) - known
        self._forget()

    def utterance_scores(self) -> tuple[int, float] | None:
        """How many utterances have a score, and the mean of the whole session; None if there are none."""
        mean = self._mean_score.value
        return None if mean is None else (self._mean_score.count, mean)

    @property
    def window_s(self) -> float | None:
        """How much media time a reading is based on."""
        window = self.session.settings.get("window") if self.session else None
        return float(window) if isinstance(window, int | float) else None

    def _forget(self) -> None:
        self.transcript.thin_readings(MAX_READINGS)
        self.transcript.keep_last(readings=MAX_READINGS, entries=MAX_ENTRIES, words=MAX_WORDS)
