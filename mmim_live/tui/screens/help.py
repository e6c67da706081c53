"""The help screen: explains the panels and lists the keys."""

from collections.abc import Iterable
from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import Binding
from textual.containers import VerticalScroll
from textual.content import Content
from textual.screen import ModalScreen
from textual.widgets import Static

_PANELS = (
    ("Sentiment", "the score of the last few seconds, from -3 to +3, and an interval that shows how uncertain it is. "
     "Unclear: the interval includes zero. Sentence: the score of the last whole one. "
     "Provisional: the words may still change. Committed: final."),
    ("Timeline", "the score over time: a solid line where committed, dotted where provisional; the interval behind it; "
     "utterances below it."),
    ("Why", "what words, voice and face add to the score or take from it. Consistency: whether voice and face "
     "match the words of the last sentence (percentile, from 0 to 1, among validation data)."),
    ("Transcript", "what was said, with the score of each utterance. Words right of the divider may still change."),
)  # fmt: skip
_MORE = "What it does and does not do: it guesses about an expression, not about a person"


class HelpScreen(ModalScreen[bool]):
    """Any of its keys closes it; dismissed with whether to show what the program does and does not do."""

    BINDINGS: ClassVar = [
        Binding("escape,enter", "close(False)", "Close"),
        Binding("q", "close(False)", "Close", id="quit"),
        Binding("space", "close(False)", "Close", id="pause"),
        Binding("question_mark", "close(False)", "Close", id="help"),
        Binding("a", "close(True)", "What it does and does not do"),
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
        """Dismiss with the choice."""
        self.dismiss(more)
