"""Brings a recording from an address to a local file, from which it is analyzed.

A file on a web server is copied byte by byte, so that it gives what the same file gives here. A stream (RTSP, RTMP, an
HLS playlist) is written to Matroska as it comes, not encoded again, until it ends.
"""

from __future__ import annotations

import base64
import contextlib
import hashlib
import http.client
import math
import re
import urllib.error
import urllib.request
from collections.abc import Callable
from pathlib import Path, PurePosixPath
from typing import BinaryIO
from urllib.parse import SplitResult, unquote, urlsplit

import av
import av.error
import av.logging
from av.container import InputContainer, OutputContainer
from av.stream import Stream

from mmim_live.capture.files.container import choose_tracks
from mmim_live.errors import MediaError
from mmim_live.text_normalization import one_line

DOWNLOADS = ("http", "https")
STREAMS = ("rtsp", "rtsps", "rtmp", "rtmps")
TIMEOUT_S = 20.0  # without an answer
SLACK_S = 1.0  # of a stream beyond the end that was asked for: frames come out of order
_PLAYLIST = b"#EXTM3U"
# What an address may lead to; never to files of this machine.
_OPTIONS = {"protocol_whitelist": "http,https,tcp,tls,rtsp,rtp,udp,rtmp,rtmps,crypto", "rtsp_transport": "tcp"}
_CHUNK_BYTES = 2**18


def is_address(source: str) -> bool:
    """Whether this is an address that `fetch` can bring."""
    return source.partition("://")[0].lower() in (*DOWNLOADS, *STREAMS) and "://" in source


def shown_address(address: str) -> str:
    """The address without what may be secret: user, password and query. A query leaves a digest, to tell two apart."""
    parts = _split(address)
    shown = f"{parts.scheme}://{parts.netloc.rpartition('@')[2]}{parts.path}"
    return f"{shown}?{hashlib.sha256(parts.query.encode('utf-8', 'replace')).hexdigest()[:8]}" if parts.query else shown


def file_name(address: str) -> str:
    """A name for the local file: the last part of the address that is one."""
    parts = _split(address)
    name = PurePosixPath(unquote(parts.path)).name or parts.hostname or "stream"
    return re.sub(r"[^\w.() -]", "_", name)[:100].lstrip(".") or "stream"


def fetch(
    address: str, folder: Path, end_s: float = math.inf, progress: Callable[[float | None], None] = lambda _: None
) -> Path:
    """Bring what is at the address into the folder. Of a stream only what precedes `end_s` is needed.

    `progress` is called with the share that is here, None if that is unknown.

    Raises:
        MediaError: it cannot be reached, holds no recording, or there is no room for it.
    """
    path = folder / file_name(address)
    try:
        if _split(address).scheme in DOWNLOADS:
            _download(address, path, progress)
            with path.open("rb") as file:
                is_playlist = file.read(len(_PLAYLIST)) == _PLAYLIST
            if not is_playlist:
                return path
        path = path.with_name(f"{path.stem}.mkv")
        _record(address, path, end_s, progress)
    except (OSError, ValueError, http.client.HTTPException) as error:  # av's errors are OSErrors, too
        raise MediaError(f"{shown_address(address)}: {_reason(error)}; check the address") from error
    return path


def copy(stream: BinaryIO, path: Path) -> None:
    """Write all that a stream holds to a file. Raises OSError."""
    with path.open("wb") as file:
        while piece := stream.read(_CHUNK_BYTES):
            file.write(piece)


def _split(address: str) -> SplitResult:
    try:
        return urlsplit(address)
    except ValueError as error:  # such as a bracket without its other half
        raise MediaError(f"{address!r} is no address: {error}") from error


def _reason(error: Exception) -> str:
    match error:
        case urllib.error.HTTPError():
            reason = f"HTTP {error.code} {error.reason}"
        case urllib.error.URLError(reason=OSError() as cause):
            reason = cause.strerror or str(cause)
        case OSError():
            reason = error.strerror or str(error)
        case _:
            reason = str(error)
    return one_line(reason) or type(error).__name__


def _request(address: str) -> urllib.request.Request:
    """The request; a user and password in the address become a header, which no other server gets."""
    parts = _split(address)
    user, at, host = parts.netloc.rpartition("@")
    request = urllib.request.Request(parts._replace(netloc=host).geturl())  # noqa: S310 (http or https)
    if at:
        request.add_unredirected_header("Authorization", f"Basic {base64.b64encode(unquote(user).encode()).decode()}")
    return request


def _download(address: str, path: Path, progress: Callable[[float | None], None]) -> None:
    with urllib.request.urlopen(_request(address), timeout=TIMEOUT_S) as answer, path.open("wb") as file:  # noqa: S310
        total, done = int(answer.headers.get("Content-Length") or 0), 0
        while piece := answer.read(_CHUNK_BYTES):
            file.write(piece)
            done += len(piece)
            progress(done / total if total else None)
    if total and done < total:
        raise OSError(f"the connection ended after {done} of {total} bytes")


def _record(address: str, path: Path, end_s: float, progress: Callable[[float | None], None]) -> None:
    """Write the tracks of a stream to a Matroska file until it ends, or breaks off after it has begun."""
    av.logging.set_level(None)
    with av.open(address, "r", options=_OPTIONS, timeout=TIMEOUT_S) as source:
        tracks = choose_tracks(source)
        chosen: list[Stream] = [each for each in (tracks.audio, tracks.video) if each is not None]
        if not chosen:
            raise ValueError("it has neither audio nor video")
        with av.open(str(path), "w", format="matroska") as target:
            _copy_packets(source, target, chosen, end_s, progress)


def _copy_packets(
    source: InputContainer,
    target: OutputContainer,
    chosen: list[Stream],
    end_s: float,
    progress: Callable[[float | None], None],
) -> None:
    targets = {each.index: target.add_stream_from_template(each) for each in chosen}
    begin_s: float | None = None
    with contextlib.suppress(av.error.FFmpegError):  # it broke off: what has come is a recording
        for packet in source.demux(chosen):
            if packet.dts is None or packet.time_base is None:
                continue
            time_s = float(packet.dts * packet.time_base)
            begin_s = time_s if begin_s is None else begin_s
            if time_s - begin_s > end_s + SLACK_S:
                return
            packet.stream = targets[packet.stream.index]
            target.mux(packet)
            progress(None if math.isinf(end_s) else min((time_s - begin_s) / (end_s + SLACK_S), 1.0))
    if begin_s is None:
        raise ValueError("nothing came")
