"""What `--serve` adds to a command."""

from __future__ import annotations

import contextlib
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, TextIO

from mmim_live.settings import Settings

if TYPE_CHECKING:
    from mmim_live.output import Sink
    from mmim_live.serve.server import EventServer
    from mmim_live.session.session import Session


@contextlib.contextmanager
def serving(settings: Settings) -> Iterator[EventServer | None]:
    """A broadcast while the block runs, where the settings ask for one. Raises OutputError if the port is taken."""
    if settings.serve is None:
        yield None
        return
    from mmim_live.serve.server import EventServer

    broadcast = EventServer(settings.serve, settings.serve_token)
    try:
        yield broadcast
    finally:
        broadcast.close_server()
        if broadcast.dropped:
            sys.stderr.write(f"readers of the overlay that were too slow and were let go: {broadcast.dropped}\n")


def announce(broadcast: EventServer | None, terminal: TextIO) -> None:
    """Print where to look and listen."""
    if broadcast is not None:
        print(f"overlay: {broadcast.address}", file=terminal, flush=True)


def build_sinks(outputs: Sequence[Path], broadcast: EventServer | None) -> list[Sink]:
    """Files, and those who listen."""
    from mmim_live.output import open_sink

    sinks: list[Sink] = [open_sink(path) for path in outputs]
    return sinks if broadcast is None else [*sinks, broadcast]


def health_reporting(
    broadcast: EventServer | None, session: Session, settings: Settings
) -> contextlib.AbstractContextManager[None]:
    """While the block runs, those who listen hear how the session fares."""
    from mmim_live.session.health import telling_health

    return contextlib.nullcontext() if broadcast is None else telling_health(session, settings, broadcast.tell)


def expand_serve_flag(arguments: list[str]) -> list[str]:
    """`--serve` may stand without its port: then 0, a free one, is meant.

    >>> expand_serve_flag(["replay", "--serve", "talk.mp4"]), expand_serve_flag(["--serve", "8765"])
    (['replay', '--serve=0', 'talk.mp4'], ['--serve=8765'])
    """
    written: list[str] = []
    rest = iter(arguments)
    for argument in rest:
        if argument == "--":
            return [*written, argument, *rest]
        if written and written[-1] == "--serve":
            has_port = argument.isdecimal()
            written[-1] = f"--serve={argument if has_port else 0}"
            if has_port:
                continue
        written.append(argument)
    return [*written[:-1], "--serve=0"] if written and written[-1] == "--serve" else written
