"""The keys in the footer, as many as fit; the rest are in the help and the command palette."""

from textual.app import ComposeResult
from textual.events import Resize
from textual.widgets import Footer
from textual.widgets._footer import FooterKey

# Dropped in this order if the line is too short. All others stay.
_DROP_ORDER = ("command_palette", "next_theme", "follow", "pan(-1)", "baseline", "devices", "preview")
_PADDING = 3  # cells of a key besides its name and description


class KeyFooter(Footer):
    """Textual's footer, without the keys that would be cut off."""

    def compose(self) -> ComposeResult:
        """The keys in their order."""
        keys = [key for key in super().compose() if isinstance(key, FooterKey)]
        for action in _DROP_ORDER:
            if sum(map(_width, keys)) > self.app.size.width:
                keys = [key for key in keys if key.action != action]
        yield from keys

    def on_resize(self, _event: Resize) -> None:
        """Choose the keys again for the new width."""
        self.refresh(recompose=True)


def _width(key: FooterKey) -> int:
    return len(key.key_display) + len(key.description) + _PADDING
