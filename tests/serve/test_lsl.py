"""--lsl with a real inlet in a process of its own, on the loopback address."""

import json
import math
import os
import subprocess
import sys
from pathlib import Path

import pytest

from mmim_live.serve.lsl import CHANNELS, LOCAL_CONFIGURATION, reading_sample
from mmim_live.types import Contributions
from tests.tui.scripted import reading

pytest.importorskip("pylsl", exc_type=(ImportError, RuntimeError))  # type: ignore[arg-type]

PUBLISH = """
import sys, time
from mmim_live.serve.lsl import LslPublisher
from tests.tui.scripted import SESSION, reading, utterance
publisher = LslPublisher()
sys.stdout.write("open\\n"); sys.stdout.flush()
sys.stdin.readline()
for event in (SESSION, reading(6.0, 1.5), reading(6.5, None, width=None), utterance(1.0, 4.0, "größer", -0.5)):
    publisher.write(event)
sys.stdin.readline()
"""
RECEIVE = """
import json, sys, pylsl
inlets = {}
for name in ("mmim-live", "mmim-live-events"):
    (found,) = pylsl.resolve_byprop("name", name, 1, 10)
    inlets[name] = pylsl.StreamInlet(found)
    inlets[name].open_stream(timeout=10)
labels = inlets["mmim-live"].info(timeout=10).get_channel_labels()
sys.stdout.write("ready\\n"); sys.stdout.flush()
samples = [inlets["mmim-live"].pull_sample(timeout=10) for _ in range(2)]
events = [inlets["mmim-live-events"].pull_sample(timeout=10)[0][0] for _ in range(4)]
print(json.dumps({"labels": labels, "samples": samples, "now": pylsl.local_clock(), "events": events}))
"""


def test_an_inlet_receives_readings_and_events(tmp_path: Path) -> None:
    (tmp_path / "lsl.cfg").write_text(LOCAL_CONFIGURATION)
    # The publisher configures itself, as for a user without a configuration; the inlet must not search elsewhere.
    own = {key: value for key, value in os.environ.items() if key != "LSLAPICFG"} | {"HOME": str(tmp_path)}
    local = own | {"LSLAPICFG": str(tmp_path / "lsl.cfg")}
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "text": True}
    with (
        subprocess.Popen([sys.executable, "-c", PUBLISH], env=own, **pipes) as publisher,  # type: ignore[call-overload]
        subprocess.Popen([sys.executable, "-c", RECEIVE], env=local, **pipes) as receiver,  # type: ignore[call-overload]
    ):
        try:
            assert publisher.stdout.readline() == "open\n"
            assert receiver.stdout.readline() == "ready\n"
            publisher.stdin.write("\n")
            publisher.stdin.flush()
            received = json.loads(receiver.stdout.readline())
        finally:
            receiver.kill()
            publisher.kill()
    assert received["labels"] == list(CHANNELS)
    (scored, when), (unknown, _) = received["samples"]
    assert scored == pytest.approx(reading_sample(reading(6.0, 1.5)), abs=1e-6, nan_ok=True)
    assert 0.24 <= received["now"] - when < 20  # captured 240 ms before it was pushed
    assert math.isnan(unknown[0])
    events = [json.loads(line) for line in received["events"]]
    assert [event["type"] for event in events] == ["session", "reading", "reading", "utterance"]
    assert events[3]["text"] == "größer"


def test_every_channel_has_its_value() -> None:
    sample = dict(zip(CHANNELS, reading_sample(reading(6.0, 1.0, status="provisional")), strict=True))
    assert (sample["score"], sample["committed"]) == (1.0, 0.0)
    assert sample["low"] == pytest.approx(0.2)
    assert sample["contribution_face"] == 0.3
    assert math.isnan(sample["relative"])
    assert Contributions().text is None
    assert math.isnan(reading_sample(reading(6.0, None))[0])
