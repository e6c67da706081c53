"""A real terminal with real keys: tmux draws it and reports what is on the screen."""

import shutil
import subprocess
import time
import uuid
from collections.abc import Callable
from pathlib import Path

import psutil
import pytest

TIMEOUT_S = 120.0  # enough for a busy machine that loads models


def need_tmux() -> None:
    """Skip without tmux."""
    if shutil.which("tmux") is None:
        pytest.skip("needs tmux: apt-get install tmux")


class Terminal:
    """A tmux session on its own server, 100 x 30, that runs a shell command."""

    def __init__(self, command: str) -> None:
        socket = f"mmim-{uuid.uuid4().hex[:12]}"  # tests that run side by side must not share a server
        self._tmux = ["tmux", "-f", "/dev/null", "-L", socket]
        self._run("new-session", "-d", "-x", "100", "-y", "30", command)

    def log_to(self, file: Path) -> None:
        """Log everything that reaches the terminal from now on, including what is soon drawn over."""
        self._run("pipe-pane", f"cat > {file}")

    @property
    def program(self) -> psutil.Process:
        """The process that the shell is running."""
        return psutil.Process(int(self._run("display-message", "-p", "#{pane_pid}"))).children()[0]

    def _run(self, *arguments: str) -> str:
        return subprocess.run([*self._tmux, *arguments], capture_output=True, text=True, check=True).stdout

    def press(self, key: str) -> None:
        self._run("send-keys", key)

    def screen(self, *, styled: bool = False) -> str:
        return self._run("capture-pane", "-p", *(["-e"] if styled else []))

    def wait(self, condition: Callable[[str], object]) -> str:
        """The screen as soon as the condition holds for it."""
        deadline_s = time.monotonic() + TIMEOUT_S
        while not condition(screen := self.screen()):
            assert time.monotonic() < deadline_s, screen
            time.sleep(0.05)
        return screen

    def close(self) -> None:
        subprocess.run([*self._tmux, "kill-server"], capture_output=True, check=False)
