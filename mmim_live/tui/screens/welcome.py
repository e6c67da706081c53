"""What the program does and does not do: shown before the camera first opens, and from the help."""

from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import Binding
from textual.containers import VerticalScroll
from textual.content import Content
from textual.screen import ModalScreen
from textual.widgets import Static

_PARTS = (
    ("What it does", "It looks at a face, listens to the voice and transcribes the words, and guesses how negative or "
     "positive they come across, from -3 to +3, with an uncertainty and the reasons."),
    ("What it does not do", "A reading is a guess about an expression, not about a person. It does not know what "
     "anyone feels, thinks or means, and it is often wrong."),
    ("Not for", "work, school, hiring, or judging anyone. The EU AI Act prohibits inferring emotions in the workplace "
     "and in education."),
    ("Tell people", "Anyone who is seen or heard must be told beforehand."),
    ("Privacy", "Nothing is stored unless you ask for it, and nothing leaves this machine."),
)  # fmt: skip


class WelcomeScreen(ModalScreen[bool]):
    """Dismissed with whether to start. `first`: the session has not started yet, and leaving quits the program."""

    BINDINGS: ClassVar = [
        Binding("enter", "close(True)", "Start"),
        Binding("escape,q", "close(False)", "Quit"),
    ]

    def __init__(self, *, first: bool, ascii_only: bool) -> None:
        super().__init__(classes="-ascii" if ascii_only else "")
        self._first = first

    def compose(self) -> ComposeResult:
        """A few paragraphs, then the keys."""
        parts: list[str | tuple[str, str]] = []
        for name, meaning in _PARTS:
            parts += [(f"{name}: ", "bold $primary"), f"{meaning}\n\n"]
        keys = ("Enter", " start", "Q", " quit") if self._first else ("Esc", " back", "", "")
        parts += [(keys[0], "bold reverse $primary"), keys[1], "     ", (keys[2], "bold reverse $primary"), keys[3]]
        with VerticalScroll(classes="box"):
            yield Static(Content.assemble(*parts))

    def on_mount(self) -> None:
        """Name the box."""
        self.query_one(".box").border_title = "mmim-live: before the camera opens" if self._first else "mmim-live"

    def action_close(self, begin: bool) -> None:
        """Dismiss with the choice."""
        self.dismiss(begin)
