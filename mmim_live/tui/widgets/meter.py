"""The level of the microphone in one line, with warnings for silence and clipping."""

from textual.app import RenderResult
from textual.content import Content
from textual.widget import Widget

from mmim_live.session_types import SoundLevel
from mmim_live.tui.render.glyphs import level_bar

QUIETEST_DBFS = -60.0  # the left end of the bar
CLIPS_DBFS = -0.5
NO_SOUND_S = 3.0
_BAR_CELLS = 12


class LevelMeter(Widget):
    """Hidden until there is audio."""

    def __init__(self, *, ascii_only: bool) -> None:
        super().__init__()
        self._ascii_only = ascii_only
        self._level: SoundLevel | None = None

    def show(self, level: SoundLevel) -> None:
        """Draw this level."""
        if level != self._level:
            self._level = level
            self.add_class("-heard")
            self.refresh()

    def render(self) -> RenderResult:
        """A bar with a peak mark, then the level or a warning."""
        level = self._level
        if level is None:
            return Content("")
        if level.silent_s >= NO_SOUND_S:
            return Content.assemble("no sound - muted?", "bold $text-warning")
        bar = level_bar(_share(level.rms_dbfs), _share(level.peak_dbfs), _BAR_CELLS, ascii_only=self._ascii_only)
        clips = level.peak_dbfs > CLIPS_DBFS
        number = "too loud" if clips else f"{max(level.rms_dbfs, QUIETEST_DBFS):.0f} dB"
        style = "$text-warning" if clips else "$text-success"
        return Content.assemble(
            ("mic ", "$foreground-muted"), (bar, style), (number.rjust(8), "bold $text-warning" if clips else "")
        )


def _share(dbfs: float) -> float:
    return min(1.0, max(0.0, 1 - dbfs / QUIETEST_DBFS))
