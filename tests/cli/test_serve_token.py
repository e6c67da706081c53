"""Where the token of --serve comes from: an option, a file, or the environment."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from mmim_live.cli.options import build_settings
from mmim_live.errors import ConfigError
from mmim_live.settings import SERVE_TOKEN_VARIABLE

GIVEN, FILED, CONFIGURED, INHERITED = (f"{word}-token-for-tests" for word in ("given", "filed", "configured", "env"))


@pytest.fixture(autouse=True)
def no_settings_of_the_user(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("mmim_live.cli.options.user_file", lambda: None)
    monkeypatch.delenv(SERVE_TOKEN_VARIABLE, raising=False)


@pytest.fixture
def token_file(tmp_path: Path) -> Path:
    path = tmp_path / "token"
    path.write_text(FILED + "\n")
    path.chmod(0o600)
    return path


def test_an_option_wins_over_files_and_files_over_the_environment(
    tmp_path: Path, token_file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    config = tmp_path / "settings.toml"
    config.write_text(f"serve_token = '{CONFIGURED}'\n")
    assert build_settings(serve=0).serve_token is None
    monkeypatch.setenv(SERVE_TOKEN_VARIABLE, INHERITED)
    assert build_settings(serve=0).serve_token == INHERITED
    assert build_settings(serve=0, config=config).serve_token == CONFIGURED
    assert build_settings(serve=0, config=config, serve_token_file=token_file).serve_token == FILED
    assert build_settings(serve=0, serve_token=GIVEN, serve_token_file=token_file).serve_token == GIVEN


def test_the_variable_is_ignored_where_nothing_is_served_or_it_is_empty(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(SERVE_TOKEN_VARIABLE, "short")
    assert build_settings().serve_token is None
    monkeypatch.setenv(SERVE_TOKEN_VARIABLE, "")
    assert build_settings(serve=0).serve_token is None


def test_a_bad_token_is_reported_by_its_origin_and_not_shown(token_file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    token_file.write_text("hunter2\nhunter3\n")
    with pytest.raises(ConfigError, match=rf"{token_file}: .*must be 16 to 200") as in_file:
        build_settings(serve=0, serve_token_file=token_file)
    monkeypatch.setenv(SERVE_TOKEN_VARIABLE, "hunter2")
    with pytest.raises(ConfigError, match=f"{SERVE_TOKEN_VARIABLE}.*must be 16 to 200") as in_environment:
        build_settings(serve=0)
    for caught in (in_file, in_environment):
        assert "hunter" not in str(caught.value)
        assert "\n" not in str(caught.value)


def test_a_token_file_that_cannot_be_read_is_one_line(tmp_path: Path) -> None:
    (tmp_path / "large").write_bytes(b"x" * 10_000)
    for path, reason in (
        (tmp_path / "none", "No such file"),
        (tmp_path, "directory"),
        (tmp_path / "large", "larger"),
        (Path(os.devnull), "not a regular file"),
    ):
        with pytest.raises(ConfigError, match=f"cannot read token file .*{reason}") as caught:
            build_settings(serve=0, serve_token_file=path)
        assert "\n" not in str(caught.value)
    with pytest.raises(ConfigError, match="--serve-token-file has no effect without --serve"):
        build_settings(serve_token_file=tmp_path / "none")


@pytest.mark.skipif(os.name != "posix", reason="needs file modes")
@pytest.mark.parametrize(("mode", "noticed"), [(0o600, False), (0o640, True), (0o604, True)])
def test_a_token_file_that_others_can_read_is_taken_with_a_notice(
    token_file: Path, capsys: pytest.CaptureFixture[str], mode: int, noticed: bool
) -> None:
    token_file.chmod(mode)
    assert build_settings(serve=0, serve_token_file=token_file).serve_token == FILED
    told = capsys.readouterr().err
    assert told == (f"mmim-live: others can read {token_file}: chmod 600 it\n" if noticed else "")


@pytest.mark.skipif(os.name != "posix", reason="needs file modes")
def test_a_settings_file_with_the_token_that_others_can_read_is_taken_with_a_notice(
    tmp_path: Path, token_file: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    config = tmp_path / "settings.toml"
    config.write_text(f"serve_token = '{CONFIGURED}'\n")
    config.chmod(0o644)
    build_settings(config=config)  # nothing is served
    build_settings(config=config, serve=0, serve_token_file=token_file)  # another token
    assert capsys.readouterr().err == ""
    assert build_settings(config=config, serve=0).serve_token == CONFIGURED
    assert capsys.readouterr().err == f"mmim-live: others can read {config}: chmod 600 it\n"
    config.write_text("window = 5.0\n")
    build_settings(config=config, serve=0)
    assert capsys.readouterr().err == ""


@pytest.mark.parametrize("by", ["file", "variable"])
def test_a_command_takes_the_token_from_a_file_or_the_environment(token_file: Path, by: str) -> None:
    command = [sys.executable, "-m", "mmim_live.cli", "replay", "sample", "--no-speech", "--no-face", "--hop", "2"]
    command += ["--serve-token-file", str(token_file)] if by == "file" else []
    environment = os.environ | ({SERVE_TOKEN_VARIABLE: FILED} if by == "variable" else {})
    done = subprocess.run(
        [*command, "--serve"], stdin=subprocess.DEVNULL, capture_output=True, text=True, env=environment, timeout=120
    )
    assert done.returncode == 0
    assert done.stderr.endswith(f"/?token={FILED}\n")
