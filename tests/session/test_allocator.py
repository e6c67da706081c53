"""The allocator's settings, looked at from inside a process of its own."""

from __future__ import annotations

import platform
import subprocess
import sys

import pytest

# A large buffer that is freed teaches glibc to keep the next ones in its heap, unless it was told not to.
_PROBE = """
import ctypes, sys
from mmim_live.session.allocator import limit_fragmentation

class Usage(ctypes.Structure):
    _fields_ = [(name, ctypes.c_size_t) for name in
                "arena ordblks smblks hblks hblkhd usmblks fsmblks uordblks fordblks keepcost".split()]

c = ctypes.CDLL(None)
c.mallinfo2.restype = Usage
c.malloc.restype = ctypes.c_void_p
c.malloc.argtypes = [ctypes.c_size_t]
c.free.argtypes = [ctypes.c_void_p]
if sys.argv[1] == "limited":
    assert limit_fragmentation()
c.free(c.malloc(16 << 20))
before = c.mallinfo2().hblks
c.malloc(1 << 20)
print(c.mallinfo2().hblks - before)
"""


def own_mappings(how: str) -> int:
    """Mappings that a buffer of 1 MB gets after one of 16 MB was freed."""
    command = [sys.executable, "-c", _PROBE, how]
    return int(subprocess.run(command, check=True, capture_output=True, text=True, timeout=60).stdout)


@pytest.mark.skipif("glibc" not in platform.libc_ver()[0], reason="the settings are those of glibc")
def test_large_buffers_have_mappings_of_their_own() -> None:
    assert own_mappings("as it is") == 0
    assert own_mappings("limited") == 1
