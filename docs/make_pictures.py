"""Makes the pictures of the README and the documentation: `python -m docs.make_pictures [FOLDER]`.

They show what the app draws from the events of a real run, `docs/pictures/sample.jsonl`, which is made by

    mmim-live replay sample --headless --output docs/pictures/sample.jsonl

tests/docs checks that the pictures are what this makes, and that a run still gives these events.
"""

import asyncio
import math
import sys
from collections.abc import Sequence
from pathlib import Path

from docs.animation import animate
from docs.figures import pipeline, timeline
from docs.make_screenshot import DRAW_INTERVAL_S, Recorded, draw, settled_screenshot
from mmim_live.events import Event, SessionStarted
from mmim_live.output import read_events
from mmim_live.tui.app import MmimApp

PICTURES = Path(__file__).parent / "pictures"
EVENTS = PICTURES / "sample.jsonl"
FRAME_S = 0.5  # of media time in each frame of the animation, which plays in real time
WIDE, NARROW, ANIMATED = (120, 40), (80, 24), (100, 30)


def pictures() -> dict[str, str]:
    """All pictures as SVG, by file name."""
    events = list(read_events(EVENTS))
    return {
        "replay.svg": asyncio.run(draw(events, WIDE)),
        "replay-narrow.svg": asyncio.run(draw(events, NARROW)),
        "replay-animated.svg": animate(asyncio.run(_frames(events, ANIMATED)), FRAME_S),
        "pipeline.svg": pipeline(),
        "sample-timeline.svg": timeline(events),
    }


async def _frames(events: Sequence[Event], size: tuple[int, int]) -> list[str]:
    """The app after each `FRAME_S` of the session, as its replay shows it."""
    first = next(event for event in events if isinstance(event, SessionStarted))
    duration_s = events[-1].time_s
    app = MmimApp(Recorded(events), title=Path(first.source).name, draw_interval_s=DRAW_INTERVAL_S, now_s=lambda: 0.0)
    async with app.run_test(size=size) as pilot:
        return [
            await settled_screenshot(app, pilot, "mmim-live replay sample", step * FRAME_S)
            for step in range(math.ceil(duration_s / FRAME_S) + 1)
        ]


def main(folder: Path = PICTURES) -> None:
    """Write all pictures."""
    folder.mkdir(exist_ok=True)
    for name, svg in pictures().items():
        (folder / name).write_text(svg, encoding="utf-8")


if __name__ == "__main__":
    main(*map(Path, sys.argv[1:2]))
