"""Lists cameras and microphones with their names and rates. Opens each camera briefly."""

from __future__ import annotations

import sys
import threading
from collections.abc import Collection
from dataclasses import dataclass
from pathlib import Path

import cv2

from mmim_live.capture.devices.camera import FPS, HEIGHT_PX, WIDTH_PX
from mmim_live.capture.devices.portaudio import MicrophoneInfo, list_microphones
from mmim_live.capture.devices.video_capture import camera_target, open_capture
from mmim_live.errors import DeviceError

MAX_INDEX = 8  # probed where the system does not list its cameras
_SYSFS = Path("/sys/class/video4linux")


@dataclass(frozen=True, slots=True)
class CameraInfo:
    """A camera. Size and rate are what it delivers when asked for 640 x 480 at 30; `problem` says why it cannot."""

    index: int
    name: str
    width: int | None = None
    height: int | None = None
    fps: float | None = None
    default: bool = False
    problem: str | None = None


@dataclass(frozen=True, slots=True)
class Devices:
    """All devices, as of now. `problems` has a line for each kind of device that is missing or cannot be listed."""

    cameras: tuple[CameraInfo, ...]
    microphones: tuple[MicrophoneInfo, ...]
    problems: tuple[str, ...]


def list_devices(in_use: Collection[int] = ()) -> Devices:
    """List both kinds. Cameras with the indices `in_use` are not opened. Missing devices and libraries are reported in
    `problems` instead of raising.
    """
    problems = []
    cameras = list_cameras(in_use)
    if not cameras:
        problems.append("no camera found: connect one, or give the address of a network camera or a video file")
    microphones: tuple[MicrophoneInfo, ...] = ()
    try:
        microphones = list_microphones()
        if not microphones:
            problems.append("no microphone found: connect one, or start the sound server")
    except DeviceError as error:
        problems.append(str(error))
    return Devices(cameras, microphones, tuple(problems))


def list_cameras(in_use: Collection[int] = ()) -> tuple[CameraInfo, ...]:
    """The cameras of this machine; the default is the working one with the lowest index."""
    found: list[CameraInfo] = []
    candidates = [(index, f"camera {index}") for index in range(MAX_INDEX)]
    for index, name in video_nodes(_SYSFS) if sys.platform == "linux" else candidates:
        default = all(camera.problem for camera in found)
        if index in in_use:
            found.append(CameraInfo(index, name, default=default))
            continue
        info = _probe(index, name, default=default)
        if info.problem is not None and sys.platform != "linux":
            break  # the index was only a guess
        found.append(info)
    return tuple(found)


def video_nodes(sysfs: Path) -> list[tuple[int, str]]:
    """Indices and names of the cameras on Linux, in order; without their further nodes, which deliver no frames."""
    return sorted(
        (int(node.name.removeprefix("video")), (node / "name").read_text().strip())
        for node in sysfs.glob("video*")
        if (node / "index").read_text().strip() == "0"
    )


def _probe(index: int, name: str, *, default: bool) -> CameraInfo:
    try:
        capture = open_capture(camera_target(index), WIDTH_PX, HEIGHT_PX, FPS, threading.Event())
    except DeviceError as error:
        return CameraInfo(index, name, default=False, problem=str(error))
    assert capture is not None
    width, height, fps = (
        capture.get(key) for key in (cv2.CAP_PROP_FRAME_WIDTH, cv2.CAP_PROP_FRAME_HEIGHT, cv2.CAP_PROP_FPS)
    )
    capture.release()
    return CameraInfo(index, name, width=int(width), height=int(height), fps=fps or None, default=default)
