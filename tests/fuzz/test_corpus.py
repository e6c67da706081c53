"""Files that once failed are accepted or refused in one line."""

import sys
from pathlib import Path

import pytest

from tests.fuzz.area import read_files
from tests.fuzz.areas import load_area
from tests.fuzz.campaign import Worker

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="measures memory with Linux's /proc")

CORPUS = Path(__file__).parent / "corpus"
BUSY_LIMIT_S = 30.0  # a hang is a hang, and the machine may be busy


@pytest.mark.parametrize("area", [path.name for path in sorted(CORPUS.iterdir())])
def test_what_once_failed_no_longer_does(area: str):
    cases = sorted((CORPUS / area).iterdir())
    # A checkpoint's weights are large, so what is not in the folder of a case is as in the seed.
    rest = load_area(area).seeds()[0] if area == "checkpoints" else {}
    with Worker(area, BUSY_LIMIT_S) as worker:
        problems = {case.name: worker.judge({**rest, **read_files(case)}).problems for case in cases}
    assert problems == {case.name: () for case in cases}
