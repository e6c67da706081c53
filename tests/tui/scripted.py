"""A made-up session: a minute of talk with praise, complaints and a verdict, and a source that plays it."""

import math
import threading
import time
from collections.abc import Callable, Iterable, Iterator

from mmim_live.events import Event, Notice, Reading, SessionStarted, Summary, Utterance, WordHeard
from mmim_live.session_types import Command, DeviceChoice, Health, SessionUpdate
from mmim_live.types import Agreement, Contributions, Present, Status

Posted = SessionUpdate

TALK = (
    (1.0, 4.4, "i really love how this film begins", 1.9),
    (5.2, 10.1, "the music is wonderful and the two leads are simply a joy to watch", 2.4),
    (11.5, 15.0, "it is about a train that never arrives", 0.1),
    (16.2, 22.8, "but then the second half falls apart and honestly it was boring and far too long", -1.8),
    (24.0, 27.5, "i was so disappointed", -2.2),
    (29.0, 35.4, "they threw away everything that made it work and the ending made me angry", -2.5),
    (37.0, 42.0, "well the pictures are still good", 0.9),
    (43.5, 48.0, "and my daughter laughed a lot", 1.4),
    (50.0, 57.0, "so all in all i would say go and see it but leave early", 0.6),
)


def score_at(time_s: float) -> float:
    """A made-up score over time."""
    return round(2.3 * math.cos(time_s / 60 * 2 * math.pi * 1.15) + 0.25 * math.sin(time_s * 1.7), 4)


def reading(
    end_s: float,
    score: float | None,
    *,
    width: float | None = 0.8,
    status: str = "committed",
    revision: int = 1,
    face_agreement: float | None = 0.6,
    present: Present | None = None,
) -> Reading:
    """One reading with its interval and contributions."""
    known = score is not None and width is not None
    return Reading(
        start_s=max(0.0, end_s - 6),
        end_s=end_s,
        score=score,
        low=max(-3.0, score - width) if known and score is not None and width is not None else None,
        high=min(3.0, score + width) if known and score is not None and width is not None else None,
        status="committed" if status == "committed" else "provisional",
        revision=revision,
        contributions=Contributions()
        if score is None
        else Contributions(text=score * 0.7, voice=score * 0.2 - 0.2, face=0.3),
        agreement=Agreement(voice=0.42, face=face_agreement),
        present=Present(text=True, voice=True, face=True) if present is None else present,
        latency_ms=240.0,
    )


def utterance(start_s: float, end_s: float, text: str, score: float | None, **changes: object) -> Utterance:
    """A committed utterance."""
    fields: dict[str, object] = {
        "language": "en",
        "low": None,
        "high": None,
        "status": "committed",
        "revision": 0,
        "contributions": Contributions(),
        "agreement": Agreement(),
        "present": Present(text=True),
        "latency_ms": 300.0,
    }
    return Utterance(start_s=start_s, end_s=end_s, text=text, score=score, **(fields | changes))  # type: ignore[arg-type]


def word_heard(text: str, start_s: float, end_s: float, heard_s: float, status: Status) -> WordHeard:
    """One word of English."""
    return WordHeard(
        text=text,
        start_s=start_s,
        end_s=end_s,
        probability=0.9 if status == "committed" else 0.6,
        status=status,
        heard_s=heard_s,
        language="en",
    )


SESSION = SessionStarted(
    version="0.1.0",
    source="talk.mp4",
    duration_s=60.0,
    checkpoint="mosi-small",
    contract_hash="0123456789abcdef",
    models={"asr": "base"},
    settings={"hop": 0.5, "window": 6.0},
    started_at="2026-01-01T00:00:00Z",
)
SUMMARY = Summary(
    duration_s=60.0,
    counts={"words": 92, "readings": 118, "utterances": 9},
    drops={"frames": 3},
    mean_score=0.2,
    languages=("en",),
    real_time_factor=0.31,
)


def health(media_time_s: float, **changes: object) -> Health:
    """A healthy machine."""
    fields: dict[str, object] = {
        "duration_s": 60.0,
        "activity": "loading Whisper base",
        "fps": 14.8,
        "lag_ms": 312.0,
        "lag_p95_ms": 540.0,
        "word_delay_ms": 1240.0,
        "drops": 3,
        "cpu_percent": 61.0,
        "memory_mb": 812.0,
        "checkpoint": "mosi-small",
        "asr_model": "base",
        "device": "cpu",
    }
    return Health(media_time_s=media_time_s, **(fields | changes))  # type: ignore[arg-type]


def words_up_to(time_s: float) -> Iterator[WordHeard]:
    """A recognizer's update at `time_s`: the words committed in the last half second and the provisional ones."""
    for start_s, end_s, text, _ in TALK:
        words = text.split()
        step_s = (end_s - start_s) / len(words)
        for index, word in enumerate(words):
            begin_s = start_s + index * step_s
            committed_s = min(begin_s + 1.2, end_s)
            if time_s - 0.5 < committed_s <= time_s:
                yield word_heard(word, begin_s, begin_s + step_s, time_s, "committed")
            elif begin_s <= time_s < committed_s:
                yield word_heard(word, begin_s, begin_s + step_s, time_s, "provisional")


def talk(until_s: float = 60.0, *, finished: bool = False) -> Iterator[Event | Health]:
    """All events up to `until_s` in order."""
    yield health(0.0)
    yield SESSION
    step = 0
    while step * 0.5 <= until_s:
        time_s = step * 0.5
        step += 1
        if time_s == 8.0:
            yield Notice(8.0, "second_face", "A second face is in the picture; the larger one is read.")
        yield from words_up_to(time_s)
        for start_s, end_s, text, score in TALK:
            if time_s - 0.5 < end_s + 0.5 <= time_s:
                face = 0.04 if 22 < time_s < 36 else 0.58
                low, high = max(-3.0, score - 1.1), min(3.0, score + 1.1)
                yield utterance(start_s, end_s, text, score, low=low, high=high, agreement=Agreement(0.42, face))
        if time_s >= 1.0 and not 47 < time_s < 49:
            agreement = 0.04 if 22 < time_s < 36 else 0.58
            yield reading(time_s, score_at(time_s), status="provisional", revision=0, face_agreement=agreement)
        if time_s >= 3.0 and not 49 < time_s < 51:
            yield reading(time_s - 2, score_at(time_s - 2), face_agreement=0.04 if 24 < time_s < 38 else 0.58)
        if step % 2:
            yield health(time_s)
    if finished:
        yield SUMMARY


class ScriptedSource:
    """Posts the given events from its own thread, `pace_s` apart, and records the calls it receives."""

    def __init__(self, events: Iterable[Posted], *, pace_s: float = 0.0, stays: bool = True, live: bool = True) -> None:
        self._events = events
        self.live = live
        self.devices: tuple[DeviceChoice, ...] = ()
        self._pace_s = pace_s
        self._stays = stays  # keeps running until it is stopped, like a device
        self._stopping = threading.Event()
        self._thread: threading.Thread | None = None
        self.done = threading.Event()
        self.stopped = 0
        self.asked: list[Command] = []

    @property
    def alive(self) -> bool:
        """Whether the thread is running."""
        return self._thread is not None and self._thread.is_alive()

    def start(self, post: Callable[[Posted], None]) -> None:
        """Start posting."""
        self._thread = threading.Thread(target=self._run, args=(post,), name="script")
        self._thread.start()

    def stop(self) -> None:
        """Stop and join the thread."""
        self.stopped += 1
        self._stopping.set()
        if self._thread is not None:
            self._thread.join(5)

    def send(self, command: Command) -> bool:
        """Record the command; accepted while running."""
        self.asked.append(command)
        return self.alive

    def find_devices(self) -> tuple[DeviceChoice, ...]:
        """The devices that the test has set."""
        return self.devices

    def _run(self, post: Callable[[Posted], None]) -> None:
        for event in self._events:
            if self._stopping.is_set():
                return
            post(event)
            if self._pace_s:
                time.sleep(self._pace_s)
        self.done.set()
        if self._stays:
            self._stopping.wait(60)
