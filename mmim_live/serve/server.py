"""A session on the air: a WebSocket and a page on 127.0.0.1, served by an event loop in a thread of its own.

The session only leaves its events there and goes on; nobody who listens can hold it up.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import secrets
import socket
import threading
from collections.abc import Callable
from http import HTTPStatus
from typing import ClassVar
from urllib.parse import quote, urlsplit
from weakref import WeakSet

from websockets.asyncio.server import ServerConnection, serve
from websockets.http11 import Request, Response

from mmim_live.errors import OutputError
from mmim_live.events import Event, SessionStarted
from mmim_live.output.jsonl import health_line, jsonl_formatter
from mmim_live.serve.auth import rejection
from mmim_live.serve.clients import Clients
from mmim_live.serve.overlay_page import answer, overlay
from mmim_live.serve.snapshot import Snapshot
from mmim_live.session_types import Health

__all__ = ["EventServer"]

HOST = "127.0.0.1"
PAGE, EVENTS = "/", "/events"
MAX_CLIENTS = 32
END_S = 0.4  # for the last words to all listeners together
_SEND_BUFFER_BYTES = 65_536  # what the system may hold back of a slow reader, beside its queue
_MAX_MESSAGE_BYTES = 1024  # nothing that listeners say is of interest
_SECRET_BYTES = 24

_LOGGER = logging.getLogger("mmim_live.serve")  # a bad request is told to who made it, not on the terminal
_LOGGER.addHandler(logging.NullHandler())
_LOGGER.propagate = False


class Connection(ServerConnection):
    """Known from its first moment: at the end, who has not even finished asking is cut off, too."""

    known: ClassVar[WeakSet[ServerConnection]] = WeakSet()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        super().connection_made(transport)
        self.known.add(self)


class EventServer:
    """A `Sink` whose readers come and go. It serves from the moment it is made until `close_server`.

    Args:
        port: 0 takes a free one.
        token: a random one if None.

    Raises:
        OutputError: the port is taken or forbidden.
    """

    def __init__(self, port: int = 0, token: str | None = None) -> None:
        self._token = token if token is not None else secrets.token_urlsafe(_SECRET_BYTES)
        self._socket = _listen(port)
        self.port: int = self._socket.getsockname()[1]
        self._snapshot = Snapshot()
        self._clients = Clients()
        self._format = jsonl_formatter()
        self._loop = asyncio.new_event_loop()
        self._stop = asyncio.Event()
        self._serving = threading.Event()
        self._thread = threading.Thread(target=self._run, name="mmim-serve", daemon=True)
        self._thread.start()
        self._serving.wait()

    @property
    def address(self) -> str:
        """Of the page, with the token."""
        return f"http://{HOST}:{self.port}{PAGE}?token={quote(self._token, safe='')}"

    @property
    def dropped(self) -> int:
        """How many listeners were too slow and were let go."""
        return self._clients.dropped

    def write(self, event: Event) -> None:
        """Tell everybody who listens."""
        self._post(lambda: self._publish(event))

    def tell(self, health: Health) -> None:
        """Tell everybody how the session fares."""
        self._post(lambda: self._publish(health))

    def close(self) -> None:
        """The session is over; who comes late can still hear how it ended."""

    def discard(self) -> None:
        """Nothing that was said can be taken back."""

    def close_server(self) -> None:
        """Let the listeners hear what was said last, close, and join the thread."""
        self._post(self._stop.set)
        self._thread.join(3 * END_S)

    # ---- on the loop -----------------------------------------------------------------------------------------

    def _post(self, what: Callable[[], None]) -> None:
        with contextlib.suppress(RuntimeError):  # the loop has ended: nobody listens
            self._loop.call_soon_threadsafe(what)

    def _run(self) -> None:
        with asyncio.Runner(loop_factory=lambda: self._loop) as runner:
            runner.run(self._serve())

    async def _serve(self) -> None:
        server = await serve(
            self._serve_client,
            sock=self._socket,
            process_request=self._answer,
            compression=None,
            max_size=_MAX_MESSAGE_BYTES,
            close_timeout=END_S,
            logger=_LOGGER,
            create_connection=Connection,
        )
        self._serving.set()
        await self._stop.wait()
        await self._clients.end(END_S)
        server.close()
        for line in tuple(Connection.known):
            if line.server is server:
                line.transport.abort()
        await server.wait_closed()

    def _answer(self, _: ServerConnection, request: Request) -> Response | None:
        if (no := rejection(request.path, request.headers, self._token)) is not None:
            return _text(no.status, no.text)
        match urlsplit(request.path).path:
            case "/":
                return overlay(self.port)
            case "/events" if len(self._clients) >= MAX_CLIENTS:
                return _text(HTTPStatus.SERVICE_UNAVAILABLE, f"{MAX_CLIENTS} listen already")
            case "/events":
                return None
            case _:
                return _text(HTTPStatus.NOT_FOUND, f"there is a page at {PAGE} and a WebSocket at {EVENTS}")

    async def _serve_client(self, connection: ServerConnection) -> None:
        await self._clients.serve(connection, [self._message(event) for event in self._snapshot.events()])

    def _publish(self, event: Event | Health) -> None:
        if isinstance(event, SessionStarted):
            self._snapshot = Snapshot()  # nothing of a session before stands
        self._snapshot.apply(event)
        if len(self._clients):
            self._clients.send(self._message(event))

    def _message(self, event: Event | Health) -> str:
        if isinstance(event, Health):
            return health_line(event, listeners=len(self._clients), listeners_dropped=self._clients.dropped)
        return self._format(event).rstrip("\n")


def _text(status: HTTPStatus, text: str) -> Response:
    return answer(status, f"mmim-live: {text}\n".encode())


def _listen(port: int) -> socket.socket:
    """A listening socket on the loopback address, reachable from this machine only."""
    listener = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
    try:
        if hasattr(socket, "SO_EXCLUSIVEADDRUSE"):
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_EXCLUSIVEADDRUSE, 1)
        else:
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)  # not to wait for the last run's sockets
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, _SEND_BUFFER_BYTES)
        listener.bind((HOST, port))
        listener.listen()
    except OSError as error:
        listener.close()
        remedy = "choose another with --serve PORT, or leave PORT out for a free one"
        raise OutputError(f"cannot serve on port {port}: {error.strerror}; {remedy}") from error
    return listener
