"""One line on the health of the session: rates, latency, drops, load, models and devices."""

from dataclasses import replace

from textual.app import RenderResult
from textual.content import Content

from mmim_live.session_types import Health
from mmim_live.text_normalization import plain
from mmim_live.tui.state import SessionState
from mmim_live.tui.widgets.state_widget import StateWidget


class HealthLine(StateWidget):
    """Shows the latest health; parts that do not fit are dropped from the end."""

    def __init__(self, state: SessionState, *, ascii_only: bool, replay: bool = False) -> None:
        """`replay`: the analysis runs ahead, so that words have no delay."""
        super().__init__()
        self._replay = replay
        self._state = state
        self._separator = "  " if ascii_only else " · "

    def shown(self) -> object:
        """The latest health."""
        return self._state.health

    def render(self) -> RenderResult:
        """As many parts as fit."""
        health = self._state.health
        if health is None:
            return Content("")
        line = Content("")
        for part in _parts(replace(health, word_delay_ms=None) if self._replay else health):
            longer = Content.assemble(line, (self._separator, "$border"), part) if line else part
            if longer.cell_length > self.size.width:
                break
            line = longer
        return line


def _parts(health: Health) -> list[Content]:
    """Most important first."""
    parts = [
        Content.assemble((f"{device.kind} {device.state}", "bold $text-warning"))
        for device in health.devices
        if device.state != "open"
    ]
    if health.drops:
        parts.append(Content.assemble((f"{health.drops} dropped", "bold $text-warning")))
    else:
        parts.append(Content("0 dropped"))
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
