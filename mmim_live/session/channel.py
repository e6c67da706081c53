"""Connects two threads: a first-in first-out channel whose sender waits while it is full."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from threading import Condition
from typing import Generic, TypeVar

Item = TypeVar("Item")


class Channel(Generic[Item]):
    """A queue of at most `depth` items (0: unbounded) that can be closed from either side.

    `put` waits while the channel is full, iteration while it is empty. After `close` nothing can be added, and what is
    inside can still be read. `abandon` discards the contents and wakes everyone.
    """

    def __init__(self, depth: int) -> None:
        self._items: deque[Item] = deque()
        self._depth = depth
        self._closed = False
        self._changed = Condition()

    def put(self, item: Item, *, wait: bool = True) -> bool:
        """Wait for room and add `item`; False if the channel is closed, and the item was not added.

        `wait=False` adds it even if there is no room, for callers that must not block.
        """
        with self._changed:
            while wait and self._depth and len(self._items) >= self._depth and not self._closed:
                self._changed.wait()
            if self._closed:
                return False
            self._items.append(item)
            self._changed.notify_all()
            return True

    def __iter__(self) -> Iterator[Item]:
        """Take items as they come, until the channel is closed and empty."""
        while True:
            with self._changed:
                while not self._items and not self._closed:
                    self._changed.wait()
                if not self._items:
                    return
                item = self._items.popleft()
                self._changed.notify_all()
            yield item

    def batches(self) -> Iterator[list[Item]]:
        """Take all waiting items at once, at least one, until the channel is closed and empty."""
        while True:
            with self._changed:
                while not self._items and not self._closed:
                    self._changed.wait()
                if not self._items:
                    return
                items = list(self._items)
                self._items.clear()
                self._changed.notify_all()
            yield items

    def close(self) -> None:
        with self._changed:
            self._closed = True
            self._changed.notify_all()

    def abandon(self) -> None:
        with self._changed:
            self._items.clear()
            self._closed = True
            self._changed.notify_all()

    def __len__(self) -> int:
        return len(self._items)
