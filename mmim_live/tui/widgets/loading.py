"""Shown until the session starts: what is being loaded, and what to expect."""

from collections.abc import Callable

from textual.app import RenderResult
from textual.content import Content

from mmim_live.tui.bindings import key_of
from mmim_live.tui.state import SessionState
from mmim_live.tui.widgets.state_widget import StateWidget


class Loading(StateWidget):
    """Counts the seconds to show progress. `now_s` is a monotonic clock."""

    def __init__(self, state: SessionState, title: str, now_s: Callable[[], float], *, live: bool = False) -> None:
        super().__init__()
        self._state = state
        self._title = title
        self._live = live
        self._now_s = now_s
        self._began_s = now_s()

    def on_mount(self) -> None:
        """Tick."""
        self.set_interval(0.5, self._tick)

    def _tick(self) -> None:
        if self._state.session is None:
            self.refresh()

    def begin(self) -> None:
        """Start counting now."""
        self._began_s = self._now_s()

    def shown(self) -> str:
        """What is being loaded; the seconds redraw by themselves."""
        return self._state.health.activity if self._state.health else ""

    def render(self) -> RenderResult:
        """A few plain lines."""
        activity = self.shown() or "loading the models"
        waited_s = int(self._now_s() - self._began_s)
        return Content.assemble(
            ("mmim-live\n\n", "bold $primary"),
            (f"{self._title}\n\n", "bold"),
            f"{activity[:1].upper()}{activity[1:]} ... {waited_s} s\n\n",
            *([f"{key_of(self, 'open')} opens a recording or the bundled sample instead.\n\n"] if self._live else []),
            (
                "Words, voice and face are analyzed on this machine;\nno video, audio or text leaves it.\n\n",
                "$foreground-muted",
            ),
            ("A reading is a guess about an expression,\nnot about a person.", "$foreground-muted"),
        )
