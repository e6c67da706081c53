"""Decodes one track of a recording: frames upright in RGB, audio as contiguous 16 kHz mono.

Each track has its own demuxer, so that it never waits for packets of another, however badly the file is interleaved.
"""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from typing import cast

import av
import av.error
import numpy as np
from av.audio.frame import AudioFrame
from av.audio.resampler import AudioResampler
from av.audio.stream import AudioStream
from av.container import InputContainer
from av.sidedata.sidedata import SideDataContainer
from av.sidedata.sidedata import Type as SideDataType
from av.stream import Stream
from av.video.frame import VideoFrame as DecodedFrame
from av.video.stream import VideoStream
from numpy.typing import NDArray

from mmim_live.capture.files.limits import is_sane_rate
from mmim_live.capture.files.timestamps import STAMP_ROUNDING_S, AudioTimeline, FrameClock, FrameGrid, GapLimiter
from mmim_live.errors import MediaError
from mmim_live.types import SAMPLE_RATE_HZ, AudioBlock, VideoFrame

BLOCK_SAMPLES = SAMPLE_RATE_HZ // 10  # 0.1 s: what a microphone delivers at once
_MIXING = {"rematrix_maxval": "1.0"}  # without it, float stereo is mixed to up to 1.41 times full scale
MAX_DEMUX_FAULTS = 100  # in a row: nothing readable follows then
_SANE_ASPECT = (0.25, 4.0)  # of a pixel; anything else is an error in the header

Samples = NDArray[np.float32]
Image = NDArray[np.uint8]
Matrix = NDArray[np.int32]


@dataclass(slots=True)
class Track:
    """One stream with a demuxer of its own. `skipped` counts the packets that could not be decoded."""

    container: InputContainer
    stream: AudioStream | VideoStream
    label: str  # of the file, for messages
    interrupted: threading.Event  # ends the track early
    skipped: int = field(default=0, init=False)

    def frames(self) -> Iterator[AudioFrame | DecodedFrame]:
        """All that can be decoded, in presentation order. Raises MediaError if the disk fails."""
        for packet in self._packets():
            if self.interrupted.is_set():
                return
            try:
                for frame in packet.decode():
                    if isinstance(frame, AudioFrame | DecodedFrame):
                        yield frame
            except av.error.FFmpegError:
                self.skipped += 1

    def seek(self, time_s: float) -> None:
        """Go to the last key frame before a time on the container's clock; without an index, stay at the beginning."""
        if self.stream.time_base is not None:
            with contextlib.suppress(av.error.FFmpegError):
                self.container.seek(int(time_s / self.stream.time_base), stream=self.stream)

    def _packets(self) -> Iterator[av.Packet[Stream]]:
        """All packets and a final, empty one; faults of the container are skipped while something follows them."""
        faults = 0
        while faults < MAX_DEMUX_FAULTS:
            try:
                for packet in self.container.demux(self.stream):
                    faults = 0
                    yield packet
                return
            except av.error.OSError as error:
                raise MediaError(f"{self.label}: reading failed ({error.strerror}); check the disk") from error
            except av.error.FFmpegError:
                faults += 1
                self.skipped += 1

    def stamp_s(self, frame: AudioFrame | DecodedFrame) -> float | None:
        """The frame's time on the container's clock; a missing one is replaced by the decoding time."""
        stamp = frame.pts if frame.pts is not None else frame.dts
        if stamp is None or self.stream.time_base is None:
            return None
        return float(stamp * self.stream.time_base)


# ---- audio -------------------------------------------------------------------------------------------------------


def audio_blocks(
    track: Track, timeline: AudioTimeline, start_s: float, gaps: GapLimiter, next_frame_s: Callable[[], float]
) -> Iterator[AudioBlock]:
    """Audio in blocks of exactly 0.1 s (the last may be shorter), from media time 0 = `start_s` of the file on.

    `next_frame_s` is the time, on the tracks' clock, of the frame that comes next; infinity: none.
    """
    block = np.empty(BLOCK_SAMPLES, np.float32)
    filled = done = 0
    for piece in _gapless(track, timeline, start_s, gaps, next_frame_s):
        at = 0
        while at < len(piece):
            taken = min(len(piece) - at, BLOCK_SAMPLES - filled)
            block[filled : filled + taken] = piece[at : at + taken]
            at, filled = at + taken, filled + taken
            if filled == BLOCK_SAMPLES:
                yield AudioBlock(done / SAMPLE_RATE_HZ, block)
                block, filled, done = np.empty(BLOCK_SAMPLES, np.float32), 0, done + BLOCK_SAMPLES
    if filled:
        yield AudioBlock(done / SAMPLE_RATE_HZ, block[:filled].copy())


def blocks_until(blocks: Iterator[AudioBlock], end_s: float) -> Iterator[AudioBlock]:
    """The audio up to a time."""
    for block in blocks:
        if block.end_s >= end_s:
            count = round((end_s - block.start_s) * SAMPLE_RATE_HZ)
            if count > 0:
                yield AudioBlock(block.start_s, block.samples[:count])
            return
        yield block


def _gapless(
    track: Track, timeline: AudioTimeline, start_s: float, gaps: GapLimiter, next_frame_s: Callable[[], float]
) -> Iterator[Samples]:
    for stamp_s, samples in _resampled(track):
        if timeline.count == 0 and stamp_s is not None and stamp_s + len(samples) / SAMPLE_RATE_HZ <= start_s:
            continue  # before the excerpt
        silence, skip = timeline.place(None if stamp_s is None else stamp_s - start_s, len(samples))
        begin = timeline.count - (len(samples) - skip)  # of the piece
        while silence > 0:  # piecewise: hours of silence must not be held in memory
            at_s = (begin - silence) / SAMPLE_RATE_HZ
            silence -= gaps.leave_out(at_s, min(begin / SAMPLE_RATE_HZ, next_frame_s()))
            yield np.zeros(min(silence, BLOCK_SAMPLES), np.float32)
            silence -= BLOCK_SAMPLES
        yield samples[skip:]


def _resampled(track: Track) -> Iterator[tuple[float | None, Samples]]:
    """Pieces of 16 kHz mono and their timestamps. Starts a new resampler where format, layout or rate change."""
    resampler: AudioResampler | None = None
    shape: tuple[str, str, int] | None = None
    for frame in track.frames():
        assert isinstance(frame, AudioFrame)
        if frame.samples == 0 or frame.sample_rate == 0:
            continue
        if not is_sane_rate(frame.sample_rate):
            track.skipped += 1
            continue
        frame.pts, frame.time_base = (frame.pts if frame.pts is not None else frame.dts), track.stream.time_base
        if shape != (shape := (frame.format.name, frame.layout.name, frame.sample_rate)):
            yield from _samples(resampler.resample(None) if resampler else [])
            resampler = AudioResampler(format="flt", layout="mono", rate=SAMPLE_RATE_HZ, options=_MIXING)
        assert resampler is not None
        try:
            pieces = resampler.resample(frame)
        except (av.error.FFmpegError, ValueError):  # a layout without a rule for mixing down
            track.skipped += 1
            resampler, shape = None, None  # it could not even be flushed
            continue
        yield from _samples(pieces)
    yield from _samples(resampler.resample(None) if resampler else [])


def _samples(frames: Iterable[AudioFrame | None]) -> Iterator[tuple[float | None, Samples]]:
    for frame in frames:
        if frame is not None and frame.samples:  # an idle resampler returns None when flushed
            yield frame.time, np.nan_to_num(frame.to_ndarray().reshape(-1).astype(np.float32, copy=False))


# ---- video -------------------------------------------------------------------------------------------------------


def video_frames(
    track: Track, clock: FrameClock, grid: FrameGrid, start_s: float, max_side_px: int
) -> Iterator[VideoFrame]:
    """The frames that the grid selects; only those are converted."""
    assert isinstance(track.stream, VideoStream)
    aspect = float(track.stream.sample_aspect_ratio or 1)
    rotation: int | None = None
    matrix: Matrix | None = None
    for decoded in track.frames():
        assert isinstance(decoded, DecodedFrame)
        if decoded.rotation != rotation:
            # Not for each frame: a frame whose side data have been read is part of a reference cycle, and the garbage
            # collector would let hundreds of them pile up.
            rotation, matrix = decoded.rotation, display_matrix(decoded)
        stamp_s = track.stamp_s(decoded)
        if not clock.started and stamp_s is not None and stamp_s < start_s - STAMP_ROUNDING_S:
            continue  # before the excerpt
        time_s = clock.time(None if stamp_s is None else stamp_s - start_s)
        if grid.accepts(time_s):
            try:
                image = upright_rgb(decoded, aspect, matrix, max_side_px)
            except (av.error.FFmpegError, ValueError):  # a pixel format or size that swscale does not support
                track.skipped += 1
                continue
            yield VideoFrame(time_s, image)


def upright_rgb(decoded: DecodedFrame, aspect: float, matrix: Matrix | None, max_side_px: int) -> Image:
    """[height, width, 3]: square pixels, scaled down to sides of at most `max_side_px`, rotated as displayed.

    `aspect` is the width of a pixel divided by its height.
    """
    if not _SANE_ASPECT[0] <= aspect <= _SANE_ASPECT[1]:
        aspect = 1.0
    width, height = decoded.width * max(aspect, 1.0), decoded.height / min(aspect, 1.0)
    scale = min(1.0, max_side_px / max(width, height))
    rgb = decoded.reformat(
        max(round(width * scale), 1), max(round(height * scale), 1), "rgb24", interpolation="BILINEAR", threads=1
    )
    image = rgb.to_ndarray().astype(np.uint8, copy=False)
    if matrix is not None:
        image = _rotated(image, matrix)
    return np.ascontiguousarray(image)


def display_matrix(decoded: DecodedFrame) -> Matrix | None:
    """The display matrix a b u c d v x y w, if there is one."""
    # PyAV's stub declares a TypedDict.
    found = cast(SideDataContainer, decoded.side_data).get(SideDataType.DISPLAYMATRIX)
    return None if found is None else np.frombuffer(bytes(found), np.int32)


def _rotated(image: Image, matrix: Matrix) -> Image:
    """Apply a display matrix a b u c d v x y w, which maps (p, q) to (a p + c q, b p + d q), in quarter turns."""
    a, b, c, d = (int(matrix[i]) for i in (0, 1, 3, 4))
    if abs(b) + abs(c) > abs(a) + abs(d):
        image, a, d = image.transpose(1, 0, 2), c, b
    if a < 0:
        image = image[:, ::-1]
    if d < 0:
        image = image[::-1]
    return image
