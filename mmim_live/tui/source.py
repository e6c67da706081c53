"""What the app shows, as the app sees it: it knows no session."""

from typing import Protocol

from mmim_live.session_types import Command, DeviceChoice, OnUpdate


class EventSource(Protocol):
    """Something that posts events from threads of its own."""

    live: bool  # devices, and not a recording

    def start(self, on_update: OnUpdate) -> None:
        """Begin; return at once. `on_update` may be called from any thread, and an error posted ends the session."""

    def stop(self) -> None:
        """End and join all threads. Called once, also when the session has ended by itself."""

    def send(self, command: Command) -> bool:
        """Pass on what the user asks of the session, without waiting. False: it is not running, or cannot do it."""

    def find_devices(self) -> tuple[DeviceChoice, ...]:
        """The devices that could be used instead. Takes seconds; called from a thread of its own."""
        ...
