"""When faults are injected, and what is said of them, with a hand-written fault and log."""

from dataclasses import dataclass

import pytest

from mmim_live.benchmark.fault_injection import RECOVERY_S, SETTLE_S, FaultInjector, FaultOutcome
from mmim_live.benchmark.session_log import Observed
from mmim_live.events import Notice
from tests.benchmark.session_logs import extend, log_of


@dataclass
class Breakdown:
    name: str = "breakdown"
    lasts_s: float = 10.0
    reason: str | None = None
    broken: bool = False
    restored: int = 0

    def unavailable(self) -> str | None:
        return self.reason

    def inject(self) -> None:
        self.broken = True

    def restore(self) -> None:
        self.broken = False
        self.restored += 1

    def finding(self) -> str:
        return "as expected"


def run(*faults: Breakdown, seconds: int, returns_after_s: float = 3.0) -> list[FaultOutcome]:
    """A session in which there is neither face nor voice while a fault lasts, nor for a while afterwards."""
    log = log_of(1)
    outcomes: list[FaultOutcome] = []
    injector = FaultInjector(faults, log, seconds, outcomes.append)
    broken_until_s, frames, lost_s = 0.0, 0, 0.0
    for second in range(1, seconds):
        if any(fault.broken for fault in faults):
            broken_until_s = second + returns_after_s
        away = second < broken_until_s
        frames += 0 if away else 15
        lost_s += away
        extend(log, second, frames=frames, readings=not away, lost_s=lost_s)
        injector.tick(second)
    injector.close()
    assert outcomes == injector.outcomes
    return outcomes


def test_a_fault_is_ended_and_what_was_lost_is_counted():
    (outcome,) = run(Breakdown(), seconds=200)
    assert (outcome.at_s, outcome.lasted_s, outcome.survived, outcome.finding) == (100, 10.0, True, "as expected")
    assert outcome.recovered_s == pytest.approx(3.24)
    assert outcome.readings_missing == 24
    assert outcome.audio_lost_s == 12
    assert outcome.video_lost_s == 12  # from the last new frame to the last report without one


def test_faults_follow_each_other_evenly():
    faults = [Breakdown(), Breakdown(), Breakdown()]
    outcomes = run(*faults, seconds=400)
    assert [outcome.at_s for outcome in outcomes] == [100, 200, 300]
    assert [fault.restored for fault in faults] == [1, 1, 1]


def test_a_fault_waits_until_the_one_before_is_over():
    first, second = run(Breakdown(), Breakdown(), seconds=60)
    assert second.at_s >= first.at_s + first.lasted_s + SETTLE_S


def test_a_session_that_does_not_come_back_has_not_survived():
    (outcome,) = run(Breakdown(), seconds=300, returns_after_s=2 * RECOVERY_S)
    assert not outcome.survived
    assert outcome.recovered_s is None


def test_what_cannot_be_injected_says_why():
    (outcome,) = run(Breakdown(reason="needs root"), seconds=60)
    assert (outcome.not_run, outcome.survived) == ("needs root", False)


def test_an_ending_session_ends_its_fault_and_names_those_that_had_no_time():
    faults = [Breakdown(lasts_s=1000.0), Breakdown()]
    under_way, never = run(*faults, seconds=60)
    assert [fault.broken for fault in faults] == [False, False]
    assert faults[0].restored == 1
    assert not under_way.survived
    assert never.not_run == "the session was too short"


def test_notices_during_the_fault_are_named():
    log, outcomes = log_of(30), list[FaultOutcome]()
    injector = FaultInjector([Breakdown(lasts_s=0.0)], log, 20.0, outcomes.append)
    log.take(Observed(5.0, Notice(5.0, "before", "")))
    injector.tick(29.0)
    log.take(Observed(29.5, Notice(29.5, "camera_lost", "")))
    for second in range(30, 50):
        extend(log, second)
        injector.tick(second)
    assert [outcome.notices for outcome in outcomes] == [("camera_lost",)]
