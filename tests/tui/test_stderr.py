"""What native code prints goes to the log, what Textual draws to the terminal; checked with real descriptors."""

import subprocess
import sys
from pathlib import Path

import pytest

from mmim_live.errors import OutputError
from mmim_live.tui.stderr import stderr_to_log

SCRIPT = """
import os, sys
from pathlib import Path
from mmim_live.tui.stderr import stderr_to_log

stream = sys.__stderr__
os.write(2, b"before\\n")
try:
    with stderr_to_log(Path(sys.argv[1])):
        os.write(2, b"native noise\\n")
        os.system("echo noise of a child >&2")
        sys.__stderr__.write("drawn\\n")
        sys.__stderr__.flush()
        assert sys.__stderr__ is not stream
        raise ValueError
except ValueError:
    pass
assert sys.__stderr__ is stream
os.write(2, b"after\\n")
"""


def test_descriptor_two_goes_to_the_log_and_comes_back(tmp_path: Path) -> None:
    log = tmp_path / "folder" / "x.log"
    run = subprocess.run([sys.executable, "-c", SCRIPT, str(log)], capture_output=True, text=True, check=True)
    assert run.stderr == "before\ndrawn\nafter\n"
    assert log.read_text() == "native noise\nnoise of a child\n"


def test_a_log_that_cannot_be_opened_is_one_line(tmp_path: Path) -> None:
    with pytest.raises(OutputError, match=r"^cannot write the log [^\n]+$"), stderr_to_log(tmp_path):
        pass
