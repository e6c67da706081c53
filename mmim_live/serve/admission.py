"""Connections that have not shown the token: few at a time, so that nobody without it can use up the descriptors.

When there are too many, the oldest is closed, not the newest refused: a client of ours sends its request at once, and
whoever only holds connections open cannot keep it out.
"""

from __future__ import annotations

import asyncio

from websockets.asyncio.server import ServerConnection

__all__ = ["ACCEPT_BATCH", "MAX_UNAUTHENTICATED", "Admission", "connections_of"]

MAX_UNAUTHENTICATED = 64  # some systems allow a process no more than 256 descriptors
# Accepted per round of the event loop. A request takes some ten rounds to be checked, during which no more than
# MAX_UNAUTHENTICATED others may arrive.
ACCEPT_BATCH = 4


class Admission:
    """The connections of one server, authenticated or not. Belongs to the event loop."""

    def __init__(self) -> None:
        self._connected: set[ServerConnection] = set()
        self._waiting: dict[ServerConnection, None] = {}  # not authenticated, the oldest first

    def enter(self, connection: ServerConnection) -> None:
        """Take in a new connection."""
        self._connected.add(connection)
        self._waiting[connection] = None
        if len(self._waiting) > MAX_UNAUTHENTICATED:
            self._abort(next(iter(self._waiting)))

    def authenticate(self, connection: ServerConnection) -> None:
        """The connection has shown the token."""
        self._waiting.pop(connection, None)

    def leave(self, connection: ServerConnection) -> None:
        """The connection is closed."""
        self._connected.discard(connection)
        self._waiting.pop(connection, None)

    def abort_unauthenticated(self) -> None:
        """Close all that have not shown the token."""
        for connection in tuple(self._waiting):
            self._abort(connection)

    def abort_all(self) -> None:
        """Close all, also those that have not finished their request."""
        for connection in tuple(self._connected):
            self._abort(connection)

    def _abort(self, connection: ServerConnection) -> None:
        self._waiting.pop(connection, None)
        connection.transport.abort()


def connections_of(admission: Admission) -> type[ServerConnection]:
    """The class of connections that report to `admission`."""

    class Connection(ServerConnection):
        def connection_made(self, transport: asyncio.BaseTransport) -> None:
            super().connection_made(transport)
            admission.enter(self)

        def connection_lost(self, exc: Exception | None) -> None:
            admission.leave(self)
            super().connection_lost(exc)

    return Connection
