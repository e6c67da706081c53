"""A voice extractor: level and its share above 1 kHz, ten times a second, where there is speech."""

import numpy as np

from mmim_live.features.extractors import VoiceFeatures
from mmim_live.types import SAMPLE_RATE_HZ, AudioBlock, ModalityContract, VoiceRow
from mmim_live.voice_activity import VoiceActivity

CONTRACT = ModalityContract(
    names=("level_db", "high_db"),
    rate_hz=10.0,
    revision=1,  # increase it whenever the same audio would give other numbers
    source="mmim-live-example loudness",
)
ROW = SAMPLE_RATE_HZ // 10


class Loudness:
    """One stream."""

    def __init__(self) -> None:
        self._activity = VoiceActivity()
        self._pending = np.zeros(0, np.float32)
        self._speaking = False
        self._done = 0  # samples

    @property
    def until_s(self) -> float:
        """See `mmim_live.features.extractors.VoiceStream`."""
        return self._done / SAMPLE_RATE_HZ

    def push(self, block: AudioBlock) -> list[VoiceRow]:
        """See `mmim_live.features.extractors.VoiceStream`. How audio is split into blocks makes no difference."""
        self._pending = np.concatenate((self._pending, block.samples))
        rows = []
        while len(self._pending) >= ROW:
            audio, self._pending = self._pending[:ROW], self._pending[ROW:]
            probabilities = self._activity.push(audio)
            self._speaking = bool((probabilities > 0.5).any()) if len(probabilities) else self._speaking
            if self._speaking:
                rows.append(VoiceRow((self._done + ROW / 2) / SAMPLE_RATE_HZ, measure(audio)))
            self._done += ROW
        return rows

    def flush(self) -> list[VoiceRow]:
        """See `mmim_live.features.extractors.VoiceStream`."""
        return []


def measure(audio: np.ndarray) -> np.ndarray:
    """[ROW] samples -> [2]."""
    power = np.abs(np.fft.rfft(audio)) ** 2 + 1e-9
    high = power[len(power) // 8 :].sum()
    return np.array([10 * np.log10(power.sum()), 10 * np.log10(high / power.sum())], np.float32)


LOUDNESS = VoiceFeatures(CONTRACT, Loudness)
