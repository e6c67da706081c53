"""A background job: it is another process, its lines are logged, and it ends with the block."""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from mmim_live.errors import DataError, MmimLiveError
from mmim_train.default_checkpoint.background import background


def speaks(word: str, log: Callable[[str], None]) -> int:
    log(f"{word} {os.getpid()}")
    return os.getpid()


def fails(log: Callable[[str], None]) -> None:
    raise DataError("nothing there")


def dies(log: Callable[[str], None]) -> None:
    os._exit(9)


def stays(mark: Path, log: Callable[[str], None]) -> None:
    mark.write_text(str(os.getpid()))
    time.sleep(60)


def test_it_runs_in_another_process_and_its_lines_are_logged() -> None:
    heard: list[str] = []
    with background(speaks, "there", log=heard.append) as job:
        job.log("here")
    assert sorted(line.split()[0] for line in heard) == ["here", "there"]
    assert f"there {os.getpid()}" not in heard


def test_what_it_returns_can_be_had_within_the_block_and_after() -> None:
    heard: list[str] = []
    with background(speaks, "there", log=heard.append) as job:
        process = job.result()
        assert heard == [f"there {process}"]
    assert process != os.getpid()
    assert job.result() == process


@pytest.mark.parametrize(("job", "reason"), [(fails, "nothing there"), (dies, "died")])
def test_its_failure_is_raised_while_the_block_logs(job: Callable[..., None], reason: str) -> None:
    def log_on() -> None:
        begun = time.monotonic()
        with background(job, log=lambda _: None) as running:
            while time.monotonic() < begun + 60:
                running.log("still working")
                time.sleep(0.05)
            raise AssertionError("was not raised")

    with pytest.raises(MmimLiveError, match=reason):
        log_on()


@pytest.mark.parametrize(("job", "reason"), [(fails, "nothing there"), (dies, "died")])
def test_its_failure_is_raised_at_the_end_of_a_block_that_is_silent(job: Callable[..., None], reason: str) -> None:
    with pytest.raises(MmimLiveError, match=reason), background(job, log=lambda _: None):
        pass


@pytest.mark.parametrize(("job", "reason"), [(fails, "nothing there"), (dies, "died")])
def test_its_failure_is_raised_in_place_of_a_result(job: Callable[..., None], reason: str) -> None:
    with pytest.raises(MmimLiveError, match=reason), background(job, log=lambda _: None) as running:
        running.result()


def test_it_ends_when_the_block_fails(tmp_path: Path) -> None:
    mark = tmp_path / "pid"

    def interrupted() -> None:
        with background(stays, mark, log=lambda _: None):
            while not (mark.exists() and mark.read_text()):
                time.sleep(0.05)
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        interrupted()
    with pytest.raises(ProcessLookupError):
        os.kill(int(mark.read_text()), 0)
