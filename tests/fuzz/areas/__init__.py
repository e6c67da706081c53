"""One module per kind of file that a stranger may have made. `misbehaving` tests the worker."""

from __future__ import annotations

import importlib

from tests.fuzz.area import Area

NAMES = ("media", "checkpoints", "pickles", "stores", "tables", "recordings", "toml", "events")


def load_area(name: str) -> Area:
    area = importlib.import_module(f"tests.fuzz.areas.{name}").AREA
    assert isinstance(area, Area)
    return area
