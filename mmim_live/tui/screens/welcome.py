"""What the program does and what it does not: before the camera opens for the first time, and later from the help."""

from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import Binding
from textual.containers import VerticalScroll
from textual.content import Content
from textual.screen import ModalScreen
from textual.widgets import Static

_PARTS = (
    ("What it does", "It watches a face, listens to a voice and reads the words, and guesses how negative or positive "
     "they come across, from -3 to +3: with how sure it is, and why."),
    ("What it does not", "A reading is a guess about an expression, not about a person. It does not know what anybody "
     "feels, thinks or means, and it is often wrong."),
    ("Not for", "work, school, hiring, or judging anybody. The EU AI Act forbids inferring emotions at the workplace "
     "and in education."),
    ("Tell people", "Whoever is seen or heard must be told beforehand."),
    ("Private", "Nothing is stored unless you ask for it, and nothing leaves this machine."),
)  # fmt: skip


class WelcomeScreen(ModalScreen[bool]):
    """Dismissed with whether to begin. `first`: nothing has begun yet, and leaving it leaves the program."""

    BINDINGS: ClassVar = [
        Binding("enter", "close(True)", "Begin"),
        Binding("escape,q", "close(False)", "Leave"),
    ]

    def __init__(self, *, first: bool, ascii_only: bool) -> None:
        super().__init__(classes="-ascii" if ascii_only else "")
        self._first = first

    def compose(self) -> ComposeResult:
        """A few paragraphs, then the keys."""
        parts: list[str | tuple[str, str]] = []
        for name, meaning in _PARTS:
            parts += [(f"{name}: ", "bold $primary"), f"{meaning}\n\n"]
        keys = ("Enter", " begin", "Q", " leave") if self._first else ("Esc", " back", "", "")
        parts += [(keys[0], "bold reverse $primary"), keys[1], "     ", (keys[2], "bold reverse $primary"), keys[3]]
        with VerticalScroll(classes="box"):
            yield Static(Content.assemble(*parts))

    def on_mount(self) -> None:
        """Name the box."""
        self.query_one(".box").border_title = "mmim-live, before the camera opens" if self._first else "mmim-live"

    def action_close(self, begin: bool) -> None:
        """Tell what was chosen."""
        self.dismiss(begin)
