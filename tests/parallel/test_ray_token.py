"""A Ray that is started for a run serves this run alone."""

from __future__ import annotations

import importlib.util
import os
import subprocess
import sys

import pytest

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(importlib.util.find_spec("ray") is None, reason="needs mmim-live[cluster]"),
]
_INTRUDER = """
import ray, sys
ray.init(sys.argv[1], log_to_driver=False)
print(ray.get(ray.remote(num_cpus=0)(lambda: "ran").remote()))
"""
_RUN = f"""
import os, subprocess, sys
from mmim_live.parallel.ray_actors import RayActors
from tests.parallel import workloads
for _ in RayActors(1).run([0.01], workloads.make_sleep):
    import ray
    command = [sys.executable, "-c", {_INTRUDER!r}, ray.get_runtime_context().gcs_address]
    for token in (os.environ["RAY_AUTH_TOKEN"], "0" * 64):
        done = subprocess.run(
            command, env=os.environ | {{"RAY_AUTH_TOKEN": token}}, capture_output=True, text=True, timeout=100
        )
        print(done.returncode, done.stdout.split())
"""


def test_nobody_without_the_token_runs_code() -> None:
    environment = {name: value for name, value in os.environ.items() if not name.startswith("RAY_")}
    environment["PYTHONPATH"] = os.pathsep.join(sys.path)
    done = subprocess.run(
        [sys.executable, "-c", _RUN], env=environment, capture_output=True, text=True, check=False, timeout=250
    )
    assert done.returncode == 0, done.stderr
    with_token, without = done.stdout.splitlines()
    assert with_token == "0 ['ran']"
    assert without == "1 []"
