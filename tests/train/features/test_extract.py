"""Extraction: the rows of a session, whatever is wrong with a clip is told, and a stopped run goes on."""

from __future__ import annotations

import csv
import json
import shutil
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest

from mmim_live import assets
from mmim_live.errors import AssetError, DataError
from mmim_live.features.contract import CONTRACT
from mmim_live.model.predictor import Predictor
from mmim_live.parallel.processes import Processes
from mmim_live.session.open_replay import open_replay
from mmim_live.settings import Settings
from mmim_live.types import Prediction, Window
from mmim_train.data.dataset import SplitName
from mmim_train.data.formats.clips import Clip
from mmim_train.data.store.reader import read_store
from mmim_train.features import clip_features as measure
from mmim_train.features import extract as module
from mmim_train.features.extract import extract, training_gaps

ASR = "whisper-base"
HERE = Processes(0)


class Recorder:
    """A predictor that keeps the windows it is given."""

    def __init__(self, predictor: Predictor) -> None:
        self._predictor = predictor
        self.windows: list[Window] = []

    def predict(self, windows: Sequence[Window]) -> list[Prediction]:
        self.windows += windows
        return self._predictor.predict(windows)


def replayed(path: Path) -> Window:
    """All that a replay makes of a clip of at most ten seconds, as its model is given it."""
    session = open_replay(path, Settings(window=30.0, hop=10.0, language="en", asr_model=ASR), "max")
    recorder = Recorder(session.models.predictor)
    session.inference._predictor = recorder  # type: ignore[assignment]
    list(session.events())
    (window,) = [window for window in recorder.windows if window.kind == "rolling" and window.status == "committed"]
    return window


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
        clips, tmp_path / "store", engine=HERE, advance=lambda name, problem: told.append((name, not problem))
    )
    assert (found.clips, found.resumed, len(found.problems)) == (1, 0, 2)
    assert sorted(told) == [("a/1", True), ("a/2", False), ("a/3", False)]
    data = read_store(tmp_path / "store")
    assert data.contract == CONTRACT
    sample = data.split("train")[0]
    assert (sample.text, dict(sample.scores)) == ("good", {"M": 2.0})
    assert text_origins(tmp_path / "store") == {"a/1": "label.csv"}
    assert not list(tmp_path.glob(".store*"))


@pytest.mark.skipif(assets.find(ASR) is None, reason=f"needs {ASR}")
@pytest.mark.parametrize("name", ["wda_aoc.mp4"])
def test_the_same_clip_gives_the_same_rows_and_words_in_a_replay(name: str, shared_data: Path, tmp_path: Path) -> None:
    (tmp_path / "clips").mkdir()
    shutil.copy(shared_data / "clips" / name, tmp_path / "clips")
    found = extract(tmp_path / "clips", tmp_path / "store", asr_model=ASR, engine=HERE)
    assert (found.clips, found.recognised) == (1, 1)
    sample = read_store(tmp_path / "store").split("train")[0]
    window = replayed(tmp_path / "clips" / name)
    assert min(len(window.voice), len(window.face), len(window.words)) > 5
    assert np.array_equal(sample.voice, [row.values for row in window.voice])
    assert np.array_equal(sample.face, [row.values for row in window.face])
    assert sample.text == window.text
    assert text_origins(tmp_path / "store") == {name: ASR}


def text_origins(store: Path) -> dict[str, str]:
    lines = [json.loads(line) for line in (store / "samples.jsonl").read_text().splitlines()]
    return {line["id"]: line["text_from"] for line in lines if "text_from" in line}


@pytest.mark.skipif(assets.find(ASR) is None, reason=f"needs {ASR}")
def test_words_of_the_table_stand_and_the_others_are_recognised(shared_data: Path, tmp_path: Path) -> None:
    raw = tmp_path / "clips" / "Raw" / "a"
    raw.mkdir(parents=True)
    for index in "12":
        shutil.copy(shared_data / "clips" / "grid_sbwe5n.mpg", raw / f"{index}.mpg")
    table = tmp_path / "clips" / "label.csv"
    table.write_text("video_id,clip_id,text,label,mode\na,1,AS IT IS,1,train\na,2, ,1,train\n")
    found = extract(tmp_path / "clips", tmp_path / "store", asr_model=ASR, engine=HERE)
    texts = read_store(tmp_path / "store").split("train").texts
    assert texts[0] == "AS IT IS"
    assert "blue" in texts[1].lower()
    assert found.recognised == 1
    assert text_origins(tmp_path / "store") == {"a/1": "label.csv", "a/2": ASR}
    provenance = json.loads((tmp_path / "store" / "store.json").read_text())["provenance"]
    assert (provenance["recogniser"], provenance["recognised"]) == (ASR, 1)
    assert set(provenance["versions"]) >= {"mmim-live", "mediapipe"}
    table.write_text("video_id,clip_id,label,mode\na,1,1,train\na,2,1,train\n")  # no column for the text at all
    extract(tmp_path / "clips", tmp_path / "silent", engine=HERE)
    assert read_store(tmp_path / "silent").split("train").texts == ("", "")
    with pytest.raises(AssetError, match="nosuch"):
        extract(tmp_path / "clips", tmp_path / "other", asr_model="nosuch", engine=HERE)
    assert not list(tmp_path.glob(".other*"))


def test_a_stopped_run_goes_on(clips: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    class StoppedError(Exception):
        pass

    def stop(*_: object) -> None:
        raise StoppedError

    with monkeypatch.context() as patch:
        patch.setattr(module, "_write", stop)
        with pytest.raises(StoppedError):
            extract(clips, tmp_path / "store", engine=HERE)
    assert not (tmp_path / "store").exists()
    monkeypatch.setattr(measure, "measure", stop)  # nothing good is measured a second time
    (clips / "Raw" / "a" / "2.mp4").unlink()
    found = extract(clips, tmp_path / "store", engine=HERE)
    assert (found.clips, found.resumed) == (1, 1)


def test_folders_without_labels(shared_data: Path, tmp_path: Path) -> None:
    folder = tmp_path / "sounds" / "deep"
    folder.mkdir(parents=True)
    shutil.copy(shared_data / "speech" / "ravdess" / "03-01-03-01-01-01-01.flac", folder / "one.flac")
    found = extract(tmp_path / "sounds", tmp_path / "store", engine=HERE)
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
        extract(empty, tmp_path / "store", engine=HERE)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["empty"]


@pytest.mark.slow
def test_several_processes_give_the_same_store(clips: Path, tmp_path: Path) -> None:
    shutil.copy(clips / "Raw" / "a" / "1.mp4", clips / "Raw" / "a" / "3.mp4")
    alone = extract(clips, tmp_path / "alone", engine=HERE)
    many = extract(clips, tmp_path / "many", engine=Processes(2))
    assert alone.clips == many.clips == 2
    for name in ("voice.npy", "face.npy", "samples.jsonl"):
        assert (tmp_path / "alone" / name).read_bytes() == (tmp_path / "many" / name).read_bytes()


def clip(name: str, split: SplitName, label: float | None) -> Clip:
    return Clip(name, Path(name), "words", split, {} if label is None else {"M": label})


def test_clips_that_cannot_be_trained_on_are_reported_with_what_to_write(tmp_path: Path) -> None:
    (unlabeled,) = training_gaps([clip("a.mp4", "train", None)], tmp_path)
    assert f"{tmp_path / 'label.csv'} with the columns video_id,clip_id,text,label,mode" in unlabeled

    (tmp_path / "label.csv").touch()
    complete = [clip("a/1", "train", 1.0), clip("b/1", "valid", 0.0)]
    assert training_gaps(complete, tmp_path) == ()
    (partly,) = training_gaps([*complete, clip("c/7", "test", None)], tmp_path)
    assert partly.startswith("1 of 3 clips have no label, the first is c/7")
    (unsplit,) = training_gaps([clip("a/1", "train", 1.0)], tmp_path)
    assert "no labeled clip is in the valid split" in unsplit
    assert "column mode" in unsplit


def test_what_training_lacks_is_reported_before_the_work_begins(shared_data: Path, tmp_path: Path) -> None:
    (tmp_path / "clips").mkdir()
    shutil.copy(shared_data / "clips" / "grid_sbwe5n.mpg", tmp_path / "clips")
    calls: list[str] = []
    extract(
        tmp_path / "clips",
        tmp_path / "store",
        engine=HERE,
        warn=lambda line: calls.append(line),
        begin=lambda count: calls.append(f"begin {count}"),
    )
    assert [line.split()[0] for line in calls] == ["these", "begin"]
