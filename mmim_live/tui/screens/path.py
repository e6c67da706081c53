"""Asks for a path, in one line over the running display."""

from pathlib import Path
from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import Binding
from textual.screen import ModalScreen
from textual.suggester import Suggester
from textual.widgets import Input

SAMPLE = "sample"  # the bundled clip


class PathSuggester(Suggester):
    """Completes the name of a file or folder; the right arrow key takes the suggestion."""

    def __init__(self) -> None:
        super().__init__(use_cache=False, case_sensitive=True)

    async def get_suggestion(self, value: str) -> str | None:
        """The first name in the folder that begins so."""
        head, _, begin = value.rpartition("/")
        folder = Path(f"{head}/" if "/" in value else ".").expanduser()
        try:
            names = sorted(each.name + ("/" if each.is_dir() else "") for each in folder.iterdir())
        except OSError:
            return None
        fitting = next((name for name in names if begin and name.startswith(begin)), None)
        return None if fitting is None else value.removesuffix(begin) + fitting


class PathScreen(ModalScreen[Path | None]):
    """Dismissed with the path; None if canceled. `exists`: it must be there already, or be "sample"."""

    BINDINGS: ClassVar = [Binding("escape", "dismiss", "Cancel")]

    def __init__(self, title: str, value: str, *, ascii_only: bool, exists: bool = False) -> None:
        super().__init__(classes="-ascii" if ascii_only else "")
        self._title = title
        self._value = value
        self._exists = exists

    def compose(self) -> ComposeResult:
        """One field."""
        hint = "a file, a recorded session, or: sample" if self._exists else "file"
        field = Input(self._value, placeholder=hint, suggester=PathSuggester(), id="path")
        field.border_title = self._title
        yield field

    def on_input_submitted(self, event: Input.Submitted) -> None:
        """Dismiss with the path, if there is one."""
        text = event.value.strip()
        path = Path(text).expanduser()
        if not text:
            self.dismiss(None)
        elif self._exists and text != SAMPLE and not path.exists():
            event.input.border_subtitle = "no such file"
        else:
            self.dismiss(path)
