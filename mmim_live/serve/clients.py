"""The connected clients. None of them can hold the session up: a slow one is disconnected, or skips what is outdated.

Everything here runs on one event loop.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable, Coroutine, Iterable
from typing import Any

from websockets.asyncio.server import ServerConnection
from websockets.exceptions import ConnectionClosed
from websockets.frames import CloseCode

__all__ = ["QUEUE_DEPTH", "EventClients", "ViewClients"]

# Messages. Half a minute of a talkative session, about 1 MB, and more than a fast replay sends before a client on a
# busy machine gets its turn. A client that reads nothing at all fails the ping, after 40 s at the latest.
QUEUE_DEPTH = 2048
DISCONNECT_S = 1.0  # for a client to acknowledge that it is disconnected
VIEW_INTERVAL_S = 0.05  # between two views to one client
_ENDED = "mmim-live has ended"


class EventClients:
    """Clients that receive every message; one whose queue is full is disconnected."""

    def __init__(self) -> None:
        self.dropped = 0  # clients that were too slow
        self._queues: dict[ServerConnection, asyncio.Queue[str | None]] = {}
        self._closing: set[asyncio.Task[None]] = set()

    def __len__(self) -> int:
        return len(self._queues)

    async def serve(self, connection: ServerConnection, first: Iterable[str]) -> None:
        """Send a client `first`, then every message from now on, until it leaves or is disconnected."""
        queue: asyncio.Queue[str | None] = asyncio.Queue(QUEUE_DEPTH)
        self._queues[connection] = queue
        try:
            await _while_connected(connection, _send_queued(connection, first, queue))
        finally:
            self._queues.pop(connection, None)

    def send(self, text: str) -> None:
        """Queue a message for every client; disconnect those whose queue is full."""
        for connection, queue in list(self._queues.items()):
            try:
                queue.put_nowait(text)
            except asyncio.QueueFull:
                self.dropped += 1
                del self._queues[connection]
                task = asyncio.ensure_future(_disconnect(connection, CloseCode.TRY_AGAIN_LATER, "reading too slowly"))
                self._closing.add(task)
                task.add_done_callback(self._closing.discard)

    async def end(self, within_s: float) -> None:
        """Let every client read what is queued, as far as time allows, and close."""
        for queue in self._queues.values():
            with contextlib.suppress(asyncio.QueueFull):
                queue.put_nowait(None)
        await _wait_all_closed(self._queues, within_s)


class ViewClients:
    """Clients that show the current state: each receives the newest view, and a slow one skips those in between."""

    def __init__(self) -> None:
        self._connections: set[ServerConnection] = set()
        self._changed = asyncio.Event()  # replaced at each change
        self._ending = False

    def __len__(self) -> int:
        return len(self._connections)

    async def serve(self, connection: ServerConnection, view: Callable[[], str]) -> None:
        """Send a client the view as it is now, and again whenever it has changed, until it leaves."""
        self._connections.add(connection)
        try:
            await _while_connected(connection, self._send_views(connection, view))
        finally:
            self._connections.discard(connection)

    def notify(self) -> None:
        """The state has changed."""
        self._changed.set()
        self._changed = asyncio.Event()

    async def end(self, within_s: float) -> None:
        """Let every client read the last view, as far as time allows, and close."""
        self._ending = True
        self.notify()
        await _wait_all_closed(self._connections, within_s)

    async def _send_views(self, connection: ServerConnection, view: Callable[[], str]) -> None:
        sent = ""
        while True:
            changed, last = self._changed, self._ending
            if (text := view()) != sent:
                await connection.send(text)
                sent = text
            if last:
                await connection.close(CloseCode.GOING_AWAY, _ENDED)
                return
            await changed.wait()
            await asyncio.sleep(VIEW_INTERVAL_S)


async def _while_connected(connection: ServerConnection, sending: Coroutine[Any, Any, None]) -> None:
    """Run `sending` until it is done or the client has left."""
    tasks = (asyncio.ensure_future(_discard_incoming(connection)), asyncio.ensure_future(sending))
    try:
        await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


async def _send_queued(connection: ServerConnection, first: Iterable[str], queue: asyncio.Queue[str | None]) -> None:
    with contextlib.suppress(ConnectionClosed):
        for text in first:
            await connection.send(text)
        while (queued := await queue.get()) is not None:
            await connection.send(queued)
        await connection.close(CloseCode.GOING_AWAY, _ENDED)


async def _discard_incoming(connection: ServerConnection) -> None:
    """Ignore what a client sends; returns when it has left."""
    with contextlib.suppress(ConnectionClosed):
        async for _ in connection:
            pass


async def _wait_all_closed(connections: Iterable[ServerConnection], within_s: float) -> None:
    await asyncio.gather(*[_wait_closed(each, within_s) for each in connections], return_exceptions=True)


async def _wait_closed(connection: ServerConnection, within_s: float) -> None:
    """Wait until the client has read everything and closed; abort if it does not."""
    try:
        async with asyncio.timeout(within_s):
            await connection.wait_closed()
    except TimeoutError:
        connection.transport.abort()


async def _disconnect(connection: ServerConnection, code: CloseCode, reason: str) -> None:
    """Close; abort if the client does not even read that."""
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(DISCONNECT_S):
            await connection.close(code, reason)
    connection.transport.abort()
