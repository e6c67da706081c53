"""The welcome screen, shown before the camera opens for the first time."""

import asyncio
from pathlib import Path

import pytest

from mmim_live.tui import first_run
from mmim_live.tui.first_run import acknowledge, acknowledged
from tests.tui.driving import make_app, screen_text, settle, show, until
from tests.tui.scripted import SESSION

SMALL, LARGE = (80, 24), (200, 60)


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    folder = tmp_path / "config" / "mmim-live"
    monkeypatch.setattr(first_run, "config_folder", lambda: folder)
    return folder


@pytest.mark.parametrize(("size", "ascii_only"), [(SMALL, False), (SMALL, True), (LARGE, False)])
def test_the_session_starts_only_after_the_welcome_is_confirmed_which_is_remembered(
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
def test_leaving_the_welcome_opens_nothing(key: str) -> None:
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


def test_the_welcome_can_be_opened_from_the_help() -> None:
    text = show([SESSION], (120, 40), "question_mark", "a")
    assert "Anyone who is seen or heard" in text
    assert "Sentiment" in show([SESSION], (120, 40), "question_mark", "a", "escape")


def test_a_newer_text_is_shown_again(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    acknowledge()
    assert [path.name for path in folder.iterdir()] == ["acknowledged"]  # and nothing half-written
    assert acknowledged()
    monkeypatch.setattr(first_run, "REVISION", "later")
    assert not acknowledged()


def test_an_unwritable_folder_is_harmless(folder: Path) -> None:
    folder.parent.mkdir()
    folder.write_text("a file where the folder should be")
    acknowledge()
    assert not acknowledged()
    folder.unlink()
    (folder / "acknowledged").mkdir(parents=True)  # what is there cannot be replaced
    acknowledge()
    assert not acknowledged()
    assert [path.name for path in folder.iterdir()] == ["acknowledged"]
