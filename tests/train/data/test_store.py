"""The feature store: what goes in comes out, mapped; nothing half-written; every contradiction is named."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from mmim_live.errors import DataError
from mmim_live.model.checkpoint_config import ContractConfig
from mmim_live.types import FeatureContract, ModalityContract
from mmim_train.data.dataset import Sample
from mmim_train.data.loader import open_dataset
from mmim_train.data.store.growing_array import GrowingArray
from mmim_train.data.store.reader import StoreHeader, read_store
from mmim_train.data.store.writer import StoreWriter, write_store
from tests.train.layouts import mmsa, mult, write_pickle

CONTRACT = FeatureContract(
    ModalityContract(("word",), 0.0, 1, "words"),
    ModalityContract(("loud", "high"), 20.0, 1, "ears"),
    ModalityContract(("smile", "frown", "blink"), 15.0, 2, "eyes"),
)


def header(**change: Any) -> StoreHeader:
    fields: dict[str, Any] = {
        "name": "clips", "language": "en", "scale": (-3, 3), "scoring": "mosi", "voice_width": 2, "face_width": 3,
        "contract": ContractConfig.of(CONTRACT), "contract_hash": CONTRACT.hash,
    }  # fmt: skip
    return StoreHeader(**(fields | change))


def sample(i: int, voice: int = 2, face: int = 3) -> Sample:
    return Sample(
        f"v/{i}", f"töxt {i}\n", np.full((voice, 2), i, np.float32), np.full((face, 3), -i, np.float32), {"M": 1}
    )


def make(folder: Path, **change: Any) -> Path:
    with StoreWriter(folder, header(**change)) as writer:
        writer.add("valid", sample(0))
        writer.add("train", sample(1, voice=0))
        writer.add("train", sample(2, face=0))
        writer.add("valid", sample(3, voice=5))
    return folder


@pytest.mark.parametrize("layout", ["mmsa", "mult"])
def test_a_data_set_survives_the_store(layout: str, tmp_path: Path) -> None:
    path = mult(tmp_path) if layout == "mult" else write_pickle(tmp_path / "x.pkl", mmsa())
    before = open_dataset("mosi", path)
    write_store(before, tmp_path / "store")
    after = open_dataset("mosi", tmp_path / "store")
    assert (after.name, after.language, after.scale, after.scoring) == ("mosi", "en", (-3, 3), "mosi")
    assert set(after.splits) == set(before.splits)
    for name, split in before.splits.items():
        again = after.split(name)
        assert (again.ids, again.texts) == (split.ids, split.texts)
        for i in range(len(split)):
            np.testing.assert_array_equal(again[i].voice, split[i].voice)
            np.testing.assert_array_equal(again[i].face, split[i].face)
            assert again[i].scores == split[i].scores
            assert again[i].classes == split[i].classes
        assert isinstance(again.voice.values.base, np.memmap) or isinstance(again.voice.values, np.memmap)
    assert sorted(p.name for p in (tmp_path / "store").parent.iterdir() if "partial" in p.name) == []


def test_samples_may_come_in_any_order_of_splits(tmp_path: Path) -> None:
    dataset = read_store(make(tmp_path / "s"))
    assert dataset.split("valid").ids == ("v/0", "v/3")
    assert dataset.split("train").texts == ("töxt 1\n", "töxt 2\n")
    assert dataset.split("valid")[1].voice.tolist() == [[3, 3]] * 5
    assert dataset.split("train")[0].voice.shape == (0, 2)
    assert dataset.split("train")[1].face.shape == (0, 3)
    assert dataset.contract == CONTRACT


def test_a_store_without_any_rows_opens(tmp_path: Path) -> None:
    with StoreWriter(tmp_path / "s", header(voice_width=0, face_width=0, contract=None, contract_hash=None)) as writer:
        writer.add("train", Sample("a", "x", np.zeros((0, 0), np.float32), np.zeros((0, 0), np.float32)))
    split = read_store(tmp_path / "s").split("train")
    assert split[0].voice.shape == (0, 0)
    assert split[0].scores == {}


def test_a_failure_leaves_nothing_behind(tmp_path: Path) -> None:
    def fail() -> None:
        with StoreWriter(tmp_path / "s", header()) as writer:
            writer.add("train", sample(1))
            assert any(tmp_path.iterdir())
            raise RuntimeError

    with pytest.raises(RuntimeError):
        fail()
    assert list(tmp_path.iterdir()) == []


def test_a_store_is_not_written_over(tmp_path: Path) -> None:
    make(tmp_path / "s")
    with pytest.raises(DataError, match="exists already"):
        make(tmp_path / "s")


@pytest.mark.parametrize(
    "values", [np.zeros((2, 3), np.float32), np.full((1, 2), np.nan, np.float32), np.zeros(2, np.float32)]
)
def test_bad_rows_are_not_written(values: Any, tmp_path: Path) -> None:
    with pytest.raises(DataError, match="v/1: voice rows of shape"), StoreWriter(tmp_path / "s", header()) as writer:
        writer.add("train", Sample("v/1", "", values, np.zeros((0, 3), np.float32)))
    assert list(tmp_path.iterdir()) == []


def edit(folder: Path, **change: Any) -> None:
    path = folder / "store.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | change))


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"contract_hash": "0" * 16}, "contract_hash does not belong"),
        ({"contract_hash": None}, "contract_hash does not belong"),
        ({"colour": 1}, "colour: Extra inputs"),
        ({"format": 2}, "format: Input should be 1"),
        ({"voice_width": 3}, r"voice.npy: holds float32 \(9, 2\), expected float32 \(any, 3\)"),
        ({"counts": {"train": 3, "valid": 2}}, "2 samples in train, store.json says 3"),
        ({"scores": ["M", "T"]}, r"scores.npy: holds float32 \(4, 1\), expected float32 \(4, 2\)"),
    ],
)
def test_a_header_that_lies_is_named(change: dict[str, Any], message: str, tmp_path: Path) -> None:
    folder = make(tmp_path / "s")
    edit(folder, **change)
    with pytest.raises(DataError, match=message) as error:
        read_store(folder)
    assert "\n" not in str(error.value)


def test_an_altered_contract_is_named(tmp_path: Path) -> None:
    folder = make(tmp_path / "s")
    contract = json.loads((folder / "store.json").read_text())["contract"]
    contract["face"]["rate_hz"] = 30
    edit(folder, contract=contract)
    with pytest.raises(DataError, match="contract"):
        read_store(folder)


def test_another_data_set_is_named(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="is a store of 'clips', not 'mosi'"):
        open_dataset("mosi", make(tmp_path / "s"))


@settings(max_examples=120, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_damaged_stores_end_in_one_line(data: st.DataObject, tmp_path: Path) -> None:
    folder = tmp_path / "s"
    if not folder.exists():
        make(folder)
    files = sorted(p for p in folder.iterdir() if p.suffix != ".whole")
    path = data.draw(st.sampled_from(files))
    whole = path.read_bytes()
    damaged = bytearray(whole[: data.draw(st.integers(0, len(whole)))])
    for _ in range(data.draw(st.integers(0, 3))):
        if damaged:
            damaged[data.draw(st.integers(0, len(damaged) - 1))] = data.draw(st.integers(0, 255))
    path.write_bytes(damaged)
    try:
        read_store(folder)
    except DataError as error:
        assert "\n" not in str(error)  # noqa: PT017  (a flipped byte among the numbers is no error)
    finally:
        path.write_bytes(whole)
    path.unlink()
    with pytest.raises(DataError):
        read_store(folder)
    path.write_bytes(whole)


@given(st.lists(st.integers(0, 7), max_size=12))
def test_a_growing_array_is_an_array(blocks: list[int]) -> None:
    import tempfile

    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "x.npy"
        parts = [np.random.default_rng(i).normal(size=(n, 3)).astype(np.float32) for i, n in enumerate(blocks)]
        with GrowingArray(path, np.float32, (3,)) as array:
            for part in parts:
                array.append(part)
        expected = np.concatenate([np.zeros((0, 3), np.float32), *parts])
        np.testing.assert_array_equal(np.load(path, allow_pickle=False), expected)


# ---- EMER -------------------------------------------------------------------------------------------------------


def emer(folder: Path, classes: dict[str, tuple[str, ...]], scores: tuple[str, ...]) -> Path:
    change = {
        "name": "emer",
        "scale": (-1, 1),
        "scoring": "affect",
        "voice_width": 0,
        "contract": None,
        "contract_hash": None,
    }
    with StoreWriter(folder, header(classes=classes, scores=scores, **change)) as writer:
        rows = np.ones((4, 3), np.float32)
        writer.add("train", Sample("p1", "", np.zeros((0, 0), np.float32), rows, {"valence": -0.5}, {"emotion3": 2}))
    return folder


def test_emer_is_read_from_a_store(tmp_path: Path) -> None:
    names = ("negative", "neutral", "positive")
    dataset = open_dataset("emer", emer(tmp_path / "s", {"emotion3": names}, ("valence", "arousal")))
    assert dataset.split("train")[0].scores == {"valence": -0.5}
    assert dataset.split("train")[0].classes == {"emotion3": 2}
    assert dataset.class_names["emotion3"] == names


@pytest.mark.parametrize(
    ("classes", "scores", "message"),
    [
        ({"emotion7": ("a", "b")}, ("valence",), "class set emotion7 of 2 classes"),
        ({"mood": ("a", "b", "c")}, ("valence",), "class set mood"),
        ({}, ("M",), "scores M; EMER has valence and arousal"),
        ({}, (), "has no labels"),
    ],
)
def test_emer_with_other_labels_is_refused(classes: Any, scores: Any, message: str, tmp_path: Path) -> None:
    with pytest.raises(DataError, match=message):
        open_dataset("emer", emer(tmp_path / "s", classes, scores))


def test_emer_as_anything_else_is_refused(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="not public"):
        open_dataset("emer", tmp_path)
