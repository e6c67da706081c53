"""What every engine promises: each item once, in spite of workers that die, and errors that arrive."""

from __future__ import annotations

import importlib.util
import multiprocessing
import re
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest

from mmim_live.errors import ConfigError, WorkerError
from mmim_live.parallel.engine import Died, Engine
from mmim_live.parallel.processes import Processes
from mmim_live.parallel.ray_actors import RayActors
from tests.parallel import workloads

needs_ray = pytest.mark.skipif(importlib.util.find_spec("ray") is None, reason="needs mmim-live[cluster]")


@needs_ray
@pytest.mark.slow
@pytest.mark.parametrize("address", ["127.0.0.1:1", "auto", "nonsense"])
def test_no_cluster_at_the_address_ends_in_one_line(address: str) -> None:
    with pytest.raises(ConfigError, match=f"no Ray cluster at {re.escape(address)}: start one"):
        list(RayActors(1, address).run([1], workloads.make_double))


@pytest.fixture(scope="module")
def ray_here() -> Iterator[None]:
    """One Ray for all tests: it takes seconds to start."""
    import ray

    ray.init("local", num_cpus=2, log_to_driver=False, include_dashboard=False, object_store_memory=80_000_000)
    yield
    ray.shutdown()


@pytest.fixture(params=["processes", pytest.param("ray", marks=[needs_ray, pytest.mark.slow])])
def engine(request: pytest.FixtureRequest) -> Engine:
    """Two workers."""
    if request.param == "processes":
        return Processes(2)
    request.getfixturevalue("ray_here")
    return RayActors(2)


def test_each_item_gives_one_result(engine: Engine) -> None:
    for each in (engine, Processes(0)):
        results = list(each.run(range(50), workloads.make_double))
        assert sorted(results) == [(item, 2 * item) for item in range(50)]
        assert list(each.run([], workloads.make_double)) == []


def test_a_worker_is_made_once_and_works_on_many_items(engine: Engine) -> None:
    processes = Counter(result for _, result in engine.run(range(50), workloads.make_name_of_process))
    assert len(processes) <= 2


def test_results_come_as_they_finish(engine: Engine) -> None:
    assert [item for item, _ in engine.run([2.0, 0.1, 0.2], workloads.make_sleep)] == [0.1, 0.2, 2.0]


def test_a_worker_that_dies_costs_only_what_killed_it(engine: Engine, tmp_path: Path) -> None:
    items = [(name, tmp_path) for name in ("a", "bad", "b", "once 1", "c", "once 2", "d", "e")]
    results = list(engine.run(items, workloads.make_deadly))
    assert len(results) == len(items)
    assert dict(results) == {item: Died() if item[0] == "bad" else item[0] for item in items}


@pytest.mark.parametrize("make", [workloads.make_refusing, workloads.make_nothing])
def test_what_the_work_raises_is_raised(engine: Engine, make: object) -> None:
    for each in (engine, Processes(0)):
        with pytest.raises(LookupError, match="cannot"):
            list(each.run([1, 2, 3], make))  # type: ignore[arg-type]


def test_workers_that_die_as_they_start_end_the_run(engine: Engine) -> None:
    with pytest.raises(WorkerError, match="die as they start"):
        list(engine.run([1, 2, 3], workloads.die_at_once))


def test_closing_the_run_ends_its_processes() -> None:
    run = Processes(2).run([0.1, 60.0], workloads.make_sleep)
    assert next(run)[0] == 0.1
    began_s = time.monotonic()
    run.close()
    while multiprocessing.active_children():
        assert time.monotonic() - began_s < 10
        time.sleep(0.05)
