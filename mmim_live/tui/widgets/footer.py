"""The keys in the bottom line, as many as fit: the rest stay in the help and in the command palette."""

from textual.app import ComposeResult
from textual.events import Resize
from textual.widgets import Footer
from textual.widgets._footer import FooterKey

# Left out in this order where the line is too short. The others stay.
_GIVE_WAY = ("command_palette", "next_theme", "follow", "pan(-1)", "baseline", "devices", "preview")
_PADDING = 3  # cells of a key beside its name and what it does


class KeyFooter(Footer):
    """Textual's footer, without the keys that would be cut off."""

    def compose(self) -> ComposeResult:
        """The keys in their order."""
        keys = [key for key in super().compose() if isinstance(key, FooterKey)]
        for action in _GIVE_WAY:
            if sum(map(_width, keys)) > self.app.size.width:
                keys = [key for key in keys if key.action != action]
        yield from keys

    def on_resize(self, _event: Resize) -> None:
        """Another width, other keys."""
        self.refresh(recompose=True)


def _width(key: FooterKey) -> int:
    return len(key.key_display) + len(key.description) + _PADDING
