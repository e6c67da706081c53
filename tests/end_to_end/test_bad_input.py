"""Any bad input gives one clear line on standard error and exit code 1, and leaves no partial output."""

import dataclasses
import json
import os
import shutil
import stat
import subprocess
from collections.abc import Callable
from pathlib import Path

import av
import pytest

from mmim_live import assets
from mmim_live.features.contract import CONTRACT
from mmim_live.model.checkpoint_config import ContractConfig
from mmim_live.settings import DEFAULT_CHECKPOINT

Run = Callable[..., subprocess.CompletedProcess[str]]
SAMPLE = assets.BUNDLED_FOLDER / "sample.mp4"


def make_without_streams(path: Path) -> None:
    """A Matroska file with nothing but a subtitle track."""
    with av.open(str(path), "w", format="matroska") as container:
        container.add_stream("ass")
        container.start_encoding()


def make_empty_audio(path: Path) -> None:
    with av.open(str(path), "w") as container:
        container.add_stream("pcm_s16le", rate=16_000)
        container.start_encoding()


@pytest.fixture
def bad_file(request: pytest.FixtureRequest, tmp_path: Path) -> Path:
    kind = request.param
    path = tmp_path / {"empty audio": "input.wav", "no streams": "input.mkv"}.get(kind, "input.mp4")
    match kind:
        case "empty":
            path.touch()
        case "truncated":
            path.write_bytes(SAMPLE.read_bytes()[: SAMPLE.stat().st_size // 2])
        case "text":
            path.write_text("this is not a film\n" * 50)
        case "folder":
            path.mkdir()
        case "forbidden":
            shutil.copy(SAMPLE, path)
            path.chmod(0)
            if os.access(path, os.R_OK):
                path.chmod(stat.S_IRUSR)
                pytest.skip("this user may read everything")
        case "no streams":
            make_without_streams(path)
        case "empty audio":
            make_empty_audio(path)
    return path


def assert_one_line(done: subprocess.CompletedProcess[str], *expected: str) -> None:
    assert done.returncode == 1, done.stderr
    lines = done.stderr.strip().splitlines()
    assert len(lines) == 1, done.stderr
    assert lines[0].startswith("mmim-live: ")
    for part in expected:
        assert part in lines[0]
    assert done.stdout == ""


@pytest.mark.parametrize(
    "bad_file",
    ["missing", "empty", "truncated", "text", "folder", "forbidden", "no streams", "empty audio"],
    indirect=True,
)
def test_bad_files(bad_file: Path, tmp_path: Path, run: Run):
    before = sorted(tmp_path.iterdir())
    done = run("replay", bad_file, "--headless", "--output", tmp_path / "out.jsonl", "--output", tmp_path / "out.srt")
    assert_one_line(done, "input.")
    assert sorted(tmp_path.iterdir()) == before


@pytest.mark.parametrize("name", ["out.xyz", "out", "no-such-folder/out.jsonl"])
def test_bad_output_names_are_reported_before_any_work(name: str, tmp_path: Path, run: Run):
    done = run("replay", "sample", "--output", tmp_path / name)
    assert_one_line(done)
    assert list(tmp_path.iterdir()) == []


def test_the_recording_is_never_overwritten(tmp_path: Path, run: Run):
    recording, link = tmp_path / "in.mp4", tmp_path / "link.jsonl"
    shutil.copy(SAMPLE, recording)
    link.symlink_to(recording)
    os.link(recording, tmp_path / "hard.csv")
    for name in ("link.jsonl", "hard.csv"):
        assert_one_line(run("replay", recording, "--output", tmp_path / name), name, "the recording itself")
    assert recording.read_bytes() == SAMPLE.read_bytes()
    twice = ("--output", tmp_path / "a.srt", "--output", tmp_path / "." / "a.srt")
    assert_one_line(run("replay", recording, *twice), "named twice")


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs /dev/full")
def test_a_full_disk(tmp_path: Path, run: Run):
    (tmp_path / "full.jsonl").symlink_to("/dev/full")
    done = run("replay", "sample", "--output", tmp_path / "out.csv", "--output", tmp_path / "full.jsonl")
    assert_one_line(done, "full.jsonl")
    assert not (tmp_path / "out.csv").exists()


def test_a_wrong_checkpoint_folder(tmp_path: Path, run: Run):
    (tmp_path / "empty").mkdir()
    assert_one_line(run("replay", "sample", "--checkpoint", tmp_path / "empty"), "empty", "config.json")
    assert_one_line(run("replay", "sample", "--checkpoint", "no-such-name"), "no-such-name")


def test_a_missing_speech_model_is_reported_before_anything_is_loaded(run: Run):
    done = run("replay", "sample", "--asr-model", "nosuch", "--checkpoint", "no-such-checkpoint")
    assert_one_line(done, "nosuch", "whisper-base")


def test_a_checkpoint_with_another_contract(tmp_path: Path, run: Run):
    folder = tmp_path / "other"
    shutil.copytree(assets.checkpoint_folder(DEFAULT_CHECKPOINT), folder)
    config = json.loads((folder / "config.json").read_text())
    other = dataclasses.replace(CONTRACT, text=dataclasses.replace(CONTRACT.text, revision=CONTRACT.text.revision + 1))
    config["contract"] = ContractConfig.of(other).model_dump()
    (folder / "config.json").write_text(json.dumps(config))
    assert_one_line(run("replay", "sample", "--checkpoint", folder), "text")


def test_unknown_settings_and_wrong_usage(tmp_path: Path, run: Run):
    (tmp_path / "settings.toml").write_text("windw = 3\n")
    assert_one_line(run("replay", "sample", "--config", tmp_path / "settings.toml"), "windw")
    assert_one_line(run("replay", "sample", "--hop", "-1"), "hop")
    assert run("replay").returncode == 2
    assert run("replay", "sample", "--speed", "fast").returncode == 2
