"""What must be seen as long as it lasts: that a recording runs. Drawn also while the display is held."""

from textual.app import RenderResult
from textual.content import Content
from textual.widget import Widget

from mmim_live.tui.state import SessionState
from mmim_live.tui.wording import clock, plain
from mmim_live.types import RecordingHealth


class Banner(Widget):
    """One line for each thing that lasts; `redraw` shows and hides it."""

    def __init__(self, state: SessionState, *, ascii_only: bool) -> None:
        super().__init__()
        self._state = state
        self._ascii_only = ascii_only

    def redraw(self) -> None:
        """Follow the state."""
        self.display = bool(self._lines())
        self.refresh(layout=True)

    def render(self) -> RenderResult:
        """The lines, each cut to the width."""
        lines = [line.truncate(self.size.width, ellipsis=not self._ascii_only) for line in self._lines()]
        return Content("\n").join(lines)

    def _lines(self) -> list[Content]:
        state = self._state
        if state.health is None or state.summary is not None:
            return []
        recording = state.health.recording
        return [self._recording(recording)] if recording is not None else []

    def _recording(self, recording: RecordingHealth) -> Content:
        lost = [f"{recording.frames_dropped} pictures left out"] if recording.frames_dropped else []
        lost += [f"{recording.sound_lost_s:.1f} s of sound lost"] if recording.sound_lost_s else []
        return Content.assemble(
            (f" {'o' if self._ascii_only else '●'} REC {clock(recording.length_s)} ", "bold reverse $error"),
            *((f" {', '.join(lost)} ", "bold $text-warning") for _ in lost[:1]),
            f" into {plain(recording.folder)}",
            ("  r stops it", "$foreground-muted"),
        )
