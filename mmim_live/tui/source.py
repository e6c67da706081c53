"""What the app expects of a session."""

from typing import Protocol

from mmim_live.session_types import Command, DeviceChoice, OnUpdate


class EventSource(Protocol):
    """Posts events from its own threads."""

    live: bool  # from devices, not a recording

    def start(self, on_update: OnUpdate) -> None:
        """Start and return at once. `on_update` may be called from any thread; passing an error ends the session."""

    def stop(self) -> None:
        """Stop and join all threads. Called once, even if the session has already ended."""

    def send(self, command: Command) -> bool:
        """Pass a command to the session without waiting. False: it is not running or does not support it."""

    def find_devices(self) -> tuple[DeviceChoice, ...]:
        """The available devices. Takes seconds; called from a separate thread."""
        ...
