"""The aligned picture of a face does not depend on where and how large the face is; the network reads what it shows."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray
from safetensors.torch import save_file

from mmim_live.assets import EXPRESSION_NETWORK, obtain
from mmim_live.capture.files.media_file import MediaFile
from mmim_live.errors import AssetError
from mmim_live.features.expression import (
    ALIGNED_PX,
    CROP_PX,
    EXPRESSIONS,
    LEAST_LOG_SHARE,
    ExpressionNetwork,
    aligned_face,
    crop,
    load_expression_network,
    log_shares,
)
from mmim_live.features.face import FACE_NAMES, FaceExtractor
from mmim_live.types import VideoFrame

LEFT_EYE, RIGHT_EYE, MOUTH = (33, 133, 159, 145), (263, 362, 386, 374), (61, 291, 13, 14)


def drawn(angle: float, scale: float, shift: tuple[float, float]) -> tuple[NDArray[np.uint8], NDArray[np.float32]]:
    """A picture of discs at eyes and mouth, turned, scaled and shifted, and its points."""
    image = np.full((400, 500, 3), 128, np.uint8)
    points = np.zeros((478, 2), np.float32)
    turn = scale * np.array(((np.cos(angle), -np.sin(angle)), (np.sin(angle), np.cos(angle))))
    for group, place, shade in ((LEFT_EYE, (-9, -6), 0), (RIGHT_EYE, (9, -6), 0), (MOUTH, (0, 12), 255)):
        x, y = turn @ np.array(place) + (250, 200) + np.array(shift)
        cv2.circle(image, (round(16 * x), round(16 * y)), round(16 * 4 * scale), (shade,) * 3, -1, cv2.LINE_AA, 4)
        points[list(group)] = (x + 0.5) / 500, (y + 0.5) / 400
    return image, points


@given(st.floats(-0.6, 0.6), st.floats(1.0, 6.0), st.tuples(st.floats(-60, 60), st.floats(-40, 40)))
def test_an_aligned_face_is_the_same_wherever_and_however_large_it_is(
    angle: float, scale: float, shift: tuple[float, float]
) -> None:
    expected = aligned_face(*drawn(0.0, 3.0, (0.0, 0.0))).astype(float)
    found = aligned_face(*drawn(angle, scale, shift)).astype(float)
    assert np.corrcoef(found.ravel(), expected.ravel())[0, 1] > 0.97


@pytest.mark.parametrize("place", [(-0.4, -0.4), (1.4, 1.4), (0.5, 0.5)])
def test_a_face_beyond_the_edge_or_in_one_point_still_gives_a_picture(place: tuple[float, float]) -> None:
    image, points = drawn(0.0, 3.0, (0.0, 0.0))
    assert aligned_face(image, points - 0.5 + np.array(place, np.float32)).shape == (ALIGNED_PX, ALIGNED_PX)
    assert aligned_face(image, np.full((478, 2), place, np.float32)).shape == (ALIGNED_PX, ALIGNED_PX)


def test_brightness_does_not_count_and_contrast_hardly_does() -> None:
    pictures = aligned_face(*drawn(0.0, 3.0, (0.0, 0.0)))[None]
    darker = (pictures // 2 + 10).astype(np.uint8)
    assert torch.allclose(crop(darker), crop((darker + 50).astype(np.uint8)), atol=1e-4)
    both = torch.stack([crop(pictures).flatten(), crop(darker).flatten()])
    assert torch.corrcoef(both)[0, 1] > 0.999


def test_the_network_is_small_and_gives_logarithms_of_shares() -> None:
    network = ExpressionNetwork().eval()
    assert sum(value.numel() for value in network.parameters()) <= 500_000
    found = log_shares(network, np.random.default_rng(0).integers(0, 255, (3, 48, 48)).astype(np.uint8))
    assert found.shape == (3, len(EXPRESSIONS))
    assert np.all((found >= LEAST_LOG_SHARE) & (found <= 0))
    assert np.allclose(np.exp(found).sum(axis=1), 1, atol=0.02)
    assert crop(np.zeros((2, 48, 48), np.uint8)).shape == (2, 1, CROP_PX, CROP_PX)


def test_a_face_that_beams_is_read_as_happy_and_one_that_worries_is_not(shared_data: Path) -> None:
    recording = MediaFile(shared_data / "clips" / "pyfeat_silent_face.mp4", audio=False)
    try:
        frames = [item for item in iter(recording.read, None) if isinstance(item, VideoFrame)][::5]
    finally:
        recording.close()
    with FaceExtractor(obtain("face-landmarker").folder / "face_landmarker.task") as extractor:
        rows = [row for frame in frames if (row := extractor.push(frame)) is not None]
    happy = FACE_NAMES.index("expression_happy")
    worried, beaming = (
        np.exp(np.mean([row.values[happy] for row in rows if start <= row.time_s < start + 4])) for start in (2, 12)
    )
    assert worried < 0.2
    assert beaming > 0.6


def test_a_file_that_is_no_such_network_is_refused_in_one_line(tmp_path: Path) -> None:
    garbage, other = tmp_path / "garbage.safetensors", tmp_path / "other.safetensors"
    garbage.write_bytes(b"nothing")
    save_file({"weight": torch.zeros(3)}, other)
    for path in (garbage, other, tmp_path / "missing.safetensors"):
        with pytest.raises(AssetError, match="is not a usable expression network") as caught:
            load_expression_network(path)
        assert "\n" not in str(caught.value)


def test_the_bundled_network_is_the_one_of_the_contract() -> None:
    load_expression_network(obtain(EXPRESSION_NETWORK.name).folder / "expression.safetensors")
