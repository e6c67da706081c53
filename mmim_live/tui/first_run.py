"""Remembers, in a file in the config folder, that the user has read what the program does and does not do."""

import contextlib
import os
import tempfile
from pathlib import Path

from mmim_live.settings import config_folder

REVISION = "1"  # of the text; raise it to have a changed text shown again


def acknowledged() -> bool:
    """Whether the current text has been read. An unreadable folder means no."""
    with contextlib.suppress(OSError, UnicodeDecodeError):
        return _file().read_text(encoding="utf-8").strip() == REVISION
    return False


def acknowledge() -> None:
    """Remember it, atomically. If the folder is not writable, the user is asked again next time."""
    file = _file()
    with contextlib.suppress(OSError):
        file.parent.mkdir(parents=True, exist_ok=True)
        descriptor, name = tempfile.mkstemp(dir=file.parent, prefix=f".{file.name}.")
        try:
            with os.fdopen(descriptor, "w", encoding="utf-8") as stream:
                stream.write(f"{REVISION}\n")
            Path(name).replace(file)
        except OSError:
            Path(name).unlink(missing_ok=True)
            raise


def _file() -> Path:
    return config_folder() / "acknowledged"
