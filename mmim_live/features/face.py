"""Video frames -> FaceRows: the blendshapes and head pose of the largest face, by mediapipe's FaceLandmarker.

Runs on the caller's thread, in VIDEO mode (LIVE_STREAM silently drops frames).
"""

from __future__ import annotations

import math
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from mmim_live.errors import AssetError
from mmim_live.native_stderr import without_native_chatter
from mmim_live.telemetry import block_mediapipe_uploads
from mmim_live.types import FaceRow, VideoFrame

FACE_RATE_HZ = 15.0  # at most; faster video is thinned out at capture
FACE_REVISION = 1

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
FACE_NAMES: tuple[str, ...] = (*_BLENDSHAPES, *_POSE)

_MAX_FACES = 2  # the second only to report that it is there; it costs about 1 ms per frame


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
    """A FaceLandmarker and the state of one stream. Frames must come in order of time; not for several threads."""

    def __init__(self, model: Path) -> None:
        # mediapipe takes half a second to import and is not needed to read the contract.
        import mediapipe as mp
        from mediapipe.tasks.python import BaseOptions
        from mediapipe.tasks.python.vision import (
            FaceLandmarker,
            FaceLandmarkerOptions,
            FaceLandmarksConnections,
            RunningMode,
        )

        block_mediapipe_uploads()
        options = FaceLandmarkerOptions(
            base_options=BaseOptions(model_asset_path=str(model)),
            running_mode=RunningMode.VIDEO,
            num_faces=_MAX_FACES,
            output_face_blendshapes=True,
            output_facial_transformation_matrixes=True,
        )
        try:
            with without_native_chatter():  # mediapipe logs only here
                self._landmarker = FaceLandmarker.create_from_options(options)
        except (RuntimeError, ValueError, OSError) as error:
            reason = str(error).splitlines()[0]
            raise AssetError(f"{model} is not a usable face landmarker: {reason}; see `mmim-live models`") from error
        self._mp = mp
        contours = FaceLandmarksConnections.FACE_LANDMARKS_CONTOURS
        self._contours = sorted({index for line in contours for index in (line.start, line.end)})
        self._last_ms = -1
        self._closed = False
        self.faces_in_frame = 0
        self._landmarks: list[Any] = []  # the landmarks of the largest face in the last frame

    def push(self, frame: VideoFrame) -> FaceRow | None:
        """The row of the largest face in `frame`, or None if there is no face."""
        self._last_ms = max(
            self._last_ms + 1, round(frame.time_s * 1000)
        )  # mediapipe requires strictly increasing timestamps
        image = self._mp.Image(image_format=self._mp.ImageFormat.SRGB, data=np.ascontiguousarray(frame.image))
        result = self._landmarker.detect_for_video(image, self._last_ms)
        self.faces_in_frame = len(result.face_landmarks)
        if not result.face_landmarks:
            self._landmarks = []
            return None
        largest = max(range(self.faces_in_frame), key=lambda index: _area(result.face_landmarks[index]))
        self._landmarks = result.face_landmarks[largest]
        scores = [category.score for category in result.face_blendshapes[largest]]
        pose = head_pose(result.facial_transformation_matrixes[largest])
        return FaceRow(frame.time_s, np.asarray([*scores, *pose], dtype=np.float32))

    def outline(self) -> NDArray[np.float32]:
        """The face of the last frame as the contours of face, eyes, brows and lips, for display.

        [n, 2]: x and y as fractions of the frame's width and height; no rows if there was no face.
        """
        points = [self._landmarks[index] for index in self._contours] if self._landmarks else []
        return np.asarray([(point.x, point.y) for point in points], dtype=np.float32).reshape(-1, 2)

    def close(self) -> None:
        """Free the model; may be called twice. `push` must not be called afterward."""
        if not self._closed:
            self._closed = True
            self._landmarker.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


def _area(landmarks: list[Any]) -> float:
    """The area of the bounding box of one face's landmarks, as a fraction of the frame's."""
    xs = [landmark.x for landmark in landmarks]
    ys = [landmark.y for landmark in landmarks]
    return (max(xs) - min(xs)) * (max(ys) - min(ys))  # type: ignore[no-any-return]
