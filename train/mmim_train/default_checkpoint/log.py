"""How the build reports its progress: one line at a time."""

from __future__ import annotations

from collections.abc import Callable

Log = Callable[[str], None]
