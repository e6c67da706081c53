"""`mmim_live.live`: a live session as a generator, which can be ended, marked and recorded."""

import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

import mmim_live
from mmim_live.events import Mark, Reading, SessionStarted, Summary
from mmim_live.session.live_session import LiveSession
from mmim_live.session.runner import SessionRunner
from tests.capture.conftest import network_camera  # noqa: F401 (a fixture)
from tests.capture.mjpeg import MjpegCamera
from tests.session.test_live_session import Scene


@pytest.fixture(autouse=True)
def no_thread_is_left() -> Iterator[None]:
    yield
    assert not [thread.name for thread in threading.enumerate() if thread.name.startswith("mmim-")]


def scripted() -> LiveSession:
    return LiveSession(SessionRunner(lambda report: Scene().session(), live=True))


def test_finishing_yields_the_remaining_events_and_the_summary():
    session = scripted()
    assert not session.mark()
    events = []
    for event in session:
        events.append(event)
        if isinstance(event, Reading) and event.end_s == 1.0:
            session.mark("here")
            session.finish()
    assert isinstance(events[0], SessionStarted)
    assert isinstance(events[-1], Summary)
    assert [event.label for event in events if isinstance(event, Mark)] == ["here"]
    assert not session.mark()


def test_closing_ends_at_once():
    with scripted() as session:
        assert isinstance(next(session), SessionStarted)
        next(session)
    with pytest.raises(StopIteration):
        next(session)
    never_begun = scripted()
    never_begun.close()
    assert list(never_begun) == []


def test_an_error_thrown_in_ends_the_session():
    session = scripted()
    next(session)
    with pytest.raises(KeyError):
        session.throw(KeyError("x"))
    assert list(session) == []


def test_errors_are_raised_at_the_first_event(tmp_path: Path):
    for arguments, message in (
        ({"camera": None, "microphone": None}, "neither camera nor microphone"),
        ({"window": -1.0}, "window"),
        ({"camera": str(tmp_path / "none.mp4"), "microphone": None}, "cannot be opened"),
    ):
        with pytest.raises(mmim_live.MmimLiveError, match=message):
            next(mmim_live.live(**arguments))
    (tmp_path / "x").touch()
    with pytest.raises(mmim_live.MmimLiveError, match="is there already"):
        next(mmim_live.live(record=tmp_path))


def test_a_real_camera_is_analyzed_and_recorded(network_camera: MjpegCamera, tmp_path: Path):  # noqa: F811
    folder = tmp_path / "talk"
    events = []
    with mmim_live.live(network_camera.url, None, record=folder, hop=0.25, window=1.0) as session:
        for event in session:
            events.append(event)
            if isinstance(event, Reading) and event.end_s >= 2.0:
                session.finish()
    summary = events[-1]
    assert isinstance(summary, Summary)
    assert summary.counts["frames"] > 5
    assert {path.name for path in folder.iterdir()} == {"media.mkv", "events.jsonl", "settings.json"}
    again = list(mmim_live.replay(folder))
    assert again[-2].type == "comparison"
    assert isinstance(again[0], SessionStarted)
    assert again[0].settings["window"] == 1.0
