"""The score over the last minutes, with scroll-back. `plot.py` does the drawing."""

import math
from itertools import groupby
from typing import ClassVar

from rich.segment import Segment
from rich.style import Style
from textual.events import Click
from textual.geometry import Region
from textual.message import Message
from textual.strip import Strip
from textual.widget import Widget

from mmim_live.highlights import strongest, turns
from mmim_live.tui.bindings import key_of
from mmim_live.tui.playback import Playback
from mmim_live.tui.render.plot import GUTTER, Cell, Ink, View, draw_timeline
from mmim_live.tui.state import SessionState
from mmim_live.wording import clock

ZOOMS_S = (0.1, 0.25, 0.5, 1.0, 2.0, 5.0, 10.0, 30.0)  # seconds per cell
_FINEST_S = 0.04  # an 8 s clip fills 200 cells
_SHORTEST_SPAN_S = 90.0


class Timeline(Widget):
    """Follows the latest reading until it is scrolled back or frozen."""

    COMPONENT_CLASSES: ClassVar = {
        f"timeline--{ink}" for ink in ("positive", "neutral", "negative", "zero", "axis", "band", "mark", "playhead")
    }

    class Moved(Message):
        """The view stopped following, or follows again."""

        def __init__(self, following: bool) -> None:
            super().__init__()
            self.following = following

    class Picked(Message):
        """The user clicked on a moment."""

        def __init__(self, time_s: float) -> None:
            super().__init__()
            self.time_s = time_s

    def __init__(self, state: SessionState, *, ascii_only: bool, playback: Playback | None = None) -> None:
        """`playback`, of a replay: all that was analyzed is drawn, with the playhead."""
        super().__init__(classes="panel")
        self.border_title = "Timeline"
        self._state = state if playback is None else playback.whole
        self._playback = playback
        self._ascii_only = ascii_only
        self._end_s: float | None = None  # of the view; None: follows
        self._cell_s: float | None = None  # as zoomed; None fits the width
        self._grid: list[list[Cell]] = []
        self._drawn: tuple[object, ...] | None = None  # what the grid was drawn from
        self._subtitle = ""
        self._inks: dict[tuple[Ink, bool, bool], Style] = {}

    @property
    def following(self) -> bool:
        """Whether the right edge is the present."""
        return self._end_s is None

    def view(self) -> View:
        """What is drawn now. A session shorter than the width begins at the left edge."""
        width, height = self.size
        columns = max(1, width - GUTTER)
        cell_s = self._cell_s or self._fitting_cell_s(columns)
        end_s = self._latest_s(columns * cell_s) if self._end_s is None else self._end_s
        start_s = max(0, math.ceil(end_s / cell_s) - columns) * cell_s  # whole cells, or the line would flicker
        return View(width, height, start_s, cell_s, self._ascii_only)

    def _latest_s(self, span_s: float) -> float:
        """The end of a view that follows: the present, or in a replay half a view after the playhead."""
        if self._playback is None:
            return self._state.now_s
        position_s = self._playback.position_s
        return max(position_s, min(position_s + span_s / 2, self._playback.analyzed_s))

    def redraw(self) -> None:
        """Redraw from the state."""
        view = self.view()
        state = self._state
        playhead_s = self._playback.position_s if self._playback is not None else None
        column = None if playhead_s is None else int(playhead_s // view.cell_s)
        entries = state.transcript.forgotten + len(state.transcript.log)
        ended = state.summary is not None
        drawn = (view, state.readings_received, entries, state.transcript.rewrites, column, ended)
        if drawn == self._drawn:  # most events are words and health
            return
        self._drawn = drawn
        transcript, before = state.transcript, self._grid
        said = transcript.utterances
        highlights = [*(("turn", each) for each in turns(said)), *strongest(said)] if ended else []
        self._grid = draw_timeline(transcript.readings, said, view, transcript.marks, playhead_s, highlights=highlights)
        end_s = view.start_s + view.columns * view.cell_s
        subtitle = (
            "" if self.following else f"{clock(view.start_s)} to {clock(end_s)}, {key_of(self, 'now')}: back to now"
        )
        if subtitle != self._subtitle:  # setting it draws everything
            self._subtitle = self.border_subtitle = subtitle
        if len(before) == len(self._grid):  # most rows stay as they are
            changed = [y for y, (row, former) in enumerate(zip(self._grid, before, strict=True)) if row != former]
            if changed:
                self.refresh(*(Region(0, y, view.width, 1) for y in changed))
        else:
            self.refresh()

    def pan(self, direction: int) -> None:
        """Scroll by a quarter of the width: -1 back, 1 forward; scrolling forward past the end follows again."""
        view = self.view()
        span_s = view.columns * view.cell_s
        end_s = (self._state.now_s if self._end_s is None else self._end_s) + direction * span_s / 4
        self._go(None if end_s >= self._state.now_s else max(end_s, min(span_s, self._state.now_s)))

    def go_to_start(self) -> None:
        """Scroll back to the beginning."""
        view = self.view()
        end_s = view.columns * view.cell_s
        self._go(None if end_s >= self._state.now_s else end_s)

    def center(self, time_s: float) -> None:
        """Scroll such that this moment is in the middle."""
        view = self.view()
        span_s = view.columns * view.cell_s
        end_s = max(span_s, time_s + span_s / 2)
        self._go(None if end_s >= self._state.now_s else end_s)

    def hold(self) -> None:
        """Stay where the view is."""
        if self._end_s is None:
            self._go(self._state.now_s)

    def follow(self) -> None:
        """Back to the present."""
        self._go(None)

    def on_click(self, event: Click) -> None:
        """A click on the plot picks its moment."""
        offset = event.get_content_offset(self)
        if offset is not None and offset.x >= GUTTER:
            view = self.view()
            self.post_message(self.Picked(view.start_s + (offset.x - GUTTER + 0.5) * view.cell_s))

    def zoom(self, direction: int) -> None:
        """Show more (1) or less (-1) time in the same width."""
        now = self.view().cell_s
        others = [each for each in ZOOMS_S if (each > now if direction > 0 else each < now)]
        if others:
            self._cell_s = min(others) if direction > 0 else max(others)
            self.redraw()

    def on_resize(self) -> None:
        """Fit the new size."""
        self.redraw()

    def notify_style_update(self) -> None:
        """Another theme: look the colors up again."""
        super().notify_style_update()
        self._inks.clear()

    def render_line(self, y: int) -> Strip:
        """One row of the grid."""
        if y >= len(self._grid):
            return Strip.blank(self.size.width, self.rich_style)
        row = self._grid[y]
        segments = [
            Segment("".join(cell.character for cell in alike), self._style(key))
            for key, alike in groupby(row, key=_ink_of)
        ]
        return Strip(segments, len(row))

    def _go(self, end_s: float | None) -> None:
        self._end_s = end_s
        self.redraw()
        self.post_message(self.Moved(self.following))

    def _fitting_cell_s(self, columns: int) -> float:
        """Seconds per cell, so that a short recording just fills the width and a long one shows enough."""
        cell_s = 1.0 if columns >= _SHORTEST_SPAN_S else 2.0
        duration_s = self._state.session.duration_s if self._state.session else None
        duration_s = duration_s and max(duration_s, self._state.now_s)  # a container may state too short a duration
        return max(_FINEST_S, duration_s / columns) if duration_s and duration_s < columns * cell_s else cell_s

    def _style(self, key: tuple[Ink, bool, bool]) -> Style:
        if key not in self._inks:
            ink, band, faint = key
            style = self.get_component_rich_style(f"timeline--{ink}") if ink else self.rich_style
            if band:
                style += Style(bgcolor=self.get_component_rich_style("timeline--band").color)
            self._inks[key] = style + Style(dim=True) if faint else style
        return self._inks[key]


def _ink_of(cell: Cell) -> tuple[Ink, bool, bool]:
    return cell.ink, cell.band, cell.faint
