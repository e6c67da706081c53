"""From what a sound card gives, at its rate and in its pieces, to one line of 16 kHz mono on the session's clock.

Knows nothing of devices or threads. The line has no gaps: what was lost is filled with silence, and what the card's
crystal drifts is taken up by stretching a block by one sample now and then.
"""

from __future__ import annotations

import math
from collections import deque

import numpy as np
from av.audio.frame import AudioFrame
from av.audio.resampler import AudioResampler
from numpy.typing import NDArray

from mmim_live.capture.clock import DriftEstimate
from mmim_live.capture.files.decoder import BLOCK_SAMPLES
from mmim_live.capture.files.timestamps import AudioTimeline
from mmim_live.types import SAMPLE_RATE_HZ, AudioBlock

DEAD_BAND = 8  # samples (0.5 ms) that the line may be off before a block is stretched: less is jitter

Samples = NDArray[np.float32]


class StreamResampler:
    """Takes sound with `push`, between `begin` and `end` of each time the device was open; gives blocks of 0.1 s.

    Media time 0 is the first sample of the line; what lies before the device's first sound is silence.
    """

    def __init__(self) -> None:
        self._timeline = AudioTimeline()
        self._blocks: deque[AudioBlock] = deque()
        self._rest = np.empty(0, np.float32)  # less than a block
        self._given = 0  # samples in the blocks so far
        self._started = False
        self._rate_hz = SAMPLE_RATE_HZ
        self._resampler: AudioResampler | None = None
        self._resampled = 0  # samples that the resampler gave since `begin`
        self._placed = False  # whether sound was laid since `begin`
        self.drift = DriftEstimate()
        self.lost_s = 0.0  # silence in place of sound, since the first sound

    @property
    def end_s(self) -> float:
        """Media time at which the line ends so far."""
        return self._timeline.count / SAMPLE_RATE_HZ

    def begin(self, rate_hz: int) -> None:
        """The device was opened: what is pushed from now on has this rate, and no known time yet."""
        self._rate_hz = rate_hz
        self._resampler = AudioResampler(format="flt", layout="mono", rate=SAMPLE_RATE_HZ)
        self._resampled = 0
        self._placed = False
        self.drift = DriftEstimate()

    def observe(self, frames: int, time_s: float) -> None:
        """The device had given `frames` since `begin` when it was `time_s` of media time."""
        self.drift.observe(frames / self._rate_hz, time_s)

    def push(self, frames: Samples) -> None:
        """Lay the next frames [n, channels] on the line. Something must have been observed since `begin`."""
        assert self._resampler is not None
        if len(frames):
            mono = np.nan_to_num(frames.mean(axis=1, dtype=np.float32))
            frame = AudioFrame.from_ndarray(mono[np.newaxis], format="flt", layout="mono")
            frame.sample_rate = self._rate_hz
            self._place_all(self._resampler.resample(frame))

    def end(self) -> None:
        """The device is gone: lay down what the resampler still held."""
        if self._resampler is not None:
            self._place_all(self._resampler.resample(None))
            self._resampler = None

    def fill(self, until_s: float) -> None:
        """Silence up to `until_s`, where there is no sound."""
        missing = math.floor(until_s * SAMPLE_RATE_HZ) - self._timeline.count
        if missing > 0:
            self._timeline.count += missing
            self._silence(missing)

    def take(self) -> AudioBlock | None:
        """The next whole block, if there is one."""
        return self._blocks.popleft() if self._blocks else None

    def _place_all(self, pieces: list[AudioFrame | None] | list[AudioFrame]) -> None:
        for piece in pieces:
            if piece is not None and piece.samples:
                self._place(piece.to_ndarray().reshape(-1).astype(np.float32, copy=False))

    def _place(self, samples: Samples) -> None:
        time_s = self.drift.time_s(self._resampled / SAMPLE_RATE_HZ)
        self._resampled += len(samples)
        if self._placed:
            # Sound that is early is steered back below; it must not be cut off.
            samples = _stretched(samples, round((time_s - self.end_s) * SAMPLE_RATE_HZ))
            time_s = max(time_s, self.end_s)
        silence, skip = self._timeline.place(time_s, len(samples))
        self._placed = True
        self._silence(silence)
        self._append(samples[skip:])
        self._started = True

    def _silence(self, count: int) -> None:
        if self._started:
            self.lost_s += count / SAMPLE_RATE_HZ
        while count > 0:  # piecewise, so that an hour without a device is not one array
            self._append(np.zeros(min(count, BLOCK_SAMPLES), np.float32))
            count -= BLOCK_SAMPLES

    def _append(self, samples: Samples) -> None:
        self._rest = np.concatenate((self._rest, samples))
        while len(self._rest) >= BLOCK_SAMPLES:
            self._blocks.append(AudioBlock(self._given / SAMPLE_RATE_HZ, self._rest[:BLOCK_SAMPLES].copy()))
            self._rest = self._rest[BLOCK_SAMPLES:]
            self._given += BLOCK_SAMPLES


def _stretched(samples: Samples, error: int) -> Samples:
    """The piece, one sample longer (error above the dead band: the line is behind) or shorter, by interpolation.

    One in 1600 is 625 ppm: no crystal drifts as fast, and nobody hears it.
    """
    if abs(error) <= DEAD_BAND or len(samples) < BLOCK_SAMPLES // 2:
        return samples
    count = len(samples) + (1 if error > 0 else -1)
    at = np.linspace(0, len(samples) - 1, count)
    return np.interp(at, np.arange(len(samples)), samples).astype(np.float32)
