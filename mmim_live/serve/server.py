"""Publishes a session on 127.0.0.1: its events over a WebSocket, and the overlay page with its own.

An event loop in a thread of its own serves the clients. The session only hands its events over and continues, so that
no client can hold it up.
"""

from __future__ import annotations

import asyncio
import contextlib
import errno
import logging
import secrets
import socket
import threading
from collections.abc import Callable
from http import HTTPStatus
from typing import Any
from urllib.parse import parse_qs, quote

from websockets.asyncio.server import ServerConnection, serve
from websockets.http11 import Request, Response

from mmim_live.errors import OutputError
from mmim_live.events import Event, SessionStarted
from mmim_live.output.jsonl import health_line, jsonl_formatter
from mmim_live.serve.admission import ACCEPT_BATCH, Admission, connections_of
from mmim_live.serve.auth import rejection, request_target
from mmim_live.serve.clients import EventClients, ViewClients
from mmim_live.serve.overlay import DEFAULT_LINES, MAX_LINES, overlay_line, overlay_view
from mmim_live.serve.overlay_page import overlay_page, response
from mmim_live.serve.snapshot import Snapshot
from mmim_live.session_types import Health

__all__ = ["EventServer"]

HOST = "127.0.0.1"
MAX_CLIENTS = 32
START_S = 10.0
HANDSHAKE_S = 3.0  # from the connection to the whole request
END_S = 0.4  # for all clients together to read the last messages
_SEND_BUFFER_BYTES = 65_536  # what the system may buffer for a slow client, besides its queue
_MAX_MESSAGE_BYTES = 1024  # what clients send is ignored
_SECRET_BYTES = 24
_BACKLOG = 1024  # that wait to be accepted; if there are more, a client has to retry, which takes it a second
_MAX_FAULT_CHARACTERS = 200
_OUT_OF_DESCRIPTORS = (errno.EMFILE, errno.ENFILE, errno.ENOBUFS, errno.ENOMEM)

_LOGGER = logging.getLogger("mmim_live.serve")  # the client that sent a bad request gets the error, not the terminal
_LOGGER.addHandler(logging.NullHandler())
_LOGGER.propagate = False


class EventServer:
    """A `Sink` whose clients come and go. It serves from its construction until `close_server`.

    `/` is the overlay page, `/overlay` its WebSocket, `/events` the WebSocket with the events as JSON lines.

    Args:
        port: 0 picks a free one.
        token: a random one if None.

    Raises:
        OutputError: the port is taken or forbidden, or the server does not start.
    """

    def __init__(self, port: int = 0, token: str | None = None) -> None:
        self._token = token if token is not None else secrets.token_urlsafe(_SECRET_BYTES)
        self._socket = _listen(port)
        self.port: int = self._socket.getsockname()[1]
        self._snapshot = Snapshot()
        self._clients = EventClients()
        self._overlays = ViewClients()
        self._admission = Admission()
        self._faults = 0
        self._first_fault = ""
        self._format = jsonl_formatter()
        self._stop = asyncio.Event()
        self._failure: Exception | None = None
        try:
            self._loop = asyncio.new_event_loop()
        except OSError as error:
            raise self._not_started(error) from error
        self._serving = threading.Event()
        self._thread = threading.Thread(target=self._run, name="mmim-serve", daemon=True)
        self._thread.start()
        self._wait_until_serving()

    @property
    def address(self) -> str:
        """Of the page, with the token."""
        return f"http://{HOST}:{self.port}/?token={quote(self._token, safe='')}"

    @property
    def dropped(self) -> int:
        """How many clients were disconnected because they were too slow."""
        return self._clients.dropped

    @property
    def fault(self) -> str:
        """What went wrong on the side of the server, in one short line; empty if nothing did."""
        return self._first_fault and f"{self._first_fault} (failures: {self._faults})"

    def write(self, event: Event) -> None:
        """Send an event to all clients."""
        self._post(lambda: self._publish(event))

    def write_health(self, health: Health) -> None:
        """Send the health of the session to all clients."""
        self._post(lambda: self._publish(health))

    def close(self) -> None:
        """The session is over; late clients can still see how it ended."""

    def discard(self) -> None:
        """What was sent cannot be taken back."""

    def close_server(self) -> None:
        """Let the clients read the last messages, close, and join the thread."""
        self._post(self._stop.set)
        self._thread.join(3 * END_S)

    # ---- on the loop -----------------------------------------------------------------------------------------

    def _post(self, what: Callable[[], None]) -> None:
        with contextlib.suppress(RuntimeError):  # the loop has ended: nobody is connected
            self._loop.call_soon_threadsafe(what)

    def _run(self) -> None:
        try:
            with asyncio.Runner(loop_factory=lambda: self._loop) as runner:
                runner.run(self._serve())
        except Exception as error:  # noqa: BLE001 (the session goes on without clients)
            self._failure = error
            self._note_fault(self._loop, {"exception": error})
        finally:
            self._serving.set()

    def _wait_until_serving(self) -> None:
        if not self._serving.wait(START_S + END_S):  # its thread gets no turn
            raise self._not_started(TimeoutError())
        if self._failure is not None:
            self._thread.join(END_S)
            raise self._not_started(self._failure) from self._failure

    def _not_started(self, error: Exception) -> OutputError:
        self._socket.close()
        reason = f"not ready within {START_S:g} s" if isinstance(error, TimeoutError) else _reason(error)
        return OutputError(f"cannot serve on port {self.port}: {reason}; try again, or leave out --serve")

    async def _serve(self) -> None:
        self._loop.set_exception_handler(self._note_fault)
        async with asyncio.timeout(START_S):
            server = await serve(
                self._serve_client,
                sock=self._socket,
                process_request=self._respond,
                compression=None,
                max_size=_MAX_MESSAGE_BYTES,
                open_timeout=HANDSHAKE_S,
                close_timeout=END_S,
                logger=_LOGGER,
                create_connection=connections_of(self._admission),
                backlog=ACCEPT_BATCH,
            )
        self._socket.listen(_BACKLOG)
        self._serving.set()
        await self._stop.wait()
        await asyncio.gather(self._clients.end(END_S), self._overlays.end(END_S))
        server.close()
        self._admission.abort_all()
        await server.wait_closed()

    def _note_fault(self, _: asyncio.AbstractEventLoop, context: dict[str, Any]) -> None:
        """Count a failure that the event loop would log with a traceback each time, and make room."""
        error = context.get("exception")
        self._faults += 1
        if not self._first_fault:
            self._first_fault = _reason(error or context.get("message"))
            _LOGGER.warning("event server: %s", self._first_fault)
        if isinstance(error, OSError) and error.errno in _OUT_OF_DESCRIPTORS:
            self._admission.abort_unauthenticated()

    def _respond(self, connection: ServerConnection, request: Request) -> Response | None:
        """The page or an error; None lets a WebSocket open."""
        if (target := request_target(request.path)) is None:
            return _text(HTTPStatus.BAD_REQUEST, "malformed address: use the one that mmim-live shows")
        if (rejected := rejection(target, request.headers, self._token)) is not None:
            return _text(rejected.status, rejected.text)
        self._admission.authenticate(connection)
        match target.path:
            case "/":
                return overlay_page(self.port)
            case "/events" | "/overlay" if self._client_count >= MAX_CLIENTS:
                return _text(HTTPStatus.SERVICE_UNAVAILABLE, f"already serving {MAX_CLIENTS} clients")
            case "/events" | "/overlay":
                return None
            case _:
                return _text(HTTPStatus.NOT_FOUND, "the overlay page is at /, the WebSocket of events at /events")

    async def _serve_client(self, connection: ServerConnection) -> None:
        target = request_target(connection.request.path) if connection.request is not None else None
        assert target is not None  # `_respond` has seen it
        if target.path == "/events":
            await self._clients.serve(connection, [self._message(event) for event in self._snapshot.events()])
        else:
            lines = _lines_shown(target.query)
            await self._overlays.serve(connection, lambda: self._view(lines))

    def _publish(self, event: Event | Health) -> None:
        if isinstance(event, SessionStarted):
            self._snapshot = Snapshot()  # nothing of an earlier session counts
        self._snapshot.apply(event)
        if len(self._clients):
            self._clients.send(self._message(event))
        self._overlays.notify()

    def _message(self, event: Event | Health) -> str:
        if isinstance(event, Health):
            return health_line(event, listeners=self._client_count, listeners_dropped=self._clients.dropped)
        return self._format(event).rstrip("\n")

    def _view(self, lines: int) -> str:
        return overlay_line(overlay_view(self._snapshot, lines))

    @property
    def _client_count(self) -> int:
        return len(self._clients) + len(self._overlays)


def _lines_shown(query: str) -> int:
    """How many utterances an overlay asks for by `lines=...`."""
    asked = parse_qs(query).get("lines", [""])[0]
    lines = int(asked) if asked.isdecimal() and len(asked) <= 2 else DEFAULT_LINES
    return lines if lines <= MAX_LINES else DEFAULT_LINES


def _reason(error: object) -> str:
    """One short line."""
    text = error.strerror if isinstance(error, OSError) and error.strerror else str(error) or type(error).__name__
    return " ".join(text.split())[:_MAX_FAULT_CHARACTERS]


def _text(status: HTTPStatus, text: str) -> Response:
    return response(status, f"mmim-live: {text}\n".encode())


def _listen(port: int) -> socket.socket:
    """A listening socket on the loopback address, reachable from this machine only."""
    listener = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
    try:
        if hasattr(socket, "SO_EXCLUSIVEADDRUSE"):
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_EXCLUSIVEADDRUSE, 1)
        else:
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)  # do not wait for the last run's sockets
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, _SEND_BUFFER_BYTES)
        listener.bind((HOST, port))
        listener.listen()
    except OSError as error:
        listener.close()
        remedy = "choose another with --serve PORT, or leave PORT out for a free one"
        raise OutputError(f"cannot serve on port {port}: {error.strerror}; {remedy}") from error
    return listener
