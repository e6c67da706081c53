"""Camera previews: scaled-down frames from the face worker, made only while they are shown."""

from __future__ import annotations

import time
from collections.abc import Callable

import cv2
import numpy as np
from numpy.typing import NDArray

from mmim_live.session_types import Preview
from mmim_live.types import VideoFrame

INTERVAL_S = 0.25  # drawing previews costs more than making them


class PreviewMaker:
    """Called by the face worker, which must not be held up. Without a `size` it does nothing."""

    def __init__(
        self, deliver: Callable[[Preview], None], *, mirrored: bool, now_s: Callable[[], float] | None = time.monotonic
    ) -> None:
        """`deliver` is called from the face worker and must not wait. `now_s` None: intervals are in media time."""
        self.size: tuple[int, int] | None = None  # maximum width and height in pixels; None: none are needed
        self._deliver = deliver
        self._mirrored = mirrored
        self._now_s = now_s
        self._last_s = -INTERVAL_S

    def offer(self, frame: VideoFrame, outline: Callable[[], NDArray[np.float32]]) -> None:
        """Make a preview of the frame with the outline of the face in it, if one is due."""
        size, now_s = self.size, frame.time_s if self._now_s is None else self._now_s()
        if size is None or now_s - self._last_s < INTERVAL_S:
            return
        self._last_s = now_s
        image, points = fit_image(frame.image, size), outline()
        if self._mirrored:
            image = image[:, ::-1]
            points = np.stack((1 - points[:, 0], points[:, 1]), axis=1)
        self._deliver(Preview(frame.time_s, image, points))


def fit_image(image: NDArray[np.uint8], size: tuple[int, int]) -> NDArray[np.uint8]:
    """The image [height, width, 3] scaled to fit into `size` (width, height), keeping its aspect ratio."""
    height, width = image.shape[:2]
    scale = min(size[0] / width, size[1] / height)
    fitting = (max(1, round(width * scale)), max(1, round(height * scale)))
    return cv2.resize(image, fitting, interpolation=cv2.INTER_AREA).astype(np.uint8, copy=False)
