"""A face extractor: how fast the face and its expression move, from the rows of mmim-live's own extractor."""

import numpy as np

from mmim_live.features.extractors import BUILT_IN, FaceFeatures
from mmim_live.types import FaceRow, ModalityContract, VideoFrame

CONTRACT = ModalityContract(
    names=("expression_per_s", "pose_per_s"),
    rate_hz=15.0,
    revision=1,  # increase it whenever the same video would give other numbers
    source="mmim-live-example face-motion",
)
EXPRESSIONS = 52  # columns; those of the pose follow


class FaceMotion:
    """One stream."""

    def __init__(self) -> None:
        self._face = BUILT_IN.face.open()
        self._last: FaceRow | None = None

    def push(self, frame: VideoFrame) -> FaceRow | None:
        """See `mmim_live.features.extractors.FaceStream`."""
        last, row = self._last, self._face.push(frame)
        self._last = row
        if last is None or row is None:
            return None
        speed = np.abs(row.values - last.values) / (row.time_s - last.time_s)
        return FaceRow(row.time_s, np.array([speed[:EXPRESSIONS].mean(), speed[EXPRESSIONS:].mean()], np.float32))

    def close(self) -> None:
        """See `mmim_live.features.extractors.FaceStream`."""
        self._face.close()


FACE_MOTION = FaceFeatures(CONTRACT, FaceMotion)
