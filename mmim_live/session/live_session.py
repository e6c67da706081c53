"""A live session as a generator for programs: events come out, and a few wishes go in. Knows no screen."""

from __future__ import annotations

from collections.abc import Callable, Generator
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Self

from mmim_live.events import Event
from mmim_live.session_types import Command, MarkMoment, ToggleBaseline, ToggleRecording

if TYPE_CHECKING:
    from mmim_live.session.session import Session


class LiveSession(Generator[Event, None, None]):
    """The events of a live session, which begins with the first `next`.

    It ends in one of two ways, from inside the loop or from any thread:

    - `finish()`: the media end now; the last words and readings and the `Summary` still come, then the loop ends;
    - `close()`, leaving a `with` block, or letting the generator go: devices and threads are given back at once.

    `mark`, `toggle_recording` and `toggle_baseline` do what the keys m, r and b do in the app; they return False where
    the session has not begun or is over.
    """

    def __init__(self, open_session: Callable[[], Session]) -> None:
        self._open = open_session
        self._session: Session | None = None
        self._events = self._run()
        self._finishing = False

    def _run(self) -> Generator[Event]:
        self._session = self._open()
        if self._finishing:
            return
        yield from self._session.events()

    def send(self, value: None) -> Event:
        """As `next`."""
        return self._events.send(value)

    def throw(
        self,
        kind: type[BaseException] | BaseException,
        error: BaseException | object = None,  # noqa: ARG002 (the three forms are deprecated together)
        trace: TracebackType | None = None,  # noqa: ARG002
    ) -> Event:
        """As every generator: ends the session, and raises."""
        return self._events.throw(kind if isinstance(kind, BaseException) else kind())

    def close(self) -> None:
        """End at once; within 2 s, everything is given back."""
        if self._session is not None:
            self._session.stop()
        self._events.close()

    def finish(self) -> None:
        """End with the last words and the summary."""
        self._finishing = True
        if self._session is not None:
            self._session.finish()

    def mark(self, label: str = "") -> bool:
        """Mark this moment."""
        return self._ask(MarkMoment(label))

    def toggle_recording(self, folder: str | Path | None = None) -> bool:
        """Begin to record, into a new folder; or end the recording that runs."""
        return self._ask(ToggleRecording(None if folder is None else Path(folder)))

    def toggle_baseline(self) -> bool:
        """Take what is said from now on as the neutral that `relative` is counted from; or forget it."""
        return self._ask(ToggleBaseline())

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _ask(self, command: Command) -> bool:
        return self._session is not None and self._session.send(command)
