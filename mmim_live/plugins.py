"""What other packages add to mmim-live, by entry points; see docs/plugins.md.

A package names its objects in its metadata, so what is installed is known without running any of it. An object is
loaded when something asks for its name: a broken package stops only those who want it, in one line.
"""

from __future__ import annotations

from functools import cache
from importlib.metadata import EntryPoint, entry_points
from typing import Any, Literal, TypeVar

from mmim_live.errors import PluginError
from mmim_live.text_normalization import one_line

__all__ = ["Group", "load_plugin", "plugin_names", "plugin_version"]

Group = Literal[
    "mmim_live.output_formats",
    "mmim_live.asr_engines",
    "mmim_live.dataset_readers",
    "mmim_live.face_extractors",
    "mmim_live.voice_extractors",
]
"""Names of entry point groups, by what the objects are."""

_Plugin = TypeVar("_Plugin")


def plugin_names(group: Group) -> tuple[str, ...]:
    """The names that installed packages provide, in order."""
    return tuple(_entry_points(group))


def plugin_version(group: Group, name: str) -> str:
    """The package of a plug-in and its version, such as "mmim-live-chatter 1.0"."""
    return _package(_entry_points(group)[name][0])


def load_plugin(group: Group, name: str, kind: type[_Plugin]) -> _Plugin | None:
    """The object of this name, or None if no package has one.

    Args:
        group: what it is.
        name: of the entry point.
        kind: its type.

    Raises:
        PluginError: it cannot be loaded, is something else, or two packages provide it.
    """
    points = _entry_points(group).get(name, ())
    if not points:
        return None
    if len(points) > 1:
        raise PluginError(
            f"{group} {name!r} is provided by {' and by '.join(map(_package, points))}: uninstall all but one"
        )
    (point,) = points
    what, remedy = f"plug-in {name!r} of {_package(point)}", "update or uninstall that package"
    try:
        plugin: Any = point.load()
    except Exception as error:  # importing it runs whatever code its author wrote
        raise PluginError(
            f"{what} cannot be loaded ({type(error).__name__}: {one_line(str(error))}); {remedy}"
        ) from error
    if not isinstance(plugin, kind):
        article = "an" if kind.__name__[0] in "AEIOU" else "a"
        raise PluginError(f"{what} is {type(plugin).__name__}, not {article} {kind.__name__} ({point.value}); {remedy}")
    return plugin


@cache
def _entry_points(group: Group) -> dict[str, tuple[EntryPoint, ...]]:
    found: dict[str, tuple[EntryPoint, ...]] = {}
    for point in sorted(entry_points(group=group), key=lambda point: (point.name, _package(point))):
        found[point.name] = (*found.get(point.name, ()), point)
    return found


def _package(point: EntryPoint) -> str:
    return f"{point.dist.name} {point.dist.version}" if point.dist is not None else point.module
