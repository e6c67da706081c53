"""A warm process that reads inputs, one folder a line on standard input, and answers each with a line of JSON.

Python's audit events show (and here refuse) connections, look-ups of names, and changes of files outside the folder.
Native code that does such things by itself raises no audit event and is not seen.
"""

from __future__ import annotations

import json
import os
import resource
import sys
import time
import traceback
from pathlib import Path
from typing import Any

from mmim_live.errors import MmimLiveError
from tests.fuzz.area import Area, write_files
from tests.fuzz.areas import load_area

ADDRESS_SPACE_MIB = 4_096  # beyond what the warm process has
MESSAGE_CHARACTERS = 1_000
_NETWORK = ("socket.connect", "socket.getaddrinfo", "socket.gethostbyname", "socket.sendto", "socket.sendmsg")
_CHANGES = {"os.remove": 1, "os.mkdir": 1, "os.rmdir": 1, "os.truncate": 1, "os.chmod": 1, "os.rename": 2,
            "os.link": 2, "os.symlink": 2}  # how many paths come first  # fmt: skip
_WRITING = os.O_WRONLY | os.O_RDWR | os.O_CREAT | os.O_TRUNC | os.O_APPEND


class Guard:
    """Refuses and remembers what reading a file must not do. An audit hook cannot be removed, so it is switched."""

    def __init__(self) -> None:
        self.folder: Path | None = None
        self.network: list[str] = []
        self.writes: list[str] = []
        sys.addaudithook(self._see)

    def watch(self, folder: Path | None) -> None:
        self.folder = folder
        self.network, self.writes = [], []

    def _see(self, event: str, arguments: tuple[Any, ...]) -> None:
        if self.folder is None:
            return
        if event in _NETWORK:
            self.network.append(f"{event} {arguments[1:] if event.startswith('socket.c') else arguments}")
            raise ConnectionRefusedError("the fuzzer allows no connection")
        if event == "open":
            path, _, flags = arguments
            if isinstance(flags, int) and flags & _WRITING:
                self._check(event, path)
        elif event in _CHANGES:
            for path in arguments[: _CHANGES[event]]:
                self._check(event, path)

    def _check(self, event: str, path: Any) -> None:
        if isinstance(path, int) or path in ("/dev/null", b"/dev/null") or self.folder is None:
            return
        if self.folder not in Path(os.path.abspath(os.fsdecode(path))).parents:  # noqa: PTH100  does not open anything
            self.writes.append(f"{event} {os.fsdecode(path)}")
            raise PermissionError("the fuzzer allows no file outside the folder")


def memory_mib(field: str) -> float:
    """VmRSS, or VmHWM: the peak since it was last reset."""
    for line in Path("/proc/self/status").read_text().splitlines():
        if line.startswith(f"{field}:"):
            return int(line.split()[1]) / 1024
    raise RuntimeError(f"no {field} in /proc/self/status")


def run_one(area: Area, folder: Path, guard: Guard) -> dict[str, Any]:
    """What happened: `outcome` is accepted, refused or traceback."""
    Path("/proc/self/clear_refs").write_text("5")
    before_mib, begin_s = memory_mib("VmRSS"), time.monotonic()
    guard.watch(folder)
    outcome, detail = "accepted", ""
    try:
        area.read(folder)
    except MmimLiveError as error:
        outcome, detail = "refused", str(error)
        if len(detail.splitlines()) != 1 or not detail.isprintable() or len(detail) > MESSAGE_CHARACTERS:
            outcome, detail = "traceback", f"the message is not one short printable line: {detail[:5_000]!r}"
    except BaseException:  # noqa: BLE001  whatever it is, it is a finding
        outcome, detail = "traceback", traceback.format_exc(limit=-12)
    network, writes = guard.network, guard.writes
    guard.watch(None)
    return {
        "outcome": outcome,
        "detail": detail,
        "seconds": time.monotonic() - begin_s,
        "growth_mib": max(0.0, memory_mib("VmHWM") - before_mib),
        "network": network,
        "writes": writes,
    }


def warm_up(area: Area, folder: Path) -> None:
    """Import what reading needs, and let its caches fill, before anything is measured."""
    for number, files in enumerate(area.seeds()):
        place = folder / f"warm-{number}"
        write_files(place, files)
        try:
            area.read(place)
        except MmimLiveError as error:
            raise SystemExit(f"the seed {number} of {area.name} is refused: {error}") from error


def main() -> None:
    answers = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)  # what a library prints must not be taken for an answer
    name, folder = sys.argv[1], Path(sys.argv[2])
    area = load_area(name)
    if name != "misbehaving":
        warm_up(area, folder)
    space = int(memory_mib("VmSize") + ADDRESS_SPACE_MIB) * 2**20
    resource.setrlimit(resource.RLIMIT_AS, (space, space))
    guard = Guard()
    print("ready", file=answers, flush=True)
    for line in sys.stdin:
        answer = run_one(area, Path(line.rstrip("\n")), guard)
        print(json.dumps(answer), file=answers, flush=True)


if __name__ == "__main__":
    main()
