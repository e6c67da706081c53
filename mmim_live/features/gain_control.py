"""Automatic gain control for the voice activity network, which misses soft word endings unless they are loud enough.

Causal. A louder or quieter copy of a recording comes out the same as the original, so the same parts of it count as
speech, unless the copy is so quiet that it would need more than the maximum gain.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

TARGET_RMS = 0.1  # that the loudest recent chunk is brought to: -20 dB of full scale
MAX_GAIN = 200.0  # 46 dB: chunks softer than 0.0005 stay soft, since the noise of a silent line is not speech
_HALF_LIFE_S = 5.0  # of the remembered loudness


class GainControl:
    """Brings successive chunks of one stream to the same loudness."""

    def __init__(self, chunk_samples: int, chunk_s: float) -> None:
        self._size = chunk_samples
        self._decay = 0.5 ** (chunk_s / _HALF_LIFE_S)
        self._loudest = TARGET_RMS / MAX_GAIN
        self._pending = np.zeros(0, np.float32)

    def push(self, samples: NDArray[np.float32]) -> NDArray[np.float32]:
        """The chunks [m * chunk_samples] that these samples [n] complete, scaled, however the audio is split."""
        audio = np.concatenate((self._pending, samples.astype(np.float32, copy=False)))
        whole = len(audio) // self._size * self._size
        chunks, self._pending = audio[:whole].reshape(-1, self._size), audio[whole:]
        scaled = np.empty_like(chunks)
        for index, chunk in enumerate(chunks):
            loudness = float(np.sqrt(np.mean(np.square(chunk, dtype=np.float64))))
            self._loudest = max(loudness, self._decay * self._loudest, TARGET_RMS / MAX_GAIN)
            scaled[index] = chunk * np.float32(TARGET_RMS / self._loudest)
        return scaled.reshape(-1)
