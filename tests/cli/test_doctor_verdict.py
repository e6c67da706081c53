"""What `mmim-live doctor` concludes."""

import pytest
import typer

from mmim_live.capture.devices.listing import CameraInfo, Devices
from mmim_live.cli.diagnostics import doctor
from mmim_live.doctor import Check

WEBCAM = CameraInfo(0, "Webcam", 640, 480, 30.0, default=True)
BROKEN = CameraInfo(1, "Old", problem="cannot be opened")


@pytest.mark.parametrize(
    ("cameras", "checks", "code", "verdict"),
    [
        ((WEBCAM,), [Check("python", True, "3.11")], 0, "Ready for recordings and for live sessions with camera."),
        ((BROKEN,), [Check("terminal", False, "10x10")], 0, "a live session needs a camera or a microphone"),
        (
            (WEBCAM,),
            [Check("torch and torchaudio", False, "missing", "pip")],
            1,
            "Not ready: fix torch and torchaudio.",
        ),
    ],
)
def test_the_last_line_says_what_works(
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    cameras: tuple[CameraInfo, ...],
    checks: list[Check],
    code: int,
    verdict: str,
) -> None:
    monkeypatch.setattr("mmim_live.doctor.examine", lambda: iter(checks))
    monkeypatch.setattr("mmim_live.capture.devices.listing.list_devices", lambda: Devices(cameras, (), ()))
    try:
        doctor()
        ended = 0
    except typer.Exit as error:
        ended = error.exit_code
    assert ended == code
    assert verdict in capsys.readouterr().out.splitlines()[-1]
