"""A renamed thing costs its user one line on standard error."""

import warnings

import pytest

from mmim_live.cli.commands import renames_in_one_line
from mmim_live.errors import RenamedWarning
from mmim_live.settings import Settings


@pytest.mark.filterwarnings("default")
def test_a_renamed_checkpoint_is_reported_in_one_line(capsys: pytest.CaptureFixture[str]) -> None:
    shown = warnings.showwarning
    with renames_in_one_line():
        warnings.warn("checkpoint 'a' is now called 'b'", RenamedWarning, stacklevel=1)
    assert warnings.showwarning is shown
    assert capsys.readouterr().err == "mmim-live: checkpoint 'a' is now called 'b'\n"


def test_the_current_name_is_taken_in_silence() -> None:
    assert Settings(checkpoint="minilm-en").checkpoint == Settings().checkpoint == "minilm-en"
