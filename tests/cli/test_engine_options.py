from __future__ import annotations

import sys

import pytest

from mmim_live.cli.options import build_engine
from mmim_live.errors import ConfigError
from mmim_live.parallel.processes import Processes
from mmim_live.parallel.ray_actors import RayActors
from tests.parallel import workloads


def test_options_name_an_engine() -> None:
    assert build_engine("processes", 3, None) == Processes(3)
    assert build_engine("ray", None, "auto") == RayActors(None, "auto")
    with pytest.raises(ConfigError, match="--address is that of a Ray cluster: add --engine ray"):
        build_engine("processes", None, "auto")
    with pytest.raises(ConfigError, match="--workers 0"):
        build_engine("ray", 0, None)


def test_without_ray_one_line_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "ray", None)
    with pytest.raises(ConfigError, match=r"pip install 'mmim-live\[cluster\]'"):
        list(build_engine("ray", 1, None).run([1], workloads.make_double))
