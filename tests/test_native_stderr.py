"""What native code prints stays off the terminal, what the app draws reaches it; checked with real descriptors."""

import os
import subprocess
import sys

import pytest

from mmim_live.native_stderr import native_stderr_to_log

SCRIPT = """
import os, sys
from mmim_live.native_stderr import native_stderr_to_log

streams = (sys.stderr, sys.__stderr__)
os.write(2, b"before\\n")
try:
    with native_stderr_to_log() as terminal:
        os.write(2, b"native noise\\n")
        os.system("echo noise of a child >&2")
        assert sys.__stderr__ is terminal  # where Textual's driver draws
        sys.__stderr__.write("drawn\\n")
        raise ValueError
except ValueError:
    pass
assert (sys.stderr, sys.__stderr__) == streams
os.write(2, b"after\\n")
"""


def test_only_what_is_drawn_reaches_the_terminal_and_all_comes_back() -> None:
    run = subprocess.run([sys.executable, "-c", SCRIPT], capture_output=True, text=True, check=True)
    assert run.stderr == "before\ndrawn\nafter\n"


def test_a_redirected_standard_error_does_not_take_the_drawing_with_it() -> None:
    script = SCRIPT.replace("native_stderr_to_log()", "native_stderr_to_log(drawing=1)")
    run = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert (run.stdout, run.stderr) == ("drawn\n", "before\nafter\n")


def test_what_libraries_tell_of_themselves_is_left_out_and_all_else_comes_through() -> None:
    script = """
import os
from mmim_live.native_stderr import without_native_chatter

with without_native_chatter():
    os.write(2, b"W0000 00:00:1795525697.212510 3119 feedback_manager.cc:121] Feedback manager\\n")
    os.write(2, b"INFO: Created TensorFlow Lite XNNPACK delegate for CPU.\\n")
    os.write(2, b"E0000 00:00:1795525697.212510 3119 graph.cc:1] no such file\\n")
    os.write(2, b"said by somebody else\\n")
os.write(2, b"after\\n")
os.close(2)
with without_native_chatter():
    pass
"""
    run = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert [line.split("] ")[-1] for line in run.stderr.splitlines()] == [
        "no such file",
        "said by somebody else",
        "after",
    ]


@pytest.mark.skipif(sys.platform == "win32", reason="needs a pseudo-terminal")
def test_a_terminal_that_is_closed_meanwhile_is_no_error() -> None:
    master, slave = os.openpty()
    with native_stderr_to_log(drawing=slave) as terminal:
        terminal.write("begun")
        os.close(master)
    assert terminal.closed
    os.close(slave)
