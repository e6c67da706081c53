"""Shows, even while the display is frozen, that a recording runs and what the baseline is."""

import math

from textual.app import RenderResult
from textual.content import Content
from textual.widget import Widget

from mmim_live.session_types import BaselineHealth, RecordingHealth
from mmim_live.text_normalization import plain
from mmim_live.tui.bindings import key_of
from mmim_live.tui.state import SessionState
from mmim_live.wording import clock, relative_to


class Banner(Widget):
    """One line each for the recording and the baseline; `redraw` shows and hides them."""

    def __init__(self, state: SessionState, *, ascii_only: bool) -> None:
        super().__init__()
        self._state = state
        self._drawn: list[Content] = []
        self._ascii_only = ascii_only

    def redraw(self) -> None:
        """Follow the state."""
        lines = self._lines()
        if lines != self._drawn:
            taller = len(lines) != len(self._drawn)
            self._drawn = lines
            self.display = bool(lines)
            self.refresh(layout=taller)

    def render(self) -> RenderResult:
        """The lines, each cut to the width."""
        lines = [line.truncate(self.size.width, ellipsis=not self._ascii_only) for line in self._lines()]
        return Content("\n").join(lines)

    def _lines(self) -> list[Content]:
        state = self._state
        if state.health is None or state.summary is not None:
            return []
        recording, baseline = state.health.recording, state.health.baseline
        lines = [self._recording(recording)] if recording is not None else []
        return [*lines, self._baseline(baseline)] if baseline is not None else lines

    def _baseline(self, baseline: BaselineHealth) -> Content:
        if baseline.score is None:
            left_s = baseline.left_s or 0.0
            progress = f"{math.ceil(left_s)} s" if left_s else "waiting for the last words"
            return Content.assemble(
                (f" BASELINE {progress} ", "bold reverse $accent"),
                " read something neutral aloud" if left_s else "",
                (f"  {key_of(self, 'baseline')} cancels", "$foreground-muted"),
            )
        return Content.assemble(
            (" BASELINE ", "bold reverse $accent"),
            f" {relative_to(baseline.score, self._state.transcript.reading)}",
            (f"  {key_of(self, 'baseline')} removes it", "$foreground-muted"),
        )

    def _recording(self, recording: RecordingHealth) -> Content:
        lost = [f"{recording.frames_dropped} frames dropped"] if recording.frames_dropped else []
        lost += [f"{recording.sound_lost_s:.1f} s of audio lost"] if recording.sound_lost_s else []
        return Content.assemble(
            (f" {'o' if self._ascii_only else '●'} REC {clock(recording.length_s)} ", "bold reverse $error"),
            *((f" {', '.join(lost)} ", "bold $text-warning") for _ in lost[:1]),
            f" into {plain(recording.folder)}",
            (f"  {key_of(self, 'record')} stops", "$foreground-muted"),
        )
