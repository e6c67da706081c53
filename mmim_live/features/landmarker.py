"""mediapipe's FaceLandmarker on a stream of frames: the points, blendshapes and pose of the largest face.

Runs on the caller's thread, in VIDEO mode (LIVE_STREAM silently drops frames).
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mmim_live.errors import AssetError
from mmim_live.native_stderr import without_native_chatter
from mmim_live.telemetry import block_mediapipe_uploads
from mmim_live.types import VideoFrame

_MAX_FACES = 2  # the second only to report that it is there; it costs about 1 ms per frame


@dataclass(frozen=True, slots=True, eq=False)
class Face:
    """What the landmarker found of one face."""

    points: NDArray[np.float32]  # [478, 2]: x and y as fractions of the frame's width and height
    blendshapes: NDArray[np.float32]  # [52]
    matrix: NDArray[np.float64]  # [4, 4]: maps the canonical face model into camera space, in cm


class Landmarker:
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
        self.contours: list[int] = sorted({index for line in contours for index in (line.start, line.end)})
        """Which points draw face, eyes, brows and lips."""
        self.faces_in_frame = 0
        self._last_ms = -1
        self._closed = False

    def detect(self, frame: VideoFrame) -> Face | None:
        """The largest face in `frame`, or None if there is no face."""
        self._last_ms = max(
            self._last_ms + 1, round(frame.time_s * 1000)
        )  # mediapipe requires strictly increasing timestamps
        image = self._mp.Image(image_format=self._mp.ImageFormat.SRGB, data=np.ascontiguousarray(frame.image))
        result = self._landmarker.detect_for_video(image, self._last_ms)
        self.faces_in_frame = len(result.face_landmarks)
        if not result.face_landmarks:
            return None
        faces = [_points(landmarks) for landmarks in result.face_landmarks]
        largest = max(range(len(faces)), key=lambda index: float(np.prod(np.ptp(faces[index], axis=0))))
        scores = [category.score for category in result.face_blendshapes[largest]]
        return Face(faces[largest], np.array(scores, np.float32), result.facial_transformation_matrixes[largest])

    def close(self) -> None:
        """Free the model; may be called twice. `detect` must not be called afterward."""
        if not self._closed:
            self._closed = True
            self._landmarker.close()


def _points(landmarks: list[Any]) -> NDArray[np.float32]:
    return np.array([(landmark.x, landmark.y) for landmark in landmarks], np.float32)
