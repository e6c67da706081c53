from collections.abc import Generator

import pytest

from mmim_live.errors import MediaError, OutputError
from mmim_live.events import Event, Notice
from mmim_live.session.runner import write_events


class FakeSink:
    """Remembers what it was told; fails at the given event."""

    def __init__(self, fails_at: int | None = None) -> None:
        self.written: list[Event] = []
        self.fate = "open"
        self._fails_at = fails_at

    def write(self, event: Event) -> None:
        if len(self.written) == self._fails_at:
            raise OutputError("disk full")
        self.written.append(event)

    def close(self) -> None:
        self.fate = "closed"

    def discard(self) -> None:
        self.fate = "discarded"


EVENTS: list[Event] = [Notice(float(i), "test", str(i)) for i in range(4)]


def told() -> Generator[Event]:
    yield from EVENTS


def test_every_sink_gets_every_event_before_it_is_passed_on():
    sinks = [FakeSink(), FakeSink()]
    for event in write_events(told(), sinks):
        assert all(sink.written[-1] is event for sink in sinks)
    assert [sink.fate for sink in sinks] == ["closed", "closed"]
    assert sinks[0].written == EVENTS


def test_one_full_disk_takes_all_files_with_it():
    sinks = [FakeSink(), FakeSink(fails_at=2)]
    with pytest.raises(OutputError):
        list(write_events(told(), sinks))
    assert [sink.fate for sink in sinks] == ["discarded", "discarded"]


def test_after_any_other_end_the_lines_stand():
    def broken() -> Generator[Event]:
        yield EVENTS[0]
        raise MediaError("it ended")

    sink = FakeSink()
    with pytest.raises(MediaError):
        list(write_events(broken(), [sink]))
    assert (sink.fate, sink.written) == ("closed", EVENTS[:1])

    sink = FakeSink()
    events = write_events(told(), [sink])
    next(events)
    events.close()  # type: ignore[attr-defined]
    assert sink.fate == "closed"
