"""Key bindings: the user's overrides, checked, and the keys in effect, for display."""

from collections.abc import Callable, Iterable, Mapping

from textual.binding import Binding, BindingType
from textual.keys import Keys, format_key
from textual.screen import Screen
from textual.widget import Widget

from mmim_live.errors import ConfigError
from mmim_live.settings import KeyOverrides

# Fixed: quitting, and moving in lists, in the transcript and in the command palette.
RESERVED = ("ctrl+c", "ctrl+p", "ctrl+q", "escape", "enter", "tab", "shift+tab", "up", "down", "pageup", "pagedown")

_MODIFIERS = {"ctrl", "alt", "shift", "super", "hyper", "meta"}
_NAMED = {key.value for key in Keys} | {"space"}  # besides those named by the character they type


def keymap(changes: KeyOverrides, bindings: Iterable[BindingType]) -> Mapping[str, str]:
    """Keys by action, as Textual expects them.

    Raises:
        ConfigError: an action or a key that does not exist, or one key for two actions.
    """
    usual = {binding.id: binding.key for binding in bindings if isinstance(binding, Binding) and binding.id}
    where = f"{changes.origin}: [keys]"
    for action in changes.keys:
        if action not in usual:
            raise ConfigError(f"{where} has no action {action!r}: choose from {', '.join(usual)}")
    taken = dict.fromkeys(map(_shown, RESERVED), "")
    for action, keys in (usual | changes.keys).items():
        for key in map(str.strip, keys.split(",")):
            if action in changes.keys and not _exists(key):
                raise ConfigError(f"{where} {action}: unknown key {key!r}; examples: p, ctrl+p, f5, space, left")
            if (other := taken.setdefault(_shown(key), action)) != action:
                raise ConfigError(f"{where} {key!r} {_clash(action, other)}; choose another key")
    return changes.keys


def shown_keys(screen: Screen[object], display: Callable[[Binding], str]) -> list[tuple[str, str]]:
    """The keys in effect on a screen and what they do, for display; all keys of an action in one entry."""
    keys: dict[str, list[str]] = {}
    descriptions: dict[str, str] = {}
    for active in screen.active_bindings.values():
        if (action := active.binding.id) is not None:
            keys.setdefault(action, []).append(display(active.binding))
            descriptions[action] = active.binding.tooltip or active.binding.description
    return [(" ".join(keys[action]), descriptions[action]) for action in keys]


def key_of(widget: Widget, action: str) -> str:
    """The key in effect for an action, for display; 'the command palette' if it has none."""
    bindings = (each.binding for each in widget.screen.active_bindings.values())
    key = next((widget.app.get_key_display(binding) for binding in bindings if binding.id == action), "")
    return key or "the command palette"


def _clash(action: str, other: str) -> str:
    return f"is assigned to both {other!r} and {action!r}" if other else f"is assigned to {action!r}, but is reserved"


def _shown(key: str) -> str:
    """The key as displayed: the same for all its names, such as ? and question_mark."""
    *modifiers, last = ["+"] if key == "+" else key.split("+")
    return "+".join([*sorted(modifiers), format_key(last)])


def _exists(key: str) -> bool:
    *modifiers, last = ["+"] if key == "+" else key.split("+")
    return (last in _NAMED or len(format_key(last)) == 1) and all(each in _MODIFIERS for each in modifiers)
