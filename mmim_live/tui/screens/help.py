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
_MORE = "What this does and does not: a reading is a guess about an expression, not about a person"


class HelpScreen(ModalScreen[bool]):
    """Closed by any of its keys; dismissed with whether more is to be read."""

    BINDINGS: ClassVar = [
        Binding("escape,enter", "close(False)", "Close"),
        Binding("q", "close(False)", "Close", id="quit"),
        Binding("space", "close(False)", "Close", id="pause"),
        Binding("question_mark", "close(False)", "Close", id="help"),
        Binding("a", "close(True)", "What it does and does not"),
    ]

    def __init__(self, keys: Iterable[tuple[str, str]], *, ascii_only: bool) -> None:
        super().__init__(classes="-ascii" if ascii_only else "")
        self._keys = list(keys)

    def compose(self) -> ComposeResult:
        """Panels, then keys."""
        parts: list[str | tuple[str, str]] = []
        for name, meaning in _PANELS:
            parts += [(f"{name}: ", "bold $primary"), f"{meaning}\n"]
        parts.append("\n")
        keys = [*self._keys, ("up down", "Scroll the transcript"), ("^p", "All commands"), ("a", _MORE)]
        width = max(len(key) for key, _ in keys)
        for key, description in keys:
            parts += [(f"  {key:>{width}}", "bold $primary"), f"  {description}\n"]
        with VerticalScroll(id="help", classes="box"):
            yield Static(Content.assemble(*parts))

    def on_mount(self) -> None:
        """Name the box."""
        self.query_one("#help").border_title = "Help (Esc closes)"

    def action_close(self, more: bool) -> None:
        """Tell what was chosen."""
        self.dismiss(more)
