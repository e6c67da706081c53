"""What a session runs with, for those who want to repeat it, and all that it has noted."""

from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import Binding
from textual.containers import VerticalScroll
from textual.content import Content
from textual.screen import ModalScreen
from textual.widgets import Static

from mmim_live.text_normalization import plain
from mmim_live.tui.state import SessionState
from mmim_live.wording import clock

_HASH_SHOWN = 16  # characters


class InfoScreen(ModalScreen[None]):
    """Any of its keys closes it."""

    BINDINGS: ClassVar = [
        Binding("escape,enter,q", "dismiss", "Close"),
        Binding("i", "dismiss", "Close", id="info"),
    ]

    def __init__(self, state: SessionState, *, ascii_only: bool) -> None:
        super().__init__(classes="-ascii" if ascii_only else "")
        self._state = state

    def compose(self) -> ComposeResult:
        """Facts, then notices."""
        with VerticalScroll(id="info", classes="box"):
            yield Static(Content("\n").join([*self._facts(), Content(""), *self._notices()]))

    def on_mount(self) -> None:
        """Name the box."""
        self.query_one("#info").border_title = "Session (Esc closes)"

    def _facts(self) -> list[Content]:
        session = self._state.session
        if session is None:
            return [Content("The session has not started yet.")]
        facts = [
            ("source", session.source),
            ("started", session.started_at),
            ("mmim-live", session.version),
            ("model", session.checkpoint),
            ("features", session.contract_hash[:_HASH_SHOWN]),
            *((name, str(model)) for name, model in session.models.items()),
            *((name, str(value)) for name, value in session.settings.items()),
        ]
        width = max(len(name) for name, _ in facts) + 2
        return [Content.assemble((name.ljust(width), "$foreground-muted"), plain(value)) for name, value in facts]

    def _notices(self) -> list[Content]:
        notices = self._state.transcript.notices
        title = Content.assemble(("Notices" if notices else "No notices.", "bold $primary"))
        lines = [
            Content.assemble((f"{clock(each.time_s):>7}  ", "$foreground-muted"), plain(each.message))
            for each in notices
        ]
        return [title, *lines]
