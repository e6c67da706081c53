"""What an area of the fuzzer is: seeds, mutations of its own, and what reads an input."""

from __future__ import annotations

import random
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

Files = Mapping[str, bytes]  # an input: contents by the path inside a folder
Mutation = Callable[[random.Random, bytes], bytes]


@dataclass(frozen=True)
class Area:
    """`read` opens the input in a folder and uses what it accepts; it raises MmimLiveError to refuse it."""

    name: str
    seeds: Callable[[], list[Files]]
    read: Callable[[Path], None]
    mutations: Mapping[str, tuple[Mutation, ...]]  # by the suffix of a file, beside those that suit any bytes


def write_files(folder: Path, files: Files) -> None:
    for name, content in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)


def read_files(folder: Path) -> dict[str, bytes]:
    return {
        path.relative_to(folder).as_posix(): path.read_bytes() for path in sorted(folder.rglob("*")) if path.is_file()
    }
