"""The governor on simulated machines: a hypothesis costs wall time by the length of its audio, which arrives live."""

import itertools
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mmim_live import assets
from mmim_live.events import Notice
from mmim_live.session import asr_load
from mmim_live.session.asr_load import LOST_REMINDER_S, SKIP_LAG_S, CostModel, SpeechGovernor
from mmim_live.types import AudioBlock

BLOCK_S, DECODE_INTERVAL_S, KEPT_S, MAX_AUDIO_S = 0.1, 0.3, 1.8, 12.0
SMALL_COST = 0.4  # relative to the usual model


class Machine:
    """A recognizer with its own clock. It decodes what it has kept and all new audio, when at least 0.3 s are new.

    Decoding s seconds takes `cost(now) * (1.35 + s) / 4.15`: `cost(now)` for 2.8 s. The process gets `cores` meanwhile.
    """

    def __init__(
        self, cost: Callable[[float], float], language: str | None = "en", *, cores: float = 1.2, noise: float = 0.0
    ) -> None:
        self.now_s = 0.0
        self.spacing_s, self.language = 0.0, language
        self.whisper: Any = "own"
        self.on_hypothesis: Callable[..., None] = lambda *_: None
        self.notices: list[Notice] = []
        self.lags_s: list[float] = []
        self.efforts: list[tuple[float, str]] = []
        self.ages_s: list[tuple[float, float]] = []  # when a hypothesis is ready, and how old its oldest new audio is
        self._cpu_s = 0.0
        self.governor = SpeechGovernor(
            self, "whisper-base", lambda: self.now_s, self.notices.append, cpu_s=lambda: self._cpu_s
        )
        self._cost, self._cores = cost, cores
        self._random, self._noise = np.random.default_rng(1), noise

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
            if not self.efforts or self.efforts[-1][1] != self.governor.effort:
                self.efforts.append((self.now_s, self.governor.effort))
            more = self.now_s >= block.end_s + BLOCK_S
            if block.samples.any() and not more and block.end_s - decoded_s >= max(DECODE_INTERVAL_S, self.spacing_s):
                audio_s = min(KEPT_S + block.end_s - decoded_s, MAX_AUDIO_S)
                cost_s = self._cost(self.now_s) * (1.35 + audio_s) / 4.15 * (SMALL_COST if self.whisper != "own" else 1)
                cost_s *= float(self._random.lognormal(0.0, self._noise))
                self.now_s += cost_s
                self._cpu_s += self._cores * cost_s
                self.on_hypothesis(self.whisper, audio_s, cost_s)
                self.ages_s.append((self.now_s, self.now_s - decoded_s))
                decoded_s = block.end_s
        return self

    def p95_age_s(self, after_s: float) -> float:
        return float(np.quantile([age_s for now_s, age_s in self.ages_s if now_s > after_s], 0.95))


@pytest.fixture(autouse=True)
def small_model(monkeypatch: pytest.MonkeyPatch) -> None:
    """Pretends that the small model is installed; it is never run."""
    monkeypatch.setattr(asr_load, "load_whisper", lambda folder, exact: "small")
    located = assets.Located(assets.ASSETS["whisper-tiny.en"], assets.BUNDLED_FOLDER, "bundled")
    monkeypatch.setattr(assets, "find", lambda name: located)


def test_the_cost_of_a_length_is_learned_from_others():
    model = CostModel()
    for audio_s in (1.0, 2.0, 4.0, 2.5, 3.0):
        model.observe(audio_s, 0.2 + 0.15 * audio_s)
    assert model.seconds(8.0) == pytest.approx(1.4, rel=0.25)
    for _ in range(5):  # the load has changed
        model.observe(2.0, 2.0)
    assert model.seconds(2.0) == pytest.approx(2.0, rel=0.1)


@settings(deadline=None, max_examples=12)
@given(st.floats(0.0, 8.0), st.sampled_from(["en", "es", None]), st.sampled_from([0.4, 1.2]))
def test_the_lag_is_bounded_however_slow_the_machine(cost_s: float, language: str | None, cores: float):
    machine = Machine(lambda now_s: cost_s, language, cores=cores).run(120.0)
    longest_s = cost_s * (1.35 + MAX_AUDIO_S) / 4.15
    assert max(machine.lags_s) <= SKIP_LAG_S + longest_s + BLOCK_S
    assert (machine.governor.muted_blocks > 0) == (len(machine.notices) > 0)
    assert len(machine.notices) <= 1 + machine.now_s // LOST_REMINDER_S


@settings(deadline=None, max_examples=12)
@given(st.floats(0.05, 0.85), st.floats(0.0, 0.2))
def test_a_machine_that_holds_a_hypothesis_a_second_keeps_the_usual_model(cost_s: float, noise: float):
    machine = Machine(lambda now_s: cost_s, noise=noise).run(300.0)
    assert all("tiny" not in effort for _, effort in machine.efforts)
    assert machine.governor.muted_blocks == 0
    assert machine.notices == []


def test_a_fast_machine_is_left_alone():
    machine = Machine(lambda now_s: 0.5, noise=0.1).run(120.0)
    assert [effort for _, effort in machine.efforts] == ["whisper-base"]


def test_a_machine_without_a_free_core_decodes_less_often():
    free, scarce = (Machine(lambda now_s: 0.5, cores=cores).run(120.0) for cores in (1.2, 0.5))
    assert free.spacing_s == 0
    assert scarce.spacing_s > 0
    assert scarce.whisper == "own"


def test_a_very_slow_machine_uses_the_small_model_if_it_supports_the_language():
    english, spanish = (Machine(lambda now_s: 4.0, language).run(60.0) for language in ("en", "es"))
    assert english.whisper == "small"
    assert "tiny" in english.governor.effort
    assert english.p95_age_s(30.0) < spanish.p95_age_s(30.0)
    assert spanish.whisper == "own"
    assert spanish.spacing_s > english.spacing_s


@settings(deadline=None, max_examples=12)
@given(st.floats(0.1, 2.5), st.sampled_from([0.5, 1.2]))
def test_it_settles_within_15_seconds_and_then_stays(cost_s: float, cores: float):
    machine = Machine(lambda now_s: cost_s, cores=cores, noise=0.05).run(300.0)
    late = [now_s for now_s, _ in machine.efforts if now_s > 15.0 + 2 * cost_s]
    assert len(late) <= 2


@settings(deadline=None, max_examples=8)
@given(st.floats(0.5, 4.0))
def test_full_effort_returns_when_the_load_is_gone(cost_s: float):
    machine = Machine(lambda now_s: cost_s if now_s < 60.0 else 0.1).run(300.0)
    assert machine.spacing_s == 0
    assert machine.whisper == "own"
    assert machine.governor.effort == "whisper-base"
    assert machine.lags_s[-1] <= 0.6


def test_it_does_not_swing_under_a_load_that_does():
    machine = Machine(lambda now_s: 1.3 if now_s // 20 % 2 else 0.6, noise=0.2).run(900.0)
    gaps_s = [later - now for (now, _), (later, _) in itertools.pairwise(machine.efforts)]
    assert len(machine.efforts) <= 60
    assert all(gap_s >= 2.0 for gap_s in gaps_s)
