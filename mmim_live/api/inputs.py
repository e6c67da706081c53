"""What a program hands over (arrays, paths) -> the media of the extractors: audio at 16 kHz, frames of limited size."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from mmim_live.errors import MediaError
from mmim_live.types import SAMPLE_RATE_HZ, AudioBlock, VideoFrame

if TYPE_CHECKING:
    from av.audio.resampler import AudioResampler

AudioInput = str | Path | NDArray[np.generic]
VideoInput = str | Path | NDArray[np.generic]

RATES_HZ = (1000, 768_000)
MAX_SIDE_PX = 640


def mono(samples: NDArray[np.generic]) -> NDArray[np.float32]:
    """Samples [n] or [n, channels], floating point of full scale 1.0 or integers -> mono float32 [n].

    Raises:
        MediaError: another shape or type, or values that are not finite.
    """
    array = np.asarray(samples)
    if array.ndim == 2 and array.shape[1] <= 32:
        pass
    elif array.ndim != 1:
        raise MediaError(f"audio has shape {list(array.shape)}: give samples [n] or [n, channels]")
    if np.issubdtype(array.dtype, np.signedinteger):
        scaled = array.astype(np.float32) / -float(np.iinfo(array.dtype).min)
    elif np.issubdtype(array.dtype, np.floating):
        scaled = array.astype(np.float32)
    else:
        raise MediaError(f"audio has type {array.dtype}: give signed integers, or floats of full scale 1.0")
    if not np.isfinite(scaled).all():
        raise MediaError("audio has values that are not finite")
    return scaled if scaled.ndim == 1 else scaled.mean(1)


class Resampler:
    """Audio at any rate, piece by piece -> contiguous blocks at 16 kHz."""

    def __init__(self, sampling_rate: int) -> None:
        """Raises MediaError: not a rate of audio."""
        low, high = RATES_HZ
        if not low <= sampling_rate <= high:
            raise MediaError(f"sampling_rate is {sampling_rate}: give {low} to {high} samples per second")
        self.sampling_rate = sampling_rate
        self._resampler: AudioResampler | None = None
        self._count = 0  # samples at 16 kHz so far

    @property
    def end_s(self) -> float:
        """How far the audio has come, in seconds."""
        return self._count / SAMPLE_RATE_HZ

    def push(self, samples: NDArray[np.generic]) -> AudioBlock | None:
        """The next piece, as in `mono`; None if it is too short to give a sample. Raises MediaError."""
        piece = mono(samples)
        if self.sampling_rate == SAMPLE_RATE_HZ:
            return self._block([piece])
        from av.audio.frame import AudioFrame
        from av.audio.resampler import AudioResampler

        if self._resampler is None:
            self._resampler = AudioResampler(format="flt", layout="mono", rate=SAMPLE_RATE_HZ)
        if not len(piece):
            return None
        frame = AudioFrame.from_ndarray(np.ascontiguousarray(piece[None]), format="flt", layout="mono")
        frame.sample_rate = self.sampling_rate
        return self._block([out.to_ndarray()[0] for out in self._resampler.resample(frame)])

    def flush(self) -> AudioBlock | None:
        """What the filter still holds."""
        if self._resampler is None:
            return None
        return self._block([out.to_ndarray()[0] for out in self._resampler.resample(None)])

    def _block(self, pieces: Iterable[NDArray[np.float32]]) -> AudioBlock | None:
        samples = np.concatenate([np.zeros(0, np.float32), *pieces])
        if not len(samples):
            return None
        block = AudioBlock(self.end_s, samples)
        self._count += len(samples)
        return block


def audio_blocks(audio: AudioInput, sampling_rate: int | None) -> Iterator[AudioBlock]:
    """The audio of a file (`sampling_rate` is then its own), or of an array. Raises MediaError."""
    if isinstance(audio, str | Path):
        from mmim_live.capture.files.media_file import MediaFile

        with MediaFile(Path(audio), video=False) as source:
            while isinstance(block := source.read(), AudioBlock):
                yield block
        return
    if sampling_rate is None:
        raise MediaError("audio is an array: give its sampling_rate, in samples per second")
    resampler = Resampler(sampling_rate)
    for found in (resampler.push(audio), resampler.flush()):
        if found is not None:
            yield found


def video_frames(video: VideoInput, frame_rate: float | None) -> Iterator[VideoFrame]:
    """The frames of a file (`frame_rate` is then its own), or of an array [n, height, width, 3], RGB, 0 to 255.

    At most 15 frames per second, as in a session. Raises MediaError.
    """
    from mmim_live.capture.files.media_file import MAX_FPS, MediaFile
    from mmim_live.capture.files.timestamps import FrameGrid

    if isinstance(video, str | Path):
        with MediaFile(Path(video), audio=False) as source:
            while isinstance(frame := source.read(), VideoFrame):
                yield frame
        return
    if frame_rate is None or not 0 < frame_rate <= 1000:
        raise MediaError("video is an array: give its frame_rate, in frames per second (more than 0, at most 1000)")
    grid = FrameGrid(MAX_FPS)
    for number, image in enumerate(video):
        time_s = number / frame_rate
        if grid.accepts(time_s):
            yield VideoFrame(time_s, rgb_image(image))


def rgb_image(image: NDArray[np.generic]) -> NDArray[np.uint8]:
    """An image [height, width, 3], RGB, 0 to 255, scaled down to sides of at most 640 pixels. Raises MediaError."""
    array = np.asarray(image)
    if array.ndim != 3 or array.shape[2] != 3 or 0 in array.shape:
        raise MediaError(f"a video frame has shape {list(array.shape)}: give [height, width, 3], in RGB")
    if array.dtype != np.uint8:
        raise MediaError(f"a video frame has type {array.dtype}: give uint8, from 0 to 255")
    height, width = array.shape[:2]
    scale = MAX_SIDE_PX / max(height, width)
    if scale < 1:
        import cv2

        size = (max(round(width * scale), 1), max(round(height * scale), 1))
        array = cv2.resize(array, size, interpolation=cv2.INTER_AREA)
    return np.ascontiguousarray(array, dtype=np.uint8)
