"""What `--serve`, `--osc` and `--lsl` add to a command."""

from __future__ import annotations

import contextlib
import sys
from collections.abc import Iterator
from typing import TYPE_CHECKING

from mmim_live.settings import Settings

if TYPE_CHECKING:
    from mmim_live.output.sink import Sink
    from mmim_live.serve.server import EventServer


@contextlib.contextmanager
def serving(settings: Settings) -> Iterator[EventServer | None]:
    """A server while the block runs, if the settings ask for one. Raises OutputError if the port is taken."""
    if settings.serve is None:
        yield None
        return
    from mmim_live.serve.server import EventServer

    server = EventServer(settings.serve, settings.serve_token)
    try:
        yield server
    finally:
        server.close_server()
        if server.dropped:
            sys.stderr.write(f"overlay clients disconnected for being too slow: {server.dropped}\n")
        if server.fault:
            sys.stderr.write(f"overlay server: {server.fault}\n")


@contextlib.contextmanager
def publishing(settings: Settings) -> Iterator[list[Sink]]:
    """Publishers over OSC and LSL while the block runs, as far as the settings ask for them. Raises OutputError."""
    publishers: list[Sink] = []
    osc = None
    if settings.osc is not None:
        from mmim_live.serve.osc import OscPublisher

        osc = OscPublisher(settings.osc)
        publishers.append(osc)
    if settings.lsl:
        from mmim_live.native_stderr import native_stderr_to_log
        from mmim_live.serve.lsl import LslPublisher

        with native_stderr_to_log():
            publishers.append(LslPublisher())
    try:
        yield publishers
    finally:
        for publisher in publishers:
            publisher.close()
        if osc is not None and osc.failed:
            sys.stderr.write(f"OSC bundles that could not be sent to {osc.address}: {osc.failed}\n")


def expand_serve_flag(arguments: list[str]) -> list[str]:
    """`--serve` may be given without a port, which then is 0: any free one.

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
