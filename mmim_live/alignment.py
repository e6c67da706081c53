"""Rows and words -> Windows on a grid of media time. Pure: no threads, no clock, no model.

Three streams come in, each with a watermark, the media time up to which it is complete. The aligner advances from one
grid point to the next as soon as all watermarks have passed it, so its output depends on the media alone, not on which
stream was faster or how the input was split.

At the grid point T = k * hop it emits, in this order:

1. notices and marks up to T;
2. the recognizer's output up to T: committed words, then the provisional tail if it changed;
3. a window for each utterance that ended, with status committed;
4. earlier rolling windows whose words are now final, again, as committed;
5. the rolling window [max(0, T - length), T): committed if nothing in it can still change, else provisional.

In a live session a reading does not wait for the recognizer, which may lag: with `wait_for_speech=False` only face and
voice hold back the grid. Later output of the recognizer is used as soon as it arrives; if it changes the words of the
newest window, that window is emitted again, still provisional, with its next revision. What is committed is the same as
when waiting for speech.
"""

from __future__ import annotations

import math
from bisect import bisect_left
from collections import deque
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Literal, Protocol, TypeVar

from mmim_live.events import Mark, Notice
from mmim_live.types import FaceRow, SpeechUpdate, Status, VoiceRow, Window, Word

HISTORY_S = 120.0  # how far back an utterance may reach; bounds the memory of an endless session

_SLACK_S = 1e-6  # less than a sample; absorbs the rounding of k * hop

Stream = Literal["face", "voice", "speech"]
Remark = Notice | Mark
Aligned = Remark | Word | Window


class _Timed(Protocol):
    @property
    def time_s(self) -> float: ...


_Row = TypeVar("_Row", bound=_Timed)


@dataclass(slots=True)
class _Pending:
    """A rolling window that was emitted as provisional and will be emitted again."""

    start_s: float
    end_s: float
    revision: int  # the next one
    words: tuple[Word, ...]  # as last emitted


class Aligner:
    """The state of one session.

    `streams` are those to expect; the others count as absent from the start. `take` returns what became ready.
    """

    def __init__(
        self, window_s: float, hop_s: float, streams: Iterable[Stream], *, wait_for_speech: bool = True
    ) -> None:
        self._window_s = window_s
        self._hop_s = hop_s
        self._streams = frozenset(streams)
        self._waits = wait_for_speech or self._streams == {"speech"}
        self._until_s: dict[Stream, float] = dict.fromkeys(self._streams, 0.0)
        self._end_s = math.inf  # of the media, once known
        self._tick = 1
        self._face: list[FaceRow] = []
        self._voice: list[VoiceRow] = []
        self._remarks: list[Remark] = []
        self._updates: deque[SpeechUpdate] = deque()
        self._committed: list[Word] = []
        self._provisional: tuple[Word, ...] = ()
        self._committed_until_s = 0.0  # no word that starts before this can still appear or change
        self._waiting: deque[_Pending] = deque()

    def push_face(self, rows: Sequence[FaceRow], until_s: float) -> None:
        """Add rows, in order of time; no further row will be before `until_s`."""
        self._face.extend(rows)
        self._until_s["face"] = until_s

    def push_voice(self, rows: Sequence[VoiceRow], until_s: float) -> None:
        """Add rows, in order of time; no further row will be before `until_s`."""
        self._voice.extend(rows)
        self._until_s["voice"] = until_s

    def push_speech(self, update: SpeechUpdate) -> None:
        """Add the recognizer's next step."""
        self._updates.append(update)
        self._until_s["speech"] = update.time_s

    def push_remark(self, remark: Remark) -> None:
        """Add a notice or mark, to be emitted at its media time, or at once if that has passed."""
        self._remarks.append(remark)

    def finish(self, stream: Stream) -> None:
        """Nothing more will come from this stream."""
        self._until_s[stream] = math.inf

    def end(self, duration_s: float) -> None:
        """The media ends here: the last window is at the first grid point at or after it."""
        self._end_s = duration_s

    def take(self) -> Iterator[Aligned]:
        """Everything that became ready, in order, made one grid point at a time."""
        held_back_by = [until_s for stream, until_s in self._until_s.items() if self._waits or stream != "speech"]
        complete_s = min(held_back_by, default=math.inf)
        if complete_s == self._end_s == math.inf:
            return  # nothing bounds the grid yet
        while self._next_s <= complete_s + _SLACK_S and self._next_s - self._hop_s < self._end_s - _SLACK_S:
            ready = self._advance(self._next_s)
            self._tick += 1
            yield from ready
        if not self._waits:
            yield from self._catch_up(complete_s)
        if min(self._until_s.values(), default=math.inf) == math.inf:
            yield from self._drain()

    @property
    def finished(self) -> bool:
        """Whether all streams and the media have ended; the last `take` returned the rest."""
        return min(self._until_s.values(), default=math.inf) == math.inf and self._end_s < math.inf

    @property
    def _next_s(self) -> float:
        return self._tick * self._hop_s

    def _advance(self, now_s: float) -> list[Aligned]:
        ready: list[Aligned] = [*self._due_remarks(now_s)]
        while self._updates and self._updates[0].time_s <= now_s + _SLACK_S:
            ready += self._apply(self._updates.popleft())
        if self._waits and self._until_s.get("speech") == math.inf and not self._updates:
            self._committed_until_s = math.inf  # the audio is over, though the video may continue
        ready += self._commit(now_s)
        start_s = max(0.0, now_s - self._window_s)
        final = "speech" not in self._streams or self._committed_until_s >= now_s - _SLACK_S
        status: Status = "committed" if final else "provisional"
        window = self._cut(start_s, now_s, "rolling", status, 0)
        ready.append(window)
        if not final:
            self._waiting.append(_Pending(start_s, now_s, 1, window.words))
        self._forget(now_s)
        return ready

    def _catch_up(self, complete_s: float) -> list[Aligned]:
        """Apply the recognizer's output since the last grid point, or late, up to where the rows are complete."""
        ready: list[Aligned] = []
        while self._updates and self._updates[0].time_s <= complete_s + _SLACK_S:
            ready += self._apply(self._updates.popleft())
        if self._until_s.get("speech") == math.inf and not self._updates:
            # It ended before the media did: there will be no more words.
            self._provisional, self._committed_until_s = (), math.inf
        emitted_s = (self._tick - 1) * self._hop_s
        ready += self._commit(emitted_s)
        if self._waiting:
            newest = self._waiting[-1]
            window = self._cut(newest.start_s, newest.end_s, "rolling", "provisional", newest.revision)
            if _visible(window.words) != _visible(newest.words):
                newest.revision, newest.words = newest.revision + 1, window.words
                ready.append(window)
        return ready

    def _drain(self) -> list[Aligned]:
        """After the last grid point: the recognizer's last output, and the windows that become final with it."""
        ready: list[Aligned] = [*self._due_remarks(math.inf)]
        while self._updates:
            ready += self._apply(self._updates.popleft())
        self._committed_until_s = math.inf
        return ready + self._commit(math.inf)

    def _due_remarks(self, now_s: float) -> list[Remark]:
        due = sorted((each for each in self._remarks if each.time_s <= now_s), key=_order)
        self._remarks = [each for each in self._remarks if each.time_s > now_s]
        return due

    def _apply(self, update: SpeechUpdate) -> list[Aligned]:
        ready: list[Aligned] = list(update.committed)
        self._committed.extend(update.committed)
        if _visible(update.provisional) != _visible(self._provisional):
            ready += update.provisional
        self._provisional = update.provisional
        self._committed_until_s = max(self._committed_until_s, update.committed_until_s)
        for segment in update.segments:
            ready.append(self._cut(segment.start_s, segment.end_s, "utterance", "committed", 0))
        return ready

    def _commit(self, now_s: float) -> list[Aligned]:
        ready: list[Aligned] = []
        while self._waiting and self._waiting[0].end_s <= min(self._committed_until_s, now_s) + _SLACK_S:
            pending = self._waiting.popleft()
            ready.append(self._cut(pending.start_s, pending.end_s, "rolling", "committed", pending.revision))
        return ready

    def _cut(
        self, start_s: float, end_s: float, kind: Literal["rolling", "utterance"], status: Status, revision: int
    ) -> Window:
        words = [*self._committed, *(self._provisional if status == "provisional" else ())]
        inside = tuple(word for word in words if start_s <= (word.start_s + word.end_s) / 2 < end_s)
        voice, face = _between(self._voice, start_s, end_s), _between(self._face, start_s, end_s)
        return Window(
            start_s=start_s,
            end_s=end_s,
            kind=kind,
            status=status,
            revision=revision,
            words=inside,
            voice=voice,
            face=face,
        )

    def _forget(self, now_s: float) -> None:
        oldest_s = now_s - HISTORY_S
        del self._face[: bisect_left(self._face, oldest_s, key=lambda row: row.time_s)]
        del self._voice[: bisect_left(self._voice, oldest_s, key=lambda row: row.time_s)]
        while self._committed and self._committed[0].end_s < oldest_s:
            del self._committed[0]


def _between(rows: list[_Row], start_s: float, end_s: float) -> tuple[_Row, ...]:
    """The rows with start_s <= time_s < end_s; `rows` must be in order of time."""
    first = bisect_left(rows, start_s, key=lambda row: row.time_s)
    last = bisect_left(rows, end_s, key=lambda row: row.time_s)
    return tuple(rows[first:last])


def _order(remark: Remark) -> tuple[float, str, str]:
    """Sort key: for two at the same time, the order must not depend on which arrived first."""
    if isinstance(remark, Mark):
        return remark.time_s, "", remark.label
    return remark.time_s, remark.code, remark.message


def _visible(words: tuple[Word, ...]) -> list[tuple[str, float, float]]:
    """The part of a provisional tail whose changes are worth reporting."""
    return [(word.text, word.start_s, word.end_s) for word in words]
