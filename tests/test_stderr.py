"""What native code prints stays off the terminal, what the app draws reaches it; checked with real descriptors."""

import subprocess
import sys

SCRIPT = """
import os, sys
from mmim_live.stderr import native_stderr_to_log

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
