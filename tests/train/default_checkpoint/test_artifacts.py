"""Artifacts: made once, complete or absent, and never taken for something that other inputs made."""

from __future__ import annotations

import pickle
from pathlib import Path

import pytest
import torch
from torch import Tensor

from mmim_live.errors import DataError, MmimLiveError, OutputError
from mmim_train.default_checkpoint.artifacts import TENSORS, Artifacts, Format, Key, files_digest
from mmim_train.default_checkpoint.config import DefaultRecipe


class Maker:
    """Makes a tensor, and counts how often."""

    def __init__(self) -> None:
        self.count = 0

    def __call__(self) -> dict[str, Tensor]:
        self.count += 1
        return {"x": torch.full((2,), float(self.count))}


def test_a_result_is_made_once_and_read_back(tmp_path: Path) -> None:
    artifacts, key, make = Artifacts(tmp_path / "cache"), Key.of("stage", TENSORS, a=1), Maker()
    assert not artifacts.has(key)
    for _ in range(2):
        assert artifacts.get(key, make)["x"].tolist() == [1.0, 1.0]
    assert make.count == 1
    assert artifacts.load(pickle.loads(pickle.dumps(key)))["x"].tolist() == [1.0, 1.0]


def test_a_key_names_all_inputs() -> None:
    recipe = DefaultRecipe()
    base = Key.of("stage", TENSORS, recipe=recipe, before=Key.of("first", TENSORS, data="x"))
    assert Key.of("stage", TENSORS, before=Key.of("first", TENSORS, data="x"), recipe=recipe).digest == base.digest
    others = [
        Key.of("stages", TENSORS, recipe=recipe, before=Key.of("first", TENSORS, data="x")),
        Key.of("stage", TENSORS, recipe=recipe, before=Key.of("first", TENSORS, data="y")),
        Key.of(
            "stage", TENSORS, recipe=recipe.model_copy(update={"seed": 2}), before=Key.of("first", TENSORS, data="x")
        ),
    ]
    assert len({base.digest, *(other.digest for other in others)}) == 4


def test_results_of_other_inputs_lie_side_by_side(tmp_path: Path) -> None:
    artifacts, make = Artifacts(tmp_path), Maker()
    one, two = (artifacts.get(Key.of("stage", TENSORS, a=a), make) for a in (1, 2))
    assert one["x"].tolist() != two["x"].tolist()
    assert artifacts.get(Key.of("stage", TENSORS, a=1), make)["x"].tolist() == one["x"].tolist()


def test_a_result_that_could_not_be_written_whole_is_not_there(tmp_path: Path) -> None:
    def half(value: str, folder: Path) -> None:
        (folder / "half").write_text(value)
        raise OSError(28, "No space left on device")

    artifacts = Artifacts(tmp_path)
    key = Key.of("stage", Format(half, lambda folder: (folder / "half").read_text()), a=1)
    with pytest.raises(OutputError, match="No space left"):
        artifacts.get(key, lambda: "value")
    assert not artifacts.has(key)
    assert list(tmp_path.iterdir()) == []


def test_what_fails_to_be_made_leaves_nothing(tmp_path: Path) -> None:
    def fail() -> dict[str, Tensor]:
        raise DataError("nothing there")

    key = Key.of("stage", TENSORS, a=1)
    with pytest.raises(DataError):
        Artifacts(tmp_path).get(key, fail)
    assert list(tmp_path.iterdir()) == []


def test_a_damaged_result_is_named_in_one_line(tmp_path: Path) -> None:
    artifacts, key = Artifacts(tmp_path), Key.of("stage", TENSORS, a=1)
    artifacts.get(key, Maker())
    (artifacts.folder(key) / "tensors.safetensors").write_bytes(b"x")
    with pytest.raises(MmimLiveError, match="delete it to make it again") as caught:
        artifacts.load(key)
    assert "\n" not in str(caught.value)


def test_a_digest_of_files_tells_names_and_contents_apart(tmp_path: Path) -> None:
    def digest(**contents: str) -> str:
        for name, content in contents.items():
            (tmp_path / name).write_text(content)
        return files_digest(tmp_path, [tmp_path / name for name in contents])

    first = digest(a="x", b="y")
    assert digest(b="y", a="x") == first
    assert len({first, digest(a="x", b="z"), digest(a="x", c="y"), digest(a="x")}) == 4
    with pytest.raises(DataError, match="cannot be read"):
        files_digest(tmp_path, [tmp_path / "none"])
