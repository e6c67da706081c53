"""Asks for the label of a mark, in one line over the running display."""

import time
from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import Binding
from textual.screen import ModalScreen
from textual.widgets import Input

from mmim_live.session_types import MarkMoment

MAX_LABEL = 120  # characters


class MarkScreen(ModalScreen[MarkMoment | None]):
    """Dismissed with the mark, timed at the opening of this screen; None if canceled."""

    BINDINGS: ClassVar = [Binding("escape", "dismiss", "Cancel")]

    def __init__(self, *, ascii_only: bool) -> None:
        super().__init__(classes="-ascii" if ascii_only else "")
        self._began_s = time.monotonic()

    def compose(self) -> ComposeResult:
        """One field."""
        field = Input(placeholder="label (optional)", max_length=MAX_LABEL, id="mark")
        field.border_title = "Mark: Enter to save, Esc to cancel"
        yield field

    def on_input_submitted(self, event: Input.Submitted) -> None:
        """Dismiss with the mark."""
        self.dismiss(MarkMoment(event.value.strip(), time.monotonic() - self._began_s))
