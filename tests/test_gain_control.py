"""Gain control: a copy at another level comes out the same, however the audio is split; silence stays silent."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mmim_live.gain_control import MAX_GAIN, TARGET_RMS, GainControl
from mmim_live.voice_activity import CHUNK_S, CHUNK_SAMPLES
from tests.speech.audio import cut


def gain_control() -> GainControl:
    return GainControl(CHUNK_SAMPLES, CHUNK_S)


def noise(loudness: float, seconds: float = 1.0) -> np.ndarray[tuple[int], np.dtype[np.float32]]:
    draw = np.random.default_rng(3)
    return draw.normal(0, loudness, round(seconds * 16_000)).astype(np.float32)


@pytest.mark.parametrize("gain", [0.25, 2.0])
def test_a_copy_at_another_level_comes_out_the_same(gain: float) -> None:
    audio = noise(0.02) * np.repeat([1.0, 0.1, 3.0, 0.5], 4_000).astype(np.float32)
    here, there = gain_control().push(audio), gain_control().push(audio * np.float32(gain))
    np.testing.assert_allclose(here, there, atol=1e-6)


@given(sizes=st.lists(st.integers(0, 3000), max_size=20))
@settings(max_examples=15, deadline=None)
def test_splitting_the_audio_makes_no_difference(sizes: list[int]) -> None:
    audio, pieces = noise(0.02), gain_control()
    np.testing.assert_array_equal(
        np.concatenate([pieces.push(p) for p in cut(audio, sizes)]), gain_control().push(audio)
    )


def test_the_loudest_chunk_comes_to_the_level_and_silence_stays_silent() -> None:
    assert np.sqrt(np.mean(gain_control().push(noise(0.01)) ** 2)) == pytest.approx(TARGET_RMS, rel=0.1)
    hiss = noise(1e-5)
    assert np.abs(gain_control().push(hiss)).max() <= MAX_GAIN * np.abs(hiss).max()
    assert not gain_control().push(np.zeros(2_048, np.float32)).any()
