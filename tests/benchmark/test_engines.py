from __future__ import annotations

from mmim_live.benchmark.engines import measure_engine


def test_metrics_of_sleeping_workers() -> None:
    metrics = measure_engine("processes", 2, 100, 0.01)
    assert (metrics.file, metrics.items) == ("processes, 2", 100)
    assert 100 < metrics.per_second < 200  # 200 if nothing but the work took time
    assert 0 < metrics.overhead_ms < 10
    assert 0 < metrics.memory_first_mb <= metrics.memory_last_mb + 5
