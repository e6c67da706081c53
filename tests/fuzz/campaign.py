"""Gives inputs to a worker process, one after another, and judges what comes back."""

from __future__ import annotations

import contextlib
import json
import os
import queue
import random
import shutil
import subprocess
import sys
import tempfile
import threading
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from tests.conftest import REPOSITORY
from tests.fuzz.area import Files, write_files
from tests.fuzz.areas import load_area
from tests.fuzz.mutations import mutate

LIMIT_S = 5.0
LIMIT_MIB = 300.0
WARM_UP_S = 120.0


@dataclass(frozen=True)
class Verdict:
    """What happened to an input; `problems` says in words what must not happen, empty if all is well."""

    outcome: str  # accepted, refused, traceback, hang or died
    detail: str
    growth_mib: float = 0.0
    problems: tuple[str, ...] = ()


@dataclass
class Tally:
    """The figures of an area."""

    counts: Counter[str] = field(default_factory=Counter)
    peak_growth_mib: float = 0.0
    failures: int = 0

    def add(self, verdict: Verdict) -> None:
        self.counts["inputs"] += 1
        self.counts[verdict.outcome] += 1
        self.counts.update(problem.partition(":")[0] for problem in verdict.problems)
        self.peak_growth_mib = max(self.peak_growth_mib, verdict.growth_mib)
        self.failures += bool(verdict.problems)


class Worker:
    """A worker process for an area; started when needed, and again after it was stopped or died."""

    def __init__(self, area: str, limit_s: float = LIMIT_S) -> None:
        self._area, self._limit_s = area, limit_s
        self._place = Path(tempfile.mkdtemp(prefix="mmim-live-fuzz-"))
        self._process: subprocess.Popen[str] | None = None
        self._answers: queue.SimpleQueue[str] = queue.SimpleQueue()
        self._number = 0

    def judge(self, files: Files) -> Verdict:
        """Have an input read."""
        process = self._process or self._start()
        self._number += 1
        folder = self._place / f"input-{self._number}"
        folder.mkdir()
        write_files(folder, files)
        assert process.stdin is not None
        try:
            process.stdin.write(f"{folder}\n")
            process.stdin.flush()
            line = self._answers.get(timeout=self._limit_s)
        except queue.Empty:
            self._stop()
            return Verdict("hang", f"more than {self._limit_s:g} s", problems=("hang: stopped",))
        except BrokenPipeError:
            line = ""
        finally:
            shutil.rmtree(folder, ignore_errors=True)
        if not line:
            code = self._stop()
            return Verdict("died", f"exit code {code}", problems=("died: of this input",))
        return _verdict(json.loads(line))

    def _start(self) -> subprocess.Popen[str]:
        environment = os.environ | {"OMP_NUM_THREADS": "1", "HF_HUB_OFFLINE": "1"}
        environment["PYTHONPATH"] = os.pathsep.join([str(REPOSITORY), str(REPOSITORY / "train")])
        command = [sys.executable, "-m", "tests.fuzz.worker", self._area, str(self._place)]
        self._process = process = subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True,
            cwd=REPOSITORY, env=environment,
        )  # fmt: skip
        answers: queue.SimpleQueue[str] = queue.SimpleQueue()
        self._answers = answers
        threading.Thread(target=_relay, args=(process, answers), daemon=True).start()
        if answers.get(timeout=WARM_UP_S) != "ready\n":
            raise RuntimeError(f"the worker for {self._area} does not start: run {' '.join(command)}")
        return process

    def _stop(self) -> int:
        process, self._process = self._process, None
        if process is None:
            return 0
        process.kill()
        code = process.wait()
        assert process.stdin is not None
        with contextlib.suppress(BrokenPipeError):  # what was not delivered
            process.stdin.close()
        return code

    def close(self) -> None:
        self._stop()
        shutil.rmtree(self._place, ignore_errors=True)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


def _relay(process: subprocess.Popen[str], answers: queue.SimpleQueue[str]) -> None:
    """Each line of the worker, and an empty one when it is gone."""
    assert process.stdout is not None
    with process.stdout as lines:
        for line in lines:
            answers.put(line)
    answers.put("")


def _verdict(answer: dict[str, Any]) -> Verdict:
    problems = [f"traceback: {answer['detail']}"] if answer["outcome"] == "traceback" else []
    if answer["growth_mib"] > LIMIT_MIB:
        problems.append(f"memory: {answer['growth_mib']:.0f} MiB")
    problems += [f"network: {each}" for each in answer["network"]]
    problems += [f"write: {each}" for each in answer["writes"]]
    return Verdict(answer["outcome"], answer["detail"], answer["growth_mib"], tuple(problems))


def inputs_of(area: str, seed: int, numbers: Iterable[int]) -> Iterator[tuple[int, Files]]:
    """The inputs with these numbers: the same for the same seed."""
    loaded = load_area(area)
    seeds = loaded.seeds()
    for number in numbers:
        yield number, mutate(loaded, seeds, random.Random(f"{area} {seed} {number}"))


def attack(
    area: str, *, seed: int, numbers: Iterable[int], save: Path | None = None, limit_s: float = LIMIT_S
) -> tuple[Tally, list[str]]:
    """Judge these inputs of an area; the failures are saved and come back in words."""
    tally, failures = Tally(), []
    with Worker(area, limit_s) as worker:
        for number, files in inputs_of(area, seed, numbers):
            verdict = worker.judge(files)
            tally.add(verdict)
            if verdict.problems:
                failures.append(f"{area} {number} (seed {seed}): " + "; ".join(verdict.problems))
                if save is not None:
                    place = save / area / f"{seed}-{number}"
                    write_files(place / "input", files)
                    (place / "what.txt").write_text("\n".join(verdict.problems) + "\n", encoding="utf-8")
    return tally, failures
