"""How a file of results links to its recording."""

from __future__ import annotations

import os
from pathlib import Path
from urllib.parse import quote


def relative_link(media: Path, folder: Path) -> str | None:
    """The address of the recording as seen from a folder; None if there is no way between them (drives of Windows)."""
    try:
        relative = Path(os.path.relpath(media.absolute(), folder.absolute())).as_posix()
    except ValueError:
        return None
    return f"./{quote(relative, errors='replace')}"


def link_beside(name: str) -> str:
    """The address of a file of this name beside the results. Whatever the name, it leads nowhere else."""
    return f"./{quote(name, safe='', errors='replace')}"
