"""The live command: what it means to leave it out, and what it says where there is nothing to watch with."""

import subprocess
import sys

import pytest

from mmim_live.cli.commands import with_default_command


@pytest.mark.parametrize(
    ("given", "meant"),
    [
        ([], ["live"]),
        (["--camera", "1"], ["live", "--camera", "1"]),
        (["--help"], ["--help"]),
        (["replay", "sample"], ["replay", "sample"]),
        (["live", "--no-camera"], ["live", "--no-camera"]),
    ],
)
def test_without_a_command_live_is_meant(given: list[str], meant: list[str]):
    assert with_default_command(given) == meant


@pytest.mark.parametrize(
    "arguments", [["--no-camera", "--no-microphone"], ["--camera", "no/film.mp4", "--no-microphone"]]
)
def test_without_any_device_one_clear_line_and_exit_code_1(arguments: list[str]):
    command = [sys.executable, "-m", "mmim_live.cli", "live", *arguments]
    done = subprocess.run(command, capture_output=True, text=True, stdin=subprocess.DEVNULL, check=False)
    assert done.returncode == 1
    assert done.stdout == ""
    (line,) = [line for line in done.stderr.splitlines() if line.startswith("mmim-live: ")]
    assert done.stderr.splitlines()[-1] == line
    assert "Traceback" not in done.stderr
