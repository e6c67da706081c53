"""Replaying the folder of a recorded session, intact and damaged."""

import json
import shutil
from pathlib import Path

import pytest

import mmim_live
from mmim_live import assets
from mmim_live.errors import MediaError
from mmim_live.events import Comparison, Event, Mark, Notice, SessionStarted, Summary
from mmim_live.output import open_sink
from mmim_live.recording.folder import EVENTS, MEDIA, SETTINGS
from mmim_live.recording.reader import open_recorded, recorded_settings

RECORDED_SETTINGS = {"window": 4.0, "asr_model": "auto", "record_to": "/elsewhere", "speech": True, "face": False}


@pytest.fixture(scope="module")
def recording(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """As if the sample had been recorded live; its events are those of a replay."""
    folder = tmp_path_factory.mktemp("recordings") / "talk"
    folder.mkdir()
    shutil.copy(assets.BUNDLED_FOLDER / "sample.mp4", folder / MEDIA)
    facts = {
        "complete": True,
        "began_s": 12.5,
        "settings": RECORDED_SETTINGS,
        "models": {"speech": "whisper-tiny.en"},
        "listen_every_s": 0.4,
    }
    (folder / SETTINGS).write_text(json.dumps(facts))
    events = list(mmim_live.replay(folder))
    assert codes(events) == ["no_comparison"]
    sink = open_sink(folder / EVENTS)
    for event in [*events[:-1], Mark(3.2, "the turn"), events[-1]]:
        sink.write(event)
    sink.close()
    return folder


def codes(events: list[Event]) -> list[str]:
    return [event.code for event in events if isinstance(event, Notice)]


def test_a_perfect_recording_does_not_differ_and_keeps_marks_and_settings(recording: Path, run):
    events = list(mmim_live.replay(recording))
    assert codes(events) == []
    started, comparison, summary = events[0], events[-2], events[-1]
    assert isinstance(started, SessionStarted)
    assert started.source == "talk"
    assert (started.settings["window"], started.settings["record_to"]) == (4.0, "")
    assert started.models["speech"] == "whisper-tiny.en"
    assert [event for event in events if isinstance(event, Mark)] == [Mark(3.2, "the turn")]
    assert isinstance(summary, Summary)
    assert isinstance(comparison, Comparison)
    assert comparison.readings_matched > 10
    assert comparison.score_largest_difference is not None
    assert comparison.score_largest_difference < 1e-3  # files round to four decimals
    assert comparison.words_same == 1.0
    assert comparison.utterances_matched == comparison.utterances > 0
    done = run("replay", recording, "--window", "3")
    assert done.returncode == 0, done.stderr
    assert "The score differs from the live one by" in done.stdout


def test_damage_is_reported_and_the_rest_replayed(recording: Path, tmp_path: Path):
    folder = tmp_path / "talk.partial"
    shutil.copytree(recording, folder)
    lines = (folder / EVENTS).read_bytes()
    (folder / EVENTS).write_bytes(lines[: len(lines) // 2])
    (folder / SETTINGS).write_text(json.dumps({"complete": False, "settings": {"window": -1}}))
    recorded = open_recorded(folder)
    assert [notice.code for notice in recorded.notices] == ["events_damaged", "recording_cut_short"]
    assert all("\n" not in notice.message for notice in recorded.notices)
    assert recorded.has_readings
    assert recorded_settings(folder) == {}
    (folder / SETTINGS).write_text("[")
    (folder / EVENTS).unlink()
    assert [notice.code for notice in open_recorded(folder).notices] == ["no_comparison", "no_settings"]
    assert recorded_settings(recording / MEDIA) == {}


def test_a_folder_without_a_recording_is_an_error_of_one_line(tmp_path: Path, run):
    with pytest.raises(MediaError, match=r"without a media\.mkv"):
        next(mmim_live.replay(tmp_path))
    done = run("replay", tmp_path)
    assert done.returncode == 1
    (line,) = done.stderr.splitlines()
    assert "no recorded session" in line


def test_the_recording_is_never_overwritten(recording: Path, run):
    done = run("replay", recording, "--output", recording / EVENTS)
    assert done.returncode == 1
    assert "give it a name of its own" in done.stderr
