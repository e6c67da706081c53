"""Takes screenshots of the app without a terminal, from a recorded session or a live one.

mmim-live replay sample --headless --output sample.jsonl
python -m docs.make_screenshot sample.jsonl replay.svg [WIDTH HEIGHT [UNTIL_S]]
python -m docs.make_screenshot live live.svg [WIDTH HEIGHT [SECONDS]]

For a live session the bundled clip is played into a virtual microphone (PulseAudio) and serves as the camera.
"""

import asyncio
import os
import sys
import threading
import time
from collections.abc import Sequence
from itertools import takewhile
from pathlib import Path
from typing import Any

from textual.pilot import Pilot

from docs.svg import compact
from mmim_live import assets
from mmim_live.benchmark.virtual_microphone import VirtualMicrophone
from mmim_live.capture.files.media_file import MediaFile
from mmim_live.events import Event, SessionStarted
from mmim_live.native_stderr import native_stderr_to_log
from mmim_live.output import read_events
from mmim_live.session.open_live import Devices
from mmim_live.session.runner import live_runner
from mmim_live.session_types import Command, DeviceChoice, OnUpdate
from mmim_live.settings import Settings
from mmim_live.tui.app import MmimApp
from mmim_live.types import AudioBlock

DRAW_INTERVAL_S = 0.01


class Recorded:
    """Posts recorded events."""

    live = False

    def __init__(self, events: Sequence[Event]) -> None:
        self._events = events

    def start(self, on_update: OnUpdate) -> None:
        """Post all events at once."""
        for event in self._events:
            on_update(event)

    def stop(self) -> None:
        """Does nothing: there is no thread."""

    def send(self, command: Command) -> bool:  # noqa: ARG002 (required by the protocol)
        """Accept no command."""
        return False

    def find_devices(self) -> tuple[DeviceChoice, ...]:
        """There are none."""
        return ()


async def draw(events: Sequence[Event], size: tuple[int, int]) -> str:
    """The app as SVG, `size` cells wide and high, after the events."""
    title = next((Path(event.source).name for event in events if isinstance(event, SessionStarted)), "")
    app = MmimApp(Recorded(events), title=title, draw_interval_s=DRAW_INTERVAL_S, now_s=lambda: 0.0)
    async with app.run_test(size=size) as pilot:
        return await settled_screenshot(app, pilot, "mmim-live")


async def settled_screenshot(app: MmimApp, pilot: Pilot[Any], title: str, at_s: float = float("inf")) -> str:
    """The app as SVG with the playhead at `at_s`, once it has drawn everything, however busy the machine is."""
    shown, last = "", None
    while shown != last:
        last = shown
        await pilot.pause(10 * DRAW_INTERVAL_S)
        app._seek(at_s)
        await pilot.pause()
        shown = compact(app.export_screenshot(title=title))
    return shown


def draw_live(size: tuple[int, int], seconds: float) -> str:
    """A real session of the given length as SVG, with the camera preview if there is room."""
    os.chdir(assets.BUNDLED_FOLDER)  # so that the camera has a short name
    with MediaFile(Path("sample.mp4"), video=False) as sample:
        blocks = [block for block in iter(sample.read, None) if isinstance(block, AudioBlock)]
    audio = b"".join(block.samples.tobytes() for block in blocks)
    microphone, stop = VirtualMicrophone(), threading.Event()
    os.environ.update(microphone.environment)
    player = threading.Thread(target=lambda: [microphone.play(audio, stop) for _ in iter(stop.is_set, True)])
    app = MmimApp(live_runner(Devices("sample.mp4", "pulse"), Settings()), title="live")

    async def run() -> str:
        async with app.run_test(size=size) as pilot:
            while app.state.session is None:
                await pilot.pause(0.1)
            player.start()
            if size[1] >= 34:
                await pilot.press("c")
            end_s = time.monotonic() + seconds
            while time.monotonic() < end_s:
                await pilot.pause(0.1)
            return compact(app.export_screenshot(title="mmim-live"))

    try:
        with native_stderr_to_log():
            return asyncio.run(run())
    finally:
        stop.set()
        microphone.close()


def main(arguments: Sequence[str]) -> None:
    """Read a .jsonl file or a session's devices, write an .svg file."""
    source, target, *rest = arguments
    path = Path(target).absolute()
    size = (int(rest[0]), int(rest[1])) if len(rest) >= 2 else (120, 40)
    if source == "live":
        screenshot = draw_live(size, float(rest[2]) if len(rest) >= 3 else 60.0)
    else:
        until_s = float(rest[2]) if len(rest) >= 3 else float("inf")
        events = list(takewhile(lambda event: event.time_s <= until_s, read_events(Path(source))))
        screenshot = asyncio.run(draw(events, size))
    path.write_text(screenshot, encoding="utf-8")


if __name__ == "__main__":
    main(sys.argv[1:])
