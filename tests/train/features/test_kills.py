"""Extraction loses nothing and does nothing twice, whatever is killed."""

from __future__ import annotations

import importlib.util
import random
from pathlib import Path

import pytest

from tests.train.features.kills import CLIPS, content, disturbed, make_clips


@pytest.mark.slow
@pytest.mark.parametrize("engine", ["processes", "ray"])
def test_kills_leave_the_store_of_an_undisturbed_run(engine: str, tmp_path: Path) -> None:
    if engine == "ray" and importlib.util.find_spec("ray") is None:
        pytest.skip("needs mmim-live[cluster]")
    rng = random.Random(17)
    make_clips(tmp_path / "clips", rng)
    disturbed("processes", tmp_path, 0, rng)
    undisturbed = content((tmp_path / "store").rename(tmp_path / "undisturbed"))
    assert undisturbed["samples.jsonl"].count(b"\n") == CLIPS
    killed = disturbed(engine, tmp_path, 5, rng)
    assert sum(killed.values()) > 0
    assert content(tmp_path / "store") == undisturbed
    assert sorted(path.name for path in tmp_path.iterdir()) == ["clips", "store", "undisturbed"]
