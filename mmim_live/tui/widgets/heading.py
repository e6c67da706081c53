"""The top line: what is analyzed, the progress, and whether the display follows."""

from textual.app import RenderResult
from textual.content import Content
from textual.reactive import reactive

from mmim_live.tui.playback import Playback
from mmim_live.tui.state import SessionState
from mmim_live.tui.widgets.state_widget import StateWidget
from mmim_live.wording import clock

_BAR_CELLS = 16


class Heading(StateWidget):
    """One line."""

    frozen: reactive[bool] = reactive(False)
    scrolled_back: reactive[bool] = reactive(False)

    def __init__(
        self,
        state: SessionState,
        title: str,
        *,
        ascii_only: bool,
        serving: bool = False,
        playback: Playback | None = None,
    ) -> None:
        super().__init__()
        self._playback = playback
        self._state = state
        self._title = title
        self._ascii_only = ascii_only
        self._serving = serving

    def shown(self) -> object:
        """The progress; the reactive attributes redraw by themselves."""
        state = self._state
        playback = self._playback
        if playback is not None:
            played = playback.playing, playback.waiting, playback.speed, round(playback.analyzed_s)
            return clock(state.now_s), played, state.session, state.summary
        progress = state.health.progress if state.health else None
        return clock(state.now_s), progress, state.session, state.summary

    def render(self) -> RenderResult:
        """Name on the left, progress and state on the right; the name is cut if needed."""
        right = self._right()
        left = Content.assemble(("mmim-live", "bold $primary"), "  ", self._title)
        room = max(0, self.size.width - right.cell_length - 2)
        left = left.truncate(room, ellipsis=not self._ascii_only)
        return Content.assemble(left, " " * (self.size.width - left.cell_length - right.cell_length), right)

    def _right(self) -> Content:
        state = self._state
        parts: list[str | tuple[str, str]] = []
        if self.frozen:
            parts += [(" PAUSED ", "bold reverse $warning"), " "]
            parts += ["the session keeps running  "] if self.size.width >= 70 else []
        elif self.scrolled_back:
            parts += [(" BACK ", "bold reverse $secondary"), " "]
        if self._serving:
            parts += [(" OVERLAY ", "bold reverse $accent"), " "]
        if state.summary is not None:
            parts += [(" FINISHED ", "bold reverse $success"), " "]
        if self._playback is not None:
            return Content.assemble(*parts, *self._player(self._playback))
        duration_s = state.session.duration_s if state.session else None
        progress = state.health.progress if state.health else None
        if progress is not None and state.summary is None and self.size.width >= 100:
            full = round(progress * _BAR_CELLS)
            done, rest = ("=", ".") if self._ascii_only else ("━", "─")
            parts += [(done * full, "$primary"), (rest * (_BAR_CELLS - full), "$border"), " "]
        parts.append(clock(state.now_s))
        if duration_s:
            parts.append((f" / {clock(duration_s)}", "$foreground-muted"))
        return Content.assemble(*parts)

    def _player(self, playback: Playback) -> list[str | tuple[str, str]]:
        """Whether it plays, how fast, and where it is; a bar shows what has been played and what has been analyzed."""
        parts: list[str | tuple[str, str]] = []
        if playback.waiting and self.size.width >= 70:
            parts.append(("waiting for the analysis  ", "$foreground-muted"))
        elif not playback.playing and not playback.at_end:
            parts += [(" PAUSED ", "bold reverse $warning"), " "]
        session = self._state.session
        duration_s = max((session.duration_s if session else None) or 0.0, playback.analyzed_s)
        if duration_s and self.size.width >= 100:
            played = min(_BAR_CELLS, round(playback.position_s / duration_s * _BAR_CELLS))
            ahead = min(_BAR_CELLS, round(playback.analyzed_s / duration_s * _BAR_CELLS)) - played
            done, known, rest = ("=", "-", ".") if self._ascii_only else ("━", "━", "─")
            parts += [(done * played, "$primary"), (known * ahead, "$secondary")]
            parts += [(rest * (_BAR_CELLS - played - ahead), "$border"), " "]
        if playback.speed != 1.0:
            parts.append(("max " if playback.speed is None else f"{playback.speed:g}x ", "bold $primary"))
        parts.append(clock(playback.position_s))
        if duration_s:
            parts.append((f" / {clock(duration_s)}", "$foreground-muted"))
        return parts
