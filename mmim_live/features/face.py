"""Video frames -> FaceRows: the blendshapes, head pose and expression of the largest face."""

from __future__ import annotations

import math
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from mmim_live.assets import EXPRESSION_NETWORK, obtain
from mmim_live.features.expression import EXPRESSION_NAMES, aligned_face, load_expression_network, log_shares
from mmim_live.features.landmarker import Face, Landmarker
from mmim_live.types import FaceRow, VideoFrame

FACE_RATE_HZ = 15.0  # at most; faster video is thinned out at capture
FACE_REVISION = 2

# The 52 scores in the order in which the model file produces them.
# fmt: off
_BLENDSHAPES = (
    "_neutral", "browDownLeft", "browDownRight", "browInnerUp", "browOuterUpLeft", "browOuterUpRight", "cheekPuff",
    "cheekSquintLeft", "cheekSquintRight", "eyeBlinkLeft", "eyeBlinkRight", "eyeLookDownLeft", "eyeLookDownRight",
    "eyeLookInLeft", "eyeLookInRight", "eyeLookOutLeft", "eyeLookOutRight", "eyeLookUpLeft", "eyeLookUpRight",
    "eyeSquintLeft", "eyeSquintRight", "eyeWideLeft", "eyeWideRight", "jawForward", "jawLeft", "jawOpen",
    "jawRight", "mouthClose", "mouthDimpleLeft", "mouthDimpleRight", "mouthFrownLeft", "mouthFrownRight",
    "mouthFunnel", "mouthLeft", "mouthLowerDownLeft", "mouthLowerDownRight", "mouthPressLeft", "mouthPressRight",
    "mouthPucker", "mouthRight", "mouthRollLower", "mouthRollUpper", "mouthShrugLower", "mouthShrugUpper",
    "mouthSmileLeft", "mouthSmileRight", "mouthStretchLeft", "mouthStretchRight", "mouthUpperUpLeft",
    "mouthUpperUpRight", "noseSneerLeft", "noseSneerRight",
)
# fmt: on
_POSE = ("yaw_rad", "pitch_rad", "roll_rad", "x_cm", "y_cm", "z_cm")
FACE_NAMES: tuple[str, ...] = (*_BLENDSHAPES, *_POSE, *EXPRESSION_NAMES)


def head_pose(matrix: NDArray[np.floating[Any]]) -> tuple[float, float, float, float, float, float]:
    """Yaw, pitch, roll (radians, Tait-Bryan, R = Ry Rx Rz) and x, y, z (cm) of a 4x4 rigid transformation matrix.

    The matrix is mediapipe's: it maps the canonical face model into camera space, scaled rotation and translation.
    """
    rotation = matrix[:3, :3] / max(float(np.cbrt(abs(np.linalg.det(matrix[:3, :3])))), 1e-9)
    yaw = math.atan2(rotation[0, 2], rotation[2, 2])
    pitch = math.asin(float(np.clip(-rotation[1, 2], -1.0, 1.0)))
    roll = math.atan2(rotation[1, 0], rotation[1, 1])
    x, y, z = (float(value) for value in matrix[:3, 3])
    return yaw, pitch, roll, x, y, z


class FaceExtractor:
    """A landmarker, the expression network and the state of one stream.

    Frames must come in order of time; not for several threads.
    """

    def __init__(self, model: Path) -> None:
        self._network = load_expression_network(obtain(EXPRESSION_NETWORK.name).folder / "expression.safetensors")
        self._landmarker = Landmarker(model)
        self._face: Face | None = None  # the largest in the last frame

    @property
    def faces_in_frame(self) -> int:
        """How many faces the last frame showed; not more than two are counted."""
        return self._landmarker.faces_in_frame

    def push(self, frame: VideoFrame) -> FaceRow | None:
        """The row of the largest face in `frame`, or None if there is no face."""
        self._face = face = self._landmarker.detect(frame)
        if face is None:
            return None
        expression = log_shares(self._network, aligned_face(frame.image, face.points)[None])[0]
        values = np.asarray([*face.blendshapes, *head_pose(face.matrix), *expression], dtype=np.float32)
        return FaceRow(frame.time_s, values)

    def outline(self) -> NDArray[np.float32]:
        """The face of the last frame as the contours of face, eyes, brows and lips, for display.

        [n, 2]: x and y as fractions of the frame's width and height; no rows if there was no face.
        """
        if self._face is None:
            return np.zeros((0, 2), np.float32)
        return self._face.points[self._landmarker.contours]

    def close(self) -> None:
        """Free the model; may be called twice. `push` must not be called afterward."""
        self._landmarker.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()
