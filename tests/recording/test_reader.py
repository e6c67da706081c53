import json
import os
from pathlib import Path

import pytest

from mmim_live.errors import DataError
from mmim_live.output.jsonl import read_events
from mmim_live.recording.folder import EVENTS, MEDIA, SETTINGS
from mmim_live.recording.reader import open_recorded, recorded_settings


def folder_with(tmp_path: Path, content: str) -> Path:
    folder = tmp_path / "talk"
    folder.mkdir()
    (folder / MEDIA).write_bytes(b"never decoded here")
    (folder / SETTINGS).write_text(content)
    return folder


def test_models_named_by_path_are_not_loaded_but_reported(tmp_path: Path):
    settings = {"checkpoint": "/a/stranger's", "asr_model": "./model\n", "window": 4.0}
    folder = folder_with(tmp_path, json.dumps({"complete": True, "settings": settings}))
    assert recorded_settings(folder) == {"window": 4.0}
    messages = [notice.message for notice in open_recorded(folder).notices if notice.code == "model_not_loaded"]
    assert ["--checkpoint" in messages[0], "--asr-model" in messages[1], len(messages)] == [True, True, 2]
    assert not any("\n" in message for message in messages)


@pytest.mark.parametrize("checkpoint", ["minilm-en", "live"])
@pytest.mark.filterwarnings("ignore::mmim_live.errors.RenamedWarning")
@pytest.mark.parametrize("asr_model", ["auto", "whisper-base", "base"])
def test_our_models_are_taken_over_by_name(tmp_path: Path, checkpoint: str, asr_model: str):
    settings = {"checkpoint": checkpoint, "asr_model": asr_model}
    folder = folder_with(tmp_path, json.dumps({"complete": True, "settings": settings}))
    assert recorded_settings(folder) == settings
    assert [notice.code for notice in open_recorded(folder).notices] == ["no_comparison"]


@pytest.mark.parametrize(
    "content",
    [
        "[1]",
        "[" * 100_000,
        '{"settings": {"window": %s}}' % ("9" * 5000),
        '{"settings": [1], "models": {"speech": ["x"]}}',
        '{"settings": {"asr_model": ["auto"]}}',
        '{"settings": {"asr_model": "auto"}, "models": {"speech": {"a": 1}}, "listen_every_s": %s}' % ("9" * 400),
    ],
)
def test_malformed_settings_are_ignored_with_a_notice(tmp_path: Path, content: str):
    folder = folder_with(tmp_path, content)
    assert recorded_settings(folder) == {}
    assert {"no_settings", "recording_cut_short"} & {notice.code for notice in open_recorded(folder).notices}


@pytest.mark.parametrize("interval_s", [0, -1, 1e9, "0.4", None, [0.4]])
def test_an_absurd_interval_is_ignored(tmp_path: Path, interval_s: object):
    folder = folder_with(tmp_path, json.dumps({"listen_every_s": interval_s}))
    assert open_recorded(folder).decode_interval_s is None


def test_events_and_settings_that_never_end_are_refused(tmp_path: Path):
    folder = folder_with(tmp_path, "{}")
    (folder / SETTINGS).unlink()
    os.mkfifo(folder / SETTINGS)
    os.mkfifo(folder / EVENTS)
    assert recorded_settings(folder) == {}
    assert [notice.code for notice in open_recorded(folder).notices] == ["no_comparison", "no_settings"]
    with pytest.raises(DataError, match="not a regular file"):
        next(read_events(folder / EVENTS))
    with pytest.raises(DataError, match="not a regular file"):
        next(read_events(Path("/dev/zero")))


def test_a_line_without_end_is_refused(tmp_path: Path):
    path = tmp_path / "events.jsonl"
    path.write_bytes(b" " * (3 * 2**20))
    with pytest.raises(DataError, match="line 1 is not an event: the line is longer than 1 MiB"):
        next(read_events(path))
