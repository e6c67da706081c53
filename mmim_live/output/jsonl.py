"""Events as JSON lines and back.

A line is an object: `type` first, then the fields of the dataclass in their order. Nested dataclasses are objects,
tuples are lists. Seconds have 3 decimals, milliseconds 1, all other numbers of an event 4, so that the same run gives
the same lines; settings are written as they are. A value that is unknown or not finite is null.
"""

import json
import math
from collections.abc import Callable, Iterator
from dataclasses import fields, is_dataclass
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

from mmim_live.errors import DataError
from mmim_live.events import Event
from mmim_live.session_types import Health
from mmim_live.untrusted import open_regular, parse_json

if TYPE_CHECKING:
    from pydantic import TypeAdapter

MAX_LINE_BYTES = 2**20  # an utterance of an hour has a tenth of it


def jsonl_formatter() -> Callable[[Event], str]:
    """A function that turns an event into its line, line end included."""
    return lambda event: json.dumps(_plain(event), ensure_ascii=False, allow_nan=False) + "\n"


def health_line(health: Health, **more: int) -> str:
    """The health of a running session as an object of type `health` with `more` fields; never written to a file."""
    return json.dumps({"type": "health"} | _plain(health) | more, ensure_ascii=False, allow_nan=False)


def read_events(path: Path) -> Iterator[Event]:
    """The events of a .jsonl file, in order.

    Raises DataError with the line number for a line that is not exactly one event (also for one that was cut off by
    a crash), and for a file that cannot be read.
    """
    try:
        with open_regular(path) as file:
            for number, line in enumerate(iter(lambda: file.readline(MAX_LINE_BYTES + 1), b""), start=1):
                try:
                    yield _parse(line)
                except ValueError as error:
                    raise DataError(
                        f"{path}, line {number} is not an event: {_reason(error)}; fix or remove it"
                    ) from error
    except (OSError, ValueError) as error:
        reason = error.strerror if isinstance(error, OSError) else error
        raise DataError(f"cannot read {path}: {reason}; name a .jsonl file of a session") from error


def _plain(value: Any, name: str | None = None) -> Any:
    """What json can write. `name` is the field that holds the value, None inside settings; its suffix is the unit."""
    if isinstance(value, float):
        return _rounded(value, name) if math.isfinite(value) else None
    if is_dataclass(value):
        names = [each.name for each in fields(value)]
        names.sort(key=lambda each: each != "type")  # stable: `type` first, the rest as declared
        return {each: _plain(getattr(value, each), each) for each in names}
    if isinstance(value, dict):
        return {str(key): _plain(each) for key, each in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(each, name) for each in value]
    return value


def _rounded(value: float, name: str | None) -> float:
    if name is None:
        return value
    decimals = 3 if name.endswith("_s") else 1 if name.endswith("_ms") else 4
    return round(value, decimals) + 0.0  # minus zero becomes zero


_ADDED = {"relative"}  # fields that files of earlier versions do not have


@cache
def _adapter() -> "TypeAdapter[Event]":
    from pydantic import Field, TypeAdapter

    return TypeAdapter(Annotated[Event, Field(discriminator="type")])


def _parse(line: bytes) -> Event:
    """Raises ValueError (json's and pydantic's errors are such) if the line is not exactly one event."""
    if len(line) > MAX_LINE_BYTES:
        raise ValueError(f"the line is longer than {MAX_LINE_BYTES / 2**20:g} MiB")
    if not line.endswith(b"\n"):
        raise ValueError("the line is cut off")
    event = _adapter().validate_json(line, strict=True)
    _check_names(parse_json(line.decode()), event)  # which admits no 1e999
    return event


def _check_names(raw: Any, value: Any) -> None:
    """Reject what pydantic overlooks in dataclasses: unknown fields, and fields left to their default.

    Fields that were added since the first version may be left out.
    """
    if not is_dataclass(value):
        return
    names = {each.name for each in fields(value)}
    if odd_names := names ^ (set(raw) | (names & _ADDED)):
        odd = ", ".join(sorted(odd_names))
        raise ValueError(f"fields missing or unknown: {odd}")
    for name in names & set(raw):
        _check_names(raw[name], getattr(value, name))


def _reason(error: ValueError) -> str:
    from pydantic import ValidationError

    if isinstance(error, ValidationError):
        first = error.errors(include_url=False)[0]
        where = ".".join(str(part) for part in first["loc"])
        return f"{where}: {first['msg']}" if where else first["msg"]
    return str(error)
