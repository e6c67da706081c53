"""Those who listen: each has a bounded queue, and who does not keep up is let go, never waited for.

Runs on one event loop; knows connections and lines of text, not who may connect.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Iterable

from websockets.asyncio.server import ServerConnection
from websockets.exceptions import ConnectionClosed
from websockets.frames import CloseCode

__all__ = ["QUEUE_DEPTH", "Clients"]

# Messages. Half a minute of a talkative session, about 1 MB, and more than a fast replay says before a reader on a busy
# machine gets its turn. Who does not read at all is found by the unanswered ping, after 40 s at the latest.
QUEUE_DEPTH = 2048
CLOSE_S = 1.0  # for a listener to answer that it is let go


class Clients:
    """All listeners of one server."""

    def __init__(self) -> None:
        self.dropped = 0  # listeners that were too slow
        self._queues: dict[ServerConnection, asyncio.Queue[str | None]] = {}
        self._closing: set[asyncio.Task[None]] = set()

    def __len__(self) -> int:
        return len(self._queues)

    async def serve(self, connection: ServerConnection, first: Iterable[str]) -> None:
        """Tell a listener what `first` holds, then everything from now on, until it leaves or is let go."""
        queue: asyncio.Queue[str | None] = asyncio.Queue(QUEUE_DEPTH)
        self._queues[connection] = queue
        listening = asyncio.ensure_future(_discard_incoming(connection))  # and notice when it leaves
        speaking = asyncio.ensure_future(_send_queued(connection, first, queue))
        try:
            await asyncio.wait((listening, speaking), return_when=asyncio.FIRST_COMPLETED)
        finally:
            self._queues.pop(connection, None)
            for task in (listening, speaking):
                task.cancel()
            await asyncio.gather(listening, speaking, return_exceptions=True)

    def send(self, text: str) -> None:
        """Queue a message for everybody; whose queue is full is let go."""
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
        """Let everybody hear what is queued, as far as the time allows, and close."""
        for queue in self._queues.values():
            with contextlib.suppress(asyncio.QueueFull):
                queue.put_nowait(None)
        closing = [_wait_closed(connection, within_s) for connection in self._queues]
        await asyncio.gather(*closing, return_exceptions=True)


async def _send_queued(connection: ServerConnection, first: Iterable[str], queue: asyncio.Queue[str | None]) -> None:
    with contextlib.suppress(ConnectionClosed):
        for text in first:
            await connection.send(text)
        while (said := await queue.get()) is not None:
            await connection.send(said)
        await connection.close(CloseCode.GOING_AWAY, "mmim-live has ended")


async def _discard_incoming(connection: ServerConnection) -> None:
    with contextlib.suppress(ConnectionClosed):
        async for _ in connection:
            pass


async def _wait_closed(connection: ServerConnection, within_s: float) -> None:
    """Wait until the listener has heard all and closed; cut the line where it does not."""
    try:
        async with asyncio.timeout(within_s):
            await connection.wait_closed()
    except TimeoutError:
        connection.transport.abort()


async def _disconnect(connection: ServerConnection, code: CloseCode, reason: str) -> None:
    """Close; cut the line where the listener does not even read that."""
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(CLOSE_S):
            await connection.close(code, reason)
    connection.transport.abort()
