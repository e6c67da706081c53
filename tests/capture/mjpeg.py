"""A network camera for tests: pictures at 25 a second, that can fall silent, freeze and go away."""

import threading
from http.server import BaseHTTPRequestHandler
from typing import Literal

import cv2
import numpy as np
from numpy.typing import NDArray

from mmim_live.benchmark.network_camera import NetworkCamera

Mode = Literal["moving", "frozen", "silent", "mute"]  # mute: accepts the connection and never answers


def picture(number: int, width: int, height: int) -> NDArray[np.uint8]:
    """Red on the left and blue on the right, with a white bar that moves."""
    image = np.zeros((height, width, 3), np.uint8)
    image[:, : width // 2], image[:, width // 2 :] = (0, 0, 255), (255, 0, 0)
    at = number * 8 % (width - 8)
    image[: height // 4, at : at + 8] = 255
    return image


class MjpegCamera(NetworkCamera):
    def __init__(self, width: int = 320, height: int = 240) -> None:
        super().__init__(self._jpeg)
        self.size = (width, height)
        self.mode: Mode = "moving"
        self.sent = 0
        self._last = b""

    def serve(self, request: BaseHTTPRequestHandler, stopped: threading.Event) -> None:
        while self.mode == "mute" and not stopped.wait(0.05):
            pass
        super().serve(request, stopped)

    def _jpeg(self) -> bytes | None:
        if self.mode == "silent":
            return None
        if self.mode == "moving" or not self._last:
            self.sent += 1
            self._last = cv2.imencode(".jpg", picture(self.sent, *self.size))[1].tobytes()
        return self._last
