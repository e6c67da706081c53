"""Devices are given by number or by name."""

MAX_DIGITS = 4  # more do not fit what OpenCV and PortAudio take


def device_number(device: int | str | None) -> int | str | None:
    """The number, if `device` is one as text; otherwise `device`."""
    if isinstance(device, str) and device.isdecimal() and len(device) <= MAX_DIGITS:
        return int(device)
    return device
