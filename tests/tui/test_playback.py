"""The playhead of a replay: what is analyzed is kept, and what is shown is what a live session would have shown."""

import asyncio
from pathlib import Path

from hypothesis import given, settings
from hypothesis import strategies as st

from mmim_live.events import Event, Mark
from mmim_live.session_types import Health, MarkMoment
from mmim_live.tui.app import MmimApp
from mmim_live.tui.farewell import farewell
from mmim_live.tui.playback import SPEEDS, Playback
from mmim_live.tui.state import SessionState
from tests.tui.driving import screen_text, settle
from tests.tui.scripted import ScriptedSource, talk

TALK = [event for event in talk(60, finished=True) if not isinstance(event, Health)]


class Clock:
    """A clock that the test moves."""

    def __init__(self) -> None:
        self.s = 0.0

    def __call__(self) -> float:
        return self.s


def playback(events: list[Event], speed: float | None = 1.0) -> tuple[Playback, Clock]:
    clock = Clock()
    playing = Playback(SessionState(), clock, speed)
    for event in events:
        playing.take(event)
    return playing, clock


def shown(state: SessionState) -> tuple[object, ...]:
    """What the widgets draw."""
    transcript = state.transcript
    return (
        transcript.readings,
        transcript.log,
        transcript.committed,
        transcript.provisional,
        state.summary,
        state.utterance,
        state.utterance_scores(),
        state.now_s,
    )


def test_the_playhead_follows_the_clock_and_waits_for_the_analysis() -> None:
    known = TALK[: len(TALK) // 2]
    playing, clock = playback(known)
    clock.s = 5.0
    playing.advance()
    assert playing.position_s == 5.0
    clock.s = 500.0
    playing.advance()
    assert playing.position_s == playing.analyzed_s
    assert (playing.waiting, playing.playing) == (True, True)
    for event in TALK[len(known) :]:
        playing.take(event)
    clock.s = 501.0
    playing.advance()
    assert (playing.waiting, playing.playing) == (False, True)
    assert playing.position_s > known[-1].time_s
    clock.s = 600.0
    playing.advance()
    assert playing.at_end
    assert not playing.playing
    assert playing.state.summary is not None


def test_a_pause_is_no_time_and_speed_multiplies_it() -> None:
    playing, clock = playback(TALK)
    playing.toggle()
    clock.s = 10.0
    playing.advance()
    playing.toggle()
    assert playing.position_s == 0.0
    playing.change_speed(1)
    playing.change_speed(1)
    clock.s = 12.0
    playing.advance()
    assert playing.position_s == 4.0
    for _ in SPEEDS:
        playing.change_speed(1)
    assert playing.speed is None
    playing.advance()
    assert playing.position_s == playing.analyzed_s
    playing.toggle()  # at the end: again
    assert playing.position_s == 0.0
    assert playing.playing


@settings(max_examples=40, deadline=None)
@given(st.lists(st.floats(-5, 70), max_size=6), st.floats(0, 60))
def test_where_the_playhead_was_before_does_not_matter(before: list[float], to_s: float) -> None:
    playing, _ = playback(TALK)
    for each in before:
        playing.seek(each)
    playing.seek(to_s)
    straight, _ = playback(TALK)
    straight.seek(to_s)
    assert shown(playing.state) == shown(straight.state)


def test_at_the_end_everything_is_shown() -> None:
    playing, _ = playback(TALK)
    playing.seek(10.0)
    playing.seek(1e9)
    assert shown(playing.state) == shown(playing.whole)


def test_keys_play_the_replay_and_the_end_offers_what_can_be_done() -> None:
    clock = Clock()
    source = ScriptedSource(list(talk(60, finished=True)), live=False)
    exported: list[Path] = []
    app = MmimApp(
        source,
        title="talk.mp4",
        now_s=clock,
        draw_interval_s=0.01,
        export=lambda path, events: exported.append(path),
    )

    async def run() -> None:
        async with app.run_test(size=(120, 40)) as pilot:
            await settle(pilot, source)
            assert app.playback is not None
            clock.s = 20.0
            await pilot.pause(0.1)
            assert "0:20 / 1:00" in screen_text(app)
            assert "it is about a train" in screen_text(app)
            assert "i was so disappointed" not in screen_text(app)
            await pilot.press("space")
            assert "PAUSED" in screen_text(app)
            clock.s = 30.0
            await pilot.press("left")
            assert "0:15 / 1:00" in screen_text(app)
            await pilot.press("right", "right")
            assert "0:25 / 1:00" in screen_text(app)
            await pilot.press("m", *"here", "enter")
            assert source.asked[-1] == MarkMoment("here", 0.0, 25.0)
            await pilot.press("end")
            await pilot.pause(0.1)
            text = screen_text(app)
            assert "FINISHED" in text
            assert "PAUSED" not in text
            assert "0 restarts, e exports, o opens another" in " ".join(text.split())
            await pilot.press("e")
            await pilot.press("enter")
            assert exported == [Path("talk.csv")]
            await pilot.press("home")
            await pilot.pause(0.1)
            text = screen_text(app)
            assert "0:00 / 1:00" in text
            assert "FINISHED" not in text
            await pilot.press("right_square_bracket", "right_square_bracket", "space")
            await pilot.pause(0.05)
            assert "2x" in screen_text(app)
            await pilot.click("Timeline", offset=(40, 5))
            assert app.playback.position_s > 20
            await pilot.press("space", "end")
            await pilot.pause(0.1)
            await pilot.click("UtteranceLog", offset=(20, 2))  # the second line of the second sentence
            assert app.playback.position_s == 5.2
            assert app.playback.playing
            await pilot.click("StatusLine", offset=(119 - 24 + 12, 0))  # the middle of the session
            assert 25 < app.playback.position_s < 35

    asyncio.run(run())
    assert source.stopped == 1


def test_the_farewell_says_how_long_how_positive_and_where_the_files_are() -> None:
    state = SessionState()
    for event in TALK:
        state.take(event)
    lines = farewell("talk.mp4", state, [Path("talk.csv")])
    assert len(lines) == 5
    assert lines[0] == "talk.mp4: 1:00 analyzed"
    assert lines[1].startswith("9 sentences, mean sentiment ")
    assert "the music is wonderful" in lines[2]
    assert "threw away" in lines[3]
    assert lines[4] == "written: talk.csv"
    assert farewell("talk.mp4", SessionState(), []) == []
    begun = SessionState()
    begun.take(TALK[0])
    begun.take(Mark(3.0))
    assert farewell("talk.mp4", begun, []) == [
        "talk.mp4: 0:03 analyzed, stopped before the end",
        "no sentence with a score",
        "no files written",
    ]
