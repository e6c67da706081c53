"""Strangers' files are accepted or refused in one line: some mutated ones in every area."""

import sys

import pytest

from tests.fuzz.__main__ import main, table
from tests.fuzz.areas import NAMES
from tests.fuzz.campaign import Tally, Verdict, attack, inputs_of

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="measures memory with Linux's /proc")

INPUTS = 40  # an area
BUSY_LIMIT_S = 30.0  # a hang is a hang, and the machine may be busy


@pytest.mark.parametrize("area", NAMES)
def test_mutated_files_are_accepted_or_refused_in_one_line(area: str):
    tally, failures = attack(area, seed=2, numbers=range(INPUTS), limit_s=BUSY_LIMIT_S)
    assert failures == []
    assert tally.counts["inputs"] == INPUTS


def test_the_same_seed_gives_the_same_inputs():
    first, again, other = (list(inputs_of("events", seed, range(20))) for seed in (5, 5, 6))
    assert first == again != other


def test_the_command_prints_what_it_counted(capsys: pytest.CaptureFixture[str]):
    good, bad = Tally(), Tally()
    good.add(Verdict("refused", "no good", 2.0))
    bad.add(Verdict("accepted", "", 400.0, ("memory: 400 MiB",)))
    *_, first, second, total = table({"toml": good, "media": bad}).splitlines()
    assert first.split() == ["toml", "1", "0", "1", *"000000", "2"]
    assert second.split() == ["media", "1", "1", "0", "0", "0", "0", "1", "0", "0", "400"]
    assert total.split()[:4] == ["all", "2", "1", "1"]
    assert (good.failures, bad.failures) == (0, 1)
    assert main(["--inputs", "3", "--area", "events"]) == 0
    assert "events: done" in capsys.readouterr().out
