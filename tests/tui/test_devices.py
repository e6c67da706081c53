"""Choosing another device, and the level meter."""

import asyncio
import threading

import pytest

from mmim_live.session_types import DeviceChoice, SoundLevel, UseDevice
from tests.tui.driving import make_app, screen_text, settle, show, until
from tests.tui.scripted import talk

DEVICES = (
    DeviceChoice("camera", 0, "Built-in [x]", "640x480", in_use=True),
    DeviceChoice("camera", 2, "Webcam", "640x480"),
    DeviceChoice("microphone", "pulse", "pulse", "48000 Hz, ALSA, default", in_use=True),
    DeviceChoice("microphone", "Headset", "Headset", "16000 Hz, ALSA"),
)


@pytest.mark.parametrize(
    ("keys", "asked"),
    [
        (["enter"], [UseDevice("camera", 2)]),
        (["down", "down", "enter"], [UseDevice("microphone", "Headset")]),
        (["up", "enter", "escape"], []),  # already in use, which the hint says
        (["down", "escape"], []),
        (["d"], []),
    ],
)
def test_another_device_is_chosen_from_a_list(keys: list[str], asked: list[UseDevice]) -> None:
    app, source = make_app(talk(20))
    source.devices = DEVICES

    async def run() -> None:
        async with app.run_test(size=(80, 24), notifications=True) as pilot:
            await settle(pilot, source)
            await pilot.press("d")
            await until(pilot, lambda: "Webcam" in screen_text(app))
            text = screen_text(app)
            for phrase in ("Cameras", "● Built-in [x] (in use)", "Webcam", "Microphones", "48000 Hz, ALSA, default"):
                assert phrase in text
            await pilot.press(*keys)
            await until(pilot, lambda: "Cameras" not in screen_text(app))

    asyncio.run(run())
    assert source.asked == asked


def test_scanning_for_devices_does_not_block_the_app(monkeypatch: pytest.MonkeyPatch) -> None:
    app, source = make_app(talk(20))
    proceed, scanning = threading.Event(), threading.Event()

    def find() -> tuple[DeviceChoice, ...]:
        scanning.set()
        proceed.wait(10)
        raise OSError("the driver is broken")

    monkeypatch.setattr(source, "find_devices", find)

    async def run() -> None:
        async with app.run_test(size=(80, 24)) as pilot:
            await settle(pilot, source)
            await pilot.press("d")
            await asyncio.to_thread(scanning.wait, 10)
            assert "Looking for cameras" in screen_text(app)
            proceed.set()
            await until(pilot, lambda: "the driver is broken" in screen_text(app))
            await pilot.press("escape")
            await until(pilot, lambda: "Sentiment" in screen_text(app))

    asyncio.run(run())


def test_a_replay_has_no_devices() -> None:
    app, source = make_app(talk(20))
    source.live = False

    async def run() -> None:
        async with app.run_test(size=(120, 40)) as pilot:
            await settle(pilot, source)
            assert "Devices" not in screen_text(app)
            await pilot.press("d")
            await pilot.pause(0.05)
            assert "Sentiment" in screen_text(app)

    asyncio.run(run())


@pytest.mark.parametrize(
    ("level", "phrase"),
    [
        (SoundLevel(-23.0, -9.0, 0.0), "-23 dB"),
        (SoundLevel(-90.0, -90.0, 5.0), "no sound - muted?"),
        (SoundLevel(-90.0, -90.0, 1.0), "-60 dB"),
        (SoundLevel(-8.0, -0.1, 0.0), "too loud"),
    ],
)
@pytest.mark.parametrize("ascii_only", [False, True])
def test_the_level_is_shown_as_a_bar_and_a_number_or_warning(level: SoundLevel, phrase: str, ascii_only: bool) -> None:
    first = show([*talk(20), level], (80, 24), ascii_only=ascii_only).split("\n")[0]
    assert phrase in first
    if level.rms_dbfs == -23.0:
        assert ("#######" if ascii_only else "███████") in first
        assert ("|" if ascii_only else "▐") in first
