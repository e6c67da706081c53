"""A network camera for tests: pictures as JPEG over HTTP, at 25 a second, that can fall silent, freeze and go away."""

import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Literal

import cv2
import numpy as np
from numpy.typing import NDArray

FPS = 25
Mode = Literal["moving", "frozen", "silent", "mute"]  # mute: accepts the connection and never answers


def picture(number: int, width: int, height: int) -> NDArray[np.uint8]:
    """Red on the left and blue on the right, with a white bar that moves."""
    image = np.zeros((height, width, 3), np.uint8)
    image[:, : width // 2], image[:, width // 2 :] = (0, 0, 255), (255, 0, 0)
    at = number * 8 % (width - 8)
    image[: height // 4, at : at + 8] = 255
    return image


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    allow_reuse_address = True


class MjpegCamera:
    """Listens from `start` to `stop`, always at the same address."""

    def __init__(self, width: int = 320, height: int = 240) -> None:
        self.size = (width, height)
        self.mode: Mode = "moving"
        self.sent = 0
        self._jpeg = b""
        self._stopped = threading.Event()
        self._server: _Server | None = None
        self._port = 0

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._port}/cam.mjpg"

    def start(self) -> "MjpegCamera":
        camera = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                try:
                    camera._serve(self)
                except OSError:
                    self.close_connection = True

            def log_message(self, *args: object) -> None:
                pass

        self._stopped = threading.Event()
        self._server = _Server(("127.0.0.1", self._port), Handler)
        self._port = self._server.server_address[1]
        threading.Thread(target=self._server.serve_forever, args=(0.05,), daemon=True).start()
        return self

    def stop(self) -> None:
        self._stopped.set()
        if self._server is not None:
            self._server.shutdown()
            self._server.server_close()
            self._server = None

    def _serve(self, request: BaseHTTPRequestHandler) -> None:
        stopped = self._stopped
        while self.mode == "mute" and not stopped.wait(0.05):
            pass
        request.send_response(200)
        request.send_header("Content-Type", "multipart/x-mixed-replace; boundary=next")
        request.end_headers()
        while not stopped.wait(1 / FPS):
            if self.mode == "silent":
                continue
            if self.mode == "moving" or not self._jpeg:
                self.sent += 1
                self._jpeg = cv2.imencode(".jpg", picture(self.sent, *self.size))[1].tobytes()
            jpeg = self._jpeg
            head = f"--next\r\nContent-Type: image/jpeg\r\nContent-Length: {len(jpeg)}\r\n\r\n"
            request.wfile.write(head.encode() + jpeg + b"\r\n")
