"""Recordings from addresses: a web server, an RTSP camera and an HLS playlist on this machine."""

from __future__ import annotations

import functools
import http.server
import math
import threading
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit

import av
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mmim_live import assets
from mmim_live.capture.files.media_file import MediaFile
from mmim_live.capture.files.remote import fetch, file_name, is_address, shown_address
from mmim_live.errors import MediaError
from tests.capture.rtsp import RtspCamera

SAMPLE = assets.BUNDLED_FOLDER / "sample.mp4"


class Handler(http.server.SimpleHTTPRequestHandler):
    """Serves a folder; /cut ends too early, /away leads to a file of this machine."""

    def do_GET(self) -> None:
        if self.path == "/private.mp4" and self.headers.get("Authorization") != "Basic bWU6c2U6Y3JldA==":  # me:se:cret
            self.send_error(401)
        elif self.path == "/cut.mp4":
            self.send_response(200)
            self.send_header("Content-Length", "100000")
            self.end_headers()
            self.wfile.write(b"abc")
        elif self.path == "/away.mp4":
            self.send_response(302)
            self.send_header("Location", "file:///etc/hostname")
            self.end_headers()
        else:
            super().do_GET()

    def log_message(self, *_: object) -> None:
        """Nothing."""


@pytest.fixture
def served(tmp_path: Path) -> Iterator[tuple[Path, str]]:
    """A folder, and the address at which it is served."""
    folder = tmp_path / "served"
    folder.mkdir()
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), functools.partial(Handler, directory=str(folder)))
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    yield folder, f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    server.server_close()
    thread.join()


def test_a_file_on_a_web_server_arrives_as_it_is(served: tuple[Path, str], tmp_path: Path) -> None:
    folder, address = served
    (folder / "a talk.mp4").write_bytes(SAMPLE.read_bytes())
    shares: list[float | None] = []
    path = fetch(f"{address}/a%20talk.mp4?token=x", tmp_path, progress=shares.append)
    assert path.name == "a talk.mp4"
    assert path.read_bytes() == SAMPLE.read_bytes()
    assert shares[-1] == 1.0


def test_a_user_and_password_are_sent_as_web_servers_want_them(served: tuple[Path, str], tmp_path: Path) -> None:
    folder, address = served
    (folder / "private.mp4").write_bytes(SAMPLE.read_bytes())
    assert fetch(f"{address}/private.mp4".replace("//", "//me:se%3Acret@"), tmp_path).is_file()
    with pytest.raises(MediaError, match="HTTP 401"):
        fetch(f"{address}/private.mp4", tmp_path)


def test_a_playlist_is_played_to_its_end(served: tuple[Path, str], tmp_path: Path) -> None:
    folder, address = served
    with (
        av.open(str(SAMPLE)) as source,
        av.open(
            str(folder / "talk.m3u8"), "w", format="hls", options={"hls_time": "4", "hls_list_size": "0"}
        ) as target,
    ):
        targets = {each.index: target.add_stream_from_template(each) for each in source.streams}
        for packet in source.demux():
            if packet.dts is not None:
                packet.stream = targets[packet.stream.index]
                target.mux(packet)
    path = fetch(f"{address}/talk.m3u8", tmp_path)
    with MediaFile(path) as media:
        assert (media.has_audio, media.has_video) == (True, True)
        assert media.duration_s == pytest.approx(22.3, abs=0.3)


def test_a_playlist_cannot_lead_to_files_of_this_machine(served: tuple[Path, str], tmp_path: Path) -> None:
    folder, address = served
    (folder / "evil.m3u8").write_text(
        f"#EXTM3U\n#EXT-X-TARGETDURATION:22\n#EXTINF:22,\n{SAMPLE.as_uri()}\n#EXT-X-ENDLIST\n"
    )
    with pytest.raises(MediaError, match=r"evil\.m3u8: .*; check the address"):
        fetch(f"{address}/evil.m3u8", tmp_path)


def test_a_camera_is_recorded_up_to_the_end_that_was_asked_for(tmp_path: Path) -> None:
    camera = RtspCamera()
    camera.start()
    try:
        path = fetch(camera.url, tmp_path, end_s=2.0)
    finally:
        camera.stop()
    with MediaFile(path) as media:
        times = []
        while (item := media.read()) is not None:
            times.append(item.time_s)  # type: ignore[union-attr]
    assert 2.0 <= times[-1] < 6.0


@pytest.mark.parametrize(
    ("name", "reason"),
    [
        ("none.mp4", "HTTP 404"),
        ("cut.mp4", "ended after 3 of 100000 bytes|IncompleteRead"),
        ("away.mp4", "not allowed|file"),
    ],
)
def test_what_does_not_arrive_is_named_in_one_line(
    served: tuple[Path, str], tmp_path: Path, name: str, reason: str
) -> None:
    address = f"{served[1]}/{name}"
    with pytest.raises(MediaError, match=rf"^{address}: [^\n]*({reason})[^\n]*; check the address$"):
        fetch(address, tmp_path)


def test_nobody_there_is_named_without_the_password(tmp_path: Path) -> None:
    with pytest.raises(MediaError, match=r"^http://127\.0\.0\.1:9/x\.mp4\?[0-9a-f]{8}: [^\n]*refused[^\n]*$"):
        fetch("http://me:secret@127.0.0.1:9/x.mp4?token=secret", tmp_path)
    with pytest.raises(MediaError, match=r"^rtsp://127\.0\.0\.1:9/cam: [^\n]+$"):
        fetch("rtsp://me:secret@127.0.0.1:9/cam", tmp_path, math.inf)


@pytest.mark.parametrize(
    "source", ["talk.mp4", "file:///etc/passwd", "concat:a|b", "C:/x.mp4", "http:/x", "ftp://h/x", "://"]
)
def test_other_things_are_no_addresses(source: str) -> None:
    assert not is_address(source)


@given(
    st.text() | st.sampled_from(["/..", "/../../etc/x", "/%2e%2e%2fx", "/.hidden", "/a:b", "//", "/\x00", "[", "/%00"])
)
def test_whatever_the_address_the_file_lies_in_the_folder(rest: str) -> None:
    address = f"https://example.com{rest}"
    try:
        name, shown = file_name(address), shown_address(address)
    except MediaError as error:
        assert "is no address" in str(error)  # noqa: PT017 (either is right)
        return
    assert name
    assert Path(name).name == name
    assert name not in {".", ".."}
    assert "\x00" not in name
    assert urlsplit(shown).username is None
