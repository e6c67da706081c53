"""Voice rows: the same however the sound is cut, at whatever level; pitch and spectrum of sounds that are known."""

from __future__ import annotations

import time
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from mmim_live.capture.files.media_file import MediaFile
from mmim_live.features import voice
from mmim_live.features.voice import MEL_BINS, VOICE_NAMES, VOICE_RATE_HZ, VoiceExtractor
from mmim_live.types import SAMPLE_RATE_HZ, AudioBlock, VoiceRow

Sound = NDArray[np.float32]


def column(rows: NDArray[np.float32], name: str) -> NDArray[np.float32]:
    return rows[:, VOICE_NAMES.index(name)]


def read(path: Path) -> Sound:
    recording = MediaFile(path, video=False)
    try:
        return np.concatenate([item.samples for item in iter(recording.read, None) if isinstance(item, AudioBlock)])
    finally:
        recording.close()


def hear(sound: Sound, cuts: list[int] | None = None) -> list[VoiceRow]:
    extractor = VoiceExtractor()
    rows: list[VoiceRow] = []
    for start, end in pairwise([0, *sorted(cuts or []), len(sound)]):
        rows += extractor.push(AudioBlock(start / SAMPLE_RATE_HZ, sound[start:end]))
    return rows + extractor.flush()


def values(rows: list[VoiceRow]) -> NDArray[np.float32]:
    return np.array([row.values for row in rows], np.float32).reshape(-1, len(VOICE_NAMES))


@pytest.fixture(scope="module")
def speech(shared_data: Path) -> Sound:
    """Three seconds of a woman who is angry."""
    return read(shared_data / "speech" / "ravdess" / "03-01-05-01-01-01-02.flac")


@settings(max_examples=8, deadline=None)
@given(data=st.data())
def test_rows_do_not_depend_on_how_the_sound_is_cut(speech: Sound, data: st.DataObject) -> None:
    cuts = data.draw(st.lists(st.integers(0, len(speech)), max_size=12))
    whole, cut = hear(speech), hear(speech, cuts)
    assert [row.time_s for row in whole] == [row.time_s for row in cut]
    assert np.array_equal(values(whole), values(cut))


def test_blocks_of_one_sample_more_or_less_than_a_step(speech: Sound) -> None:
    for size in (511, 513, 7_999, 8_001):
        assert np.array_equal(values(hear(speech)), values(hear(speech, list(range(size, len(speech), size)))))


@pytest.mark.parametrize("decibel", [-12, 6])
def test_level_of_the_microphone_changes_nothing(speech: Sound, decibel: int) -> None:
    here = {row.time_s: row.values for row in hear(speech)}
    there = {row.time_s: row.values for row in hear(speech * np.float32(10 ** (decibel / 20)))}
    shared = sorted(here.keys() & there.keys())
    assert len(shared) >= 0.9 * max(len(here), len(there))  # the voice activity may judge soft ends otherwise
    difference = np.abs(np.array([here[time_s] - there[time_s] for time_s in shared]))
    level = VOICE_NAMES.index("level")  # its running mean carries what was judged otherwise
    assert np.quantile(np.delete(difference, level, axis=1), 0.95) < 0.02
    assert np.quantile(difference[:, level], 0.9) < 0.15


def test_silence_and_noise_without_a_voice_give_no_rows() -> None:
    quiet = np.zeros(3 * SAMPLE_RATE_HZ, np.float32)
    assert hear(quiet) == []
    hiss = np.random.default_rng(0).normal(0, 0.01, 3 * SAMPLE_RATE_HZ).astype(np.float32)
    assert hear(hiss) == []


def test_rows_lie_on_the_grid_in_order_within_the_sound(speech: Sound) -> None:
    times = [row.time_s for row in hear(speech)]
    assert len(times) > 20
    steps = np.diff(times) * VOICE_RATE_HZ
    assert np.all(steps > 0.5)
    assert np.allclose(steps, np.round(steps), atol=1e-6)
    assert times[0] > 0
    assert times[-1] < len(speech) / SAMPLE_RATE_HZ


def test_until_s_is_never_overtaken_by_a_later_row(speech: Sound) -> None:
    extractor = VoiceExtractor()
    promised = 0.0
    for start in range(0, len(speech), 3_000):
        rows = extractor.push(AudioBlock(start / SAMPLE_RATE_HZ, speech[start : start + 3_000]))
        assert all(row.time_s >= promised for row in rows)
        promised = extractor.until_s


def buzz(pitch_hz: float, seconds: float = 1.0) -> torch.Tensor:
    """A sawtooth, as vocal folds are, at the scale of 16 bit."""
    time_s = torch.arange(round(seconds * SAMPLE_RATE_HZ)) / SAMPLE_RATE_HZ
    return 8_000 * (2 * ((time_s * pitch_hz) % 1) - 1)


@pytest.mark.parametrize("pitch_hz", [75, 120, 180, 220, 300, 400, 480])
def test_pitch_of_a_buzz(pitch_hz: float) -> None:
    rows = voice._measure(buzz(pitch_hz), 8)
    assert np.abs(column(rows, "pitch_octaves") - np.log2(pitch_hz / 100)).max() < 0.05
    assert column(rows, "voicing").min() > 0.9


def test_noise_is_not_voiced_and_flat() -> None:
    noise = torch.from_numpy(np.random.default_rng(0).normal(0, 3_000, SAMPLE_RATE_HZ).astype(np.float32))
    time_s = torch.arange(SAMPLE_RATE_HZ) / SAMPLE_RATE_HZ
    rows, tone = voice._measure(noise, 8), voice._measure(8_000 * torch.sin(2 * torch.pi * 200 * time_s), 8)
    assert column(rows, "voicing").max() < 0.5
    assert column(rows, "flatness").mean() > column(tone, "flatness").mean() + 2
    assert column(rows, "centroid_khz") == pytest.approx(4.0, abs=0.5)
    assert column(tone, "centroid_khz") == pytest.approx(0.2, abs=0.15)


def test_log_mel_is_relative_and_level_slope_follows_the_level() -> None:
    swell = buzz(150) * torch.linspace(0.01, 1, SAMPLE_RATE_HZ)
    rows = voice._measure(swell, 16)
    assert np.abs(rows[:, :MEL_BINS].mean(axis=1)).max() < 1e-3
    assert np.all(column(rows, "level_slope") > 0)


def test_a_row_does_not_look_ahead(speech: Sound) -> None:
    changed = speech.copy()
    middle = len(speech) // 2 // 8_000 * 8_000
    changed[middle:] = 0
    before = [row for row in hear(speech) if row.time_s < middle / SAMPLE_RATE_HZ]
    after = [row for row in hear(changed) if row.time_s < middle / SAMPLE_RATE_HZ]
    assert len(before) > 5
    assert np.array_equal(values(before), values(after))


def test_real_voices_lie_in_sane_ranges(shared_data: Path) -> None:
    pitches = {}
    for actor in ("01", "02"):  # a man, a woman
        rows = values(hear(read(shared_data / "speech" / "ravdess" / f"03-01-01-01-01-01-{actor}.flac")))
        assert np.isfinite(rows).all()
        assert np.all((column(rows, "voicing") >= 0) & (column(rows, "voicing") <= 1))
        assert 0.2 < (column(rows, "pitch_octaves") != 0).mean() < 0.9
        pitches[actor] = float(np.median(column(rows, "pitch_octaves")[column(rows, "pitch_octaves") != 0]))
    assert 80 < 100 * 2 ** pitches["01"] < 160
    assert 160 < 100 * 2 ** pitches["02"] < 280


def report_cost(sound: Sound) -> float:  # run by hand: ms of CPU per second of sound
    extractor = VoiceExtractor()
    begin = time.thread_time()
    for start in range(0, len(sound), 1_600):
        extractor.push(AudioBlock(start / SAMPLE_RATE_HZ, sound[start : start + 1_600]))
    return 1e3 * (time.thread_time() - begin) / (len(sound) / SAMPLE_RATE_HZ)
