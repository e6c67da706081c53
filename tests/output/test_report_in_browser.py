"""The HTML report in Chromium: accessible, offline, played in step, and deaf to what a recording says."""

from __future__ import annotations

import dataclasses
import itertools
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from mmim_live import assets
from mmim_live.events import Event, Mark, Notice, SessionStarted, Utterance
from mmim_live.output import read_events
from mmim_live.output.sink import write_file
from mmim_live.settings import DEFAULT_CHECKPOINT
from tests.output.test_report import HOSTILE, SAMPLE, a_spread, hostile_session
from tests.tui.scripted import reading

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

PROGRAMS = ("chromium", "chromium-browser", "google-chrome", "chrome")
WIDE, NARROW = {"width": 1280, "height": 900}, {"width": 400, "height": 800}


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    sync_api = pytest.importorskip("playwright.sync_api", reason="needs playwright (pip install 'mmim-live[dev]')")
    program = next(filter(None, map(shutil.which, PROGRAMS)), None)
    if program is None:
        pytest.skip(f"needs Chromium (apt install chromium), one of {', '.join(PROGRAMS)}")
    with sync_api.sync_playwright() as playwright:
        # Chromium refuses to be root in a sandbox, which containers are.
        running = playwright.chromium.launch(executable_path=program, args=["--no-sandbox"])
        yield running
        running.close()


@pytest.fixture
def page(browser: Browser) -> Iterator[Page]:
    opened = browser.new_page(viewport=WIDE)  # type: ignore[arg-type]
    yield opened
    opened.close()


def everything() -> list[Event]:
    """Sentences of each look, readings, a mark and a notice."""
    session, *events, summary = a_spread()
    assert isinstance(session, SessionStarted)
    session = dataclasses.replace(session, checkpoint=DEFAULT_CHECKPOINT)
    more: list[Event] = [
        Notice(0.0, "no_face", "no face is seen"),
        Mark(3.0, "laughs"),
        *(reading(each / 2, 1.0) for each in range(1, 24)),
    ]
    return [session, *events, *more, summary]


@pytest.fixture
def sample(tmp_path: Path) -> Path:
    """The report of the bundled clip, with the clip beside it."""
    shutil.copy(assets.BUNDLED_FOLDER / "sample.mp4", tmp_path)
    write_file(tmp_path / "sample.html", read_events(SAMPLE))
    return tmp_path / "sample.html"


def opened(page: Page, path: Path) -> list[str]:
    """Open a report; returns what it asked for and what went wrong, which grows."""
    seen: list[str] = []
    page.on("request", lambda request: seen.append(request.url))
    page.on("pageerror", lambda error: seen.append(f"error: {error}"))
    page.on("dialog", lambda dialog: seen.append(f"dialog: {dialog.message}"))
    page.goto(path.as_uri())
    return seen


def eventually(page: Page, condition: str) -> None:
    """Wait until a condition in JavaScript holds. Playwright's own way needs an eval, which the page does not allow."""
    for _ in range(400):
        if page.evaluate(condition):
            return
        page.wait_for_timeout(50)
    pytest.fail(f"never: {condition}")


def current(page: Page) -> str | None:
    found = page.locator("[aria-current]")
    return found.get_attribute("id") if found.count() else None


def wait_until_playable(page: Page) -> None:
    eventually(page, "media.readyState >= 1 && !player.hidden")


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("size", [WIDE, NARROW], ids=["wide", "narrow"])
@pytest.mark.parametrize("with_media", [True, False], ids=["media", "no_media"])
def test_axe_finds_nothing_serious(
    browser: Browser, sample: Path, scheme: str, size: dict[str, int], with_media: bool
) -> None:
    axe = pytest.importorskip("axe_playwright_python.sync_playwright").Axe()
    path = sample
    if not with_media:
        path = sample.with_name("talk.html")
        write_file(path, everything())
    page = browser.new_page(viewport=size, color_scheme=scheme)  # type: ignore[arg-type]
    opened(page, path)
    if with_media:
        wait_until_playable(page)
    page.locator("details summary").click()
    violations = axe.run(page).response["violations"]
    assert [(each["id"], each["nodes"][0]["html"]) for each in violations if each["impact"] != "minor"] == []
    assert page.evaluate("document.documentElement.scrollWidth") <= size["width"]
    page.close()


@pytest.mark.parametrize("text", HOSTILE)
def test_nothing_of_a_recording_runs(page: Page, tmp_path: Path, text: str) -> None:
    write_file(tmp_path / "talk.html", hostile_session(text))
    seen = opened(page, tmp_path / "talk.html")
    page.wait_for_timeout(100)
    assert page.evaluate("typeof window.pwned") == "undefined"
    assert page.locator("#sentences > li").count() == 3
    assert [each for each in seen if not each.startswith("file://")] == []


def test_it_asks_for_its_recording_and_nothing_else(page: Page, sample: Path) -> None:
    seen = opened(page, sample)
    wait_until_playable(page)
    assert set(seen) <= {sample.as_uri(), sample.with_suffix(".mp4").as_uri()}


def test_a_click_on_a_sentence_or_the_timeline_plays_from_there(page: Page, sample: Path) -> None:
    opened(page, sample)
    wait_until_playable(page)
    third = [each for each in read_events(SAMPLE) if isinstance(each, Utterance)][2]
    page.locator("#s3 .said").click()
    assert page.evaluate("media.currentTime") == pytest.approx(third.start_s, abs=0.05)
    assert current(page) == "s3"
    slider = page.locator("#slider")
    slider.scroll_into_view_if_needed()
    box = slider.bounding_box()
    assert box is not None
    slider.click(position={"x": box["width"] / 2, "y": box["height"] / 2})
    middle = page.evaluate("media.currentTime")
    assert middle == pytest.approx(22.338 * (500 - 58) / (988 - 58), abs=0.3)
    assert current(page) == "s2" or current(page) is None
    page.locator("#s5 a.time").click()  # plays as well
    eventually(page, "!media.paused && media.currentTime > 17")
    assert current(page) == "s5"


def test_the_transcript_follows_what_is_played(page: Page, sample: Path) -> None:
    opened(page, sample)
    wait_until_playable(page)
    page.locator("#speed").select_option("2")
    page.evaluate("media.muted = true; media.currentTime = 9.5; media.play()")
    eventually(page, "document.querySelector('[aria-current]')?.id === 's3'")
    assert page.locator("#playhead").get_attribute("visibility") == "visible"


def test_the_timeline_is_moved_by_keys(page: Page, sample: Path) -> None:
    opened(page, sample)
    wait_until_playable(page)
    slider = page.get_by_role("slider", name="Position in the recording")
    slider.focus()
    for key, expected in (
        ("ArrowRight", 5.0),
        ("ArrowRight", 10.0),
        ("ArrowLeft", 5.0),
        ("End", 22.338),
        ("Home", 0.0),
    ):
        page.keyboard.press(key)
        assert float(slider.get_attribute("aria-valuenow") or "") == pytest.approx(expected, abs=0.1)
    page.keyboard.press("PageUp")
    page.keyboard.press("Home")
    page.keyboard.press("ArrowRight")
    assert "strongly positive: I love this film." in (slider.get_attribute("aria-valuetext") or "")
    page.keyboard.press("Space")
    eventually(page, "!media.paused")
    page.keyboard.press("Space")
    eventually(page, "media.paused")


def test_without_its_recording_it_shows_no_error_and_takes_a_chosen_one(page: Page, sample: Path) -> None:
    elsewhere = sample.with_suffix(".mp4").rename(sample.parent.parent / f"{sample.parent.name}.mp4")
    opened(page, sample)
    page.locator("#file").wait_for()
    assert not page.locator("#player").is_visible()
    assert "error" not in page.locator("#transcript").inner_text().lower()
    page.locator("#s3 .said").click()  # still goes there
    assert current(page) == "s3"
    page.locator("#file").set_input_files(elsewhere)
    wait_until_playable(page)
    assert not page.locator("#file").is_visible()
    assert page.evaluate("media.currentTime") > 10  # where one was


def test_a_recording_without_pictures_has_a_small_player(page: Page, tmp_path: Path, shared_data: Path) -> None:
    shutil.copy(shared_data / "clips" / "jfk.flac", tmp_path)
    session, *rest = read_events(SAMPLE)
    assert isinstance(session, SessionStarted)
    write_file(tmp_path / "jfk.html", [dataclasses.replace(session, source="jfk.flac"), *rest])
    opened(page, tmp_path / "jfk.html")
    wait_until_playable(page)
    box = page.locator("#media").bounding_box()
    assert box is not None
    assert box["height"] < 100


def test_it_can_be_read_without_scripts(browser: Browser, sample: Path) -> None:
    context = browser.new_context(java_script_enabled=False)
    page = context.new_page()
    page.goto(sample.as_uri())
    assert page.locator("#s5").is_visible()
    assert page.locator("svg[role=img]").is_visible()
    for part in ("#player", "#chooser", "#slider", "#keys"):
        assert not page.locator(part).is_visible()
    context.close()


def test_it_is_printed_without_what_paper_cannot_do(page: Page, sample: Path) -> None:
    opened(page, sample)
    wait_until_playable(page)
    assert page.pdf(format="A4").startswith(b"%PDF")
    page.emulate_media(media="print", color_scheme="dark")
    for part in ("#player", "#readout", "#keys", "details"):
        assert not page.locator(part).is_visible()
    assert page.locator("#s1").is_visible()
    assert page.evaluate("getComputedStyle(document.body).backgroundColor") == "rgb(255, 255, 255)"


def test_headings_and_landmarks_lead_through_it(page: Page, sample: Path) -> None:
    opened(page, sample)
    levels = [int(each[1]) for each in page.eval_on_selector_all("h1,h2,h3,h4", "all => all.map(each => each.tagName)")]
    assert levels[0] == 1
    assert all(after <= before + 1 for before, after in itertools.pairwise(levels))
    for role in ("banner", "main", "contentinfo"):
        assert page.get_by_role(role).count() == 1
    assert page.locator("table:not(:has(caption))").count() == 0
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.textContent") == "Skip to the transcript"
