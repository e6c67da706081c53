"""The worker catches what it is there to catch."""

import sys

import pytest

from tests.fuzz.campaign import Worker

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="measures memory with Linux's /proc")

EXPECTED = {
    "accept": ("accepted", ()),
    "refuse": ("refused", ()),
    "raise": ("traceback", ("traceback",)),
    "refuse_in_two_lines": ("traceback", ("traceback",)),
    "refuse_at_length": ("traceback", ("traceback",)),
    "hang": ("hang", ("hang",)),
    "hog": ("accepted", ("memory",)),
    "write_outside": ("traceback", ("traceback", "write")),
    "rename_outside": ("traceback", ("traceback", "write")),
    "look_up": ("traceback", ("traceback", "network")),
    "connect": ("accepted", ("network",)),
    "die": ("died", ("died",)),
}


def test_each_misdeed_is_caught_and_what_follows_is_judged_as_before():
    with Worker("misbehaving", limit_s=3) as worker:
        for name, (outcome, problems) in EXPECTED.items():
            verdict = worker.judge({name: b""})
            assert verdict.outcome == outcome, name
            assert tuple(problem.partition(":")[0] for problem in verdict.problems) == problems, name
            assert worker.judge({"accept": b""}).problems == ()
