"""The user's baseline: when it begins, is set, fails and is removed."""

import dataclasses
import statistics

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mmim_live.events import Reading
from mmim_live.session.baseline import LATE_S, MEASURE_S, Baseline
from mmim_live.session_types import BaselineHealth
from mmim_live.types import Present
from tests.tui.scripted import reading

WINDOW_S, HOP_S = 6.0, 0.5
SPOKEN = Present(text=True, voice=True)


def at(end_s: float, score: float | None, *, present: Present = SPOKEN, status: str = "committed") -> Reading:
    return dataclasses.replace(reading(end_s, score, present=present, status=status), start_s=end_s - WINDOW_S)


def grid(until_s: float) -> list[float]:
    return [k * HOP_S for k in range(1, round(until_s / HOP_S) + 1)]


@given(st.floats(0, 50), st.lists(st.floats(-3, 3), min_size=200, max_size=200))
def test_the_baseline_is_the_median_of_the_readings_inside(began_s: float, scores: list[float]):
    baseline = Baseline(WINDOW_S, HOP_S)
    assert baseline.toggle(began_s).code == "baseline_began"
    notices = []
    inside = []
    for end_s, score in zip(grid(100), scores, strict=True):
        if baseline.score is None and end_s - WINDOW_S >= began_s - 1e-6 and end_s <= began_s + MEASURE_S + 1e-6:
            inside.append(score)
        notices += baseline.take(at(end_s, score))
    assert [notice.code for notice in notices] == ["baseline_set"]
    assert "words and voice" in notices[0].message
    assert baseline.score == statistics.median(inside)
    assert baseline.possible - 1 <= len(inside) <= baseline.possible + 1
    assert baseline.relative(1.5) == 1.5 - baseline.score
    assert baseline.relative(None) is None
    assert baseline.health(99.0) == BaselineHealth(baseline.score)
    assert baseline.toggle(99.0).code == "baseline_removed"
    assert baseline.relative(1.5) is None
    assert baseline.health(99.0) is None


@given(st.lists(st.booleans(), min_size=60, max_size=60))
def test_the_baseline_needs_enough_speech(speaks: list[bool]):
    baseline = Baseline(WINDOW_S, HOP_S)
    baseline.toggle(0.0)
    notices = []
    count = 0
    for end_s, spoken in zip(grid(30), speaks, strict=True):
        inside = WINDOW_S <= end_s <= MEASURE_S
        count += spoken and inside
        notices += baseline.take(at(end_s, 0.5, present=SPOKEN if spoken else Present(face=True)))
    (notice,) = notices
    assert notice.code == ("baseline_set" if count >= baseline.needed else "baseline_failed")
    assert f"{count} of {baseline.possible} readings contained speech" in notice.message
    assert (baseline.score is None) == (notice.code == "baseline_failed")


def test_provisional_readings_do_not_count_and_the_wait_for_late_ones_is_bounded():
    baseline = Baseline(WINDOW_S, HOP_S)
    baseline.toggle(0.0)
    notices = [notice for end_s in grid(40) for notice in baseline.take(at(end_s, 1.0, status="provisional"))]
    assert [notice.code for notice in notices] == ["baseline_failed"]
    assert notices[0].time_s == MEASURE_S + LATE_S + HOP_S


def test_toggling_cancels_the_measurement_and_the_end_of_the_session_fails_it():
    baseline = Baseline(WINDOW_S, HOP_S)
    baseline.toggle(3.0)
    assert baseline.health(5.0) == BaselineHealth(None, MEASURE_S - 2)
    assert baseline.health(50.0) == BaselineHealth(None, 0.0)
    assert baseline.toggle(6.0).code == "baseline_removed"
    assert baseline.end(7.0) == []
    baseline.toggle(8.0)
    assert [notice.code for notice in baseline.end(9.0)] == ["baseline_failed"]
    assert baseline.health(9.0) is None


@pytest.mark.parametrize(("window_s", "hop_s"), [(1.0, 0.1), (6.0, 0.5), (10.0, 10.0), (30.0, 0.5), (30.0, 10.0)])
def test_there_is_room_for_readings_whatever_the_window(window_s: float, hop_s: float):
    baseline = Baseline(window_s, hop_s)
    assert 1 <= baseline.needed <= baseline.possible
    assert baseline.length_s >= MEASURE_S
