"""Whether somebody has read, once, what the program does and does not: a small file in the user's config folder."""

import contextlib
import os
import tempfile
from pathlib import Path

from mmim_live.settings import config_folder

REVISION = "1"  # of the text; raised when it says something new, so that it is read again


def acknowledged() -> bool:
    """Whether the text as it is now has been read. A folder that cannot be read means no."""
    with contextlib.suppress(OSError, UnicodeDecodeError):
        return _file().read_text(encoding="utf-8").strip() == REVISION
    return False


def acknowledge() -> None:
    """Remember it: whole, or not at all. Where the folder cannot be written, it is asked again the next time."""
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
