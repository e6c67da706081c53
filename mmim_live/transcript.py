"""Decides which events of a session are current, and which have been superseded.

- A committed word is final. The provisional words are those with the latest `heard_s`; anything heard later, committed
  or not, replaces all of them.
- An utterance takes along the words that start before its end.
- A reading is identified by its `end_s`, an utterance by its `start_s`; of several revisions the highest counts, and of
  equal ones the last.
- At the end of the session, nothing remains provisional.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Iterable

from mmim_live.events import Event, Mark, Notice, Reading, Summary, Utterance, WordHeard

LogEntry = Utterance | Mark


def entry_start_s(entry: LogEntry | Notice) -> float:
    """The media time by which the log is sorted."""
    return entry.start_s if isinstance(entry, Utterance) else entry.time_s


class Transcript:
    """The state after all events so far. Readings and log entries may arrive in any order, words in theirs."""

    def __init__(self) -> None:
        self.readings: list[Reading] = []  # by end_s
        self.log: list[LogEntry] = []  # by start
        self.notices: list[Notice] = []  # by time; not part of what was said
        self.committed: list[WordHeard] = []  # words of no utterance yet
        self.provisional: list[WordHeard] = []
        self.rewrites = 0  # how often the log changed elsewhere than at its end
        self.forgotten = 0  # entries at the beginning of the log that are no longer kept
        self._heard_s = 0.0

    @classmethod
    def of(cls, events: Iterable[Event]) -> Transcript:
        """The transcript after these events."""
        transcript = cls()
        for event in events:
            transcript.apply(event)
        return transcript

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

    def apply(self, event: Event) -> None:
        """Take in one event. Events about the run, except its summary, change nothing."""
        match event:
            case WordHeard():
                self._apply_word(event)
            case Reading():
                self._apply_reading(event)
            case Utterance():
                self._apply_utterance(event)
            case Notice():
                self.notices.insert(bisect_right(self.notices, event.time_s, key=entry_start_s), event)
            case Mark():
                self._insert(event)
            case Summary():
                self.provisional = []

    def keep_last(self, *, readings: int, entries: int, words: int) -> None:
        """Forget all but the last so many readings, log entries (and as many notices) and committed words."""
        self.forgotten += max(0, len(self.log) - entries)
        del self.readings[:-readings], self.log[:-entries], self.notices[:-entries], self.committed[:-words]

    def thin_readings(self, limit: int) -> None:
        """Beyond `limit` readings (4 or more), forget every other one of the older half, which thus becomes sparser."""
        if len(self.readings) > limit:
            del self.readings[1 : limit // 2 : 2]

    def _apply_word(self, word: WordHeard) -> None:
        if word.heard_s > self._heard_s:
            self._heard_s = word.heard_s
            self.provisional = []
        (self.committed if word.status == "committed" else self.provisional).append(word)

    def _apply_reading(self, reading: Reading) -> None:
        place = bisect_left(self.readings, reading.end_s, key=lambda each: each.end_s)
        if place < len(self.readings) and self.readings[place].end_s == reading.end_s:
            if reading.revision >= self.readings[place].revision:
                self.readings[place] = reading
        else:
            self.readings.insert(place, reading)

    def _apply_utterance(self, utterance: Utterance) -> None:
        self.committed = [word for word in self.committed if word.start_s >= utterance.end_s]
        self.provisional = [word for word in self.provisional if word.start_s >= utterance.end_s]
        for place in range(len(self.log) - 1, -1, -1):
            entry = self.log[place]
            if isinstance(entry, Utterance) and entry.start_s == utterance.start_s:
                if utterance.revision >= entry.revision:
                    self.log[place] = utterance
                    self.rewrites += 1
                return
        self._insert(utterance)

    def _insert(self, entry: LogEntry) -> None:
        place = bisect_right(self.log, entry_start_s(entry), key=entry_start_s)
        self.rewrites += place < len(self.log)
        self.log.insert(place, entry)
