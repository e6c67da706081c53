"""How the app ends: by a key, by a signal, or because the session fails."""

import asyncio
import os
import signal

import pytest

from mmim_live.errors import MediaError
from mmim_live.session_types import DeviceChoice
from mmim_live.tui.app import MmimApp
from tests.tui.driving import make_app, settle
from tests.tui.scripted import SESSION, talk


@pytest.mark.parametrize("key", ["q", "ctrl+c"])
def test_quitting_stops_and_joins_the_session(key: str) -> None:
    app, source = make_app(talk(10))

    async def run() -> None:
        async with app.run_test() as pilot:
            await settle(pilot, source)
            assert source.alive
            await pilot.press(key)
            await pilot.pause()

    asyncio.run(run())
    assert source.stopped == 1
    assert not source.alive


@pytest.mark.skipif(not hasattr(signal, "SIGHUP"), reason="needs POSIX signals")
@pytest.mark.parametrize("name", ["SIGINT", "SIGTERM", "SIGHUP"])
def test_a_signal_ends_the_app_like_q(name: str) -> None:
    app, source = make_app(talk(10))
    before = signal.getsignal(getattr(signal, name))

    async def run() -> None:
        async with app.run_test() as pilot:
            await settle(pilot, source)
            os.kill(os.getpid(), getattr(signal, name))
            await pilot.pause(0.1)
            assert not app.is_running or app._exit

    asyncio.run(run())
    assert not source.alive
    assert signal.getsignal(getattr(signal, name)) in (before, signal.SIG_DFL, signal.default_int_handler)


def test_a_session_that_fails_ends_the_app_with_its_error() -> None:
    error = MediaError("talk.mp4 is cut off")
    app, source = make_app([SESSION, error])

    async def run() -> None:
        async with app.run_test() as pilot:
            await settle(pilot, source)

    asyncio.run(run())
    assert app.failure is error
    assert app.return_code == 1
    assert not source.alive


class FailingSource:
    """Fails to start."""

    live = True

    def find_devices(self) -> tuple[DeviceChoice, ...]:
        return ()

    def start(self, post: object) -> None:
        raise MediaError("no such file")

    def stop(self) -> None:
        pass

    def send(self, command: object) -> bool:
        return False


def test_a_session_that_cannot_start_ends_the_app_with_its_error() -> None:
    app = MmimApp(FailingSource(), title="x")
    app.run(headless=True)
    assert isinstance(app.failure, MediaError)
    assert app.return_code == 1
