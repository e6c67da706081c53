"""The session runner: sinks, health, errors and shutdown."""

import threading
from collections.abc import Generator, Iterator

import pytest

from mmim_live.errors import MediaError, NoDeviceError, OutputError
from mmim_live.events import Event, Notice, Reading, Summary
from mmim_live.session.runner import Report, SessionRunner, write_events
from mmim_live.session.session import Session
from mmim_live.session_types import Health, MarkMoment, SessionUpdate
from tests.session.test_live_session import Scene


class FakeSink:
    """Keeps the events; fails at the given one."""

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


def all_events() -> Generator[Event]:
    yield from EVENTS


def test_every_sink_gets_every_event_before_it_is_passed_on():
    sinks = [FakeSink(), FakeSink()]
    for event in write_events(all_events(), sinks):
        assert all(sink.written[-1] is event for sink in sinks)
    assert [sink.fate for sink in sinks] == ["closed", "closed"]
    assert sinks[0].written == EVENTS


def test_a_full_disk_discards_all_files():
    sinks = [FakeSink(), FakeSink(fails_at=2)]
    with pytest.raises(OutputError):
        list(write_events(all_events(), sinks))
    assert [sink.fate for sink in sinks] == ["discarded", "discarded"]


def test_after_any_other_end_the_lines_are_kept():
    def broken() -> Generator[Event]:
        yield EVENTS[0]
        raise MediaError("it ended")

    sink = FakeSink()
    with pytest.raises(MediaError):
        list(write_events(broken(), [sink]))
    assert (sink.fate, sink.written) == ("closed", EVENTS[:1])

    sink = FakeSink()
    events = write_events(all_events(), [sink])
    next(events)
    events.close()  # type: ignore[attr-defined]
    assert sink.fate == "closed"


@pytest.fixture
def runner() -> Iterator[SessionRunner]:
    made = SessionRunner(lambda report: Scene().session(), live=True, checkpoint="minilm-en")
    yield made
    made.stop()
    assert not [thread.name for thread in threading.enumerate() if thread.name.startswith("mmim-")]


class HealthLog(FakeSink):
    """A sink that also takes health reports."""

    def __init__(self) -> None:
        super().__init__()
        self.healths: list[Health] = []

    def write_health(self, health: Health) -> None:
        self.healths.append(health)


def test_a_run_reports_events_health_and_errors_of_one_session():
    sink, updates = HealthLog(), list[SessionUpdate]()
    runner = SessionRunner(lambda report: Scene().session(), live=True, sinks=[sink])

    def take(update: SessionUpdate) -> None:
        updates.append(update)
        if isinstance(update, Reading) and update.end_s >= 1.5:
            runner.finish()

    runner.run(take)
    assert sink.fate == "closed"
    assert [update for update in updates if update in sink.written] == sink.written
    assert isinstance(sink.written[-1], Summary)
    assert sink.healths
    assert all(health in updates for health in sink.healths)
    assert sink.healths[-1].media_time_s > 0


def test_stopping_a_started_live_session_lets_it_finish(runner: SessionRunner):
    updates: list[SessionUpdate] = []
    began = threading.Event()

    def take(update: SessionUpdate) -> None:
        updates.append(update)
        if isinstance(update, Reading):
            began.set()

    assert not runner.send(MarkMoment())
    runner.start(take)
    assert began.wait(20.0)
    assert runner.send(MarkMoment("here"))
    runner.stop()
    assert isinstance([update for update in updates if not isinstance(update, Health)][-1], Summary)
    assert not runner.send(MarkMoment())


def test_what_ends_a_started_session_is_reported_as_its_last_update():
    def fail(report: Report) -> Session:
        report("loading nothing")
        raise MediaError("no such file")

    updates: list[SessionUpdate] = []
    runner = SessionRunner(fail, live=False, checkpoint="minilm-en")
    runner.start(updates.append)
    runner.stop()
    assert isinstance(updates[-1], MediaError)
    assert (runner.health().activity, runner.health().checkpoint) == ("loading nothing", "minilm-en")


def test_a_session_that_is_stopped_before_it_is_open_never_starts(runner: SessionRunner):
    runner.finish()
    assert list(runner.events()) == []


def test_a_runner_that_waits_takes_the_device_that_is_connected_later(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr("mmim_live.session.runner.DEVICE_RETRY_S", 0.01)
    tries: list[str] = []

    def open_session(report: Report) -> Session:
        tries.append("looked")
        if len(tries) < 3:
            raise NoDeviceError("no camera")
        return Scene().session()

    runner = SessionRunner(open_session, live=True, waits_for_device=True)
    events: list[SessionUpdate] = []
    runner.start(events.append)
    while not any(isinstance(event, Reading) for event in events):
        assert not any(isinstance(event, Exception) for event in events)
    runner.stop()
    assert len(tries) == 3


def test_waiting_for_a_device_ends_without_an_error_when_the_user_leaves():
    def open_session(report: Report) -> Session:
        raise NoDeviceError("no camera")

    runner = SessionRunner(open_session, live=True, waits_for_device=True)
    updates: list[SessionUpdate] = []
    shown = threading.Event()

    def take(update: SessionUpdate) -> None:
        updates.append(update)
        if isinstance(update, Health) and "no camera" in update.activity:
            shown.set()

    runner.start(take)
    assert shown.wait(10)
    runner.stop()
    assert not any(isinstance(update, Exception) for update in updates)
    alone = SessionRunner(open_session, live=True)
    with pytest.raises(NoDeviceError):
        alone.open()
