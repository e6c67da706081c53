"""The status line: the newest notice for a while, else the health of the session; at its right, the whole session."""

from dataclasses import replace
from itertools import groupby

from textual.app import RenderResult
from textual.content import Content
from textual.events import Click
from textual.message import Message

from mmim_live.events import Notice
from mmim_live.session_types import Health
from mmim_live.text_normalization import plain
from mmim_live.tui.bindings import key_of
from mmim_live.tui.playback import Playback
from mmim_live.tui.render.sparkline import bar, bin_scores
from mmim_live.tui.state import SessionState
from mmim_live.tui.widgets.score import TONE_STYLES
from mmim_live.tui.widgets.state_widget import StateWidget
from mmim_live.wording import tone

NOTICE_S = 10.0  # of media time
_SPARK_SHARE = 5  # one cell in five


class StatusLine(StateWidget):
    """One line, updated in place; parts that do not fit are dropped from the end. A click on the session goes there."""

    class Picked(Message):
        """The user clicked on a moment."""

        def __init__(self, time_s: float) -> None:
            super().__init__()
            self.time_s = time_s

    def __init__(self, state: SessionState, *, ascii_only: bool, playback: Playback | None = None) -> None:
        """`playback`: the analysis runs ahead, so that words have no delay, and all that is known is drawn."""
        super().__init__()
        self._state = state
        self._playback = playback
        self._ascii_only = ascii_only
        self._separator = "  " if ascii_only else " · "
        self._scores: list[float | None] = []
        self._scores_of: tuple[int, int] | None = None  # cells, and how many readings

    def shown(self) -> object:
        """Notices, the latest health, and the scores."""
        return self._notices(), self._state.health, self._spark()

    def render(self) -> RenderResult:
        """A notice or health, then the session."""
        spark = self._spark()
        cells = len(spark)
        room = self.size.width - cells - (2 if cells else 0)
        notices = self._notices()
        line = self._notice(notices, room) if notices else self._health(room)
        drawn = [
            ("".join(character for character, _ in alike), style)
            for style, alike in groupby(spark, key=lambda cell: cell[1])
        ]
        return Content.assemble(line, " " * (self.size.width - line.cell_length - cells), *drawn)

    def on_click(self, event: Click) -> None:
        """A click on the session picks its moment."""
        cells, offset = self._spark_cells(), event.get_content_offset(self)
        if offset is not None and cells and offset.x >= self.size.width - cells:
            place = (offset.x - (self.size.width - cells) + 0.5) / cells
            self.post_message(self.Picked(place * self._duration_s()))

    # ---- the parts -------------------------------------------------------------------------------------------------

    def _notices(self) -> list[Notice]:
        """Those to show now: the last ones."""
        return [each for each in self._state.transcript.notices if each.time_s > self._state.now_s - NOTICE_S]

    def _notice(self, notices: list[Notice], room: int) -> Content:
        more = f"{self._separator}{len(notices) - 1} more: {key_of(self, 'info')}" if len(notices) > 1 else ""
        text = Content.assemble((plain(notices[-1].message), "$text-accent"))
        text = text.truncate(max(0, room - len(more)), ellipsis=not self._ascii_only)
        return Content.assemble(text, (more, "$foreground-muted"))

    def _health(self, room: int) -> Content:
        health = self._state.health
        line = Content("")
        if health is None:
            return line
        for part in _parts(replace(health, word_delay_ms=None) if self._playback is not None else health):
            longer = Content.assemble(line, (self._separator, "$border"), part) if line else part
            if longer.cell_length > room:
                break
            line = longer
        return line

    def _spark_cells(self) -> int:
        return self.size.width // _SPARK_SHARE if self.size.width >= 60 else 0

    def _duration_s(self) -> float:
        known = self._state if self._playback is None else self._playback.whole
        stated = known.session.duration_s if known.session else None
        return max(stated or 0.0, known.now_s)

    def _spark(self) -> list[tuple[str, str]]:
        """Characters and their styles: what has been played in the color of its tone, what lies ahead muted."""
        known = self._state if self._playback is None else self._playback.whole
        cells, duration_s = self._spark_cells(), self._duration_s()
        if not cells or not known.transcript.readings:
            return []
        if self._scores_of != (cells, known.readings_received):
            self._scores_of = cells, known.readings_received
            self._scores = bin_scores(known.transcript.readings, duration_s, cells)
        played = cells if self._playback is None else int(self._playback.position_s / duration_s * cells)
        return [
            (bar(score, ascii_only=self._ascii_only), _style(score, place <= played))
            for place, score in enumerate(self._scores)
        ]


def _style(score: float | None, played: bool) -> str:
    return TONE_STYLES[tone(score)] if played and score is not None else "$border"


def _parts(health: Health) -> list[Content]:
    """Most important first."""
    parts = [
        Content.assemble((f"{device.kind} {device.state}", "bold $text-warning"))
        for device in health.devices
        if device.state != "open"
    ]
    if health.drops:
        parts.append(Content.assemble((f"{health.drops} dropped", "bold $text-warning")))
    if health.word_delay_ms is not None:
        parts.append(Content(f"word delay {health.word_delay_ms / 1000:.1f} s"))
    if health.fps is not None:
        parts.append(Content(f"{health.fps:.1f} fps"))
    if health.cpu_percent is not None:
        parts.append(Content(f"CPU {health.cpu_percent:.0f} %"))
    if health.memory_mb is not None:
        parts.append(Content(f"{health.memory_mb:.0f} MB"))
    named = [("", health.checkpoint), ("speech ", health.asr_model), ("on ", health.device)]
    named += [
        ("" if device.name.startswith(device.kind) else f"{device.kind} ", plain(device.name))
        for device in health.devices
    ]
    parts.extend(Content.assemble((f"{label}{name}", "$foreground-muted")) for label, name in named if name)
    return parts
