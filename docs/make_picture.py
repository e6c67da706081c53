"""Draws the pictures of the app that the README shows, from a recorded session and without a terminal.

mmim-live replay sample --headless --output sample.jsonl
python docs/make_picture.py sample.jsonl docs/replay.svg [WIDTH HEIGHT [UNTIL_S]]
"""

import asyncio
import sys
from collections.abc import Sequence
from itertools import takewhile
from pathlib import Path

from docs.svg import compact
from mmim_live.output import read_events
from mmim_live.tui.app import MmimApp
from mmim_live.tui.source import Post
from mmim_live.tui.state import event_time_s
from mmim_live.types import Command, DeviceChoice, Event, SessionStarted

DRAW_INTERVAL_S = 0.01


class Recorded:
    """Posts events that are known already."""

    live = False

    def __init__(self, events: Sequence[Event]) -> None:
        self._events = events

    def start(self, post: Post) -> None:
        """All at once."""
        for event in self._events:
            post(event)

    def stop(self) -> None:
        """There is no thread."""

    def send(self, command: Command) -> bool:  # noqa: ARG002 (there is nobody to heed it)
        """Nothing can be asked of it."""
        return False

    def find_devices(self) -> tuple[DeviceChoice, ...]:
        """None."""
        return ()


async def draw(events: Sequence[Event], size: tuple[int, int]) -> str:
    """The app as SVG, `size` cells wide and high, after it has taken in the events."""
    title = next((Path(event.source).name for event in events if isinstance(event, SessionStarted)), "")
    app = MmimApp(Recorded(events), title=title, draw_interval_s=DRAW_INTERVAL_S)
    async with app.run_test(size=size) as pilot:
        await pilot.pause(20 * DRAW_INTERVAL_S)
        await pilot.pause()
        return compact(app.export_screenshot(title="mmim-live"))


def main(arguments: Sequence[str]) -> None:
    """Read a .jsonl file, write an .svg file."""
    source, target, *rest = arguments
    width, height = (int(rest[0]), int(rest[1])) if len(rest) >= 2 else (120, 40)
    until_s = float(rest[2]) if len(rest) >= 3 else float("inf")
    events = list(takewhile(lambda event: event_time_s(event) <= until_s, read_events(Path(source))))
    Path(target).write_text(asyncio.run(draw(events, (width, height))), encoding="utf-8")


if __name__ == "__main__":
    main(sys.argv[1:])
