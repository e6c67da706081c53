"""Any error as one line for the user, and the exit code."""

from __future__ import annotations

import os
import sys

from mmim_live.errors import MmimLiveError
from mmim_live.text_normalization import one_line

FIXABLE = 1
BUG = 3
TRACEBACK = "MMIM_LIVE_TRACEBACK"  # set to anything, it shows the traceback of a bug
_NEEDED_GB = 6  # of address space; a replay with torch built for CUDA maps 5.8 GB


def explained(error: Exception) -> tuple[str, int]:
    """What to tell the user about an error that ended the command, in one line, and the exit code."""
    match error:
        case MmimLiveError():
            return str(error), FIXABLE
        case MemoryError():
            return f"out of memory{_address_space()}", FIXABLE
        case ImportError():
            hint = _address_space() or "; `mmim-live doctor` says what is missing"
            return f"a library cannot be loaded: {one_line(str(error))}{hint}", FIXABLE
        case OSError(filename=None):
            return f"cannot write the output: {error.strerror or one_line(str(error))}", FIXABLE
        case OSError():
            return f"{one_line(str(error.filename))}: {error.strerror}", FIXABLE
    found = one_line(f"{type(error).__name__}: {error}")
    return f"a bug in mmim-live ({found}): please report it, with what {TRACEBACK}=1 shows", BUG


def shows_tracebacks() -> bool:
    """Whether the user asked for the traceback of a bug."""
    return bool(os.environ.get(TRACEBACK))


def _address_space() -> str:
    """The limit on the address space, if there is one."""
    if sys.platform == "win32":
        return ""
    import resource

    limit, _ = resource.getrlimit(resource.RLIMIT_AS)
    if limit == resource.RLIM_INFINITY:
        return ""
    return f"; the address space is limited to {limit / 1e9:.1f} GB (ulimit -v), and {_NEEDED_GB} GB are needed"
