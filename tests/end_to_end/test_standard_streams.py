"""Commands whose standard streams are closed, full, or unable to encode what is printed; and too little memory."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

FULL = Path("/dev/full")


def shell(command: str, **environment: str) -> subprocess.CompletedProcess[str]:
    line = command.replace("mmim-live", f"'{sys.executable}' -m mmim_live.cli")
    return subprocess.run(
        ["bash", "-c", line], capture_output=True, text=True, timeout=120, env=os.environ | environment, check=False
    )


@pytest.mark.skipif(not FULL.exists(), reason="needs /dev/full")
@pytest.mark.parametrize("command", ["--version", "--help", "models"])
def test_a_full_standard_output_gives_one_line(command: str):
    done = shell(f"mmim-live {command} >/dev/full")
    assert (done.returncode, done.stderr) == (1, "mmim-live: cannot write the output: No space left on device\n")


@pytest.mark.skipif(not FULL.exists(), reason="needs /dev/full")
def test_a_full_standard_error_still_gives_the_exit_code():
    assert shell("mmim-live replay no-such-file.mp4 --headless 2>/dev/full").returncode == 1


@pytest.mark.parametrize("closed", ["<&-", ">&-", "2>&-", "<&- >&- 2>&-"])
def test_closed_streams_are_as_good_as_the_null_device(closed: str):
    done = shell(f"mmim-live models {closed}")
    assert (done.returncode, done.stderr) == (0, "")


def test_characters_that_the_encoding_lacks_are_escaped(tmp_path: Path):
    done = shell(f"mmim-live replay '{tmp_path}/\u5f71.mp4' --headless", PYTHONIOENCODING="ascii", PYTHONUTF8="0")
    assert done.returncode == 1
    assert "\\u5f71.mp4" in done.stderr
    assert len(done.stderr.splitlines()) == 1


@pytest.mark.skipif(sys.platform == "win32", reason="needs ulimit")
def test_too_small_an_address_space_is_said_in_one_line():
    done = shell("ulimit -v 500000; mmim-live replay sample --headless")
    assert done.returncode == 1
    assert "the address space is limited to 0.5 GB" in done.stderr
    assert len(done.stderr.splitlines()) == 1
