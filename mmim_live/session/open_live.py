"""Opens a live session: finds the devices, loads the models, connects them. Light to import."""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from mmim_live.errors import DeviceError, NoDeviceError
from mmim_live.events import Notice
from mmim_live.recording.folder import check_recordable
from mmim_live.settings import Settings

if TYPE_CHECKING:
    from mmim_live.session.session import Session


@dataclass(frozen=True, slots=True)
class Devices:
    """Which devices to use. A camera is an index, a path or a URL, a microphone a name or an index."""

    camera: int | str | None = 0  # None: no camera
    microphone: int | str | None = None  # None: the system's default
    use_microphone: bool = True


def open_live(
    devices: Devices,
    settings: Settings,
    report: Callable[[str], None] = lambda _: None,
    record: Path | None = None,
) -> Session:
    """A session ready to run; `report` receives what is being loaded. The devices are opened when it runs.

    `record` is a folder to record into from the start; without it, recording can be started by a command.

    A missing device is reported and may appear later, unless both are missing.

    Raises:
        MmimLiveError: there is no device at all, `record` cannot be written, or there is a problem with the settings,
            the checkpoint or the model files.
    """
    if record is not None:
        check_recordable(record)
    report("looking for camera and microphone")
    camera = devices.camera if settings.face else None
    microphone, notices = _find_devices(devices, camera)

    from mmim_live.capture.clock import SessionClock
    from mmim_live.capture.devices.camera import Camera
    from mmim_live.capture.devices.microphone import Microphone
    from mmim_live.recording.recorder import Recorder
    from mmim_live.session.device_source import DeviceSource
    from mmim_live.session.loading import load_models
    from mmim_live.session.policy import LIVE
    from mmim_live.session.session import Session
    from mmim_live.speech.presets import LIVE_SEGMENTS, LIVE_STEP_S

    models = load_models(
        settings, report, video=camera is not None, audio=microphone, step_s=LIVE_STEP_S, segments=LIVE_SEGMENTS
    )
    clock = SessionClock()
    recorder = Recorder(
        clock.now_s,
        settings,
        lambda: source.devices(),
        video=camera is not None,
        audio=microphone,
        decode_interval_s=LIVE_SEGMENTS.decode_interval_s,
        folder=record,
    )
    source = DeviceSource(
        clock,
        None if camera is None else lambda report: Camera(clock, camera, report=report, on_frame=recorder.add_frame),
        (lambda report: Microphone(clock, devices.microphone, report=report)) if microphone else None,
        notices,
        recorder.add_audio,
    )
    return Session(source, models, settings, LIVE, devices=source, recorder=recorder)


def _find_devices(devices: Devices, camera: int | str | None) -> tuple[bool, list[Notice]]:
    """Whether to use the microphone, now or once it appears, and notices for the user.

    Raises:
        NoDeviceError: there is neither camera nor microphone.
        DeviceError: neither is enabled.
    """
    microphone_problem = _microphone_problem(devices.microphone) if devices.use_microphone else None
    if devices.use_microphone and microphone_problem is None:
        return True, []  # the camera is not opened before the session runs: that takes time, and turns its light on
    camera_problem = None if camera is None else _camera_problem(camera)
    if camera is None or camera_problem is not None:
        problems = [problem for problem in (microphone_problem, camera_problem) if problem is not None]
        if problems:
            raise NoDeviceError("; ".join(problems))
        raise DeviceError("neither camera nor microphone is enabled: enable at least one")
    if microphone_problem is None or _has_portaudio():
        return devices.use_microphone, []
    return False, [Notice(0.0, "no_microphone", microphone_problem)]


def _microphone_problem(device: int | str | None) -> str | None:
    from mmim_live.capture.devices.portaudio import find_microphone

    try:
        find_microphone(device)
    except DeviceError as error:
        return str(error)
    return None


def _has_portaudio() -> bool:
    from mmim_live.capture.devices.portaudio import load_sounddevice

    try:
        load_sounddevice()
    except DeviceError:
        return False
    return True


def _camera_problem(source: int | str) -> str | None:
    """What is wrong with a camera; opens it briefly."""
    from mmim_live.capture.devices.camera import FPS, HEIGHT_PX, WIDTH_PX
    from mmim_live.capture.devices.video_capture import camera_target, open_capture

    try:
        capture = open_capture(camera_target(source), WIDTH_PX, HEIGHT_PX, FPS, threading.Event())
    except DeviceError as error:
        return str(error)
    if capture is not None:
        capture.release()
    return None
