"""Compares the screen cell by cell with the SVG files in tests/tui/__snapshots__.

After an intended change: `pytest tests/tui/test_snapshots.py --snapshot-update`, then inspect the difference.
"""

import asyncio
from typing import Any

import pytest
from syrupy.assertion import SnapshotAssertion
from syrupy.extensions.single_file import SingleFileSnapshotExtension, WriteMode

from docs.svg import cells, compact
from mmim_live.events import Mark
from mmim_live.session_types import DeviceChoice, DeviceHealth, SoundLevel
from mmim_live.tui.app import MmimApp
from mmim_live.tui.widgets.loading import Loading
from tests.tui.driving import make_app, settle
from tests.tui.scripted import Posted, ScriptedSource, health, talk

DEVICES = (
    DeviceHealth("camera", "camera 0", "open", 29.9),
    DeviceHealth("microphone", "USB Microphone", "open", 48_000.0, lost_s=0.1),
)


class Screens(SingleFileSnapshotExtension):
    """SVG files, compared by content, not by fonts, sizes and names."""

    _write_mode = WriteMode.TEXT
    file_extension = "svg"

    def matches(self, *, serialized_data: Any, snapshot_data: Any) -> bool:
        return cells(serialized_data) == cells(snapshot_data)


@pytest.fixture
def screen(snapshot: SnapshotAssertion) -> SnapshotAssertion:
    return snapshot.use_extension(Screens)


def events() -> list[Posted]:
    """Half a minute of a live session, with everything that the screen can show."""
    return [*talk(33), Mark(12.0, "here"), health(33.0, devices=DEVICES), SoundLevel(-23.0, -9.0, 0.0)]


def draw(size: tuple[int, int], *keys: str, theme: str = "mmim-dark", **options: Any) -> str:
    app, source = make_app(events(), **options)
    source.devices = (DeviceChoice("camera", 0, "Webcam", "640x480", in_use=True),)
    app.animation_level = "none"

    async def run() -> str:
        async with app.run_test(size=size) as pilot:
            app.theme = theme
            await settle(pilot, source)
            for key in keys:
                await pilot.press(key)
            await pilot.pause(0.2)
            await pilot.wait_for_scheduled_animations()
            return compact(app.export_screenshot(title="mmim-live"))

    return asyncio.run(run())


def test_narrow(screen: SnapshotAssertion) -> None:
    assert draw((80, 24)) == screen


def test_usual(screen: SnapshotAssertion) -> None:
    assert draw((120, 40)) == screen


def test_wide(screen: SnapshotAssertion) -> None:
    assert draw((200, 60)) == screen


def test_plain_characters(screen: SnapshotAssertion) -> None:
    assert draw((80, 24), ascii_only=True) == screen


def test_light_paused_and_scrolled_back(screen: SnapshotAssertion) -> None:
    assert draw((120, 40), "left", "space", theme="mmim-light") == screen


@pytest.mark.parametrize("size", [(80, 24), (120, 40), (200, 60)])
@pytest.mark.parametrize("at_s", [33.0, 99.0])
def test_replay_in_the_middle_and_at_the_end(screen: SnapshotAssertion, size: tuple[int, int], at_s: float) -> None:
    source = ScriptedSource(list(talk(60, finished=True)), live=False)
    app = MmimApp(source, title="talk.mp4", now_s=lambda: 0.0, draw_interval_s=0.01)
    app.animation_level = "none"

    async def run() -> str:
        async with app.run_test(size=size) as pilot:
            await settle(pilot, source)
            app._seek(at_s)
            await pilot.pause(0.2)
            return compact(app.export_screenshot(title="mmim-live"))

    assert asyncio.run(run()) == screen


@pytest.mark.parametrize("size", [(80, 24), (120, 40), (200, 60)])
def test_waiting_for_a_device(screen: SnapshotAssertion, size: tuple[int, int]) -> None:
    waiting = "waiting for a camera or a microphone: no microphone found; no camera found"
    app, source = make_app([health(0.0, activity=waiting)])
    app._now_s = lambda: 0.0

    async def run() -> str:
        async with app.run_test(size=size) as pilot:
            await settle(pilot, source)
            app.query_one(Loading)._now_s = lambda: 0.0
            app.query_one(Loading).begin()
            app.query_one(Loading).refresh()
            await pilot.pause(0.1)
            return compact(app.export_screenshot(title="mmim-live"))

    assert asyncio.run(run()) == screen


def test_welcome(screen: SnapshotAssertion) -> None:
    app, _ = make_app([], welcome=True)

    async def run() -> str:
        async with app.run_test(size=(80, 24)) as pilot:
            await pilot.pause(0.2)
            return compact(app.export_screenshot(title="mmim-live"))

    assert asyncio.run(run()) == screen


def test_a_difference_in_one_cell_is_detected() -> None:
    svg = draw((80, 24))
    assert cells(svg) == cells(svg.replace("Fira Code", "Courier"))
    assert cells(svg) != cells(svg.replace("disappointed", "disappointee"))
    assert cells(svg) != cells(svg.replace("#4cc2e0", "#4cc2e1"))
