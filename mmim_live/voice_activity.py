"""Voice activity detection: the probability of speech in each 32 ms of audio, by Silero's network (MIT license).

The network file ships inside the faster-whisper package.
"""

from __future__ import annotations

import importlib.util
from pathlib import Path

import numpy as np
import onnxruntime
from numpy.typing import NDArray

from mmim_live.errors import AssetError
from mmim_live.types import SAMPLE_RATE_HZ

__all__ = ["CHUNK_S", "CHUNK_SAMPLES", "VoiceActivity", "find_silero"]

CHUNK_SAMPLES = 512  # the only length the network was trained on at 16 kHz
CHUNK_S = CHUNK_SAMPLES / SAMPLE_RATE_HZ  # 0.032
_CONTEXT_SAMPLES = 64  # of the previous chunk, put before each chunk
_STATE_SHAPE = (1, 1, 128)


def find_silero() -> Path:
    """The network file in the installed faster-whisper, found without importing that package.

    Raises:
        AssetError: faster-whisper is not installed, or has no such file.
    """
    spec = importlib.util.find_spec("faster_whisper")
    for folder in (spec.submodule_search_locations if spec else None) or ():
        for path in sorted(Path(folder).glob("assets/silero_vad*.onnx")):
            return path
    raise AssetError("the voice activity model is missing: reinstall faster-whisper, which contains it")


class VoiceActivity:
    """Speech probabilities of one audio stream at 16 kHz. Not thread-safe; one object per stream."""

    def __init__(self, path: Path | None = None) -> None:
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = 1
        options.inter_op_num_threads = 1
        options.log_severity_level = 3
        path = path or find_silero()
        try:
            self._session = onnxruntime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])
        except Exception as cause:  # onnxruntime's errors share no public base class
            raise AssetError(f"the voice activity model {path} cannot be loaded: {cause}") from cause
        self._h = np.zeros(_STATE_SHAPE, np.float32)
        self._c = np.zeros(_STATE_SHAPE, np.float32)
        # The context and the unfinished chunk, before the next sample.
        self._pending = np.zeros(_CONTEXT_SAMPLES, np.float32)

    def push(self, samples: NDArray[np.float32]) -> NDArray[np.float32]:
        """Take the next audio.

        Args:
            samples: [n] mono at 16 kHz, any n.

        Returns:
            [m], the speech probability of each 512-sample chunk that these samples complete. How the audio is split
            into calls makes no difference: each chunk is run alone.
        """
        audio = np.concatenate((self._pending, samples.astype(np.float32, copy=False)))
        count = (len(audio) - _CONTEXT_SAMPLES) // CHUNK_SAMPLES
        probabilities = np.empty(count, np.float32)
        for i in range(count):
            chunk = audio[i * CHUNK_SAMPLES : (i + 1) * CHUNK_SAMPLES + _CONTEXT_SAMPLES]
            feed = {"input": chunk[None], "h": self._h, "c": self._c}
            probability, self._h, self._c = self._session.run(None, feed)
            probabilities[i] = probability.reshape(-1)[0]
        self._pending = audio[count * CHUNK_SAMPLES :]
        return probabilities
