from __future__ import annotations

import pytest

from mmim_live.benchmark.engines import measure_engine, measure_engines
from mmim_live.errors import ConfigError


def test_metrics_of_sleeping_workers() -> None:
    metrics = measure_engine("processes", 2, 50, 0.02)
    assert (metrics.file, metrics.items) == ("processes, 2", 50)
    # At most 100, and a little more since the first result stands at the beginning of the time that is measured.
    assert 0 < metrics.per_second < 110
    assert metrics.overhead_ms == pytest.approx(1000 * (2 / metrics.per_second - 0.02))
    assert min(metrics.memory_first_mb, metrics.memory_last_mb) > 10


def test_an_unknown_engine_is_named() -> None:
    with pytest.raises(ConfigError, match="unknown engine 'threads': choose from processes, ray"):
        list(measure_engines(["threads"], [1], 10, 0.0))
