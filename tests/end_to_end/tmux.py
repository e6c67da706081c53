"""A real terminal with real keys: tmux draws it, and tells what stands on the screen."""

import shutil
import subprocess
import time
import uuid
from collections.abc import Callable
from pathlib import Path

import psutil
import pytest

PATIENCE_S = 120.0  # for a busy machine that loads models


def need_tmux() -> None:
    """Skip where there is none."""
    if shutil.which("tmux") is None:
        pytest.skip("needs tmux: apt-get install tmux")


class Terminal:
    """One tmux session of its own server, 100 x 30, that runs a shell command."""

    def __init__(self, command: str) -> None:
        socket = f"mmim-{uuid.uuid4().hex[:12]}"  # tests that run side by side must not share a server
        self._tmux = ["tmux", "-f", "/dev/null", "-L", socket]
        self._run("new-session", "-d", "-x", "100", "-y", "30", command)

    def keep(self, file: Path) -> None:
        """Write down all that reaches the terminal from now on, also what is drawn over before anybody looks."""
        self._run("pipe-pane", f"cat > {file}")

    @property
    def program(self) -> psutil.Process:
        """What the shell runs now."""
        return psutil.Process(int(self._run("display-message", "-p", "#{pane_pid}"))).children()[0]

    def _run(self, *arguments: str) -> str:
        return subprocess.run([*self._tmux, *arguments], capture_output=True, text=True, check=True).stdout

    def press(self, key: str) -> None:
        self._run("send-keys", key)

    def screen(self, *, styled: bool = False) -> str:
        return self._run("capture-pane", "-p", *(["-e"] if styled else []))

    def wait(self, true: Callable[[str], object]) -> str:
        """The screen as soon as it is so."""
        deadline_s = time.monotonic() + PATIENCE_S
        while not true(screen := self.screen()):
            assert time.monotonic() < deadline_s, screen
            time.sleep(0.05)
        return screen

    def close(self) -> None:
        subprocess.run([*self._tmux, "kill-server"], capture_output=True, check=False)
