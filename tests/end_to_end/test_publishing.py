"""--osc with a real run of the command."""

import subprocess
import sys

import pytest

from tests.serve.test_osc import Receiver

pytest.importorskip("pythonosc")


def test_a_replay_is_sent_to_an_osc_server() -> None:
    receiver = Receiver()
    command = [sys.executable, "-m", "mmim_live.cli", "replay", "sample", "--headless", "--no-speech"]
    try:
        done = subprocess.run(
            [*command, "--osc", str(receiver.port)], capture_output=True, text=True, check=False, timeout=120
        )
        assert done.returncode == 0, done.stderr
        heard = receiver.wait_for("/mmim/end")
    finally:
        receiver.stop()
    assert heard["/mmim/end"][0] == pytest.approx(22.3, abs=0.1)
    assert sum(message[0] == "/mmim/reading/time" for message in receiver.heard) > 40
    assert -3 <= heard["/mmim/reading/score"][0] <= 3
    assert "could not be sent" not in done.stderr
