"""A live session as a generator, for programs: events come out, and a few commands go in."""

from __future__ import annotations

from collections.abc import Generator
from pathlib import Path
from types import TracebackType
from typing import Self

from mmim_live.events import Event
from mmim_live.session.runner import SessionRunner
from mmim_live.session_types import MarkMoment, ToggleBaseline, ToggleRecording


class LiveSession(Generator[Event, None, None]):
    """The events of a live session, which begins with the first `next`.

    It can be ended in two ways, from inside the loop or from any thread:

    - `finish()`: the media end now; the last words and readings and the `Summary` still follow, then the loop ends;
    - `close()`, leaving a `with` block, or dropping the generator: devices and threads are released at once.

    `mark`, `toggle_recording` and `toggle_baseline` do what the keys m, r and b do in the app; they return False
    before the session has begun and after its end.
    """

    def __init__(self, runner: SessionRunner) -> None:
        self._runner = runner
        self._events = runner.events()

    def send(self, value: None) -> Event:
        """Same as `next`."""
        return self._events.send(value)

    def throw(
        self,
        kind: type[BaseException] | BaseException,
        error: BaseException | object = None,  # noqa: ARG002 (the three forms are deprecated together)
        trace: TracebackType | None = None,  # noqa: ARG002
    ) -> Event:
        """As in any generator: ends the session and raises."""
        return self._events.throw(kind if isinstance(kind, BaseException) else kind())

    def close(self) -> None:
        """End at once; everything is released within 2 s."""
        self._runner.stop(finish_s=0.0)
        self._events.close()

    def finish(self) -> None:
        """End with the last words and the summary."""
        self._runner.finish()

    def mark(self, label: str = "") -> bool:
        """Mark this moment."""
        return self._runner.send(MarkMoment(label))

    def toggle_recording(self, folder: str | Path | None = None) -> bool:
        """Start recording into a new folder, or stop the current recording."""
        return self._runner.send(ToggleRecording(None if folder is None else Path(folder)))

    def toggle_baseline(self) -> bool:
        """Measure a neutral baseline for `relative` scores from now on, or remove the baseline."""
        return self._runner.send(ToggleBaseline())

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()
