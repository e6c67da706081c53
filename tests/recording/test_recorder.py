"""Recording a live session: what is on the disk, on which clock, and what happens when it cannot be written."""

import json
import threading
import time
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path

import numpy as np
import pytest

from mmim_live.capture.files.media_file import MediaFile
from mmim_live.errors import OutputError
from mmim_live.events import Event, Mark, Notice, Reading, SessionStarted, Summary, WordHeard
from mmim_live.output import read_events
from mmim_live.recording import matroska
from mmim_live.recording import writer as writer_module
from mmim_live.recording.folder import (
    EVENTS,
    MEDIA,
    PARTIAL,
    SETTINGS,
    RecordingFolder,
    check_recordable,
    new_recording,
)
from mmim_live.recording.recorder import Recorder
from mmim_live.recording.writer import MAX_QUEUED_FRAMES, RecordingPlan, RecordingWriter
from mmim_live.session.session import Session
from mmim_live.session_types import DeviceHealth, MarkMoment, ToggleRecording
from mmim_live.settings import Settings
from mmim_live.types import AudioBlock, VideoFrame
from tests.session.test_live_session import Scene

DEVICES = (DeviceHealth("camera", "camera 0", "open", 10.0), DeviceHealth("microphone", "the desk", "open", 48_000.0))
BEGIN_AT_S, END_AT_S = 1.0, 2.6


def run(scene: Scene, recorder_of: "Made", *, seconds: float = 4.2, folder: Path | None = None) -> Scene:
    """The scene to its end, recorded from about the second 1 to 2.6, with a mark at 2."""
    session = recorder_of.session(scene)
    done: set[str] = set()
    for event in session.events():
        scene.events.append(event)
        now_s = session.media_s
        for name, at_s, command in (
            ("begin", BEGIN_AT_S, ToggleRecording(folder)),
            ("mark", 2.0, MarkMoment("here")),
            ("end", END_AT_S, ToggleRecording()),
        ):
            if now_s >= at_s and name not in done:
                done.add(name)
                if name == "begin":
                    recorder_of.before = list(recorder_of.place.iterdir())
                assert session.recorder is not None
                if name != "end" or session.recorder.health() is not None:
                    session.send(command)
                if name == "mark":
                    recorder_of.health = session.recorder.health()
        if now_s >= seconds:
            session.finish()
    return scene


class Made:
    """A recorder with a place of its own."""

    def __init__(self, place: Path, folder: Path | None = None) -> None:
        self.place = place
        self.folder = folder
        self.before: list[Path] = []
        self.health: object = None

    def session(self, scene: Scene) -> Session:
        recorder = Recorder(
            lambda: session.media_s,
            Settings(record_to=str(self.place)),
            lambda: DEVICES,
            video=scene.camera,
            audio=scene.microphone,
            decode_interval_s=0.4,
            folder=self.folder,
        )
        session = scene.session(recorder)
        return session


@pytest.fixture
def made(tmp_path: Path) -> Made:
    return Made(tmp_path)


@pytest.fixture(autouse=True)
def nothing_is_left() -> Iterator[None]:
    yield
    assert not [thread.name for thread in threading.enumerate() if thread.name.startswith("mmim-")]


def plan(path: Path, *, begin_s: float = 0.0, size: tuple[int, int] | None = None) -> RecordingPlan:
    return RecordingPlan(path=path, begin_s=begin_s, hop_s=0.5, size=size, audio=True, facts={})


def the_folder(place: Path) -> Path:
    (folder,) = place.iterdir()
    return folder


def test_a_part_of_a_session_is_recorded_with_its_marks(made: Made):
    scene = run(Scene(), made)
    assert made.before == []
    folder = the_folder(made.place)
    assert folder.suffix != PARTIAL
    assert {path.name for path in folder.iterdir()} == {MEDIA, EVENTS, SETTINGS}
    facts = json.loads((folder / SETTINGS).read_text())
    begin_s = facts["began_s"]
    assert begin_s in (1.0, 1.5, 2.0)
    assert facts["complete"]
    assert facts["settings"]["window"] == 6.0
    assert facts["devices"] == [
        {"kind": "camera", "name": "camera 0", "rate_hz": 10.0},
        {"kind": "microphone", "name": "the desk", "rate_hz": 48_000.0},
    ]
    assert {"mmim-live", "python", "av"} <= set(facts["versions"])
    events = list(read_events(folder / EVENTS))
    assert isinstance(events[0], SessionStarted)
    kept = [event for event in events if isinstance(event, Reading) and event.status == "committed"]
    ends = [event.end_s for event in kept]
    assert ends == [0.5 * (k + 1) for k in range(len(ends))]
    live = [r for r in scene.of(Reading) if r.status == "committed" and r.end_s > begin_s]
    assert [r.score for r in kept] == [r.score for r in live[: len(kept)]]
    assert {r.start_s for r in kept} == {-begin_s}
    (mark,) = [event for event in events if isinstance(event, Mark)]
    (told,) = scene.of(Mark)
    assert mark.label == "here"
    assert mark.time_s == pytest.approx(told.time_s - begin_s, abs=1e-3)
    assert not [event for event in events if isinstance(event, Summary)]
    assert [event for event in events if isinstance(event, WordHeard)]
    with MediaFile(folder / MEDIA, max_fps=100) as media:
        items = list(iter(media.read, None))
    times = [item.time_s for item in items if isinstance(item, VideoFrame)]
    length_s = sum(len(item.samples) for item in items if isinstance(item, AudioBlock)) / 16_000
    assert len(times) == facts["frames"] > 3
    assert length_s == pytest.approx(ends[-1], abs=0.5)
    codes = [code for code in scene.codes if code.startswith("recording")]
    assert codes == ["recording_began", "recording_ended", "recording_saved"]
    assert str(folder) in scene.of(Notice)[-1].message
    assert made.health is not None


def test_a_whole_session_is_recorded_up_to_its_summary(tmp_path: Path):
    folder = tmp_path / "new" / "talk"
    scene = Scene()
    session = Made(tmp_path, folder).session(scene)
    threading.Timer(1.7, session.finish).start()
    scene.events += session.events()
    assert json.loads((folder / SETTINGS).read_text())["began_s"] == 0.0
    events = list(read_events(folder / EVENTS))
    assert isinstance(events[-1], Summary)
    wanted = [event.type for event in scene.events if not isinstance(event, Notice)]
    assert [event.type for event in events if not isinstance(event, Notice)] == wanted
    assert "recording_saved" in scene.codes
    assert not session.send(ToggleRecording())


def test_a_session_that_is_stopped_leaves_a_whole_recording(tmp_path: Path):
    scene = Scene()
    session = Made(tmp_path, tmp_path / "talk").session(scene)
    for event in session.events():
        if isinstance(event, Reading) and event.end_s >= 1.0:
            session.stop()
    assert [path.name for path in tmp_path.iterdir()] == ["talk"]
    with MediaFile(tmp_path / "talk" / MEDIA) as media:
        assert media.duration_s == pytest.approx(1.0, abs=0.5)


@pytest.mark.parametrize("camera", [True, False])
def test_one_device_is_recorded_alone(made: Made, camera: bool):
    run(Scene(camera=camera, microphone=not camera), made, seconds=3.5)
    with MediaFile(the_folder(made.place) / MEDIA) as media:
        assert (media.has_video, media.has_audio) == (camera, not camera)
        first = media.read()
        assert isinstance(first, VideoFrame if camera else AudioBlock)


def test_a_full_disk_is_told_in_one_line_and_the_session_goes_on(made: Made, monkeypatch: pytest.MonkeyPatch):
    if not Path("/dev/full").exists():
        pytest.skip("needs /dev/full")
    monkeypatch.setattr(writer_module, "MEDIA", "/dev/full")
    scene = run(Scene(), made)
    (notice,) = [notice for notice in scene.of(Notice) if notice.code == "recording_failed"]
    assert "No space left on device; free some space" in notice.message
    assert "\n" not in notice.message
    assert scene.of(Summary)
    assert scene.last.end_s >= 3.5


def test_a_place_that_is_no_folder_is_told_in_one_line(made: Made):
    (made.place / "file").write_text("in the way")
    scene = run(Scene(), made, folder=made.place / "file" / "talk")
    (notice,) = [notice for notice in scene.of(Notice) if notice.code == "recording_failed"]
    assert "Not a directory" in notice.message
    assert scene.of(Summary)
    assert [path.name for path in made.place.iterdir()] == ["file"]


def test_without_an_encoder_nothing_is_left(made: Made, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(matroska, "VIDEO_CODECS", (("never_heard_of", {}),))
    scene = run(Scene(), made)
    (notice,) = [notice for notice in scene.of(Notice) if notice.code == "recording_failed"]
    assert "has no encoder never_heard_of" in notice.message
    assert list(made.place.iterdir()) == []


def test_pictures_that_find_no_room_are_left_out_and_counted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    gate = threading.Event()
    describe = RecordingFolder.describe

    def slowly(folder: RecordingFolder, facts: dict[str, object]) -> None:
        gate.wait(10)
        describe(folder, facts)

    monkeypatch.setattr(RecordingFolder, "describe", slowly)
    writer = RecordingWriter(plan(tmp_path / "talk", size=(64, 48)), None)
    for k in range(40):
        writer.add_frame(VideoFrame(k / 10, np.zeros((48, 64, 3), np.uint8)))
        writer.add_audio(AudioBlock(k / 10, np.zeros(1600, np.float32)))
    gate.set()
    writer.close(10.0)
    assert writer.failure is None
    assert writer.frames_dropped == 40 - MAX_QUEUED_FRAMES
    facts = json.loads((tmp_path / "talk" / SETTINGS).read_text())
    assert (facts["frames"], facts["frames_dropped"], facts["sound_blocks_lost"]) == (MAX_QUEUED_FRAMES, 25, 0)
    with MediaFile(tmp_path / "talk" / MEDIA) as media:
        assert sum(isinstance(item, AudioBlock) for item in iter(media.read, None)) == 40


def test_names_are_not_taken_twice(tmp_path: Path):
    now = datetime(2026, 1, 2, 3, 4, 5)
    first = new_recording(tmp_path, now)
    assert first.name == "mmim-live-2026-01-02-030405"
    first.with_name(first.name + PARTIAL).mkdir()
    second = new_recording(tmp_path, now)
    assert second.name == "mmim-live-2026-01-02-030405-2"
    check_recordable(second)
    second.mkdir()
    check_recordable(second)
    (second / "x").touch()
    for taken in (first, second):
        with pytest.raises(OutputError, match="is there already"):
            check_recordable(taken)
    with pytest.raises(OutputError, match="cannot be written to"):
        check_recordable(second / "x" / "y")
    with pytest.raises(OutputError, match="File name too long"):
        check_recordable(tmp_path / ("x" * 300))
    (tmp_path / "loop").symlink_to("loop")
    (tmp_path / "link").symlink_to(tmp_path / "empty")
    (tmp_path / "empty").mkdir()
    for link in ("loop", "link"):  # the recording could not take its place
        with pytest.raises(OutputError, match="is there already"):
            check_recordable(tmp_path / link)


def test_nothing_is_lost_when_much_comes_at_once(tmp_path: Path):
    writer = RecordingWriter(plan(tmp_path / "talk", begin_s=1.0), None)
    told: list[Event] = [Notice(k / 10, "x", str(k)) for k in range(100)]
    for event in told:
        writer.add_event(event)
    writer.add_audio(AudioBlock(0.95, (np.arange(1600) / 1600).astype(np.float32)))
    writer.end_at(3.0)
    time.sleep(0)
    writer.close(5.0)
    kept = list(read_events(tmp_path / "talk" / EVENTS))
    assert [event.message for event in kept if isinstance(event, Notice)] == [str(k) for k in range(11, 100)]
    with MediaFile(tmp_path / "talk" / MEDIA) as media:
        block = media.read()
    assert isinstance(block, AudioBlock)
    assert len(block.samples) == 800
    assert block.samples[0] == pytest.approx(0.5, abs=1e-3)
