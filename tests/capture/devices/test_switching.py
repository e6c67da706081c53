"""Another device in the middle of a session."""

import numpy as np
from numpy.typing import NDArray

from mmim_live import assets
from mmim_live.capture.clock import SessionClock
from mmim_live.capture.devices.camera import Camera
from mmim_live.capture.devices.microphone import Microphone
from mmim_live.session_types import DeviceChange
from tests.capture.conftest import SoundServer, wait_until
from tests.capture.mjpeg import MjpegCamera

SAMPLE = str(assets.BUNDLED_FOLDER / "sample.mp4")


def test_a_camera_can_be_switched_for_another_and_for_a_missing_one(network_camera: MjpegCamera) -> None:
    reported = list[DeviceChange]()
    camera = Camera(SessionClock(), network_camera.url, report=reported.append)
    camera.start()
    try:
        assert camera.take(10.0) is not None
        camera.use(SAMPLE)
        assert wait_until(lambda: camera.health().name.endswith("sample.mp4") and len(reported) == 2, 10.0)
        frame = camera.take(5.0)
        assert frame is not None
        assert camera.health().state == "open"
        camera.use("no/such/camera.mp4")
        assert wait_until(lambda: camera.health().state == "lost", 10.0)
        camera.use(network_camera.url)
        assert wait_until(lambda: camera.health().state == "open", 10.0)
        later = camera.take(5.0)
        assert later is not None
        assert later.time_s > frame.time_s
    finally:
        camera.close()
    assert not camera.hung
    assert [change.change for change in reported] == ["opened", "returned", "lost", "returned"]
    assert "sample.mp4" in reported[1].message


def test_a_microphone_can_be_switched_for_another_without_a_gap_in_the_audio(
    room: SoundServer, speech: NDArray[np.int16]
) -> None:
    reported = list[DeviceChange]()
    microphone = Microphone(SessionClock(), "pulse", report=reported.append)
    microphone.start()
    blocks = []
    try:
        while not reported:
            blocks.append(microphone.read())
        microphone.use("no such microphone")
        while len(reported) < 2:
            blocks.append(microphone.read())
        assert reported[1].change == "lost"
        assert microphone.health().level is None
        microphone.use("default")
        while len(reported) < 3:
            blocks.append(microphone.read())
        blocks += [microphone.read() for _ in range(5)]
        assert microphone.health().name == "default"
        assert microphone.health().level is not None
    finally:
        microphone.close()
    starts = [block.start_s for block in blocks if block is not None]
    assert np.allclose(starts, 0.1 * np.arange(len(starts)))
