"""Sound at one loudness for the voice activity network, which hears soft ends of words only where they are loud enough.

Causal, with a gain that is the same for a recording and for its louder or quieter copy but for the factor between the
two: what is found to be speech is then the same as well, unless a copy is so quiet that the gain ends.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

TARGET_RMS = 0.1  # root mean square that the loudest recent chunk is brought to: -20 dB of full scale
MAX_GAIN = 200.0  # 46 dB: a chunk softer than 0.0005 stays soft; the noise of a silent line is no speech
_HALF_LIFE_S = 5.0  # of the loudness that is remembered


class GainControl:
    """Brings successive chunks of one stream to one loudness."""

    def __init__(self, chunk_samples: int, chunk_s: float) -> None:
        self._size = chunk_samples
        self._decay = 0.5 ** (chunk_s / _HALF_LIFE_S)
        self._loudest = TARGET_RMS / MAX_GAIN
        self._pending = np.zeros(0, np.float32)

    def push(self, samples: NDArray[np.float32]) -> NDArray[np.float32]:
        """The chunks [m * chunk_samples] that these samples [n] finished, levelled, however the sound is cut."""
        sound = np.concatenate((self._pending, samples.astype(np.float32, copy=False)))
        whole = len(sound) // self._size * self._size
        chunks, self._pending = sound[:whole].reshape(-1, self._size), sound[whole:]
        levelled = np.empty_like(chunks)
        for index, chunk in enumerate(chunks):
            loudness = float(np.sqrt(np.mean(np.square(chunk, dtype=np.float64))))
            self._loudest = max(loudness, self._decay * self._loudest, TARGET_RMS / MAX_GAIN)
            levelled[index] = chunk * np.float32(TARGET_RMS / self._loudest)
        return levelled.reshape(-1)
