"""Extraction: the rows of a session, whatever is wrong with a clip is told, and a stopped run goes on."""

from __future__ import annotations

import csv
import shutil
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from mmim_live.assets import obtain
from mmim_live.capture.recording import Recording
from mmim_live.errors import DataError
from mmim_live.extract.contract import CONTRACT
from mmim_live.extract.face import FaceExtractor
from mmim_live.extract.voice import VoiceExtractor
from mmim_live.types import AudioBlock, VideoFrame
from mmim_train import extract as module
from mmim_train.data.store import read_store
from mmim_train.extract import extract


def in_chunks(path: Path, size: int) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """The rows of a clip through the live extractors, the sound cut into chunks of `size` samples."""
    recording = Recording(path)
    items = list(iter(recording.read, None))
    recording.close()
    sound = np.concatenate([item.samples for item in items if isinstance(item, AudioBlock)])
    voice = VoiceExtractor()
    heard = [
        row for at in range(0, len(sound), size) for row in voice.push(AudioBlock(at / 16_000, sound[at : at + size]))
    ] + voice.flush()
    with FaceExtractor(obtain("face-landmarker").folder / "face_landmarker.task") as face:
        seen = [face.push(item) for item in items if isinstance(item, VideoFrame)]
    return np.array([row.values for row in heard]), np.array([row.values for row in seen if row is not None])


@pytest.fixture
def clips(shared_data: Path, tmp_path: Path) -> Path:
    """A labelled folder: a clip that is good, one that is no recording, one that is missing."""
    folder = tmp_path / "clips"
    (folder / "Raw" / "a").mkdir(parents=True)
    shutil.copy(shared_data / "clips" / "mosi_Sqr0AcuoNnk_12.mp4", folder / "Raw" / "a" / "1.mp4")
    (folder / "Raw" / "a" / "2.mp4").write_text("no recording")
    with (folder / "label.csv").open("w", newline="") as file:
        rows = csv.writer(file)
        rows.writerow(["video_id", "clip_id", "text", "label", "mode"])
        rows.writerows(
            [["a", "1", "good", 2.0, "train"], ["a", "2", "bad", -1, "train"], ["a", "3", "gone", 0, "valid"]]
        )
    return folder


def test_rows_are_those_of_a_session_and_bad_clips_are_told(clips: Path, tmp_path: Path) -> None:
    told: list[tuple[str, bool]] = []
    found = extract(
        clips, tmp_path / "store", workers=0, advance=lambda name, problem: told.append((name, not problem))
    )
    assert (found.clips, found.resumed, len(found.problems)) == (1, 0, 2)
    assert sorted(told) == [("a/1", True), ("a/2", False), ("a/3", False)]
    data = read_store(tmp_path / "store")
    assert data.contract == CONTRACT
    sample = data.split("train")[0]
    assert (sample.text, dict(sample.scores)) == ("good", {"M": 2.0})
    voice, face = in_chunks(clips / "Raw" / "a" / "1.mp4", 1_234)
    assert len(voice) > 10
    assert len(face) > 10
    assert np.array_equal(sample.voice, voice)
    assert np.array_equal(sample.face, face)
    assert not list(tmp_path.glob(".store*"))


def test_a_stopped_run_goes_on(clips: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    class StoppedError(Exception):
        pass

    def stop(*_: object) -> None:
        raise StoppedError

    with monkeypatch.context() as patch:
        patch.setattr(module, "_write", stop)
        with pytest.raises(StoppedError):
            extract(clips, tmp_path / "store", workers=0)
    assert not (tmp_path / "store").exists()
    monkeypatch.setattr(module, "measure", stop)  # nothing good is measured a second time
    (clips / "Raw" / "a" / "2.mp4").unlink()
    found = extract(clips, tmp_path / "store", workers=0)
    assert (found.clips, found.resumed) == (1, 1)


def test_folders_without_labels(shared_data: Path, tmp_path: Path) -> None:
    folder = tmp_path / "sounds" / "deep"
    folder.mkdir(parents=True)
    shutil.copy(shared_data / "speech" / "ravdess" / "03-01-03-01-01-01-01.flac", folder / "one.flac")
    found = extract(tmp_path / "sounds", tmp_path / "store", workers=0)
    sample = read_store(tmp_path / "store").split("train")[0]
    assert found.clips == 1
    assert sample.id == "deep/one.flac"
    assert len(sample.voice) > 10
    assert len(sample.face) == 0


def test_nothing_to_read_ends_in_one_line(tmp_path: Path) -> None:
    empty = tmp_path / "empty"
    empty.mkdir()
    with pytest.raises(DataError, match="holds neither"):
        extract(empty, tmp_path / "store")
    with pytest.raises(DataError, match="is no folder"):
        extract(tmp_path / "nowhere", tmp_path / "store")
    with pytest.raises(DataError, match="exists already"):
        extract(empty, empty)
    (empty / "a.mp4").write_text("no recording")
    with pytest.raises(DataError, match="not one of 1 clips"):
        extract(empty, tmp_path / "store", workers=0)


@pytest.mark.slow
def test_several_processes_give_the_same_store(clips: Path, tmp_path: Path) -> None:
    shutil.copy(clips / "Raw" / "a" / "1.mp4", clips / "Raw" / "a" / "3.mp4")
    alone = extract(clips, tmp_path / "alone", workers=0)
    many = extract(clips, tmp_path / "many", workers=2)
    assert alone.clips == many.clips == 2
    for name in ("voice.npy", "face.npy", "samples.jsonl"):
        assert (tmp_path / "alone" / name).read_bytes() == (tmp_path / "many" / name).read_bytes()
