"""The shipped checkpoint has a command of its own, and `train` says so."""

import pytest

from mmim_live.cli.commands import run


def test_train_names_the_command_of_the_shipped_checkpoint_whatever_its_options(
    capsys: pytest.CaptureFixture[str],
) -> None:
    with pytest.raises(SystemExit) as ended:
        run(["train", "live", "--data", "x", "--seeds", "1,2"])
    assert ended.value.code == 1
    (line,) = capsys.readouterr().err.splitlines()
    assert "mmim-live build-default" in line


def test_build_default_needs_its_data(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        run(["build-default"])
    assert ended.value.code == 2
    assert "--data" in capsys.readouterr().err
