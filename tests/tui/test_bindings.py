"""User-defined key bindings."""

import asyncio
from pathlib import Path

import pytest
from textual.binding import Binding
from textual.command import CommandPalette

from mmim_live.errors import ConfigError
from mmim_live.settings import KeyOverrides, load_keys, load_settings
from mmim_live.tui.app import _REPLAY_ONLY, MmimApp
from mmim_live.tui.bindings import keymap
from tests.tui.driving import make_app, screen_text, settle, until
from tests.tui.scripted import talk


def test_keys_from_a_settings_file_work_and_appear_in_footer_and_help(tmp_path: Path) -> None:
    file = tmp_path / "settings.toml"
    file.write_text("window = 4.0\n[keys]\npause = 'f5'\nhelp = ['h', '?']\ntheme = 'space'\nnow = 'T'\n")
    assert load_settings(file, {}).window == 4.0
    app, source = make_app(talk(20), keys=load_keys(file))

    async def run() -> None:
        async with app.run_test(size=(120, 40)) as pilot:
            await settle(pilot, source)
            assert "f5 Pause" in screen_text(app)
            before = app.theme
            await pilot.press("space")
            assert app.theme != before
            await pilot.press("f5")
            await pilot.pause()
            assert "PAUSED" in screen_text(app)
            await pilot.press("h")
            await pilot.pause()
            assert "h ?  Explain the screen" in screen_text(app)
            await pilot.press("f5")  # closes the help, as the key for pausing does
            await pilot.press("ctrl+c")

    asyncio.run(run())
    assert not source.alive


def test_an_explicit_file_overrides_the_users_own(tmp_path: Path) -> None:
    own, given = tmp_path / "own.toml", tmp_path / "given.toml"
    own.write_text("window = 4.0\nhop = 0.25\n[keys]\npause = 'p'\nquit = 'x'\n")
    given.write_text("window = 5.0\n[keys]\npause = 'b'\n")
    assert load_keys(given, own).keys == {"pause": "b", "quit": "x"}
    settings = load_settings(given, {}, own)
    assert (settings.window, settings.hop) == (5.0, 0.25)
    assert load_keys(None, None) == KeyOverrides()


@pytest.mark.parametrize(
    ("table", "expected"),
    [
        ("fly = 'f'", "no action 'fly': choose from quit, pause"),
        ("pause = 'spcae'", "pause: unknown key 'spcae'"),
        ("pause = 'q'", "'q' is assigned to both 'quit' and 'pause'"),
        ("pause = '?'", "assigned to both"),
        ("pause = 'x'\nnow = ['y', 'x']", "'x' is assigned to both 'pause' and 'now'"),
        ("now = 'ctrl+c'", "is reserved"),
        ("pause = 'strl+p'", "unknown key"),
        ("pause = 7", "give a key such as"),
        ("pause = []", "give a key such as"),
        ("pause = ''", "give a key such as"),
    ],
)
def test_an_invalid_binding_is_a_one_line_error_that_names_the_file(tmp_path: Path, table: str, expected: str) -> None:
    file = tmp_path / "mine.toml"
    file.write_text(f"[keys]\n{table}\n")
    with pytest.raises(ConfigError) as caught:
        keymap(load_keys(file), MmimApp.BINDINGS)
    assert expected in str(caught.value)
    assert str(file) in str(caught.value)
    assert "\n" not in str(caught.value)


def test_keys_must_be_a_table(tmp_path: Path) -> None:
    file = tmp_path / "mine.toml"
    file.write_text("keys = 'q'\n")
    with pytest.raises(ConfigError, match="must be a table"):
        load_keys(file)


def test_no_two_actions_share_a_key_by_default() -> None:
    assert keymap(KeyOverrides(), MmimApp.BINDINGS) == {}
    assert keymap(KeyOverrides({"pause": "q", "quit": "space"}), MmimApp.BINDINGS)  # swapped


def test_the_command_palette_has_all_actions() -> None:
    app, source = make_app(talk(20))

    async def run() -> None:
        async with app.run_test(size=(120, 40)) as pilot:
            await settle(pilot, source)
            listed = {command.title for command in app.get_system_commands(app.screen)}
            bindings = [binding for binding in app.BINDINGS if isinstance(binding, Binding)]
            named = {each.description for each in bindings if each.action.partition("(")[0] not in _REPLAY_ONLY}
            assert len(named) < len(bindings)
            assert named <= listed
            await pilot.press("ctrl+p")
            await until(pilot, lambda: isinstance(app.screen, CommandPalette))
            await pilot.press(*"pause")
            await until(pilot, lambda: "Pause or play a replay" in screen_text(app))
            await pilot.press("enter")
            await until(pilot, lambda: "PAUSED" in screen_text(app))

    asyncio.run(run())
