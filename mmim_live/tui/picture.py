"""Pictures of the app, drawn from the events of a session without a terminal.

    python -m mmim_live.tui.picture EVENTS.jsonl PICTURE.svg [WIDTH HEIGHT [UNTIL_S]]

takes what `mmim-live replay FILE --output EVENTS.jsonl` wrote. Knows no session, only its events.
"""

import asyncio
import re
import sys
from collections.abc import Iterable
from itertools import takewhile
from pathlib import Path

from mmim_live.output.jsonl import read_events
from mmim_live.tui.app import MmimApp, Post
from mmim_live.tui.state import event_time_s
from mmim_live.types import Event, Health, SessionStarted

_WEB_FONT = re.compile(r"@font-face\s*\{.*?\}\s*", re.DOTALL)  # would be fetched whenever the picture is seen


class _Silence:
    """A source that never says anything."""

    def start(self, post: Post) -> None:
        """Nothing to begin."""

    def stop(self) -> None:
        """Nothing to end."""


def draw_picture(events: Iterable[Event | Health], *, title: str, size: tuple[int, int] = (120, 40)) -> str:
    """The app as SVG, `size` cells wide and high, after it has taken in the events."""
    return asyncio.run(_draw(list(events), title, size))


async def _draw(events: list[Event | Health], title: str, size: tuple[int, int]) -> str:
    app = MmimApp(_Silence(), title=title)
    async with app.run_test(size=size) as pilot:
        app.show(events)
        await pilot.pause()
        app.show(())  # the panels have their sizes only now
        await pilot.pause()
        return _WEB_FONT.sub("", app.export_screenshot(title="mmim-live"))


def main(arguments: list[str]) -> None:
    """Read a .jsonl file, write an .svg file."""
    source, target, *rest = arguments
    width, height = (int(rest[0]), int(rest[1])) if len(rest) >= 2 else (120, 40)
    until_s = float(rest[2]) if len(rest) >= 3 else float("inf")
    events = list(takewhile(lambda event: event_time_s(event) <= until_s, read_events(Path(source))))
    title = next((Path(event.source).name for event in events if isinstance(event, SessionStarted)), "")
    Path(target).write_text(draw_picture(events, title=title, size=(width, height)), encoding="utf-8")


if __name__ == "__main__":
    main(sys.argv[1:])
