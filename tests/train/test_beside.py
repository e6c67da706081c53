"""A job beside: it is another process, what it says is heard, what it raises is raised."""

from __future__ import annotations

import os
from collections.abc import Callable

import pytest

from mmim_live.errors import DataError
from mmim_train.beside import beside


def speaks(word: str, say: Callable[[str], None]) -> None:
    say(f"{word} {os.getpid()}")


def fails(say: Callable[[str], None]) -> None:
    say("about to fail")
    raise DataError("nothing there")


def test_it_runs_in_another_process_and_is_heard() -> None:
    heard: list[str] = []
    with beside(speaks, "here", say=heard.append) as job:
        here = os.getpid()
    assert job.result() is None
    (line,) = heard
    assert line.startswith("here ")
    assert line != f"here {here}"


def test_its_error_is_raised_at_the_end_of_the_block() -> None:
    heard: list[str] = []
    reached = False
    with pytest.raises(DataError, match="nothing there"), beside(fails, say=heard.append):
        reached = True
    assert reached
    assert heard == ["about to fail"]
