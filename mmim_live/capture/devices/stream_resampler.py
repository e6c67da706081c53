"""From a sound card's audio, at its own rate and block size, to contiguous 16 kHz mono on the session's clock.

The output has no gaps: lost audio is replaced by silence, and the drift of the card's crystal is compensated by
stretching or shrinking a piece by one sample now and then.
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

DEAD_BAND = 8  # samples (0.5 ms) that the output may be off before a piece is stretched: less is jitter

Samples = NDArray[np.float32]


class StreamResampler:
    """Takes audio by `push`, between `begin` and `end` of each opening of the device; returns blocks of 0.1 s.

    The first sample of the output is at media time 0; there is silence before the device's first audio.
    """

    def __init__(self) -> None:
        self._timeline = AudioTimeline()
        self._blocks: deque[AudioBlock] = deque()
        self._rest = np.empty(0, np.float32)  # less than a block
        self._given = 0  # samples in the blocks so far
        self._started = False
        self._rate_hz = SAMPLE_RATE_HZ
        self._resampler: AudioResampler | None = None
        self._resampled = 0  # samples out of the resampler since `begin`
        self._placed = False  # whether any audio was placed since `begin`
        self.drift = DriftEstimate()
        self.lost_s = 0.0  # silence in place of audio, since the first audio

    @property
    def end_s(self) -> float:
        """Media time at which the output ends so far."""
        return self._timeline.count / SAMPLE_RATE_HZ

    def begin(self, rate_hz: int) -> None:
        """The device was opened: audio pushed from now on has this rate, and its time is not yet known."""
        self._rate_hz = rate_hz
        self._resampler = AudioResampler(format="flt", layout="mono", rate=SAMPLE_RATE_HZ)
        self._resampled = 0
        self._placed = False
        self.drift = DriftEstimate()

    def observe(self, frames: int, time_s: float) -> None:
        """The device had delivered `frames` since `begin` at media time `time_s`."""
        self.drift.observe(frames / self._rate_hz, time_s)

    def push(self, frames: Samples) -> None:
        """Append the next frames [n, channels]. Requires an observation since `begin`."""
        assert self._resampler is not None
        if len(frames):
            mono = np.nan_to_num(frames.mean(axis=1, dtype=np.float32))
            frame = AudioFrame.from_ndarray(mono[np.newaxis], format="flt", layout="mono")
            frame.sample_rate = self._rate_hz
            self._place_all(self._resampler.resample(frame))

    def end(self) -> None:
        """The device is gone: append what the resampler still holds."""
        if self._resampler is not None:
            self._place_all(self._resampler.resample(None))
            self._resampler = None

    def fill(self, until_s: float) -> None:
        """Append silence up to `until_s`, if the output ends before it."""
        missing = math.floor(until_s * SAMPLE_RATE_HZ) - self._timeline.count
        if missing > 0:
            self._timeline.count += missing
            self._silence(missing)

    def take(self) -> AudioBlock | None:
        """The next complete block, if there is one."""
        return self._blocks.popleft() if self._blocks else None

    def _place_all(self, pieces: list[AudioFrame | None] | list[AudioFrame]) -> None:
        for piece in pieces:
            if piece is not None and piece.samples:
                self._place(piece.to_ndarray().reshape(-1).astype(np.float32, copy=False))

    def _place(self, samples: Samples) -> None:
        time_s = self.drift.time_s(self._resampled / SAMPLE_RATE_HZ)
        self._resampled += len(samples)
        if self._placed:
            # Early audio is corrected by shrinking pieces; it must not be cut off.
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
    """The piece, one sample longer (error above the dead band: the output is behind) or shorter, by interpolation.

    One in 1600 is 625 ppm: no crystal drifts that fast, and nobody hears it.
    """
    if abs(error) <= DEAD_BAND or len(samples) < BLOCK_SAMPLES // 2:
        return samples
    count = len(samples) + (1 if error > 0 else -1)
    at = np.linspace(0, len(samples) - 1, count)
    return np.interp(at, np.arange(len(samples)), samples).astype(np.float32)
