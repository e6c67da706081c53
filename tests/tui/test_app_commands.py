"""Commands to a running session: marks, recordings, a baseline."""

import asyncio
import dataclasses

import pytest

from mmim_live.events import Mark
from mmim_live.session_types import (
    BaselineHealth,
    MarkMoment,
    RecordingHealth,
    ToggleBaseline,
    ToggleRecording,
)
from mmim_live.tui.app import MmimApp
from tests.tui.driving import make_app, screen_text, settle, until
from tests.tui.scripted import SESSION, ScriptedSource, health, reading, talk, utterance

SIZES = [(80, 24), (120, 40), (200, 60)]


@pytest.mark.parametrize("size", [(80, 24), (120, 40)])
@pytest.mark.parametrize("ascii_only", [False, True])
def test_marks_are_requested_and_shown(size: tuple[int, int], ascii_only: bool) -> None:
    app, source = make_app([*talk(30), Mark(25.0, "the turn"), Mark(28.0)], ascii_only=ascii_only)

    async def run() -> None:
        async with app.run_test(size=size) as pilot:
            await settle(pilot, source)
            sign = "!" if ascii_only else "◆"
            assert f"{sign} mark the turn" in screen_text(app)
            await pilot.press("m", *"so q ", "enter")
            await pilot.press("m", "enter")
            await pilot.press("m", "x", "escape")
            await pilot.pause()
            assert all(isinstance(each, MarkMoment) for each in source.asked)
            labels = [each.label for each in source.asked if isinstance(each, MarkMoment)]
            assert labels == ["so q", ""]
            assert all(0 <= each.ago_s < 60 for each in source.asked if isinstance(each, MarkMoment))
            assert app.is_running

    asyncio.run(run())


@pytest.mark.parametrize("size", [(40, 12), (80, 24), (120, 40)])
def test_a_banner_is_shown_while_recording(size: tuple[int, int]) -> None:
    app, source = make_app([*talk(30), health(30.0, recording=RecordingHealth("/home/ann/talk", 3.2))])

    async def run() -> None:
        async with app.run_test(size=size) as pilot:
            await settle(pilot, source)
            assert "● REC 0:03  into /home/an" in screen_text(app)
            await pilot.press("space", "r")
            app._post(health(31.0, recording=RecordingHealth("/home/ann/talk", 4.2, frames_dropped=7)))
            await pilot.pause(0.1)
            assert "● REC 0:04  7 frames dropped" in screen_text(app)
            app._post(health(32.0))
            await pilot.pause(0.1)
            assert "REC" not in screen_text(app)
            assert source.asked == [ToggleRecording()]

    asyncio.run(run())


@pytest.mark.parametrize("size", [(80, 24), (120, 40)])
def test_a_baseline_is_counted_down_and_then_shown_with_each_relative_score(size: tuple[int, int]) -> None:
    app, source = make_app([*talk(30), health(30.0, baseline=BaselineHealth(None, 11.2))])

    async def run() -> None:
        async with app.run_test(size=size) as pilot:
            await settle(pilot, source)
            await until(pilot, lambda: "BASELINE 12 s  read something neutral aloud" in screen_text(app))
            await pilot.press("b")
            assert source.asked == [ToggleBaseline()]
            app._post(health(42.0, baseline=BaselineHealth(None, 0.0)))
            await until(pilot, lambda: "waiting for the last words" in screen_text(app))
            app._post(health(44.0, baseline=BaselineHealth(0.42)))
            app._post(dataclasses.replace(reading(44.0, 1.0), relative=0.58))
            app._post(utterance(42, 44, "much better", 1.2, relative=0.78))
            await until(pilot, lambda: "+0.58 relative to your baseline of +0.42  b removes it" in screen_text(app))
            await until(pilot, lambda: "much better  (+0.78 relative" in screen_text(app))
            assert "+1.2" in screen_text(app)
            relative = "+0.58 above your baseline of +0.42" if size[0] >= 110 else "+0.58 above baseline"
            assert f"│ {relative}" in screen_text(app)
            assert "between" in screen_text(app)
            assert "committed at 0:44" in screen_text(app)
            app._post(dataclasses.replace(reading(44.5, 0.3), relative=-0.12))
            await until(pilot, lambda: relative.replace("+0.58 above", "-0.12 below") in screen_text(app))
            app._post(health(45.0))
            app._post(reading(45.0, 0.3))
            await until(pilot, lambda: "BASELINE" not in screen_text(app) and "baseline of" not in screen_text(app))

    asyncio.run(run())


def test_a_session_that_cannot_be_recorded_has_no_key_for_it() -> None:
    app, source = make_app(talk(5))
    source.live = False

    async def run() -> None:
        async with app.run_test(size=(120, 40)) as pilot:
            await settle(pilot, source)
            await pilot.press("r")
            assert source.asked == []
            assert "Record" not in screen_text(app)
            await pilot.press("question_mark")
            await pilot.pause()
            assert "Record" not in screen_text(app)

    asyncio.run(run())


def test_a_mark_after_the_session_has_ended_shows_a_warning() -> None:
    source = ScriptedSource([SESSION], stays=False)
    app = MmimApp(source, title="x")

    async def run() -> None:
        async with app.run_test(size=(80, 24)) as pilot:
            await settle(pilot, source)
            await asyncio.to_thread(source.stop)
            await pilot.press("m", "enter")
            await pilot.pause()
            assert ["no session is running" in each.message for each in app._notifications] == [True]

    asyncio.run(run())
