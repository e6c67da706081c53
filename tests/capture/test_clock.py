import math

from hypothesis import given, settings
from hypothesis import strategies as st

from mmim_live.capture.clock import JUMP_S, SMOOTHING_S, DriftEstimate

CALLBACK_S = 0.025

ppms = st.floats(-300, 300)
jitters = st.lists(st.floats(0, 0.04), min_size=7, max_size=13)  # repeated: how late the callbacks come


def run(
    estimate: DriftEstimate, ppm: float, late: list[float], from_s: float, to_s: float, lost_s: float = 0.0
) -> float:
    """Callbacks of a device that is slow by `ppm`; the latest true time less the estimated one."""
    error_s = 0.0
    for i in range(math.ceil(from_s / CALLBACK_S), math.ceil(to_s / CALLBACK_S)):
        counted_s = (i + 1) * CALLBACK_S
        true_s = 7.0 + counted_s * (1 + ppm / 1e6) + lost_s
        estimate.observe(counted_s, true_s + late[i % len(late)])
        error_s = true_s - estimate.time_s(counted_s)
    return error_s


@settings(max_examples=40, deadline=None)
@given(ppms, jitters)
def test_the_estimate_is_off_by_at_most_the_promptest_arrival_and_the_lag(ppm: float, late: list[float]) -> None:
    error_s = run(DriftEstimate(), ppm, late, 0.0, 60.0)
    lag_s = (SMOOTHING_S + 1.0) * abs(ppm) / 1e6
    assert -min(late) - lag_s - 1e-9 <= error_s <= -min(late) + lag_s + 1e-9


@settings(max_examples=40, deadline=None)
@given(ppms, jitters)
def test_the_drift_of_the_crystal_is_found(ppm: float, late: list[float]) -> None:
    estimate = DriftEstimate()
    run(estimate, ppm, late, 0.0, 45.0)
    early_ppm = estimate.ppm
    run(estimate, ppm, late, 45.0, 400.0)
    assert early_ppm is None
    assert estimate.ppm is not None
    assert abs(estimate.ppm - ppm) < 5 + 0.1 * abs(ppm)


@settings(max_examples=40, deadline=None)
@given(ppms, jitters, st.floats(JUMP_S + 0.05, 3.0))
def test_lost_audio_is_detected_within_five_seconds_not_as_drift(ppm: float, late: list[float], lost_s: float) -> None:
    estimate = DriftEstimate()
    run(estimate, ppm, late, 0.0, 30.0)
    error_s = run(estimate, ppm, late, 30.0, 35.0, lost_s)
    assert abs(error_s + min(late)) < 0.015
    assert abs(estimate.jumped_s - lost_s) < 0.015
    run(estimate, ppm, late, 35.0, 200.0, lost_s)
    assert estimate.ppm is not None
    assert abs(estimate.ppm - ppm) < 100 + 0.3 * abs(ppm)


@settings(max_examples=40, deadline=None)
@given(ppms, st.floats(0.0, 1.9))
def test_a_machine_that_is_busy_for_two_seconds_loses_no_audio(ppm: float, late_s: float) -> None:
    estimate = DriftEstimate()
    run(estimate, ppm, [0.0], 0.0, 30.0)
    for i in range(1200, 1280):  # two seconds of callbacks that all come at their end, or late
        counted_s = (i + 1) * CALLBACK_S
        estimate.observe(counted_s, 7.0 + max(counted_s * (1 + ppm / 1e6), 30.0 + late_s))
    error_s = run(estimate, ppm, [0.0], 32.0, 40.0)
    assert estimate.jumped_s == 0.0
    assert abs(error_s) < 0.015
