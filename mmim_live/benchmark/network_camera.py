"""A network camera: JPEG pictures over HTTP on the loopback interface, which can be stopped and started again."""

from __future__ import annotations

import itertools
import threading
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

from mmim_live.errors import DeviceError

FPS = 25
MAX_PICTURES = 60 * FPS  # of a video: what is served is kept in memory
BOUNDARY = "next"


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    allow_reuse_address = True


class NetworkCamera:
    """Listens from `start` to `stop`, always at the same address."""

    def __init__(self, next_jpeg: Callable[[], bytes | None], fps: float = FPS) -> None:
        """`next_jpeg` is called `fps` times per second for each client; None sends nothing."""
        self._next_jpeg = next_jpeg
        self._interval_s = 1 / fps
        self._stopped = threading.Event()
        self._server: _Server | None = None
        self._port = 0

    @property
    def url(self) -> str:
        """The address, once it has been started."""
        return f"http://127.0.0.1:{self._port}/cam.mjpg"

    def start(self) -> None:
        """Listen, in the background."""
        camera = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                try:
                    camera.serve(self, camera._stopped)
                except OSError:
                    self.close_connection = True

            def log_message(self, *args: object) -> None:
                """Log nothing."""

        self._stopped = threading.Event()
        self._server = _Server(("127.0.0.1", self._port), Handler)
        self._port = self._server.server_address[1]
        threading.Thread(target=self._server.serve_forever, args=(0.05,), daemon=True).start()

    def stop(self) -> None:
        """Drop the connections and refuse new ones."""
        self._stopped.set()
        if self._server is not None:
            self._server.shutdown()
            self._server.server_close()
            self._server = None

    def serve(self, request: BaseHTTPRequestHandler, stopped: threading.Event) -> None:
        """Answer one client until `stopped`. Raises OSError once it has gone."""
        request.send_response(200)
        request.send_header("Content-Type", f"multipart/x-mixed-replace; boundary={BOUNDARY}")
        request.end_headers()
        while not stopped.wait(self._interval_s):
            jpeg = self._next_jpeg()
            if jpeg is not None:
                head = f"--{BOUNDARY}\r\nContent-Type: image/jpeg\r\nContent-Length: {len(jpeg)}\r\n\r\n"
                request.wfile.write(head.encode() + jpeg + b"\r\n")


def video_camera(path: Path) -> NetworkCamera:
    """A camera that shows the first minute of a video again and again. Raises DeviceError if it cannot be read."""
    import cv2

    capture = cv2.VideoCapture(str(path))
    fps = capture.get(cv2.CAP_PROP_FPS) or FPS
    jpegs: list[bytes] = []
    while len(jpegs) < MAX_PICTURES:
        found, image = capture.read()
        if not found:
            break
        jpegs.append(cv2.imencode(".jpg", image)[1].tobytes())
    capture.release()
    if not jpegs:
        raise DeviceError(f"cannot read {path} as a video: to test a camera, give a video of a face")
    pictures = itertools.cycle(jpegs)
    return NetworkCamera(lambda: next(pictures), fps)
