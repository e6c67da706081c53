"""Drives the app with Textual's pilot and reads the screen."""

import asyncio
import time
from collections.abc import Callable, Iterable
from typing import Any

from textual.app import App
from textual.pilot import Pilot

from mmim_live.tui.app import MmimApp
from tests.tui.scripted import Posted, ScriptedSource


def make_app(events: Iterable[Posted], **options: Any) -> tuple[MmimApp, ScriptedSource]:
    source = ScriptedSource(list(events))
    ticks = iter(range(1_000_000))
    return MmimApp(source, title="talk.mp4", now_s=lambda: float(next(ticks)), draw_interval_s=0.01, **options), source


async def settle(pilot: Pilot[Any], source: ScriptedSource) -> None:
    """Wait until everything has been posted and drawn."""
    await pilot.pause()
    await asyncio.to_thread(source.done.wait, 10)
    await pilot.pause(0.05)
    await pilot.pause()


def screen_text(app: App[Any]) -> str:
    """The text on the screen, line by line."""
    return "\n".join("".join(segment.text for segment in strip) for strip in app.screen._compositor.render_strips())


def show(events: Iterable[Posted], size: tuple[int, int], *keys: str, **options: Any) -> str:
    """The screen after the events and the keys."""
    app, source = make_app(events, **options)

    async def run() -> str:
        async with app.run_test(size=size) as pilot:
            await settle(pilot, source)
            for key in keys:
                await pilot.press(key)
            await pilot.pause(0.05)
            return screen_text(app)

    text = asyncio.run(run())
    assert not source.alive
    return text


async def until(pilot: Pilot[Any], condition: Callable[[], object], within_s: float = 10.0) -> None:
    """Wait for a condition, since a busy machine draws late."""
    deadline_s = time.monotonic() + within_s
    while not condition():
        assert time.monotonic() < deadline_s, screen_text(pilot.app)
        await pilot.pause(0.02)
