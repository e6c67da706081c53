"""The devices that a running session could switch to."""

from __future__ import annotations

from collections.abc import Sequence

from mmim_live.session_types import DeviceChoice, DeviceHealth, DeviceKind


def device_options(used: Sequence[DeviceHealth]) -> tuple[DeviceChoice, ...]:
    """The available devices of the kinds that are in use. Briefly opens the cameras that are not in use."""
    from mmim_live.capture.devices.listing import list_devices
    from mmim_live.capture.devices.video_capture import camera_target

    names = {health.kind: health.name for health in used}
    own = camera_target(names["camera"].removeprefix("camera ")).index if "camera" in names else None
    found = list_devices(() if own is None else (own,))
    cameras = [
        DeviceChoice(
            "camera",
            camera.index,
            camera.name,
            camera.problem or (f"{camera.width}x{camera.height}" if camera.width else ""),
            in_use=camera.index == own,
        )
        for camera in found.cameras
    ]
    microphones = [
        DeviceChoice(
            "microphone",
            microphone.name,
            microphone.name,
            f"{microphone.rate_hz} Hz, {microphone.host}" + (", default" if microphone.default else ""),
            in_use=microphone.name == names.get("microphone"),
        )
        for microphone in found.microphones
    ]
    kinds: tuple[tuple[DeviceKind, list[DeviceChoice]], ...] = (("camera", cameras), ("microphone", microphones))
    for kind, listed in kinds:
        if kind in names and not any(choice.in_use for choice in listed):  # a URL, or a lost device
            listed.insert(0, DeviceChoice(kind, names[kind], names[kind], in_use=True))
    return tuple(choice for choice in (*cameras, *microphones) if choice.kind in names)
