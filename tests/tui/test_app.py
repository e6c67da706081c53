"""The app with a scripted session behind it, driven by Textual's pilot."""

import asyncio
import dataclasses
import threading
from functools import partial
from pathlib import Path

import pytest

from docs.make_screenshot import main
from mmim_live.events import Notice
from mmim_live.output import open_sink
from mmim_live.session_types import (
    BaselineHealth,
    Health,
    RecordingHealth,
)
from mmim_live.settings import KeyOverrides
from mmim_live.tui.state import MAX_ENTRIES
from mmim_live.tui.themes import CYCLE
from mmim_live.types import Agreement, Contributions, Present
from tests.tui.driving import make_app, screen_text, settle, show, until
from tests.tui.scripted import SESSION, Posted, health, reading, talk, utterance, word_heard

SIZES = [(80, 24), (120, 40), (200, 60)]


@pytest.mark.parametrize("size", SIZES)
def test_the_screen_shows_score_reasons_words_and_health(size: tuple[int, int]) -> None:
    text = show(talk(33), size)
    for phrase in ("talk.mp4", "-2.2", "0:33 / 1:00", "negative", "between -2.5 and -0.9", "provisional at 0:33"):
        assert phrase in text
    for phrase in ("Timeline", "+3", "words", "voice", "The face does not", "match", "i was so disappointed"):
        assert phrase in text
    for phrase in ("they threw away", "┊", "word delay 1.2 s", "14.8 fps", "3 dropped", "CPU 61 %", "812 MB"):
        assert phrase in text
    for phrase in ("Quit", "Pause", "Mark", "Help", *(("Back", "Now", "Theme", "palette") if size[0] >= 120 else ())):
        assert phrase in text
    lines = text.split("\n")
    assert len(lines) == size[1]
    assert any("⠀" < character <= "⣿" for character in text)


def test_wide_screens_show_models_and_device() -> None:
    text = show(talk(33), (200, 60))
    for phrase in ("Session", "mosi-small", "on cpu"):
        assert phrase in text


@pytest.mark.parametrize("size", [(80, 24), (120, 40)])
def test_ascii_mode_is_ascii(size: tuple[int, int]) -> None:
    text = show(talk(60, finished=True), size, "left", ascii_only=True)
    assert text.isascii(), {character for character in text if not character.isascii()}
    assert "FINISHED" in text
    text = show([SESSION], size, "question_mark", ascii_only=True)
    assert text.isascii(), {character for character in text if not character.isascii()}


def test_the_loading_screen_shows_what_is_loaded_and_the_time_it_takes() -> None:
    app, source = make_app([health(0.0)])

    async def run() -> None:
        async with app.run_test(size=(80, 24)) as pilot:
            await settle(pilot, source)
            first = screen_text(app)
            assert "Loading Whisper base" in first
            assert "Sentiment" not in first
            await pilot.pause(0.6)
            assert screen_text(app) != first

    asyncio.run(run())


def test_a_finished_session_shows_its_summary_and_the_app_stays_open() -> None:
    text = " ".join(show(talk(60, finished=True), (120, 40)).split())  # the summary is longer than a line
    for phrase in (
        "FINISHED",
        "Finished.",
        "9 sentences",
        "mean +0.2",
        "0.31 x real time",
        "q quits",
    ):
        assert phrase in text


def test_absent_modalities_are_stated() -> None:
    alone = reading(5.0, 1.0, width=None, face_agreement=None, present=Present(voice=True))
    text = show([SESSION, alone], (80, 24))
    assert text.count("absent") == 2
    assert "interval unknown" in text
    silent = utterance(0.0, 5.0, "hm", 1.0, present=Present(voice=True))
    assert "No words to compare with." in show([SESSION, alone, silent], (120, 40))


@pytest.mark.parametrize(
    ("present", "phrase"),
    [(Present(), "No words, voice or face."), (Present(text=True), "Not enough input")],
)
def test_an_abstention_shows_its_reason_instead_of_a_score(present: Present, phrase: str) -> None:
    text = " ".join(show([SESSION, reading(5.0, None, present=present)], (120, 40)).split())
    assert "No reading" in text
    assert phrase in text


AWKWARD = (
    "",
    " ",
    "x" * 500,
    "非常に長い言葉が続きます" * 20,
    "👩‍👩‍👧‍👦 👍🏽 ok",
    "[bold]not markup[/] [x",
    "tab\there\x1b[31m",
    "עברית مرحبا",
)


@pytest.mark.parametrize("size", [*SIZES, (20, 5), (1, 1)])
def test_awkward_text_is_shown_as_plain_text(size: tuple[int, int]) -> None:
    events: list[Posted] = [SESSION, health(1.0, fps=None, lag_ms=None, cpu_percent=None, memory_mb=None, drops=0)]
    for index, text in enumerate(AWKWARD):
        events.append(utterance(index, index, text, None if index % 2 else -3.0))
        events.append(Notice(index, "x", text))
        events.append(reading(index, None if index % 3 else 3.0, width=None, face_agreement=None))
        events.append(word_heard(text, 50, 50.1, 50.0, "committed" if index % 2 else "provisional"))
    shown = show(events, size)
    assert "\x1b" not in shown
    if size == (200, 60):
        assert "[bold]not markup[/] [x" in shown


def test_an_interval_across_zero_is_called_unclear_and_sentence_and_window_are_told_apart() -> None:
    said = utterance(1.0, 4.0, "fine", 1.2, low=0.4, high=2.0)
    text = show([SESSION, said, reading(5.0, 0.9, width=1.0)], (80, 24))
    for phrase in ("last 6 s", "? unclear leans positive", "sentence ▲ +1.2"):
        assert phrase in text
    assert "sentence ▲ +1.2 weakly positive" in show([SESSION, said, reading(5.0, 0.9)], (120, 40))
    assert "no sentence yet" in show([SESSION, reading(5.0, 0.9)], (80, 24))


def test_unknown_contributions_are_stated() -> None:
    bare = dataclasses.replace(reading(2.0, 1.0), contributions=Contributions(), agreement=Agreement())
    text = show([SESSION, bare, utterance(0.0, 2.0, "so", 1.0)], (120, 40))
    assert text.count("contribution unknown") == 3
    assert "Unknown whether" in text


def test_pausing_freezes_the_display_while_the_session_continues() -> None:
    app, source = make_app(talk(20))

    async def run() -> None:
        async with app.run_test(size=(120, 40)) as pilot:
            await settle(pilot, source)
            await pilot.press("space")
            await pilot.pause()
            held = screen_text(app)
            assert "PAUSED" in held
            app._post(reading(40.0, -2.9))
            await pilot.pause(0.1)
            assert screen_text(app) == held
            await pilot.press("space")
            await pilot.pause(0.1)
            assert "-2.9" not in held
            assert "0:40 / 1:00" in screen_text(app)
            assert "PAUSED" not in screen_text(app)

    asyncio.run(run())


def test_the_timeline_scrolls_back_and_returns() -> None:
    hour = [reading(end / 2, (end % 9 - 4) / 2) for end in range(2, 7200)]
    app, source = make_app([dataclasses.replace(SESSION, duration_s=None), *hour])

    async def run() -> None:
        async with app.run_test(size=(120, 40)) as pilot:
            await settle(pilot, source)
            timeline = app._timeline
            latest = timeline.view().start_s
            assert latest + timeline.view().columns * timeline.view().cell_s == pytest.approx(3599.5, abs=1)
            await pilot.press("left", "left")
            await pilot.pause()
            assert timeline.view().start_s < latest
            assert "BACK" in screen_text(app)
            await pilot.press("right", "right", "right")
            assert timeline.following
            await pilot.press("home")
            assert timeline.view().start_s == 0
            app._post(reading(3700.0, 1.0))
            await pilot.pause(0.05)
            assert timeline.view().start_s == 0
            await pilot.press("minus")
            assert timeline.view().cell_s == 5.0
            await pilot.press("plus", "plus", "plus", "plus")
            assert timeline.view().cell_s == 0.25
            await pilot.press("end")
            assert timeline.following
            assert timeline.view().start_s > latest

    asyncio.run(run())


def test_the_transcript_stays_at_the_end_when_a_banner_takes_a_line_of_it() -> None:
    events = [utterance(index, index + 0.9, f"number {index}", 0.0) for index in range(100)]
    app, source = make_app([SESSION, *events])

    def visible(text: str) -> bool:
        return text in screen_text(app)

    async def run() -> None:
        async with app.run_test(size=(120, 40)) as pilot:
            await settle(pilot, source)
            await until(pilot, lambda: "number 99" in screen_text(app))
            app._post(health(100.0, recording=RecordingHealth("/home/ann/talk", 4.2), baseline=BaselineHealth(0.42)))
            await until(pilot, lambda: "REC" in screen_text(app) and "number 99" in screen_text(app))
            for number in range(100, 110):
                app._post(utterance(number, number + 0.9, f"number {number}", 0.0))
                await until(pilot, partial(visible, f"number {number}"))
            app._post(utterance(105, 105.9, "said otherwise", 0.0, revision=1))
            await until(pilot, lambda: all(text in screen_text(app) for text in ("number 109", "said otherwise")))

    asyncio.run(run())


def test_a_draw_that_is_due_while_the_app_closes_is_harmless() -> None:
    app, source = make_app(talk(5))

    async def run() -> None:
        async with app.run_test(size=(120, 40)) as pilot:
            await settle(pilot, source)
        assert not app.screen_stack
        app._draw()

    asyncio.run(run())


def test_hints_name_the_keys_in_effect() -> None:
    both = {"recording": RecordingHealth("/home/ann/talk", 4.2), "baseline": BaselineHealth(0.42)}
    keys = KeyOverrides({"record": "f5", "baseline": "n"})
    text = show([*talk(5), health(5.0, **both)], (120, 40), keys=keys)
    assert "F5 stops" in text or "f5 stops" in text
    assert "n removes it" in text


def test_the_transcript_stays_where_it_was_scrolled_to() -> None:
    events = [utterance(index, index + 0.9, f"number {index}", 0.0) for index in range(100)]
    app, source = make_app([SESSION, *events])

    async def run() -> None:
        async with app.run_test(size=(80, 24)) as pilot:
            await settle(pilot, source)
            assert "number 99" in screen_text(app)
            await pilot.press(*["pageup"] * 3)
            await pilot.pause(0.3)
            assert "number 99" not in screen_text(app)
            app._post(utterance(100, 101, "number 100", 0.0))
            await pilot.pause(0.1)
            assert "number 100" not in screen_text(app)
            await pilot.resize_terminal(120, 40)
            await pilot.pause(0.1)
            assert "number" in screen_text(app)

    asyncio.run(run())


def test_help_palette_and_all_themes_work() -> None:
    app, source = make_app(talk(30))

    async def run() -> None:
        async with app.run_test(size=(120, 40)) as pilot:
            await settle(pilot, source)
            await pilot.press("question_mark")
            await pilot.pause()
            for phrase in ("Provisional:", "←", "Show less time", "not about a person"):
                assert phrase in screen_text(app)
            app._post(reading(50.0, 1.0))  # drawing continues below
            await pilot.pause(0.05)
            await pilot.press("escape")
            for _ in CYCLE:
                await pilot.press("t")
                await pilot.pause(0.02)
                assert "Sentiment" in screen_text(app)
            assert app.theme == CYCLE[0]
            await pilot.press("ctrl+p")
            await pilot.pause()
            app._post(reading(51.0, 1.0))
            await pilot.press("n", "o", "w")
            await pilot.pause(0.2)
            assert "return to the present" in screen_text(app)

    asyncio.run(run())


def test_events_from_many_threads_all_arrive() -> None:
    app, source = make_app([SESSION])

    def post_hundred(begin: int) -> None:
        for index in range(100):
            app._post(reading(begin + index, 0.0))

    async def run() -> None:
        async with app.run_test() as pilot:
            await settle(pilot, source)
            threads = [threading.Thread(target=post_hundred, args=(begin,)) for begin in (0, 100, 200, 300)]
            for thread in threads:
                thread.start()
            for thread in threads:
                await asyncio.to_thread(thread.join)
            await pilot.pause(0.1)
            assert len(app.state.transcript.readings) == 400

    asyncio.run(run())


def test_screenshots_contain_the_words_and_fetch_nothing(tmp_path: Path) -> None:
    sink = open_sink(tmp_path / "talk.jsonl")
    for event in talk(60, finished=True):
        if not isinstance(event, Health):
            sink.write(event)
    sink.close()
    main([str(tmp_path / "talk.jsonl"), str(tmp_path / "talk.svg"), "120", "40", "45"])
    picture = (tmp_path / "talk.svg").read_text(encoding="utf-8")
    assert picture.startswith("<svg")
    assert "disappointed" in picture
    assert "laughed" not in picture.replace("&#160;", " ")
    assert "@font-face" not in picture
    assert "FINISHED" not in picture
    main([str(tmp_path / "talk.jsonl"), str(tmp_path / "talk.svg"), "80", "24"])
    assert "FINISHED" in (tmp_path / "talk.svg").read_text(encoding="utf-8")


def test_the_log_goes_on_after_its_oldest_entries_were_forgotten() -> None:
    spoken = [utterance(index, index + 0.9, f"number {index}", 0.5) for index in range(MAX_ENTRIES + 50)]
    text = show([SESSION, *spoken], (120, 40))
    assert f"number {MAX_ENTRIES + 49}" in text
    assert text.count(f"number {MAX_ENTRIES + 48}") == 1


def test_notices_are_in_one_status_line_for_a_while_and_then_under_a_key() -> None:
    first, second = Notice(2.0, "a", "the first notice"), Notice(4.0, "b", "the second notice")
    events: list[Posted] = [SESSION, health(1.0), first, second, utterance(3.0, 5.0, "well", 1.0), reading(5.0, 1.0)]
    text = show(events, (120, 40))
    assert "the first notice" not in text
    (line,) = [line for line in text.splitlines() if "the second notice" in line]
    assert "1 more: i" in line
    later = show([*events, reading(20.0, 1.0), health(20.0)], (120, 40))
    assert "notice" not in later
    assert "CPU 61 %" in later
    everything = show([*events, reading(20.0, 1.0)], (120, 40), "i")
    for phrase in ("0:02  the first notice", "0:04  the second notice", "0123456789abcdef"):
        assert phrase in everything
