"""What the screen shows, gathered from events. Knows neither threads nor widgets; one thread calls it."""

from bisect import bisect_left, bisect_right

from mmim_live.events import Comparison, Event, Mark, Notice, Reading, SessionStarted, Summary, Utterance, WordHeard
from mmim_live.session_types import Health

LogEntry = Utterance | Notice | Mark


def began_s(entry: LogEntry) -> float:
    """The media time that an entry of the log stands at."""
    return entry.start_s if isinstance(entry, Utterance) else entry.time_s


class SessionState:
    """The session so far. Events may come in any order; a later revision replaces an earlier one."""

    def __init__(self) -> None:
        self.session: SessionStarted | None = None
        self.summary: Summary | None = None
        self.comparison: Comparison | None = None  # of a replay with the live session
        self.health: Health | None = None
        self.readings: list[Reading] = []  # in order of end_s
        self.readings_taken = 0  # how many came, with revisions
        self.log: list[LogEntry] = []  # in order of when they began
        self.log_rewrites = 0  # how often an entry was put elsewhere than at the end
        self.settled: list[WordHeard] = []  # committed words that are in no utterance yet
        self.tentative: list[WordHeard] = []  # provisional words
        self.now_s = 0.0  # the latest media time heard of
        self._tentative_heard_s = 0.0

    @property
    def reading(self) -> Reading | None:
        """The current reading."""
        return self.readings[-1] if self.readings else None

    @property
    def utterances(self) -> list[Utterance]:
        """All utterances so far."""
        return [entry for entry in self.log if isinstance(entry, Utterance)]

    @property
    def marks(self) -> list[Mark]:
        """All marks so far."""
        return [entry for entry in self.log if isinstance(entry, Mark)]

    def take(self, event: Event | Health) -> None:
        """Add one event."""
        self.now_s = max(self.now_s, event.media_time_s if isinstance(event, Health) else event.time_s)
        match event:
            case Reading():
                self._take_reading(event)
            case WordHeard():
                self._take_word(event)
            case Utterance():
                self._take_utterance(event)
            case Notice() | Mark():
                self._insert(event)
            case Health():
                self.health = event
            case Comparison():
                self.comparison = event
            case SessionStarted():
                self.session = event
            case Summary():
                self.summary = event
                self.tentative = []

    def _take_reading(self, reading: Reading) -> None:
        self.readings_taken += 1
        place = bisect_left(self.readings, reading.end_s, key=lambda each: each.end_s)
        if place < len(self.readings) and self.readings[place].end_s == reading.end_s:
            if reading.revision >= self.readings[place].revision:
                self.readings[place] = reading
        else:
            self.readings.insert(place, reading)

    def _take_word(self, word: WordHeard) -> None:
        self.now_s = max(self.now_s, word.heard_s)
        if word.heard_s > self._tentative_heard_s:
            self._tentative_heard_s = word.heard_s
            self.tentative = []
        (self.settled if word.status == "committed" else self.tentative).append(word)

    def _take_utterance(self, utterance: Utterance) -> None:
        """Its words need not be shown on their own any more."""
        self.settled = [word for word in self.settled if word.start_s >= utterance.end_s]
        self.tentative = [word for word in self.tentative if word.start_s >= utterance.end_s]
        for place in range(len(self.log) - 1, -1, -1):
            entry = self.log[place]
            if isinstance(entry, Utterance) and entry.start_s == utterance.start_s:
                if utterance.revision >= entry.revision:
                    self.log[place] = utterance
                    self.log_rewrites += 1
                return
        self._insert(utterance)

    def _insert(self, entry: LogEntry) -> None:
        place = bisect_right(self.log, began_s(entry), key=began_s)
        self.log_rewrites += place < len(self.log)
        self.log.insert(place, entry)
