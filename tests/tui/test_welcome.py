"""What is to be read before the camera opens for the first time."""

import asyncio
from pathlib import Path

import pytest

from mmim_live.tui import first_run as acknowledgement
from mmim_live.tui.first_run import acknowledge, acknowledged
from tests.tui.driving import make_app, screen_text, settle, show, until
from tests.tui.scripted import SESSION

SMALL, LARGE = (80, 24), (200, 60)


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    folder = tmp_path / "config" / "mmim-live"
    monkeypatch.setattr(acknowledgement, "config_folder", lambda: folder)
    return folder


@pytest.mark.parametrize(("size", "ascii_only"), [(SMALL, False), (SMALL, True), (LARGE, False)])
def test_nothing_begins_before_it_is_read_and_then_it_is_not_shown_again(
    size: tuple[int, int], ascii_only: bool
) -> None:
    app, source = make_app([SESSION], welcome=True, ascii_only=ascii_only)

    async def run() -> None:
        async with app.run_test(size=size) as pilot:
            await until(pilot, lambda: "start" in screen_text(app))
            text = " ".join(screen_text(app).replace("│", " ").replace("|", " ").split())
            for phrase in ("not about a person", "Nothing is stored", "work, school, hiring", "Tell people", "start"):
                assert phrase in text
            assert text.isascii() or not ascii_only
            assert not source.alive
            assert not acknowledged()
            await pilot.press("enter")
            await settle(pilot, source)
            assert acknowledged()
            assert "Sentiment" in screen_text(app)

    asyncio.run(run())
    assert source.stopped == 1


@pytest.mark.parametrize("key", ["q", "escape", "ctrl+c"])
def test_who_does_not_want_it_leaves_and_nothing_was_opened(key: str) -> None:
    app, source = make_app([SESSION], welcome=True)

    async def run() -> None:
        async with app.run_test() as pilot:
            await pilot.pause(0.05)
            await pilot.press(key)
            await pilot.pause()

    asyncio.run(run())
    assert (source.stopped, source.done.is_set()) == (0, False)
    assert not acknowledged()
    assert app.return_code in (0, None)


def test_the_help_leads_to_it() -> None:
    text = show([SESSION], (120, 40), "question_mark", "a")
    assert "Anyone who is seen or heard" in text
    assert "Sentiment" in show([SESSION], (120, 40), "question_mark", "a", "escape")


def test_a_newer_text_is_read_again(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    acknowledge()
    assert [path.name for path in folder.iterdir()] == ["acknowledged"]  # and nothing half-written
    assert acknowledged()
    monkeypatch.setattr(acknowledgement, "REVISION", "later")
    assert not acknowledged()


def test_a_folder_that_cannot_be_written_breaks_nothing(folder: Path) -> None:
    folder.parent.mkdir()
    folder.write_text("a file where the folder should be")
    acknowledge()
    assert not acknowledged()
    folder.unlink()
    (folder / "acknowledged").mkdir(parents=True)  # what is there cannot be replaced
    acknowledge()
    assert not acknowledged()
    assert [path.name for path in folder.iterdir()] == ["acknowledged"]
