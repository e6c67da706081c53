"""The live session with scripted devices and extractors: faults, load and shutdown. No model is loaded."""

import threading
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from mmim_live.alignment import Aligned
from mmim_live.capture.clock import SessionClock
from mmim_live.capture.devices.device_status import Report
from mmim_live.errors import DeviceError, WorkerError
from mmim_live.events import Event, Mark, Notice, Reading, Summary, WordHeard
from mmim_live.recording.recorder import Recorder
from mmim_live.session.device_source import DeviceSource
from mmim_live.session.inference import MAX_COMMITTED, drop_superseded
from mmim_live.session.loading import Models
from mmim_live.session.policy import LIVE
from mmim_live.session.session import Session
from mmim_live.session.workers import RESTARTS, RESTARTS_WITHIN_S, Restarts
from mmim_live.session_types import DeviceChange, DeviceHealth, MarkMoment
from mmim_live.settings import Settings
from mmim_live.types import AudioBlock, FaceRow, Prediction, Present, SpeechUpdate, VideoFrame, VoiceRow, Window, Word

Fault = Callable[[int], None]  # receives the number of earlier items


def never(count: int) -> None:
    pass


def always(count: int) -> None:
    raise RuntimeError("broken\nfor good")


def third(count: int) -> None:
    if count == 2:
        raise RuntimeError("broken once")


class Camera:
    """Ten frames per second."""

    def __init__(
        self,
        clock: SessionClock,
        report: Report,
        lost: bool = False,
        on_frame: Callable[[VideoFrame], None] = lambda _: None,
    ) -> None:
        self.name = "camera 0"
        self._on_frame = on_frame
        self._clock, self._report, self._lost = clock, report, lost
        self._closed = threading.Event()

    def start(self) -> None:
        change = DeviceChange(self._clock.now_s(), "camera", "lost" if self._lost else "opened", "about the camera")
        self._report(change)

    def take(self, timeout_s: float) -> VideoFrame | None:
        if self._closed.wait(0.1):
            return None
        if self._lost:
            raise DeviceError("stale")
        frame = VideoFrame(self._clock.now_s(), np.zeros((48, 64, 3), np.uint8))
        self._on_frame(frame)
        return frame

    def use(self, source: int | str) -> None:
        self.name = f"camera {source}"

    def close(self) -> None:
        self._closed.set()

    def health(self) -> DeviceHealth:
        return DeviceHealth("camera", self.name, "open", drops=3)


class Microphone:
    """Blocks of 0.1 s in real time."""

    def __init__(self, clock: SessionClock, report: Report) -> None:
        self.name = "microphone"
        self._clock, self._given = clock, 0
        self._closed = threading.Event()

    def start(self) -> None:
        pass

    def read(self) -> AudioBlock | None:
        block = AudioBlock(self._given / 10, np.zeros(1600, np.float32))
        self._given += 1
        return None if self._closed.wait(max(0.0, block.end_s - self._clock.now_s())) else block

    def use(self, device: int | str | None) -> None:
        self.name = str(device)

    def close(self) -> None:
        self._closed.set()

    def health(self) -> DeviceHealth:
        return DeviceHealth("microphone", self.name, "open")


@dataclass
class Face:
    fault: Fault = never
    faces_in_frame: int = 1
    count: int = -1
    closed: bool = False

    def push(self, frame: VideoFrame) -> FaceRow:
        self.count += 1
        self.fault(self.count)
        return FaceRow(frame.time_s, np.zeros(1, np.float32))

    def outline(self) -> NDArray[np.float32]:
        return np.empty((0, 2), np.float32)

    def close(self) -> None:
        self.closed = True


@dataclass
class Voice:
    fault: Fault = never
    count: int = -1
    until_s: float = 0.0

    def push(self, block: AudioBlock) -> list[VoiceRow]:
        self.count += 1
        self.fault(self.count)
        self.until_s = block.end_s
        return [VoiceRow(block.start_s, np.zeros(1, np.float32))]

    def flush(self) -> list[VoiceRow]:
        return []


@dataclass
class Speech:
    """Recognizes a word every half second and commits it at once."""

    fault: Fault = never
    count: int = -1
    skipped_steps: int = 0
    spacing_s: float = 0.0
    language: str = "en"
    whisper: str = "own"
    softest_dbfs: float | None = None
    on_hypothesis: Callable[..., None] = lambda *_: None

    def push(self, block: AudioBlock, *, more: bool = False) -> list[SpeechUpdate]:
        self.count += 1
        self.fault(self.count)
        if self.count % 5 != 4:
            return []
        end_s = block.end_s
        word = Word(f"w{self.count // 5}", end_s - 0.3, end_s - 0.1, 0.9, "committed", end_s, "en")
        return [SpeechUpdate(end_s, (word,), (), end_s)]

    def flush(self) -> list[SpeechUpdate]:
        return []


@dataclass
class Predictor:
    fault: Fault = never
    takes_s: float = 0.0
    count: int = -1

    def predict(self, windows: Sequence[Window]) -> list[Prediction]:
        self.count += 1
        self.fault(self.count)
        time.sleep(self.takes_s)
        return [
            Prediction(float(bool(w.words)), present=Present(bool(w.words), bool(w.voice), bool(w.face)))
            for w in windows
        ]


@dataclass
class Checkpoint:
    languages: tuple[str, ...] = ("en",)


@dataclass
class Scene:
    """A session and its events."""

    camera: bool = True
    camera_lost: bool = False
    microphone: bool = True
    face: Face = field(default_factory=Face)
    voice: Voice = field(default_factory=Voice)
    speech: Speech = field(default_factory=Speech)
    predictor: Predictor = field(default_factory=Predictor)
    events: list[Event] = field(default_factory=list)

    def session(self, recorder: Recorder | None = None) -> Session:
        clock = SessionClock()
        on_frame: Callable[[VideoFrame], None] = recorder.add_frame if recorder else lambda _: None
        source = DeviceSource(
            clock,
            (lambda report: Camera(clock, report, self.camera_lost, on_frame)) if self.camera else None,
            (lambda report: Microphone(clock, report)) if self.microphone else None,
            on_audio=recorder.add_audio if recorder else lambda _: None,
        )
        face, voice, speech = self.face, self.voice, self.speech
        parts: Any = {
            "predictor": self.predictor,
            "checkpoint": Checkpoint(),
            "face": face if self.camera else None,
            "voice": voice if self.microphone else None,
            "speech": speech if self.microphone else None,
        }
        models = Models(**parts, names={"speech": "whisper-base"}, device="cpu")
        return Session(source, models, Settings(), LIVE, devices=source, recorder=recorder)

    def run(self, seconds: float = 2.2) -> "Scene":
        """Run the session to its end, `seconds` after its beginning."""
        session = self.session()
        timer = threading.Timer(seconds, session.finish)
        timer.start()
        try:
            self.events += session.events()
        finally:
            timer.cancel()
        return self

    def of(self, kind: type[Any]) -> list[Any]:
        return [event for event in self.events if isinstance(event, kind)]

    @property
    def codes(self) -> list[str]:
        return [notice.code for notice in self.of(Notice)]

    @property
    def last(self) -> Reading:
        reading = self.of(Reading)[-1]
        assert isinstance(reading, Reading)
        return reading


@pytest.fixture(autouse=True)
def no_thread_is_left() -> Iterator[None]:
    """All threads of a session end with it."""
    yield
    assert not [thread.name for thread in threading.enumerate() if thread.name.startswith("mmim-")]


def test_a_session_uses_both_devices_and_ends_with_a_summary():
    scene = Scene().run()
    summary = scene.events[-1]
    assert isinstance(summary, Summary)
    assert "camera_opened" in scene.codes
    ends = [reading.end_s for reading in scene.of(Reading) if reading.status == "committed"]
    assert ends == sorted(ends)
    assert ends[:4] == [0.5, 1.0, 1.5, 2.0]
    assert summary.duration_s <= ends[-1]
    assert summary.counts["words"] == len(scene.of(WordHeard)) >= 4
    assert summary.drops["frames"] == 3
    assert all(reading.latency_ms >= 0 for reading in scene.of(Reading))
    assert scene.last.present == Present(True, True, True)
    assert scene.face.closed


@pytest.mark.parametrize("worker", ["face", "voice", "speech", "predictor"])
def test_a_worker_that_fails_once_is_restarted_with_a_notice(worker: str):
    scene = Scene()
    getattr(scene, worker).fault = third
    scene.run()
    assert [code for code in scene.codes if code.endswith(("restarted", "gone"))] == [f"{worker}_restarted"]
    (notice,) = [notice for notice in scene.of(Notice) if notice.code == f"{worker}_restarted"]
    assert "broken once" in notice.message
    assert "\n" not in notice.message
    assert scene.last.present == Present(True, True, True)


def test_a_predictor_that_fails_in_the_last_batch_loses_one_item_at_most():
    failed: list[float] = []

    class FailsAtTheEnd(Predictor):
        def predict(self, windows: Sequence[Window]) -> list[Prediction]:
            if windows[0].end_s >= 2.0 and not failed:
                failed.append(windows[0].end_s)
                raise RuntimeError("broken once")
            return super().predict(windows)

    whole, scene = Scene().run(), Scene(predictor=FailsAtTheEnd()).run()
    assert len(failed) == 1
    assert isinstance(scene.events[-1], Summary)
    assert "predictor_restarted" in scene.codes
    lost = {r.end_s for r in whole.of(Reading) if r.end_s <= 2.0} - {r.end_s for r in scene.of(Reading)}
    assert lost <= set(failed)


@pytest.mark.parametrize("worker", ["face", "voice", "speech"])
def test_the_session_continues_without_a_worker_that_keeps_failing(worker: str):
    scene = Scene()
    getattr(scene, worker).fault = always
    scene.run()
    codes = [code for code in scene.codes if code.startswith(worker)]
    assert codes == [f"{worker}_restarted"] * RESTARTS + [f"{worker}_gone"]
    present = scene.last.present
    assert (present.face, present.voice, present.text) == (worker != "face", worker != "voice", worker != "speech")
    assert scene.of(Summary)


def test_a_session_without_any_input_or_without_predictor_fails():
    for scene in (Scene(face=Face(always), voice=Voice(always)), Scene(predictor=Predictor(always))):
        with pytest.raises(WorkerError, match=r"keeps failing.*broken"):
            scene.run(20.0)


def test_readings_continue_while_the_camera_is_lost():
    scene = Scene(camera_lost=True).run()
    assert "camera_lost" in scene.codes
    assert scene.last.present == Present(True, True, False)
    assert [r.end_s for r in scene.of(Reading) if r.revision == 0][:4] == [0.5, 1.0, 1.5, 2.0]


def test_two_threads_may_stop_a_session_at_once():
    class SlowToClose(Face):
        closing = 0

        def close(self) -> None:
            self.closing += 1
            assert self.closing == 1, "two threads close the extractor"
            time.sleep(0.1)
            super().close()
            self.closing -= 1

    scene = Scene(face=SlowToClose())
    session = scene.session()
    late: list[list[str]] = []
    stoppers = [threading.Thread(target=lambda: late.append(session.stop())) for _ in range(4)]
    for event in session.events():
        if isinstance(event, Reading) and not late and stoppers[0].ident is None:
            for stopper in stoppers:
                stopper.start()
    for stopper in stoppers:
        stopper.join(5)
    assert late == [[]] * 4
    assert scene.face.closed


def test_a_session_that_was_stopped_before_it_began_starts_nothing():
    scene = Scene()
    session = scene.session()
    assert session.stop() == []
    assert list(session.events()) == []
    assert scene.face.count == -1


@pytest.mark.parametrize("device", ["camera", "microphone"])
def test_one_device_is_enough(device: str):
    scene = Scene(camera=device == "camera", microphone=device == "microphone").run()
    heard = device == "microphone"
    assert scene.last.present == Present(heard, heard, not heard)
    assert scene.of(Summary)


def test_a_predictor_that_is_too_slow_skips_readings_and_counts_them():
    scene = Scene(predictor=Predictor(takes_s=0.7)).run(5.0)
    (summary,) = scene.of(Summary)
    assert summary.drops["readings"] > 0
    given = len(scene.of(Reading))
    assert given == scene.predictor.count + 1


def test_a_mark_becomes_an_event_and_a_session_that_has_ended_rejects_marks():
    session = Scene().session()
    events: list[Event] = []
    for event in session.events():
        events.append(event)
        if isinstance(event, Reading) and event.end_s == 1.0 and event.revision == 0:
            assert session.send(MarkMoment("here", ago_s=0.25))
            asked_s = session.media_s
        if isinstance(event, Reading) and event.end_s == 2.0:
            session.finish()
    (mark,) = [event for event in events if isinstance(event, Mark)]
    assert mark.label == "here"
    assert mark.time_s == pytest.approx(asked_s - 0.25, abs=0.1)
    assert not session.send(MarkMoment())


def test_stopping_ends_all_threads_at_once():
    session = Scene().session()
    events = session.events()
    while not isinstance(next(events), Reading):
        pass
    assert session.stop() == []
    assert list(events) == []


def rolling(end_s: float, status: str, revision: int) -> Window:
    return Window(end_s - 0.5, end_s, "rolling", status, revision, (), (), ())  # type: ignore[arg-type]


def test_only_windows_that_nobody_would_see_are_dropped():
    notice = Notice(1.0, "a", "b")
    old, new = rolling(1.0, "provisional", 0), rolling(1.5, "provisional", 0)
    revised, committed = rolling(1.5, "provisional", 1), rolling(1.0, "committed", 1)
    items: list[Aligned] = [old, notice, new, committed, revised]
    assert drop_superseded(items) == [notice, committed, revised]
    assert drop_superseded([new, committed]) == [new, committed]
    many: list[Aligned] = [rolling(k / 2, "committed", 0) for k in range(1, 3 * MAX_COMMITTED)]
    assert drop_superseded(many) == many[-MAX_COMMITTED:]


def test_a_worker_may_be_restarted_a_few_times_per_minute():
    restarts = Restarts()
    assert [restarts.allows("face", 0.0) for _ in range(RESTARTS + 1)] == [True] * RESTARTS + [False]
    assert restarts.allows("voice", 0.0)
    rare = Restarts()
    assert all(rare.allows("face", now_s * RESTARTS_WITHIN_S / 2) for now_s in range(50))
