"""Models, devices and counts, where there is room."""

from textual.app import RenderResult
from textual.content import Content

from mmim_live.session_types import DeviceHealth
from mmim_live.text_normalization import plain
from mmim_live.tui.state import SessionState
from mmim_live.tui.widgets.state_widget import StateWidget
from mmim_live.wording import clock, signed


class SessionInfoPanel(StateWidget):
    """Names and counts, one per line."""

    def __init__(self, state: SessionState) -> None:
        super().__init__(classes="panel")
        self.border_title = "Session"
        self._state = state

    def shown(self) -> object:
        """The facts."""
        return self._facts()

    def render(self) -> RenderResult:
        """One line per fact."""
        lines = [Content.assemble((f"{label:<12}", "$foreground-muted"), value) for label, value in self._facts()]
        return Content("\n").join(lines)

    def _facts(self) -> list[tuple[str, str]]:
        state = self._state
        session, health = state.session, state.health
        facts = [("media time", clock(state.now_s)), ("readings", f"{state.readings_counted:,}")]
        if (scores := state.utterance_scores()) is not None:
            count, mean = scores
            facts.append(("sentences", f"{count}, mean {signed(mean)}"))
        if session is not None:
            facts.append(("model", session.checkpoint))
            facts += [(name, model) for name, model in session.models.items() if name != "checkpoint"]
        if health is not None:
            facts += [("device", health.device)] if health.device else []
            facts += [(device.kind, _device_text(device)) for device in health.devices]
        return facts


def _device_text(device: DeviceHealth) -> str:
    """Name, rate and losses of a device, or its state if it is not open."""
    name = plain(device.name).removeprefix(f"{device.kind} ")
    if device.state != "open":
        return f"{name}, {device.state}"
    parts = [name]
    if device.rate_hz is not None:
        parts.append(f"{device.rate_hz:.0f} fps" if device.kind == "camera" else f"{device.rate_hz / 1000:g} kHz")
    if device.drops:
        parts.append(f"{device.drops} dropped")
    if device.lost_s:
        parts.append(f"{device.lost_s:.1f} s lost")
    return ", ".join(parts)
