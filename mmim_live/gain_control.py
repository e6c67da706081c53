"""Automatic gain control for the voice activity network, which misses soft speech.

Causal. For the features of the voice, a louder or quieter copy of a recording comes out the same as the original, so
the same parts of it count as speech, unless the copy is so quiet that it would need more than the maximum gain. For
speech recognition only soft audio is changed.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

TARGET_RMS = 0.1  # that the loudest recent chunk is brought to: -20 dB of full scale
MAX_GAIN = 200.0  # 46 dB: chunks softer than 0.0005 stay soft, since the noise of a silent line is not speech
_HALF_LIFE_S = 5.0  # of the remembered loudness

# For recognition. Higher values turn the noise before the first word into speech, and loud music at a lower gain is
# taken for speech; lower ones lose words of a clip at -47 dB of full scale.
SOFT_RMS = 10 ** (-26 / 20)
SOFT_MAX_GAIN = 10 ** (40 / 20)


def amplified(audio: NDArray[np.float32]) -> NDArray[np.float32]:
    """The audio [n] as a whole, made louder if it is softer than `SOFT_RMS`, by `SOFT_MAX_GAIN` at most."""
    loudness = float(np.sqrt(np.mean(np.square(audio, dtype=np.float64)))) if len(audio) else 0.0
    gain = min(SOFT_RMS / max(loudness, 1e-9), SOFT_MAX_GAIN)
    return audio * np.float32(gain) if gain > 1 else audio


class GainControl:
    """Brings successive chunks of one stream to the same loudness; with `only_soft`, those of soft speech alone."""

    def __init__(self, chunk_samples: int, chunk_s: float, *, only_soft: bool = False) -> None:
        self._target, max_gain = (SOFT_RMS, SOFT_MAX_GAIN) if only_soft else (TARGET_RMS, MAX_GAIN)
        self._only_soft = only_soft
        self._softest = self._target / max_gain
        self._size = chunk_samples
        self._decay = 0.5 ** (chunk_s / _HALF_LIFE_S)
        self._loudest = self._softest
        self._pending = np.zeros(0, np.float32)

    def push(self, samples: NDArray[np.float32]) -> NDArray[np.float32]:
        """The chunks [m * chunk_samples] that these samples [n] complete, scaled, however the audio is split."""
        audio = np.concatenate((self._pending, samples.astype(np.float32, copy=False)))
        whole = len(audio) // self._size * self._size
        chunks, self._pending = audio[:whole].reshape(-1, self._size), audio[whole:]
        scaled = np.empty_like(chunks)
        for index, chunk in enumerate(chunks):
            loudness = float(np.sqrt(np.mean(np.square(chunk, dtype=np.float64))))
            self._loudest = max(loudness, self._decay * self._loudest, self._softest)
            gain = self._target / self._loudest
            scaled[index] = chunk * np.float32(max(gain, 1.0) if self._only_soft else gain)
        return scaled.reshape(-1)
