"""A live session on a network camera, by address: it goes away and returns, and the session continues."""

import json
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from tests.capture.conftest import wait_until
from tests.capture.mjpeg import MjpegCamera
from tests.capture.rtsp import RtspCamera


@pytest.mark.slow
@pytest.mark.parametrize("make_camera", [RtspCamera, MjpegCamera])
def test_a_camera_that_drops_and_returns(make_camera: type[RtspCamera] | type[MjpegCamera], tmp_path: Path) -> None:
    camera = make_camera()
    camera.start()
    output = tmp_path / "out.jsonl"

    def events(kind: str) -> list[dict[str, object]]:
        if not output.exists():
            return []
        lines = [json.loads(line) for line in output.read_text().splitlines() if line.endswith("}")]
        return [line for line in lines if line["type"] == kind]

    def noted(code: str) -> bool:
        return any(notice["code"] == code for notice in events("notice"))

    command = ["live", "--camera", camera.url, "--no-microphone", "--headless", "--output", str(output)]
    with subprocess.Popen(
        [sys.executable, "-m", "mmim_live.cli", *command], stderr=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as session:
        try:
            assert wait_until(lambda: noted("camera_opened"), 60.0)
            assert wait_until(lambda: len(events("reading")) > 2, 20.0)
            camera.stop()
            assert wait_until(lambda: noted("camera_lost"), 20.0)
            camera.start()
            assert wait_until(lambda: noted("camera_returned"), 20.0)
            before = len(events("reading"))
            assert wait_until(lambda: len(events("reading")) > before + 2, 20.0)
            session.send_signal(signal.SIGINT)
            _, errors = session.communicate(timeout=20)
        finally:
            session.kill()
            camera.stop()
    assert session.returncode == 0, errors
    assert "Traceback" not in errors
    (summary,) = events("summary")
    assert summary["counts"]["frames"] > 20  # type: ignore[index]
