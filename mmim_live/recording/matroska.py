"""Writes video and audio to a Matroska file that is playable however the writing ends.

Video is MPEG-4 part 2 at a fixed, fine quantizer: of the encoders in PyAV, the fastest whose frames give the face
landmarker the same result as the originals. Audio is FLAC, lossless at 16 bits.
"""

from __future__ import annotations

import os
from collections.abc import Iterable
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import av.error
import av.logging
import numpy as np
from av.audio.frame import AudioFrame
from av.audio.stream import AudioStream
from av.codec import Codec
from av.packet import Packet
from av.video.frame import VideoFrame as CodedFrame
from av.video.stream import VideoStream
from numpy.typing import NDArray

from mmim_live.errors import OutputError
from mmim_live.output.file_modes import new_file_mode
from mmim_live.output.files import output_error
from mmim_live.types import SAMPLE_RATE_HZ, AudioBlock, VideoFrame

# The first one available in this PyAV is used.
VIDEO_CODECS: tuple[tuple[str, dict[str, str]], ...] = (
    ("mpeg4", {"qmin": "2", "qmax": "2"}),
    ("libx264", {"preset": "ultrafast", "tune": "zerolatency", "crf": "18"}),
)
AUDIO_CODECS: tuple[tuple[str, dict[str, str]], ...] = (("flac", {}), ("pcm_s16le", {}))
PIXEL_FORMAT = "yuv420p"
TICKS = Fraction(1, 1000)  # Matroska's own
KEY_EVERY = 30  # frames
_FULL_SCALE = 32767
# What a killed process may lose: a cluster that is not yet written, and packets that wait for the other track.
_OPTIONS = {"cluster_time_limit": "500", "max_interleave_delta": "500000", "flush_packets": "1"}


class MatroskaFile:
    """One file with a video track of `size` (width, height; None: no video) and, with `audio`, an audio track.

    Times are seconds from the beginning of the file. Raises OutputError when it cannot be written.
    """

    def __init__(self, path: Path, size: tuple[int, int] | None, *, audio: bool) -> None:
        self.path = path
        self.frames = 0
        self._video: VideoStream | None = None
        self._audio: AudioStream | None = None
        self._ticks = -1  # of the last frame
        av.logging.set_level(None)  # ffmpeg's own messages would garble the screen
        try:
            # Not left to ffmpeg, which would let everybody read it.
            os.close(os.open(path, os.O_WRONLY | os.O_CREAT, new_file_mode(path.absolute().parent)))
            self._container = av.open(str(path.absolute()), "w", format="matroska", options=_OPTIONS)
        except (av.error.FFmpegError, OSError) as error:
            raise _failed(path, error) from error
        if size is not None:
            self._video = self._add_video(*size)
        if audio:
            codec, options = _available(AUDIO_CODECS)
            stream = self._container.add_stream(codec, SAMPLE_RATE_HZ, options, format="s16", layout="mono")
            assert isinstance(stream, AudioStream)
            self._audio = stream

    def write_frame(self, frame: VideoFrame, time_s: float) -> None:
        """Write a frame captured at `time_s`, which must increase."""
        assert self._video is not None
        image = fitted(frame.image, self._video.width, self._video.height)
        coded = CodedFrame.from_ndarray(image, format="rgb24").reformat(format=PIXEL_FORMAT, threads=1)
        self._ticks = max(self._ticks + 1, round(time_s / TICKS))
        coded.pts, coded.time_base = self._ticks, TICKS
        self._write(self._video.encode(coded))
        self.frames += 1

    def write_audio(self, block: AudioBlock, time_s: float) -> None:
        """Write audio whose first sample was captured at `time_s`."""
        assert self._audio is not None
        samples = np.rint(np.clip(block.samples, -1.0, 1.0) * _FULL_SCALE).astype(np.int16)
        frame = AudioFrame.from_ndarray(samples[np.newaxis], format="s16", layout="mono")
        frame.sample_rate = SAMPLE_RATE_HZ
        frame.pts, frame.time_base = round(time_s * SAMPLE_RATE_HZ), Fraction(1, SAMPLE_RATE_HZ)
        self._write(self._audio.encode(frame))

    def close(self) -> None:
        """Write what the encoders still hold, and the index."""
        try:
            for stream in (self._video, self._audio):
                if stream is not None:
                    self._write(stream.encode(None))
            self._container.close()
        except (av.error.FFmpegError, OSError) as error:
            raise _failed(self.path, error) from error

    def _add_video(self, width: int, height: int) -> VideoStream:
        codec, options = _available(VIDEO_CODECS)
        stream: Any = self._container.add_stream(codec, rate=Fraction(15), options=options)
        stream.width, stream.height, stream.pix_fmt = max(2, width // 2 * 2), max(2, height // 2 * 2), PIXEL_FORMAT
        context = stream.codec_context
        context.time_base, context.gop_size, context.thread_count = TICKS, KEY_EVERY, 1
        assert isinstance(stream, VideoStream)
        return stream

    def _write(self, packets: Iterable[Packet[Any]]) -> None:
        try:
            for packet in packets:
                self._container.mux(packet)
        except (av.error.FFmpegError, OSError) as error:
            raise _failed(self.path, error) from error


def fitted(image: NDArray[np.uint8], width: int, height: int) -> NDArray[np.uint8]:
    """The image [h, w, 3] as [height, width, 3]: cropped by a row or column, or else letterboxed."""
    tall, wide = image.shape[:2]
    if (tall, wide) == (height, width):
        return image
    if 0 <= tall - height <= 1 and 0 <= wide - width <= 1:
        return np.ascontiguousarray(image[:height, :width])
    scale = min(width / wide, height / tall)
    size = max(1, min(width, round(wide * scale))), max(1, min(height, round(tall * scale)))
    small = CodedFrame.from_ndarray(image, format="rgb24").reformat(*size, "rgb24", threads=1).to_ndarray()
    canvas = np.zeros((height, width, 3), np.uint8)
    top, left = (height - size[1]) // 2, (width - size[0]) // 2
    canvas[top : top + size[1], left : left + size[0]] = small
    return canvas


def _available(codecs: tuple[tuple[str, dict[str, str]], ...]) -> tuple[str, dict[str, str]]:
    for name, options in codecs:
        try:
            Codec(name, "w")
        except (av.error.FFmpegError, ValueError):
            continue
        return name, options
    names = " nor ".join(name for name, _ in codecs)
    raise OutputError(f"cannot record: this PyAV has no encoder {names}; reinstall it with `pip install av`")


def _failed(path: Path, error: Exception) -> OutputError:
    if isinstance(error, OSError):
        return output_error(path, error)
    return OutputError(f"cannot write {path}: {error}; choose another place")
