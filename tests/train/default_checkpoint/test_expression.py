import json
from itertools import pairwise
from pathlib import Path

import cv2
import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from safetensors.torch import load_file

from mmim_live.errors import DataError
from mmim_live.features.expression import ExpressionNetwork, load_expression_network, log_shares
from mmim_train.default_checkpoint.emotion import expression
from mmim_train.default_checkpoint.emotion.expression import Faces
from mmim_train.default_checkpoint.emotion.stills import CLASSES, read_ckplus, read_ferplus

_COLUMNS = ("neutral", "happy", "surprise", "sad", "angry", "disgust", "fear", "contempt", "unknown", "not_a_face")


def _drawn_faces(count: int) -> tuple[NDArray[np.uint8], NDArray[np.int64]]:
    """Drawn faces whose mouths curve up (class 1) or down (class 3) or not (class 0), on noise."""
    draw = np.random.default_rng(0)
    pictures, classes = [], []
    for index in range(count):
        picture = draw.integers(90, 150, (48, 48)).astype(np.uint8)
        kind = (1, 3, 0)[index % 3]
        if kind == 0:
            cv2.line(picture, (12, 36), (36, 36), 255, 2)
        else:
            centre, angles = ((24, 28), (20, 160)) if kind == 1 else ((24, 42), (200, 340))
            cv2.ellipse(picture, centre, (12, 8), 0, *angles, 255, 2)
        cv2.circle(picture, (15, 17), 3, 10, -1)
        cv2.circle(picture, (33, 17), 3, 10, -1)
        pictures.append(picture)
        classes.append(kind)
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
    posed, labels = _drawn_faces(60)
    np.savez(
        tmp_path / "faces" / "ckplus_train.npz",
        image=posed,
        label=(labels == 3).astype(int),
        subject=np.array([f"S{index // 6:03}" for index in range(60)]),
        classes=np.array(["happy", "sadness"]),
    )
    return tmp_path


def test_copies_of_other_pictures_are_left_out_even_mirrored() -> None:
    shares = np.eye(len(CLASSES), dtype=np.float32)[np.arange(12) % 7]
    noise = np.random.default_rng(1).integers(0, 255, (12, 48, 48)).astype(np.uint8)
    found = np.ones(12, bool)
    valid = Faces(np.concatenate([noise[:1], noise[1:2, :, ::-1]]), shares[:2], found[:2])
    assert len(expression.without_copies(Faces(noise, shares, found), valid)) == 10


def test_the_parts_share_no_picture_and_no_person(data: Path) -> None:
    fer = list(read_ferplus(data / "faces" / "ferplus_train.npz"))
    posed = list(read_ckplus(data / "faces" / "ckplus_train.npz"))
    assert len(fer) == 400
    assert {still.part for still in fer} == {still.part for still in posed} == {"network", "train", "valid"}
    people = {part: {still.person for still in posed if still.part == part} for part in ("network", "train", "valid")}
    assert sum(map(len, people.values())) == len(set.union(*people.values())) == 10


def test_the_command_learns_and_gives_the_same_weights_again(data: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for name in ("first", "second"):
        out = data / f"{name}.safetensors"
        assert expression.main(["--data", str(data), "--out", str(out), "--epochs", "4"]) == 0
    first, second = (load_file(data / f"{name}.safetensors") for name in ("first", "second"))
    assert all(torch.equal(value, second[name]) for name, value in first.items())
    pictures, classes = _drawn_faces(30)
    found = log_shares(load_expression_network(data / "first.safetensors"), pictures)
    assert (found.argmax(axis=1) == classes).mean() > 0.6
    results = [json.loads(line) for line in capsys.readouterr().out.splitlines() if line.startswith('{"set"')]
    assert {"ferplus", "ckplus"} <= {result["set"] for result in results}
    assert all({"r", "accuracy"} <= set(result) for result in results)


def test_calibration_takes_the_mean_of_neutral_faces_to_zero_and_keeps_the_order() -> None:
    torch.manual_seed(0)
    network = ExpressionNetwork().eval()
    with torch.no_grad():
        network.classify.bias[CLASSES.index("neutral")] += 1.5
        network.classify.bias[CLASSES.index("happy")] += 0.5
    pictures = np.random.default_rng(0).integers(0, 255, (60, 48, 48)).astype(np.uint8)
    faces = Faces(pictures, np.eye(7, dtype=np.float32)[np.arange(60) % 7], np.ones(60, bool))
    before = log_shares(network, pictures)
    temperature, _ = expression.calibrate(network, faces)
    after = log_shares(network, pictures)
    others = [index for index, name in enumerate(CLASSES) if name != "neutral"]
    for first, second in pairwise(others):
        assert np.allclose(
            after[:, first] - after[:, second], (before[:, first] - before[:, second]) / temperature, atol=1e-3
        )
    assert abs(expression.report(network, faces)["neutral"]) < 0.06


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
        list(read_ferplus(path))
