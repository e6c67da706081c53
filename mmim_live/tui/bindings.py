"""Which keys do what: as a user wants it, and as it is now. Pure; the app hands in what it can do."""

from collections.abc import Callable, Iterable, Mapping

from textual.binding import Binding, BindingType
from textual.keys import Keys, format_key
from textual.screen import Screen
from textual.widget import Widget

from mmim_live.errors import ConfigError
from mmim_live.settings import KeyOverrides

# Not to be given away: the way out, and what moves in lists, in the transcript and in the command palette.
RESERVED = ("ctrl+c", "ctrl+p", "ctrl+q", "escape", "enter", "tab", "shift+tab", "up", "down", "pageup", "pagedown")

_MODIFIERS = {"ctrl", "alt", "shift", "super", "hyper", "meta"}
_NAMED = {key.value for key in Keys} | {"space"}  # beside those that are named by the character they type


def keymap(changes: KeyOverrides, bindings: Iterable[BindingType]) -> Mapping[str, str]:
    """Keys by action, as Textual wants them.

    Raises:
        ConfigError: an action or a key that does not exist, or one key for two actions.
    """
    usual = {binding.id: binding.key for binding in bindings if isinstance(binding, Binding) and binding.id}
    where = f"{changes.origin}: [keys]"
    for action in changes.keys:
        if action not in usual:
            raise ConfigError(f"{where} knows no action {action!r}: choose from {', '.join(usual)}")
    taken = dict.fromkeys(map(_shown, RESERVED), "")
    for action, keys in (usual | changes.keys).items():
        for key in map(str.strip, keys.split(",")):
            if action in changes.keys and not _exists(key):
                raise ConfigError(f"{where} {action}: there is no key {key!r}: write p, ctrl+p, f5, space, left")
            if (other := taken.setdefault(_shown(key), action)) != action:
                raise ConfigError(f"{where} {key!r} {_clash(action, other)}: give one of them another key")
    return changes.keys


def shown_keys(screen: Screen[object], display: Callable[[Binding], str]) -> list[tuple[str, str]]:
    """The keys in force on a screen and what they do, for people; several keys of one action in one entry."""
    keys: dict[str, list[str]] = {}
    descriptions: dict[str, str] = {}
    for active in screen.active_bindings.values():
        if (action := active.binding.id) is not None:
            keys.setdefault(action, []).append(display(active.binding))
            descriptions[action] = active.binding.tooltip or active.binding.description
    return [(" ".join(keys[action]), descriptions[action]) for action in keys]


def key_of(widget: Widget, action: str) -> str:
    """The key in force for an action, for people; without one the command palette's."""
    bindings = (each.binding for each in widget.screen.active_bindings.values())
    key = next((widget.app.get_key_display(binding) for binding in bindings if binding.id == action), "")
    return key or "the command palette"


def _clash(action: str, other: str) -> str:
    return f"is wanted for both {other!r} and {action!r}" if other else f"is wanted for {action!r}, but has a fixed use"


def _shown(key: str) -> str:
    """The key as it is shown: one writing for all names of it, such as ? and question_mark."""
    *modifiers, last = ["+"] if key == "+" else key.split("+")
    return "+".join([*sorted(modifiers), format_key(last)])


def _exists(key: str) -> bool:
    *modifiers, last = ["+"] if key == "+" else key.split("+")
    return (last in _NAMED or len(format_key(last)) == 1) and all(each in _MODIFIERS for each in modifiers)
