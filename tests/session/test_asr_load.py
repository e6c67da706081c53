"""The load policy over simulated machines: a listening recogniser costs wall time, and sound comes in real time."""

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mmim_live import assets
from mmim_live.events import Notice
from mmim_live.session import asr_load as speech_load
from mmim_live.session.asr_load import BEHIND_S, CAUGHT_UP_S, GIVE_UP_S, LEVELS, SpeechGovernor, SpeechLoad
from mmim_live.types import AudioBlock

BLOCK_S, EVERY_S = 0.1, 0.3


class Machine:
    """A recogniser on a clock of its own. It listens to all that waits, every 0.3 s of sound if it may.

    Listening once takes `cost_s(now)`, with the small model a third of that.
    """

    def __init__(self, cost_s: Callable[[float], float], language: str | None = "en") -> None:
        self.now_s = 0.0
        self.spacing_s, self.language = 0.0, language
        self.whisper: Any = "own"
        self.told: list[Notice] = []
        self.behind_s: list[float] = []
        self.governor = SpeechGovernor(self, "whisper-base", lambda: self.now_s, self.told.append)
        self._cost_s = cost_s

    def use(self, whisper: Any) -> None:
        self.whisper = whisper

    def _sounds(self, duration_s: float) -> Iterator[AudioBlock]:
        for index in range(round(duration_s / BLOCK_S)):
            block = AudioBlock(index * BLOCK_S, np.ones(1600, np.float32))
            self.now_s = max(self.now_s, block.end_s)
            yield block

    def run(self, duration_s: float) -> "Machine":
        listened_s = 0.0
        for block in self.governor.throttle(self._sounds(duration_s)):
            self.behind_s.append(self.now_s - block.end_s)
            more = self.now_s >= block.end_s + BLOCK_S
            if block.samples.any() and not more and block.end_s - listened_s >= max(EVERY_S, self.spacing_s):
                self.now_s += self._cost_s(self.now_s) * (1 if self.whisper == "own" else 1 / 3)
                listened_s = block.end_s
        return self


@pytest.fixture(autouse=True)
def small_model(monkeypatch: pytest.MonkeyPatch) -> None:
    """As if installed; what it does is not asked here."""
    monkeypatch.setattr(speech_load, "load_whisper", lambda folder, exact: "small")
    located = assets.Located(assets.ASSETS["whisper-tiny.en"], assets.BUNDLED_FOLDER, "bundled")
    monkeypatch.setattr(assets, "find", lambda name: located)


@settings(deadline=None, max_examples=30)
@given(st.floats(0.0, 8.0), st.sampled_from(["en", "es", None]))
def test_the_recogniser_is_never_far_behind_however_slow_the_machine(cost_s: float, language: str | None):
    machine = Machine(lambda now_s: cost_s, language).run(300.0)
    assert max(machine.behind_s) <= GIVE_UP_S + cost_s + BLOCK_S
    lost = sum(notice.code == "speech_lost" for notice in machine.told)
    assert (machine.governor.muted_blocks > 0) == (lost > 0)


def test_a_machine_that_is_quick_enough_does_all_there_is_to_do():
    machine = Machine(lambda now_s: 0.3).run(120.0)
    assert machine.told == []
    assert machine.governor.effort == "whisper-base"


def test_too_slow_lowers_the_cadence_and_loses_nothing():
    machine = Machine(lambda now_s: 0.6).run(300.0)
    assert machine.told == []  # twice as long as it should: it is late, and not too late
    machine = Machine(lambda now_s: 1.3 if now_s < 10.0 else 0.9).run(300.0)
    assert machine.governor.muted_blocks == 0
    assert machine.spacing_s > 0
    assert max(machine.behind_s) < 2 * BEHIND_S
    assert "whisper-base every" in machine.governor.effort


def test_far_too_slow_takes_the_small_model_where_it_knows_the_language():
    english, spanish = (Machine(lambda now_s: 4.0, language).run(60.0) for language in ("en", "es"))
    assert english.whisper == "small"
    assert "tiny" in english.governor.effort
    assert spanish.whisper == "own"
    assert spanish.spacing_s > english.spacing_s


@settings(deadline=None, max_examples=15)
@given(st.floats(0.5, 4.0))
def test_it_recovers_when_the_load_is_gone(cost_s: float):
    machine = Machine(lambda now_s: cost_s if now_s < 60.0 else 0.1).run(800.0)
    assert machine.spacing_s == 0
    assert machine.whisper == "own"
    assert machine.governor.effort == "whisper-base"
    assert machine.behind_s[-1] <= CAUGHT_UP_S


def test_doing_more_is_tried_ever_more_seldom_where_it_is_too_much():
    machine = Machine(lambda now_s: 0.8).run(1800.0)
    changes_s = [notice.time_s for notice in machine.told]
    assert len([time_s for time_s in changes_s if time_s > 900.0]) <= 14


@settings(deadline=None)
@given(st.lists(st.tuples(st.floats(0.01, 5.0), st.floats(0.0, 30.0)), max_size=100))
def test_the_level_moves_by_one_and_stays_in_range(history: list[tuple[float, float]]):
    load, now_s = SpeechLoad(), 0.0
    for later_s, behind_s in history:
        before = load.level
        load.observe(now_s := now_s + later_s, behind_s)
        assert abs(load.level - before) <= 1
        assert 0 <= load.level < LEVELS
        if load.level > before:
            assert behind_s > BEHIND_S
