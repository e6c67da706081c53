"""Opens a recording's container, rejects what cannot be read, and chooses its tracks."""

from __future__ import annotations

import os
import stat
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

import av
import av.error
import av.logging
from av.audio.stream import AudioStream
from av.container import InputContainer
from av.stream import Discard, Disposition, Stream
from av.video.stream import VideoStream

from mmim_live.errors import MediaError

# Only self-contained containers, and only local files: a playlist (HLS, DASH, concat) could lead anywhere, even into
# the network, and ffmpeg would render a text file as video of a terminal (tty).
FORMATS = (
    "aac,ac3,aiff,amr,ape,asf,au,avi,caf,dv,eac3,flac,flv,gif,h264,hevc,ivf,m4v,matroska,mov,mp3,mp4,mpeg,mpegts,"
    "mpegvideo,mxf,nut,ogg,rm,tta,w64,wav,webm,wv,yuv4mpegpipe"
)
_OPTIONS = {"format_whitelist": FORMATS, "protocol_whitelist": "file"}

# Every atom that an MPEG-4 or QuickTime file may start with.
_MP4_ATOMS = (b"ftyp", b"mdat", b"wide", b"free", b"skip", b"moov", b"pnot")

_STILL_IMAGES = Disposition.attached_pic | Disposition.timed_thumbnails

_Track = TypeVar("_Track", AudioStream, VideoStream)


@dataclass(frozen=True, slots=True)
class Tracks:
    """The chosen track of each kind, and how many there were to choose from."""

    audio: AudioStream | None
    video: VideoStream | None
    audio_count: int
    video_count: int

    @property
    def start_s(self) -> float:
        """The earliest start of the chosen tracks on the container's own clock: media time 0."""
        starts = [
            float(stream.start_time * stream.time_base)
            for stream in (self.audio, self.video)
            if stream is not None and stream.start_time is not None and stream.time_base is not None
        ]
        return min(starts, default=0.0)


def one_line(path: Path) -> str:
    """The path on one line, for error messages."""
    return " ".join(str(path).splitlines())


def open_container(path: Path) -> InputContainer:
    """Open the container of a readable, complete recording.

    Raises:
        MediaError: not a file, not readable, empty, not a recording, or truncated.
    """
    av.logging.set_level(None)  # ffmpeg's own messages would corrupt the screen
    _check_file(path)
    try:
        container = av.open(str(path.absolute()), "r", options=_OPTIONS, metadata_errors="replace")
    except (av.error.PermissionError, PermissionError) as error:
        raise _not_permitted(path) from error
    except (av.error.FFmpegError, ValueError) as error:
        raise MediaError(_open_failure(path)) from error
    try:
        _check_not_truncated(container, path)
    except MediaError:
        container.close()
        raise
    return container


def choose_tracks(container: InputContainer) -> Tracks:
    """By ffmpeg's rule: the default track first, then the richer one; cover art and thumbnails do not count."""
    audio = list(container.streams.audio)
    video = [stream for stream in container.streams.video if not stream.disposition & _STILL_IMAGES]
    return Tracks(
        audio=_best(audio, container.streams.best("audio")),
        video=_best(video, container.streams.best("video")),
        audio_count=len(audio),
        video_count=len(video),
    )


def keep_only(container: InputContainer, stream: Stream) -> None:
    """Have ffmpeg discard the packets of all other streams."""
    for other in container.streams:
        if other.index != stream.index:
            other.discard = Discard.all


def _best(streams: list[_Track], best: Stream | None) -> _Track | None:
    if not streams:
        return None
    return next((stream for stream in streams if best is not None and stream.index == best.index), streams[0])


def _check_file(path: Path) -> None:
    shown = one_line(path)
    try:
        status = path.stat()
    except PermissionError as error:
        raise _not_permitted(path) from error
    except (FileNotFoundError, NotADirectoryError) as error:
        raise MediaError(f"{shown}: no such file; check the name and the folder") from error
    except (OSError, ValueError) as error:
        raise MediaError(f"{shown}: cannot be found ({error}); check the name") from error
    if stat.S_ISDIR(status.st_mode):
        raise MediaError(f"{shown}: is a folder; give a recording in it")
    if not stat.S_ISREG(status.st_mode):
        raise MediaError(f"{shown}: is not a regular file; record it to a file first")
    if not os.access(path, os.R_OK):
        raise _not_permitted(path)
    if status.st_size == 0:
        raise MediaError(f"{shown}: is empty (0 bytes); copy or record it again")


def _not_permitted(path: Path) -> MediaError:
    return MediaError(f"{one_line(path)}: permission denied; change its permissions (chmod u+r) or its owner")


def _open_failure(path: Path) -> str:
    shown = one_line(path)
    try:
        with path.open("rb") as file:
            head = file.read(12)
    except OSError:
        head = b""
    if head[4:8] in _MP4_ATOMS:
        return (
            f"{shown}: is truncated or damaged: its index (the moov atom) is missing or broken; "
            "copy it again from the original"
        )
    known = "mp4, mov, mkv, webm, avi, mpg, wav, flac, mp3"
    return f"{shown}: is not a readable recording; give a video or audio file ({known})"


def _check_not_truncated(container: InputContainer, path: Path) -> None:
    """An MPEG-4 file whose index points past its end is truncated: ffmpeg would notice only when it gets there."""
    if "mp4" not in container.format.name.split(","):
        return
    size = path.stat().st_size
    held_s: float | None = None
    for stream in (*container.streams.audio, *container.streams.video):
        missing = next((entry for entry in stream.index_entries if entry.pos + entry.size > size), None)
        if missing is not None and stream.time_base is not None:
            time_s = max(float(missing.timestamp * stream.time_base), 0.0)
            held_s = time_s if held_s is None else min(held_s, time_s)
    if held_s is not None:
        whole = f" of {container.duration / 1_000_000:.1f}" if container.duration else ""
        raise MediaError(
            f"{one_line(path)}: is truncated: has {held_s:.1f}{whole} s; copy it again, or keep what is there with "
            "`ffmpeg -i in.mp4 -c copy whole.mp4`"
        )
