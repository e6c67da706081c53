"""A network camera for tests that speaks RTSP: H.264 in RTP, interleaved in its TCP connection (RFC 2326, 10.12)."""

from __future__ import annotations

import contextlib
import socket
import socketserver
import struct
import threading
from fractions import Fraction

import av
from av.video.stream import VideoStream

from tests.capture.mjpeg import picture

FPS = 25
_SDP = """v=0\r
o=- 0 0 IN IP4 127.0.0.1\r
s=test\r
c=IN IP4 0.0.0.0\r
t=0 0\r
m=video 0 RTP/AVP 96\r
a=rtpmap:96 H264/90000\r
a=fmtp:96 packetization-mode=1\r
a=control:track1\r
"""


class _Server(socketserver.ThreadingTCPServer):
    daemon_threads = True
    allow_reuse_address = True
    stopped: threading.Event


class _Client(socketserver.StreamRequestHandler):
    """Answers requests until PLAY, then sends a moving picture until one side has had enough."""

    server: _Server

    def handle(self) -> None:
        self.connection.settimeout(5.0)
        with contextlib.suppress(OSError):
            while (request := self._request()) is not None:
                method, sequence = request
                self._answer(method, sequence)
                if method == "PLAY":
                    self._play()
                    return

    def _request(self) -> tuple[str, str] | None:
        lines: list[str] = []
        while (line := self.rfile.readline().decode().strip()) or not lines:
            if not line:
                return None
            lines.append(line)
        sequence = next(each.split(":", 1)[1].strip() for each in lines if each.lower().startswith("cseq:"))
        return lines[0].split()[0], sequence

    def _answer(self, method: str, sequence: str) -> None:
        fields = [f"CSeq: {sequence}", "Session: 1"]
        body = ""
        if method == "OPTIONS":
            fields.append("Public: OPTIONS, DESCRIBE, SETUP, PLAY, TEARDOWN, GET_PARAMETER")
        elif method == "DESCRIBE":
            body = _SDP
            fields += ["Content-Type: application/sdp", f"Content-Length: {len(body)}"]
        elif method == "SETUP":
            fields.append("Transport: RTP/AVP/TCP;unicast;interleaved=0-1")
        self.wfile.write(("RTSP/1.0 200 OK\r\n" + "\r\n".join(fields) + "\r\n\r\n" + body).encode())

    def _play(self) -> None:
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as packets:  # ffmpeg packs the stream, this relays it
            packets.bind(("127.0.0.1", 0))
            packets.settimeout(0.01)
            address = f"rtp://127.0.0.1:{packets.getsockname()[1]}?pkt_size=1200"
            with av.open(address, "w", format="rtp") as output:
                stream = output.add_stream(
                    "libx264", rate=FPS, options={"tune": "zerolatency", "g": "12", "x264-params": "repeat-headers=1"}
                )
                assert isinstance(stream, VideoStream)
                stream.width, stream.height, stream.pix_fmt = 320, 240, "yuv420p"
                for number in range(FPS * 600):
                    if self.server.stopped.wait(1 / FPS):
                        return
                    frame = av.VideoFrame.from_ndarray(picture(number, 320, 240), format="bgr24")
                    frame.pts, frame.time_base = number, Fraction(1, FPS)
                    output.mux(stream.encode(frame))
                    with contextlib.suppress(TimeoutError):
                        while True:
                            packet = packets.recv(2048)
                            channel = 1 if 200 <= packet[1] <= 204 else 0  # RTCP, RTP
                            self.wfile.write(struct.pack(">cBH", b"$", channel, len(packet)) + packet)


class RtspCamera:
    """Listens from `start` to `stop`, always at the same address."""

    def __init__(self) -> None:
        self._server: _Server | None = None
        self._port = 0

    @property
    def url(self) -> str:
        """The address, once it has been started."""
        return f"rtsp://127.0.0.1:{self._port}/stream"

    def start(self) -> None:
        self._server = _Server(("127.0.0.1", self._port), _Client)
        self._server.stopped = threading.Event()
        self._port = self._server.server_address[1]
        threading.Thread(target=self._server.serve_forever, args=(0.05,), daemon=True).start()

    def stop(self) -> None:
        """Drop the connections and refuse new ones."""
        if self._server is not None:
            self._server.stopped.set()
            self._server.shutdown()
            self._server.server_close()
            self._server = None
