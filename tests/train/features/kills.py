"""Kills extractions at random points, and says whether the store is that of an undisturbed one.

By itself: python -m tests.train.features.kills ray --kills 20. The clips are files of random bytes, and the extractor
sleeps; all else is real.
"""

from __future__ import annotations

import argparse
import hashlib
import os
import random
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Literal

import numpy as np
import psutil

from mmim_live.features.face import FACE_NAMES
from mmim_live.features.voice import VOICE_NAMES
from mmim_live.parallel.engine import Engine
from mmim_live.parallel.processes import Processes
from mmim_live.parallel.ray_actors import RayActors
from mmim_train.features import clip_features
from mmim_train.features.clip_features import ClipFeatures, Task
from mmim_train.features.extract import extract

CLIPS = 60
WORK_S = 0.05  # per clip
ENGINES: dict[str, Engine] = {"processes": Processes(2), "ray": RayActors(2)}
_WORKERS = ("ray::_Actor", "spawn_main")  # as their command lines show

Victim = Literal["driver", "worker"]


def make_sleeping_extractor() -> Callable[[Task], str | None]:
    """In a worker: the real one, with another way to measure."""
    clip_features.measure = measure_asleep
    return clip_features.extract_into


def measure_asleep(path: Path, recognizer: object, extractors: object) -> ClipFeatures:
    """Rows that depend on the file alone."""
    time.sleep(WORK_S)
    content = path.read_bytes()
    draw = np.random.default_rng(list(hashlib.sha256(content).digest()))
    voice, face = (draw.standard_normal((40, len(names)), np.float32) for names in (VOICE_NAMES, FACE_NAMES))
    return ClipFeatures(voice, face, hashlib.sha256(content).hexdigest())


def make_clips(folder: Path, rng: random.Random) -> None:
    """Files of different sizes."""
    folder.mkdir()
    for index in range(CLIPS):
        (folder / f"{index}.wav").write_bytes(rng.randbytes(rng.randrange(100, 10_000)))


def content(store: Path) -> dict[str, bytes]:
    """All files of a store."""
    return {path.name: path.read_bytes() for path in store.iterdir()}


def disturbed(engine: str, folder: Path, kills: int, rng: random.Random, drivers: float = 0.3) -> dict[Victim, int]:
    """Extract `folder`/clips to `folder`/store with kills, a share of drivers among them; returns how many."""
    killed: dict[Victim, int] = {"driver": 0, "worker": 0}
    while not (folder / "store").exists():
        driver = subprocess.Popen(
            [sys.executable, "-m", "tests.train.features.kills", engine, "--extract", str(folder)],
            stdout=subprocess.PIPE,
            text=True,
        )
        assert driver.stdout is not None
        last = False
        while not last:
            for _ in range(rng.randrange(0, 1 + CLIPS // 5)):
                if not driver.stdout.readline():
                    break
            time.sleep(rng.random() * 2 * WORK_S)
            if sum(killed.values()) == kills:
                driver.communicate()
                last = True
            elif rng.random() < drivers:
                last = True
                killed["driver"] += driver.poll() is None
                driver.kill()
            else:
                killed["worker"] += kill_a_worker(driver, rng)
                last = driver.poll() is not None
        driver.stdout.close()
        driver.wait()
    return killed


def kill_a_worker(driver: subprocess.Popen[str], rng: random.Random) -> bool:
    """Wait until there is a worker, and kill one; False if the driver ended before."""
    while driver.poll() is None:
        try:
            family = psutil.Process(driver.pid).children(recursive=True)
            workers = [each for each in family if any(name in " ".join(each.cmdline()) for name in _WORKERS)]
            if workers:
                rng.choice(workers).kill()
                return True
        except psutil.Error:
            pass  # it has just ended
        time.sleep(WORK_S)
    return False


def main() -> None:
    """The command line, and the driver that is killed."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("engine", choices=ENGINES)
    parser.add_argument("--kills", type=int, default=20)
    parser.add_argument("--drivers", type=float, default=0.3, help="share of kills that hit the driver")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--extract", type=Path, metavar="FOLDER", help="be the driver")
    asked = parser.parse_args()
    if asked.extract is not None:
        os.environ["PYTHONPATH"] = os.pathsep.join(sys.path)
        extract(
            asked.extract / "clips",
            asked.extract / "store",
            engine=ENGINES[asked.engine],
            make=make_sleeping_extractor,
            advance=lambda name, _: print(name, flush=True),  # noqa: T201 (read by `disturbed`)
        )
        return
    rng = random.Random(asked.seed)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        make_clips(folder / "clips", rng)
        disturbed("processes", folder, 0, rng)
        undisturbed = content(folder / "store")
        rounds: dict[Victim, int] = {"driver": 0, "worker": 0}
        while (done := sum(rounds.values())) < asked.kills:
            for path in (folder / "store").iterdir():
                path.unlink()
            (folder / "store").rmdir()
            for victim, count in disturbed(asked.engine, folder, asked.kills - done, rng, asked.drivers).items():
                rounds[victim] += count
            assert content(folder / "store") == undisturbed, "the store is another one"
            print(f"{rounds['driver']} drivers and {rounds['worker']} workers killed: same store", flush=True)  # noqa: T201


if __name__ == "__main__":
    sys.modules["tests.train.features.kills"] = sys.modules["__main__"]
    main()
