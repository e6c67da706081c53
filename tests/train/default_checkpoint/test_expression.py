import json
from pathlib import Path

import cv2
import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from safetensors.torch import load_file

from mmim_live.errors import DataError
from mmim_train.default_checkpoint.emotion import expression
from mmim_train.default_checkpoint.emotion.expression import CLASSES, ExpressionNetwork, Faces

_COLUMNS = ("neutral", "happy", "surprise", "sad", "angry", "disgust", "fear", "contempt", "unknown", "not_a_face")


def _drawn_faces(count: int) -> tuple[NDArray[np.uint8], NDArray[np.int64]]:
    """Drawn faces whose mouths curve up (class 1) or down (class 3), on noise."""
    draw = np.random.default_rng(0)
    pictures, classes = [], []
    for index in range(count):
        picture = draw.integers(90, 150, (48, 48)).astype(np.uint8)
        smiling = index % 3 != 0
        centre, angles = ((24, 28), (20, 160)) if smiling else ((24, 42), (200, 340))
        cv2.ellipse(picture, centre, (12, 8), 0, *angles, 255, 2)
        cv2.circle(picture, (15, 17), 3, 10, -1)
        cv2.circle(picture, (33, 17), 3, 10, -1)
        pictures.append(picture)
        classes.append(1 if smiling else 3)
    return np.stack(pictures), np.array(classes)


@pytest.fixture
def data(tmp_path: Path) -> Path:
    """A folder in the layout that the command reads."""
    pictures, classes = _drawn_faces(400)
    jpeg = [np.asarray(cv2.imencode(".jpg", picture)[1], np.uint8).ravel() for picture in pictures]
    (tmp_path / "faces").mkdir()
    np.savez(
        tmp_path / "faces" / "ferplus_train.npz",
        jpeg=np.concatenate(jpeg),
        offsets=np.cumsum([0, *map(len, jpeg)]),
        votes=10 * np.eye(10, dtype=np.int8)[classes],
        columns=np.array(_COLUMNS),
    )
    posed, labels = _drawn_faces(40)
    np.savez(
        tmp_path / "faces" / "ckplus_train.npz",
        image=posed,
        label=(labels == 3).astype(int),
        subject=np.array([f"S{index // 4:03}" for index in range(40)]),
        classes=np.array(["happy", "sadness"]),
    )
    return tmp_path


def test_the_network_is_small_and_its_embedding_has_144_columns() -> None:
    network = ExpressionNetwork().eval()
    assert sum(value.numel() for value in network.parameters()) <= 500_000
    assert network.embed(torch.zeros(2, 1, expression.CROP_PX, expression.CROP_PX)).shape == (2, 144)


def test_brightness_does_not_count_and_contrast_hardly_does() -> None:
    pictures, _ = _drawn_faces(3)
    darker = (pictures // 2 + 10).astype(np.uint8)
    assert torch.allclose(expression.crop(darker), expression.crop((darker + 50).astype(np.uint8)), atol=1e-4)
    both = torch.stack([expression.crop(pictures).flatten(), expression.crop(darker).flatten()])
    assert torch.corrcoef(both)[0, 1] > 0.999


def test_copies_of_validation_pictures_are_left_out_even_mirrored() -> None:
    _, classes = _drawn_faces(12)
    shares = np.eye(len(CLASSES), dtype=np.float32)[classes]
    noise = np.random.default_rng(1).integers(0, 255, (12, 48, 48)).astype(np.uint8)
    valid = Faces(np.concatenate([noise[:1], noise[1:2, :, ::-1]]), shares[:2])
    assert len(expression.without_copies(Faces(noise, shares), valid).pictures) == 10


def test_the_command_learns_and_gives_the_same_weights_again(data: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for name in ("first", "second"):
        out = data / f"{name}.safetensors"
        assert expression.main(["--data", str(data), "--out", str(out), "--epochs", "4"]) == 0
    first, second = (load_file(data / f"{name}.safetensors") for name in ("first", "second"))
    assert all(torch.equal(value, second[name]) for name, value in first.items())
    ExpressionNetwork().load_state_dict(first)
    results = [json.loads(line) for line in capsys.readouterr().out.splitlines() if line.startswith('{"set"')]
    assert [result["set"] for result in results[:2]] == ["FER+", "CK+"]
    assert all({"r", "accuracy", "happy", "sad"} <= set(result) for result in results)


@pytest.mark.parametrize("content", [b"no zip", b""])
def test_a_file_that_is_not_faces_is_named(tmp_path: Path, content: bytes, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "faces").mkdir()
    (tmp_path / "faces" / "ferplus_train.npz").write_bytes(content)
    assert expression.main(["--data", str(tmp_path), "--out", str(tmp_path / "out.safetensors")]) == 1
    assert "ferplus_train.npz" in capsys.readouterr().err


def test_pictures_that_are_no_pictures_are_refused(data: Path) -> None:
    path = data / "faces" / "ferplus_train.npz"
    with np.load(path) as file:
        arrays = dict(file)
    np.savez(path, **{**arrays, "jpeg": np.zeros_like(arrays["jpeg"])})
    with pytest.raises(DataError, match="ferplus_train"):
        expression.read_ferplus(path)
