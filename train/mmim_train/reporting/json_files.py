"""JSON and text files of a run folder, written atomically."""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any

from mmim_live.errors import DataError, OutputError
from mmim_live.untrusted import parse_json, read_text


def finite(value: Any) -> Any:
    """The value, with None in place of non-finite floats, which JSON lacks."""
    if isinstance(value, dict):
        return {key: finite(inner) for key, inner in value.items()}
    if isinstance(value, list | tuple):
        return [finite(inner) for inner in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value


def write_json(path: Path, content: Any) -> None:
    """Write to a temporary file, then rename it. Raises OutputError."""
    write_text(path, json.dumps(finite(content), indent=2, ensure_ascii=False) + "\n")


def write_text(path: Path, text: str) -> None:
    """Write to a temporary file, then rename it. Raises OutputError."""
    partial = path.with_name(f".{path.name}.partial")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        partial.write_text(text, encoding="utf-8")
        partial.replace(path)
    except OSError as error:
        raise OutputError(f"{path}: cannot write ({error.strerror or error}); check space and permissions") from error


def read_json(path: Path) -> Any:
    """The content. Raises DataError."""
    try:
        return parse_json(read_text(path))
    except (OSError, ValueError) as error:
        raise DataError(f"{path}: cannot be read ({error}); delete it, and training will recreate it") from error
