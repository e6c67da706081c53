"""Rows of five minutes, and the growth of memory, from hand-written logs."""

import math

import pytest

from mmim_live.benchmark.periods import HEADER, Period, PeriodReporter, growth_mb_per_hour, period, row
from mmim_live.benchmark.session_log import SessionLog
from tests.benchmark.session_logs import extend, log_of


def test_a_row_holds_what_happened_in_its_five_minutes():
    found = period(log_of(700), 300.0, 600.0)
    assert found is not None
    assert (found.from_s, found.to_s, found.readings, found.frames) == (300.0, 599, 600, 15 * 300)
    assert (found.memory_mb, found.descriptors, found.threads, found.drops) == (1000.0, 21, 24, 30)
    assert found.cpu_percent == pytest.approx(50.0)
    assert (found.lag_p50_ms, found.lag_p95_ms, found.lag_max_ms) == (240.0, 240.0, 240.0)
    assert "5- 10" in row(found)
    assert len(row(found)) == len(HEADER)


def test_rows_are_given_as_they_end_and_the_rest_at_the_end():
    log, given = log_of(1), list[Period]()
    reporter = PeriodReporter(log, given.append)
    ends = []
    for second in range(1, 750):
        extend(log, second)
        reporter.tick()
        ends.append(len(given))
    assert ends.index(1) + 1 == 300
    assert ends.index(2) + 1 == 600
    reporter.end()
    assert [each.from_s for each in given] == [0.0, 300.0, 600.0]
    assert sum(each.readings for each in given) == 2 * 750


def test_a_session_without_a_sample_has_no_row():
    assert period(SessionLog(), 0.0, math.inf) is None


@pytest.mark.parametrize("mb_per_hour", [0.0, 18.0, 200.0])
def test_the_growth_is_the_slope_after_minute_five(mb_per_hour: float):
    log = log_of(3600, mb_per_hour=mb_per_hour)
    log.samples[:290] = [log.samples[0]] * 290  # whatever happens before does not count
    assert growth_mb_per_hour(log) == pytest.approx(mb_per_hour, abs=1e-6)


def test_too_short_a_session_has_no_growth():
    assert growth_mb_per_hour(log_of(599)) is None
    assert growth_mb_per_hour(SessionLog()) is None
