import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from mmim_live.capture.devices.stream_resampler import StreamResampler
from mmim_live.types import SAMPLE_RATE_HZ, AudioBlock

HZ = 300.0


def tone(seconds: float, rate_hz: int) -> NDArray[np.float32]:
    """[n, 2]: one channel silent, so that the mix is half as loud."""
    t = np.arange(round(seconds * rate_hz)) / rate_hz
    return np.stack((np.sin(2 * np.pi * HZ * t), np.zeros_like(t)), axis=1).astype(np.float32)


def push(
    line: StreamResampler, frames: NDArray[np.float32], rate_hz: int, start_s: float, sizes: list[int], ppm: float = 0.0
) -> None:
    """As a device does that was opened at `start_s`, in pieces of these sizes over and over."""
    at = i = 0
    while at < len(frames):
        size = sizes[i % len(sizes)]
        piece = frames[at : at + size]
        at, i = at + len(piece), i + 1
        line.observe(at, start_s + at / rate_hz * (1 + ppm / 1e6))
        line.push(piece)


def drain(line: StreamResampler) -> list[AudioBlock]:
    blocks = []
    while (block := line.take()) is not None:
        blocks.append(block)
    return blocks


def joined(blocks: list[AudioBlock]) -> NDArray[np.float32]:
    for i, block in enumerate(blocks):
        assert len(block.samples) == SAMPLE_RATE_HZ // 10
        assert block.start_s == pytest.approx(i / 10)
    return np.concatenate([block.samples for block in blocks])


@settings(max_examples=20, deadline=None)
@given(
    st.sampled_from([8_000, 16_000, 44_100, 48_000, 96_000]),
    st.floats(0.0, 1.0),
    st.lists(st.integers(200, 5000), min_size=1, max_size=5),
)
def test_a_tone_at_any_rate_in_any_pieces_comes_out_on_time(rate: int, start_s: float, sizes: list[int]) -> None:
    line = StreamResampler()
    line.begin(rate)
    push(line, tone(2.0, rate), rate, start_s, sizes)
    line.end()
    sound = joined(drain(line))
    t = np.arange(len(sound)) / SAMPLE_RATE_HZ - round(start_s * SAMPLE_RATE_HZ) / SAMPLE_RATE_HZ
    expected = np.where((t >= 0) & (t < 2.0), 0.5 * np.sin(2 * np.pi * HZ * t), 0.0)
    inner = (np.abs(t) > 0.01) & (t < 1.98)  # the resampler rings where the tone begins and ends
    assert np.max(np.abs(sound - expected)[inner]) < 0.01
    assert line.lost_s == 0.0


@pytest.mark.parametrize("ppm", [-250.0, 250.0])
def test_drift_is_compensated_without_a_click(ppm: float) -> None:
    line = StreamResampler()
    line.begin(16_000)
    push(line, tone(120.0, 16_000), 16_000, 0.0, [800], ppm)
    sound = joined(drain(line))
    true_s = 120.0 * (1 + ppm / 1e6)
    assert line.end_s == pytest.approx(true_s, abs=0.01)
    assert line.lost_s == 0.0
    steepest = 0.5 * 2 * np.pi * HZ / SAMPLE_RATE_HZ
    assert np.max(np.abs(np.diff(sound))) < 1.01 * steepest


def test_a_lost_stretch_becomes_silence_of_its_length() -> None:
    line = StreamResampler()
    line.begin(16_000)
    push(line, tone(10.0, 16_000), 16_000, 0.0, [800])
    for i in range(200):  # the same device, with 0.4 s lost
        counted = 160_000 + 800 * (i + 1)
        line.observe(counted, counted / 16_000 + 0.4)
        line.push(np.ones((800, 1), np.float32))
    assert line.lost_s == pytest.approx(0.4, abs=0.02)
    assert line.end_s == pytest.approx(20.4, abs=0.02)


def test_a_device_that_returns_continues_on_time_after_silence() -> None:
    line = StreamResampler()
    line.begin(48_000)
    push(line, tone(1.0, 48_000), 48_000, 0.5, [2400])
    line.end()
    line.fill(3.0)
    assert line.end_s == pytest.approx(3.0)
    line.begin(44_100)
    push(line, tone(1.0, 44_100), 44_100, 4.0, [2205])
    line.end()
    sound = joined(drain(line))
    loud = np.abs(sound.reshape(-1, 1600)).max(axis=1) > 0.4
    assert loud.tolist() == [False] * 5 + [True] * 10 + [False] * 25 + [True] * 9 + [True]
    assert line.lost_s == pytest.approx(2.5, abs=0.01)


def test_samples_that_are_not_numbers_become_silence() -> None:
    line = StreamResampler()
    line.begin(16_000)
    push(line, np.full((3200, 1), np.nan, np.float32), 16_000, 0.0, [800])
    assert np.all(joined(drain(line)) == 0.0)
