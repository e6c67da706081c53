from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mmim_live.errors import AssetError
from mmim_live.voice_activity import CHUNK_SAMPLES, VoiceActivity
from tests.speech.audio import Samples, cut, read_audio


@pytest.fixture(scope="module")
def speech(shared_data: Path) -> Samples:
    return read_audio(shared_data / "clips" / "jfk.flac")


def test_speech_is_distinguished_from_silence(speech: Samples) -> None:
    probabilities = VoiceActivity().push(speech)
    assert len(probabilities) == len(speech) // CHUNK_SAMPLES
    voice = probabilities[16:70]  # "and so my fellow Americans"
    pause = probabilities[80:95]
    assert voice.mean() > 0.6
    assert pause.max() < 0.2


def test_quiet_speech_is_speech(speech: Samples) -> None:
    loud, quiet = VoiceActivity().push(speech), VoiceActivity().push(speech * np.float32(0.1))
    assert np.mean((loud > 0.5) == (quiet > 0.5)) > 0.9


@given(sizes=st.lists(st.integers(0, 3000), max_size=20))
@settings(max_examples=15, deadline=None)
def test_splitting_the_audio_makes_no_difference(sizes: list[int]) -> None:
    audio = np.random.default_rng(7).normal(0, 0.1, 20_000).astype(np.float32)
    whole = VoiceActivity().push(audio)
    activity = VoiceActivity()
    pieces = np.concatenate([activity.push(piece) for piece in cut(audio, sizes)])
    np.testing.assert_array_equal(pieces, whole)


@pytest.mark.parametrize("level", [0.0, 1e-4, 0.05])
def test_noise_is_not_speech(level: float) -> None:
    noise = np.random.default_rng(1).normal(0, level, 5 * 16_000).astype(np.float32)
    assert VoiceActivity().push(noise).max() < 0.5


def test_a_damaged_file_is_named(tmp_path: Path) -> None:
    (tmp_path / "vad.onnx").write_bytes(b"no network")
    with pytest.raises(AssetError, match=r"vad\.onnx"):
        VoiceActivity(tmp_path / "vad.onnx")
