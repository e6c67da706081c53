"""The help screen: what is on the screen and which keys there are."""

from collections.abc import Iterable
from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import Binding
from textual.containers import VerticalScroll
from textual.content import Content
from textual.screen import ModalScreen
from textual.widgets import Static

_PANELS = (
    ("Sentiment", "the score of the last seconds, from -3 to +3, and the interval it lies in most of the time. "
     "Provisional: the words may still change. Committed: settled."),
    ("Timeline", "the score over time. A solid line is committed, a dotted one provisional; behind it the interval; "
     "below it the utterances."),
    ("Why", "what words, voice and face add to the score or take from it, and whether voice and face fit the words "
     "(in percent of the model's own test windows, those that fit them worse)."),
    ("Transcript", "what was said, with the score of each utterance. Right of the divider are words that may change."),
)  # fmt: skip


class HelpScreen(ModalScreen[None]):
    """Closed by any of its keys."""

    BINDINGS: ClassVar = [Binding("escape,question_mark,q,space", "dismiss", "Close")]

    def __init__(self, keys: Iterable[tuple[str, str]], *, ascii_only: bool) -> None:
        super().__init__(classes="-ascii" if ascii_only else "")
        self._keys = list(keys)

    def compose(self) -> ComposeResult:
        """Panels, then keys."""
        parts: list[str | tuple[str, str]] = []
        for name, meaning in _PANELS:
            parts += [(f"{name}: ", "bold $primary"), f"{meaning}\n"]
        parts.append("\n")
        for key, description in self._keys:
            parts += [(f"{key:>10}", "bold $primary"), f"  {description}\n"]
        parts += [
            ("up, down".rjust(10), "bold $primary"),
            "  scroll the transcript\n\n",
            ("A reading is a guess about an expression, not about a person.", "$foreground-muted"),
        ]
        with VerticalScroll(id="help"):
            yield Static(Content.assemble(*parts))

    def on_mount(self) -> None:
        """Name the box."""
        self.query_one("#help").border_title = "Help (Esc closes)"
