"""Settings of the C allocator for a process whose many threads allocate buffers of all sizes for hours."""

from __future__ import annotations

import ctypes
import sys

# Parameters of mallopt, <malloc.h> of glibc.
_M_TRIM_THRESHOLD = -1
_M_MMAP_THRESHOLD = -3
_M_ARENA_MAX = -8

_LARGE_BYTES = 256 * 1024
_ARENAS = 2


def limit_fragmentation() -> bool:
    """Give large buffers back to the system when they are freed; return whether the allocator could be told.

    By default glibc raises the size from which a buffer gets its own mapping up to 32 MB, and keeps a heap for each
    thread. Buffers of audio, pictures and activations then end up in heaps with holes that nobody fills, and a session
    grows by tens of megabytes per hour though nothing leaks. Other C libraries are left alone.
    """
    if not sys.platform.startswith("linux"):
        return False
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None)
    if mallopt is None:
        return False
    accepted = True
    for parameter, value in (
        (_M_MMAP_THRESHOLD, _LARGE_BYTES),
        (_M_TRIM_THRESHOLD, _LARGE_BYTES),
        (_M_ARENA_MAX, _ARENAS),
    ):
        accepted &= mallopt(parameter, value) == 1
    return accepted
