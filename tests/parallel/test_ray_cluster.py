"""A cluster of three nodes on this machine, of which one goes away."""

from __future__ import annotations

import importlib.util
from typing import Any

import pytest

from mmim_live.parallel.ray_actors import RayActors
from tests.parallel import workloads

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(importlib.util.find_spec("ray") is None, reason="needs mmim-live[cluster]"),
]
NODE: dict[str, Any] = {"num_cpus": 1, "memory": 2_000_000_000, "object_store_memory": 80_000_000}


def test_a_node_that_goes_costs_no_item() -> None:
    from ray.cluster_utils import Cluster

    cluster = Cluster(initialize_head=True, head_node_args={**NODE, "num_cpus": 0, "include_dashboard": False})
    try:
        nodes = [cluster.add_node(**NODE) for _ in range(2)]
        cluster.wait_for_nodes()
        items = [0.2 + index / 1000 for index in range(40)]
        done = []
        for item, result in RayActors(None, cluster.address).run(items, workloads.make_sleep):
            assert result == item
            done.append(item)
            if len(done) == 10:  # both workers are at work
                cluster.remove_node(nodes.pop(), allow_graceful=False)
        assert sorted(done) == items
    finally:
        cluster.shutdown()
