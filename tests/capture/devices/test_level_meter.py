"""How loud a block of sound is."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mmim_live.capture.devices.level_meter import FLOOR_DBFS, HOLD_S, LevelMeter
from mmim_live.session_types import SoundLevel
from mmim_live.types import AudioBlock


def after(*amplitudes: float) -> SoundLevel:
    """The level after blocks of 0.1 s of a sine of each amplitude."""
    meter = LevelMeter()
    sine = np.sin(2 * np.pi * 440 * np.arange(1600) / 16_000)
    for index, amplitude in enumerate(amplitudes):
        meter.push(AudioBlock(index / 10, (amplitude * sine).astype(np.float32)))
    assert meter.level is not None
    return meter.level


@given(st.floats(0.001, 1.0))
def test_a_sine_is_three_decibels_below_its_peak(amplitude: float) -> None:
    level = after(amplitude)
    assert level.peak_dbfs == pytest.approx(20 * np.log10(amplitude), abs=0.1)
    assert level.peak_dbfs - level.rms_dbfs == pytest.approx(3.01, abs=0.1)
    assert level.silent_s == 0


def test_a_peak_is_held_for_a_while() -> None:
    loud = after(0.5).peak_dbfs
    held = after(0.5, *[0.01] * round(HOLD_S * 10))
    assert held.peak_dbfs == loud
    assert held.rms_dbfs < -40
    assert after(0.5, *[0.01] * (round(HOLD_S * 10) + 2)).peak_dbfs == pytest.approx(-40, abs=0.1)


def test_silence_is_timed_and_a_quiet_room_is_not_silence() -> None:
    assert after(0.1, *[0.0] * 20).silent_s == pytest.approx(2.0)
    assert after(*[0.0] * 20).silent_s == pytest.approx(2.0)
    assert (after(0.0).rms_dbfs, after(0.0).peak_dbfs) == (FLOOR_DBFS, FLOOR_DBFS)
    assert after(*[0.001] * 20).silent_s == 0
    meter = LevelMeter()
    meter.push(AudioBlock(0.0, np.empty(0, np.float32)))
    assert meter.level is None
