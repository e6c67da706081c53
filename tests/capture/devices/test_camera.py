import threading
import time
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mmim_live.capture.clock import SessionClock
from mmim_live.capture.devices.camera import CATCH_UP_FRAMES, Camera, _RateLimiter
from mmim_live.capture.devices.frame_slot import STALE_S, FrameSlot
from mmim_live.capture.devices.video_capture import CameraTarget, camera_target, resized_rgb
from mmim_live.errors import DeviceError
from mmim_live.session_types import DeviceChange
from mmim_live.types import VideoFrame
from tests.capture.conftest import wait_until
from tests.capture.media import Pictures, make
from tests.capture.mjpeg import MjpegCamera, picture


class Watcher:
    """Takes the pictures of a camera, as a session does."""

    def __init__(self, source: int | str, **options: Any) -> None:
        self.clock = SessionClock()
        self.changes: list[DeviceChange] = []
        self.frames: list[VideoFrame] = []
        self.ages_s: list[float] = []
        self.errors: list[DeviceError] = []
        self.camera = Camera(self.clock, source, report=self.changes.append, **options)
        self._stopped = threading.Event()
        self._thread = threading.Thread(target=self._watch)
        self.camera.start()
        self._thread.start()

    def _watch(self) -> None:
        while not self._stopped.is_set():
            try:
                frame = self.camera.take()
            except DeviceError as error:
                self.errors.append(error)
                continue
            if frame is not None:
                self.frames.append(frame)
                self.ages_s.append(self.clock.now_s() - frame.time_s)

    def wait_for(self, *changes: str) -> bool:
        return wait_until(lambda: [change.change for change in self.changes] == list(changes), 5.0)

    def stop(self) -> bool:
        self.camera.close()
        self._stopped.set()
        self._thread.join(2.0)
        assert not self._thread.is_alive()
        return not self.camera.hung


@pytest.fixture
def watchers() -> Iterator[list[Watcher]]:
    """Whoever is put in is stopped, also where the test fails."""
    watching: list[Watcher] = []
    yield watching
    for watcher in watching:
        watcher.stop()


def watch(watchers: list[Watcher], source: int | str, **options: Any) -> Watcher:
    watchers.append(Watcher(source, **options))
    return watchers[-1]


def test_frames_arrive_promptly_upright_small_in_rgb_and_at_most_fifteen_per_second(
    network_camera: MjpegCamera, watchers: list[Watcher]
) -> None:
    watcher = watch(watchers, network_camera.url, max_side_px=160)
    assert watcher.wait_for("opened")
    time.sleep(2.0)
    frames = list(watcher.frames)
    times = [frame.time_s for frame in frames]
    assert len(times) > 5
    assert all(later > earlier for earlier, later in pairwise(times))
    assert len(times) <= 15 * (times[-1] - times[0]) + 2 + CATCH_UP_FRAMES
    assert min(watcher.ages_s) < 0.1
    image = frames[-1].image
    assert image.shape == (120, 160, 3)
    assert image[100, 10].tolist() == pytest.approx([254, 0, 0], abs=8)
    assert image[100, 150].tolist() == pytest.approx([0, 0, 254], abs=8)
    assert watcher.camera.health().state == "open"


@pytest.mark.slow
def test_a_camera_that_freezes_stalls_or_disconnects_is_noticed_and_reopened(
    network_camera: MjpegCamera, watchers: list[Watcher]
) -> None:
    watcher = watch(watchers, network_camera.url)
    assert watcher.wait_for("opened")
    network_camera.mode = "frozen"
    assert watcher.wait_for("opened", "frozen")
    assert watcher.errors
    network_camera.mode = "moving"
    assert watcher.wait_for("opened", "frozen", "returned")
    network_camera.mode = "silent"
    assert watcher.wait_for("opened", "frozen", "returned", "lost")
    network_camera.stop()
    time.sleep(1.0)
    network_camera.mode = "moving"
    network_camera.start()
    assert watcher.wait_for("opened", "frozen", "returned", "lost", "returned")
    seen = len(watcher.frames)
    assert wait_until(lambda: len(watcher.frames) > seen, 1.0)


@pytest.mark.parametrize("mode", ["silent", "mute"])
def test_a_blocking_camera_does_not_block_closing(network_camera: MjpegCamera, mode: str) -> None:
    if mode == "mute":
        network_camera.mode = "mute"
    watcher = Watcher(network_camera.url)
    if mode == "silent":
        assert watcher.wait_for("opened")
        network_camera.mode = "silent"
    time.sleep(0.3)
    began_s = time.monotonic()
    assert watcher.stop()
    assert time.monotonic() - began_s < 2.0
    assert all(thread.name != "mmim-camera" for thread in threading.enumerate())


def test_a_missing_camera_is_reported_once_and_raises_when_a_frame_is_requested(watchers: list[Watcher]) -> None:
    watcher = watch(watchers, "no/such/file.mp4")
    assert watcher.wait_for("lost")
    assert wait_until(lambda: bool(watcher.errors), 5.0)
    assert len(watcher.changes) == 1
    assert "no/such/file.mp4" in watcher.changes[0].message
    assert "no/such/file.mp4" in str(watcher.errors[0])
    assert watcher.camera.health().state == "lost"


def test_a_file_is_paced_as_recorded_and_starts_over(tmp_path: Path, watchers: list[Watcher]) -> None:
    path = make(tmp_path / "one_second.mp4", Pictures(times=tuple(i / 25 for i in range(25))))
    watcher = watch(watchers, str(path))
    assert wait_until(lambda: bool(watcher.frames) and watcher.frames[-1].time_s > watcher.frames[0].time_s + 2.0, 6.0)
    times = [frame.time_s for frame in watcher.frames]
    assert len(times) <= 15 * (times[-1] - times[0]) + 2 + CATCH_UP_FRAMES
    assert [change.change for change in watcher.changes] == ["opened"]


def test_only_the_latest_frame_is_kept_and_earlier_ones_are_counted_as_dropped() -> None:
    slot = FrameSlot("camera 0")
    frames = [VideoFrame(float(i), picture(i, 8 * 4, 4)) for i in range(3)]
    for frame in frames:
        slot.put(frame)
    assert slot.take(0.0) is frames[2]
    assert slot.take(0.01) is None
    assert slot.dropped == 2


def test_closing_wakes_a_thread_that_waits_for_a_frame() -> None:
    slot = FrameSlot("camera 0")
    threading.Timer(0.1, slot.close).start()
    began_s = time.monotonic()
    assert slot.take(STALE_S + 30) is None
    assert time.monotonic() - began_s < STALE_S


@pytest.mark.parametrize(
    ("source", "target", "name"),
    [
        (1, CameraTarget(1), "camera 1"),
        ("2", CameraTarget(2), "camera 2"),
        ("/dev/video3", CameraTarget(3), "camera 3"),
        ("rtsp://user:word@host/a", CameraTarget(None, "rtsp://user:word@host/a"), "camera rtsp://host/a"),
        ("http://host/a?pwd=word", CameraTarget(None, "http://host/a?pwd=word"), "camera http://host/a"),
        ("clip.mp4", CameraTarget(None, "clip.mp4"), "camera clip.mp4"),
    ],
)
def test_a_source_is_parsed_and_named_without_its_password(source: int | str, target: CameraTarget, name: str) -> None:
    assert camera_target(source) == target
    assert target.name == name


@pytest.mark.parametrize(("width", "height", "shape"), [(1280, 720, (360, 640, 3)), (320, 240, (240, 320, 3))])
def test_frames_are_scaled_down_and_never_up(width: int, height: int, shape: tuple[int, int, int]) -> None:
    assert resized_rgb(picture(0, width, height), 640).shape == shape


@pytest.mark.parametrize("camera_fps", [60.0, 30.0, 29.97, 25.0, 24.0, 15.0])
def test_a_fast_enough_camera_delivers_fifteen_frames_per_second(camera_fps: float) -> None:
    jitter = np.random.default_rng(0).uniform(0.0, 0.01, round(60 * camera_fps))
    pace = _RateLimiter(1 / 15)
    taken = sum(pace.accepts(k / camera_fps + late_s) for k, late_s in enumerate(jitter))
    assert 15 * 60 - 1 <= taken <= 15 * 60 + 1


@given(st.lists(st.floats(0.0, 0.5), max_size=300))
def test_there_are_at_most_fifteen_frames_per_second_however_they_arrive(gaps_s: list[float]) -> None:
    pace = _RateLimiter(1 / 15)
    taken = [time_s for time_s in np.cumsum([100.0, *gaps_s]) if pace.accepts(time_s)]
    assert len(taken) <= 15 * (taken[-1] - taken[0]) + 2 + CATCH_UP_FRAMES
