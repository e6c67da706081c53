"""The load policy on simulated machines: decoding costs wall time, and audio arrives in real time."""

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mmim_live import assets
from mmim_live.events import Notice
from mmim_live.session import asr_load
from mmim_live.session.asr_load import CAUGHT_UP_S, LEVELS, MAX_LAG_S, SKIP_LAG_S, SpeechGovernor, SpeechLoad
from mmim_live.types import AudioBlock

BLOCK_S, DECODE_INTERVAL_S = 0.1, 0.3


class Machine:
    """A recognizer with its own clock. It decodes all waiting audio, every 0.3 s of audio unless told otherwise.

    Decoding takes `cost_s(now)`, with the small model a third of that.
    """

    def __init__(self, cost_s: Callable[[float], float], language: str | None = "en") -> None:
        self.now_s = 0.0
        self.spacing_s, self.language = 0.0, language
        self.whisper: Any = "own"
        self.notices: list[Notice] = []
        self.lags_s: list[float] = []
        self.governor = SpeechGovernor(self, "whisper-base", lambda: self.now_s, self.notices.append)
        self._cost_s = cost_s

    def use(self, whisper: Any) -> None:
        self.whisper = whisper

    def _audio(self, duration_s: float) -> Iterator[AudioBlock]:
        for index in range(round(duration_s / BLOCK_S)):
            block = AudioBlock(index * BLOCK_S, np.ones(1600, np.float32))
            self.now_s = max(self.now_s, block.end_s)
            yield block

    def run(self, duration_s: float) -> "Machine":
        decoded_s = 0.0
        for block in self.governor.throttle(self._audio(duration_s)):
            self.lags_s.append(self.now_s - block.end_s)
            more = self.now_s >= block.end_s + BLOCK_S
            if block.samples.any() and not more and block.end_s - decoded_s >= max(DECODE_INTERVAL_S, self.spacing_s):
                self.now_s += self._cost_s(self.now_s) * (1 if self.whisper == "own" else 1 / 3)
                decoded_s = block.end_s
        return self


@pytest.fixture(autouse=True)
def small_model(monkeypatch: pytest.MonkeyPatch) -> None:
    """Pretends that the small model is installed; it is never run."""
    monkeypatch.setattr(asr_load, "load_whisper", lambda folder, exact: "small")
    located = assets.Located(assets.ASSETS["whisper-tiny.en"], assets.BUNDLED_FOLDER, "bundled")
    monkeypatch.setattr(assets, "find", lambda name: located)


@settings(deadline=None, max_examples=30)
@given(st.floats(0.0, 8.0), st.sampled_from(["en", "es", None]))
def test_the_lag_is_bounded_however_slow_the_machine(cost_s: float, language: str | None):
    machine = Machine(lambda now_s: cost_s, language).run(300.0)
    assert max(machine.lags_s) <= SKIP_LAG_S + cost_s + BLOCK_S
    lost = sum(notice.code == "speech_lost" for notice in machine.notices)
    assert (machine.governor.muted_blocks > 0) == (lost > 0)


def test_a_machine_that_is_fast_enough_runs_at_full_effort():
    machine = Machine(lambda now_s: 0.3).run(120.0)
    assert machine.notices == []
    assert machine.governor.effort == "whisper-base"


def test_a_slow_machine_decodes_less_often_and_loses_nothing():
    machine = Machine(lambda now_s: 0.6).run(300.0)
    assert machine.notices == []  # takes twice as long as it should: late, but not too late
    machine = Machine(lambda now_s: 1.3 if now_s < 10.0 else 0.9).run(300.0)
    assert machine.governor.muted_blocks == 0
    assert machine.spacing_s > 0
    assert max(machine.lags_s) < 2 * MAX_LAG_S
    assert "whisper-base every" in machine.governor.effort


def test_a_very_slow_machine_uses_the_small_model_if_it_supports_the_language():
    english, spanish = (Machine(lambda now_s: 4.0, language).run(60.0) for language in ("en", "es"))
    assert english.whisper == "small"
    assert "tiny" in english.governor.effort
    assert spanish.whisper == "own"
    assert spanish.spacing_s > english.spacing_s


@settings(deadline=None, max_examples=15)
@given(st.floats(0.5, 4.0))
def test_full_effort_returns_when_the_load_is_gone(cost_s: float):
    machine = Machine(lambda now_s: cost_s if now_s < 60.0 else 0.1).run(800.0)
    assert machine.spacing_s == 0
    assert machine.whisper == "own"
    assert machine.governor.effort == "whisper-base"
    assert machine.lags_s[-1] <= CAUGHT_UP_S


def test_more_effort_is_tried_less_and_less_often_if_it_is_too_much():
    machine = Machine(lambda now_s: 0.8).run(1800.0)
    changes_s = [notice.time_s for notice in machine.notices]
    assert len([time_s for time_s in changes_s if time_s > 900.0]) <= 14


@settings(deadline=None)
@given(st.lists(st.tuples(st.floats(0.01, 5.0), st.floats(0.0, 30.0)), max_size=100))
def test_the_level_moves_by_one_and_stays_in_range(history: list[tuple[float, float]]):
    load, now_s = SpeechLoad(), 0.0
    for later_s, lag_s in history:
        before = load.level
        load.observe(now_s := now_s + later_s, lag_s)
        assert abs(load.level - before) <= 1
        assert 0 <= load.level < LEVELS
        if load.level > before:
            assert lag_s > MAX_LAG_S
