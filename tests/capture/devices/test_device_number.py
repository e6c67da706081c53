"""Devices by number and by name."""

import pytest

from mmim_live.capture.devices.device_number import device_number
from mmim_live.capture.devices.video_capture import camera_target


@pytest.mark.parametrize(
    ("given", "meant"),
    [("0", 0), ("12", 12), (3, 3), (None, None), ("USB", "USB"), ("-1", "-1"), ("²", "²"), ("1" * 5000, "1" * 5000)],
)
def test_a_short_number_is_a_number_and_all_else_a_name(given: int | str | None, meant: int | str | None):
    assert device_number(given) == meant


def test_a_camera_of_thousands_of_digits_is_an_address_that_nobody_has():
    assert camera_target("1" * 5000).index is None
    assert camera_target("/dev/video2").index == 2
