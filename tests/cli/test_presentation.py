"""What is printed headless: one line per event, and text that is not ours as plain text."""

import dataclasses
import io

import pytest

from mmim_live.cli.presentation import LiveLines, ReplayLines
from mmim_live.events import Event, Notice
from tests.tui.scripted import SESSION, utterance

HOSTILE = "[/b] a\nb\r\x1b[2J[red]"
PLAIN = "[/b] a b [2J[red]"


class Screen(io.StringIO):
    """A terminal, on which rich draws."""

    def isatty(self) -> bool:
        return True


@pytest.mark.parametrize("kind", [LiveLines, ReplayLines])
@pytest.mark.parametrize(
    "event", [Notice(time_s=1.0, code="x", message=HOSTILE), utterance(1, 2, HOSTILE, 1.0)], ids=["notice", "utterance"]
)
def test_text_of_others_stays_in_its_line_and_is_no_markup(
    kind: type[LiveLines | ReplayLines], event: Event, capsys: pytest.CaptureFixture[str]
) -> None:
    terminal = io.StringIO()
    kind(terminal, []).show(event)
    printed = terminal.getvalue() + capsys.readouterr().out
    assert printed.endswith(f"{PLAIN}\n")
    assert printed.count("\n") == 1


def test_a_file_name_on_the_progress_bar_is_no_markup() -> None:
    screen = Screen()
    with ReplayLines(screen, []) as lines:
        lines.loading(HOSTILE)
        lines.show(dataclasses.replace(SESSION, source=HOSTILE))
    assert "[red]" in screen.getvalue()
    assert "\x1b[2J" not in screen.getvalue()
