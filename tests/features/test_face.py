"""Face rows: head pose of rotations that are known, real faces, no face, and the same rows twice."""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from mmim_live.assets import obtain
from mmim_live.capture.files.media_file import MediaFile
from mmim_live.errors import AssetError
from mmim_live.features.face import FACE_NAMES, FaceExtractor, head_pose
from mmim_live.types import FaceRow, VideoFrame

Matrix = NDArray[np.float64]


def turn(axis: str, angle: float) -> Matrix:
    """Rotation about x (nod), y (shake) or z (tilt), right-handed."""
    c, s = math.cos(angle), math.sin(angle)
    first, second = {"x": (1, 2), "y": (2, 0), "z": (0, 1)}[axis]
    matrix = np.eye(3)
    matrix[first, first] = matrix[second, second] = c
    matrix[first, second], matrix[second, first] = -s, s
    return matrix


def rigid(rotation: Matrix, scale: float = 1.0, place: tuple[float, float, float] = (0, 0, 0)) -> Matrix:
    matrix = np.eye(4)
    matrix[:3, :3] = scale * rotation
    matrix[:3, 3] = place
    return matrix


angles = st.floats(-1.4, 1.4)


@given(yaw=angles, pitch=angles, roll=angles, scale=st.floats(0.3, 3))
def test_head_pose_undoes_the_rotation(yaw: float, pitch: float, roll: float, scale: float) -> None:
    matrix = rigid(turn("y", yaw) @ turn("x", pitch) @ turn("z", roll), scale, (1, -2, -40))
    assert head_pose(matrix) == pytest.approx((yaw, pitch, roll, 1, -2, -40), abs=1e-6)


def test_signs_of_head_pose() -> None:
    """x points right and y up in the picture, z out of it: what a positive angle looks like to the camera."""
    nose = np.array([0.0, 0.0, 1.0])
    for axis, column, shown in (("y", 0, (1, 0)), ("x", 1, (0, -1))):
        rotation = turn(axis, 0.3)
        assert head_pose(rigid(rotation))[column] == pytest.approx(0.3)
        # Positive yaw takes the nose to the right of the picture, positive pitch takes it down.
        assert np.sign(np.round((rotation @ nose)[:2], 6)).tolist() == list(shown)
    crown = turn("z", 0.3) @ np.array([0.0, 1.0, 0.0])
    assert crown[0] < 0  # positive roll tilts the top of the head to the left of the picture


def model() -> Path:
    return obtain("face-landmarker").folder / "face_landmarker.task"


def frames(path: Path, most: int) -> list[VideoFrame]:
    recording = MediaFile(path, audio=False)
    try:
        found: list[VideoFrame] = []
        while len(found) < most and isinstance(item := recording.read(), VideoFrame):
            found.append(item)
        return found
    finally:
        recording.close()


def rows(shown: list[VideoFrame]) -> list[FaceRow | None]:
    with FaceExtractor(model()) as extractor:
        return [extractor.push(frame) for frame in shown]


@pytest.fixture(scope="module")
def face(shared_data: Path) -> list[VideoFrame]:
    return frames(shared_data / "clips" / "pyfeat_silent_face.mp4", 12)


def test_a_face_gives_a_row_a_frame_twice_the_same(face: list[VideoFrame]) -> None:
    first, second = rows(face), rows(face)
    for frame, a, b in zip(face, first, second, strict=True):
        assert a is not None
        assert b is not None
        assert a.time_s == frame.time_s
        assert a.values.shape == (len(FACE_NAMES),)
        assert a.values.dtype == np.float32
        assert np.all((a.values[:52] >= 0) & (a.values[:52] <= 1))
        assert np.array_equal(a.values, b.values)


def test_a_mirrored_face_turns_the_other_way(face: list[VideoFrame]) -> None:
    mirrored = [VideoFrame(frame.time_s, np.ascontiguousarray(frame.image[:, ::-1])) for frame in face]
    here = np.array([row.values[52:] for row in rows(face) if row is not None]).mean(axis=0)
    there = np.array([row.values[52:] for row in rows(mirrored) if row is not None]).mean(axis=0)
    for index in (0, 2):  # yaw, roll
        assert there[index] == pytest.approx(-here[index], abs=0.1)
    assert there[1] == pytest.approx(here[1], abs=0.1)  # pitch
    assert there[3] == pytest.approx(-here[3], abs=1.5)  # x


def test_no_face_gives_no_row(shared_data: Path) -> None:
    shown = frames(shared_data / "clips" / "pyfeat_no_face.mp4", 12)
    assert len(shown) == 12
    assert not any(rows(shown))


def test_the_largest_of_two_faces_is_read(face: list[VideoFrame]) -> None:
    frame = face[0].image
    small = np.zeros_like(frame)
    half = frame[::2, ::2]
    small[: half.shape[0], : half.shape[1]] = half
    both = np.concatenate((frame, small), axis=1)
    with FaceExtractor(model()) as extractor:
        alone = extractor.push(VideoFrame(0.0, frame))
    with FaceExtractor(model()) as extractor:
        chosen = extractor.push(VideoFrame(0.0, both))
        seen = extractor.faces_in_frame
    assert alone is not None
    assert chosen is not None
    if seen == 2:  # the detector may miss the smaller one
        assert np.abs(alone.values[:52] - chosen.values[:52]).mean() < 0.05


def test_a_file_that_is_no_model_is_refused_in_one_line(tmp_path: Path) -> None:
    path = tmp_path / "face.task"
    path.write_bytes(b"nothing")
    with pytest.raises(AssetError, match="is not a usable face landmarker") as caught:
        FaceExtractor(path)
    assert "\n" not in str(caught.value)
