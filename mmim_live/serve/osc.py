"""Publishes a session as Open Sound Control messages over UDP, for programs such as TouchDesigner, Max and Ableton.

A value that is not known is not sent, since many receivers have no word for it. docs/osc.md lists the messages.
"""

from __future__ import annotations

import socket
from collections.abc import Iterator
from dataclasses import asdict

from mmim_live.errors import OutputError
from mmim_live.events import Event, Mark, Notice, Reading, Scored, SessionStarted, Summary, Utterance, WordHeard

__all__ = ["OscPublisher", "osc_messages"]

LOCAL = "127.0.0.1"
MAX_TEXT_BYTES = 8192  # with room to spare in a datagram
_PREFIX = "/mmim"

Message = tuple[str, tuple[str | float | int, ...]]
"""An address and its arguments."""


class OscPublisher:
    """A `Sink` that sends each event as one bundle. UDP: whether anybody listens is not known, and nothing waits.

    Args:
        target: "PORT" of this machine, or "HOST:PORT".

    Raises:
        OutputError: python-osc is not installed, or the target is malformed or unknown.
    """

    def __init__(self, target: str) -> None:
        try:
            import pythonosc  # noqa: F401
        except ImportError as error:
            raise OutputError('--osc needs python-osc: run `pip install ".[osc]"`') from error
        family, self._peer = _resolve(target)  # an address, so that sending never looks up a name
        self._socket = socket.socket(family, socket.SOCK_DGRAM)
        self._socket.setblocking(False)
        self.failed = 0  # bundles that the system did not send

    @property
    def address(self) -> str:
        """Where the messages go."""
        return f"{self._peer[0]}:{self._peer[1]}"

    def write(self, event: Event) -> None:
        """Send the event; one that cannot be sent is counted."""
        from pythonosc.osc_bundle_builder import IMMEDIATELY, OscBundleBuilder
        from pythonosc.osc_message_builder import OscMessageBuilder

        bundle = OscBundleBuilder(IMMEDIATELY)
        for address, arguments in osc_messages(event):
            message = OscMessageBuilder(address)
            for argument in arguments:
                message.add_arg(argument)
            bundle.add_content(message.build())
        try:
            self._socket.sendto(bundle.build().dgram, self._peer)
        except OSError:  # no route, a full buffer
            self.failed += 1

    def close(self) -> None:
        """The session is over."""
        self._socket.close()

    def discard(self) -> None:
        """What was sent cannot be taken back."""
        self.close()


def osc_messages(event: Event) -> Iterator[Message]:
    """The messages of an event, in the order of docs/osc.md."""
    match event:
        case SessionStarted():
            yield f"{_PREFIX}/session", (event.version, _text(event.checkpoint))
        case WordHeard():
            yield f"{_PREFIX}/word", (_text(event.text), event.start_s, event.end_s, int(event.status == "committed"))
        case Reading():
            yield from _scored("reading", event)
        case Utterance():
            yield f"{_PREFIX}/utterance/text", (_text(event.text),)
            yield from _scored("utterance", event)
        case Mark():
            yield f"{_PREFIX}/mark", (event.time_s, _text(event.label))
        case Notice():
            yield f"{_PREFIX}/notice", (event.code, _text(event.message))
        case Summary():
            yield f"{_PREFIX}/end", (event.duration_s,)
            if event.mean_score is not None:
                yield f"{_PREFIX}/mean", (event.mean_score,)
        case _:
            return


def _scored(kind: str, event: Scored) -> Iterator[Message]:
    base = f"{_PREFIX}/{kind}"
    yield f"{base}/time", (event.start_s, event.end_s)
    yield f"{base}/committed", (int(event.status == "committed"),)
    for modality, present in asdict(event.present).items():
        yield f"{base}/present/{modality}", (int(present),)
    yield f"{base}/known", (int(event.score is not None),)
    for name in ("score", "relative"):
        value = getattr(event, name)
        if value is not None:
            yield f"{base}/{name}", (value,)
    if event.low is not None and event.high is not None:
        yield f"{base}/interval", (event.low, event.high)
    for group in ("contributions", "agreement"):
        for modality, value in asdict(getattr(event, group)).items():
            if value is not None:
                yield f"{base}/{group}/{modality}", (value,)


def _text(text: str) -> str:
    """Without the NUL that ends a string in OSC, and cut to `MAX_TEXT_BYTES`."""
    whole = text.encode("utf-8", "replace").replace(b"\0", b"")
    return whole[:MAX_TEXT_BYTES].decode("utf-8", "ignore")


def _resolve(target: str) -> tuple[socket.AddressFamily, tuple[str, int]]:
    host, colon, port = target.rpartition(":")
    if not port.isdecimal() or not 1 <= int(port) <= 65535 or (colon and not host):
        raise OutputError(f"--osc takes PORT or HOST:PORT, such as 9000 or 192.168.1.20:9000, not {target!r}")
    try:
        found = socket.getaddrinfo(host.strip("[]") or LOCAL, int(port), type=socket.SOCK_DGRAM)
    except (OSError, UnicodeError) as error:
        raise OutputError(f"--osc {target}: host {host!r} is unknown; give its IP address") from error
    family, _, _, _, address = found[0]
    return family, (str(address[0]), int(port))
