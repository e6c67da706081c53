"""A session in a process of its own: its reports, its errors and its death."""

import os
import signal
from pathlib import Path
from typing import NoReturn

import psutil
import pytest

from mmim_live.benchmark.measured_process import measured_process
from mmim_live.benchmark.periods import Period
from mmim_live.benchmark.replay import measure_replay
from mmim_live.benchmark.session_probe import SessionProbe
from mmim_live.errors import DeviceError, MediaError, WorkerError


def refuse(probe: SessionProbe, what: str) -> NoReturn:
    raise DeviceError(f"no {what}")


def break_down(probe: SessionProbe) -> NoReturn:
    raise ZeroDivisionError("unexpected")


def die(probe: SessionProbe) -> None:
    os.kill(os.getpid(), signal.SIGKILL)


def wait(probe: SessionProbe) -> None:
    signal.pause()


def test_an_error_of_the_session_is_raised_where_it_is_measured():
    with pytest.raises(DeviceError, match=r"^no camera$"), measured_process(refuse, "camera") as process:
        list(process.watch())


def test_an_unexpected_error_becomes_one_line():
    expected = r"^the session stopped: ZeroDivisionError: unexpected$"
    with pytest.raises(WorkerError, match=expected), measured_process(break_down) as process:
        list(process.watch())


def test_the_death_of_the_process_is_reported():
    with pytest.raises(WorkerError, match="exit status -9"), measured_process(die) as process:
        list(process.watch())


def test_leaving_the_block_ends_the_process():
    with measured_process(wait) as process:
        system = psutil.Process(process.pid)
    assert not system.is_running()


def test_a_repeated_replay_is_measured_as_one_file():
    rows: list[Period] = []
    metrics = measure_replay(Path("sample"), {"asr_model": "whisper-tiny.en"}, minutes=0.5, on_period=rows.append)
    assert 30 <= metrics.media_s < 30 + 25
    assert metrics.peak_memory_mb > rows[0].memory_mb > 100
    assert 0 < metrics.cpu_factor < 10
    assert sum(row.readings for row in rows) >= 2 * 30 - 1


def test_a_file_that_cannot_be_repeated_is_refused(tmp_path: Path):
    (tmp_path / "a.mp4").write_bytes(b"not a video")
    with pytest.raises(MediaError, match=r"a\.mp4"):
        measure_replay(tmp_path / "a.mp4", {}, minutes=1)
