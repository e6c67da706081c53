"""Interrupted runs resume exactly: the same weights, metrics and resampled examples."""

import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest
import torch

from mmim_live.errors import CheckpointError
from mmim_live.model.mmim import MMIM
from mmim_train.training.options import TrainOptions
from mmim_train.training.trainer import EpochRecord, StepRecord, train
from tests.conftest import REPOSITORY
from tests.train.synthetic import CPU, MOSI, Synthetic, small_model
from tests.train.training.comparing import OBJECTIVES, ObjectiveName, same, weights, without_time


def resumable(state_file: Path | None, objective: ObjectiveName = "corrected") -> tuple[MMIM, list[dict[str, Any]]]:
    options = TrainOptions(objective=objective, epochs=2, batch_size=8, save_every_s=0.0)
    model = small_model(modality_dropout=0.3, q_rank=3)
    result = train(
        model,
        Synthetic(40, absent=0.1),
        Synthetic(20, 1),
        options,
        seed=9,
        device=CPU,
        measure=MOSI,
        state_file=state_file,
    )
    return model, without_time(result.epochs)


class KilledError(Exception):
    pass


@pytest.mark.parametrize("objective", OBJECTIVES)
def test_a_run_interrupted_after_any_step_ends_with_the_same_weights(tmp_path: Path, objective: ObjectiveName) -> None:
    expected, records = resumable(None, objective)
    options = TrainOptions(objective=objective, epochs=2, batch_size=8, save_every_s=0.0)
    file = tmp_path / "state.pt"
    for lives in range(1, 200):
        steps = 0

        def die(record: StepRecord | EpochRecord, limit: int = 1 + lives % 4) -> None:
            nonlocal steps
            steps += 1
            if steps > limit:
                raise KilledError

        # The initial weights do not matter once there is a state to resume from.
        model = small_model(seed=lives, modality_dropout=0.3, q_rank=3)
        try:
            result = train(
                model,
                Synthetic(40, absent=0.1),
                Synthetic(20, 1),
                options,
                seed=9,
                device=CPU,
                measure=MOSI,
                state_file=file,
                observe=die,
            )
        except KilledError:
            continue
        assert lives > 4
        assert same(weights(model), weights(expected))
        assert without_time(result.epochs) == records
        return
    pytest.fail("the run never finished")


SCRIPT = """
import sys, torch
from functools import partial
from pathlib import Path
torch.set_num_threads(1)
sys.path[:0] = sys.argv[1].split(":")
from tests.train.training.test_resuming import resumable
model, records = resumable(Path(sys.argv[2]))
torch.save({"weights": model.state_dict(), "records": records}, sys.argv[3])
"""


@pytest.mark.slow
def test_a_killed_run_ends_with_the_same_weights(tmp_path: Path) -> None:
    expected, records = resumable(None)
    root = REPOSITORY
    paths = ":".join(map(str, (root, root / "train")))
    result, state = tmp_path / "result.pt", tmp_path / "state.pt"
    command = [sys.executable, "-c", SCRIPT, paths, str(state), str(result)]
    rng = random.Random(2)
    kills = 0
    for _ in range(30):
        before = state.stat().st_mtime_ns if state.exists() else 0
        process = subprocess.Popen(command, env=os.environ | {"PYTHONPATH": paths})
        while kills < 3 and process.poll() is None:
            if state.exists() and state.stat().st_mtime_ns != before:  # it has made progress of its own
                time.sleep(rng.random() * 0.1)
                process.send_signal(signal.SIGKILL)
                process.wait()
                kills += 1
        if process.wait() == 0:
            break
    content = torch.load(result, weights_only=True)
    assert kills == 3
    assert same(content["weights"], weights(expected))
    assert content["records"] == records


def test_another_run_cannot_resume_from_the_state(tmp_path: Path) -> None:
    file = tmp_path / "state.pt"
    options = TrainOptions(epochs=1)
    train(small_model(), Synthetic(20), Synthetic(10), options, seed=1, device=CPU, state_file=file)
    with pytest.raises(CheckpointError, match="other settings"):
        train(small_model(), Synthetic(20), Synthetic(10), options, seed=2, device=CPU, state_file=file)
    content = torch.load(file, weights_only=True)
    content["model"]["more"] = torch.zeros(1)
    torch.save(content, file)
    with pytest.raises(CheckpointError, match="does not fit the model"):
        train(small_model(), Synthetic(20), Synthetic(10), options, seed=1, device=CPU, state_file=file)
    file.write_bytes(file.read_bytes()[:1000])
    with pytest.raises(CheckpointError, match="cannot be read"):
        train(small_model(), Synthetic(20), Synthetic(10), options, seed=1, device=CPU, state_file=file)


class Resampled(Synthetic):
    """Records the epochs that were started."""

    def __init__(self, count: int) -> None:
        super().__init__(count)
        self.started: list[int] = []

    def start_epoch(self, epoch: int) -> None:
        self.started.append(epoch)


def test_resampled_examples_are_notified_of_each_epoch() -> None:
    examples = Resampled(20)
    seen: list[list[int]] = []

    def observe(record: StepRecord | EpochRecord) -> None:
        if isinstance(record, StepRecord) and (not seen or seen[-1] != examples.started):
            seen.append(list(examples.started))

    train(
        small_model(), examples, Synthetic(10), TrainOptions(epochs=3, patience=3), seed=1, device=CPU, observe=observe
    )
    assert examples.started == [0, 1, 2]
    assert seen == [[0], [0, 1], [0, 1, 2]]


def test_a_resumed_run_resamples_the_examples_of_its_epoch(tmp_path: Path) -> None:
    def stop(record: StepRecord | EpochRecord) -> None:
        if record.epoch == 1 and isinstance(record, StepRecord) and record.stage == 1:
            raise ZeroDivisionError

    options = TrainOptions(epochs=3, patience=3, save_every_s=0)
    with pytest.raises(ZeroDivisionError):
        train(
            small_model(),
            Resampled(20),
            Synthetic(10),
            options,
            seed=1,
            device=CPU,
            state_file=tmp_path / "s",
            observe=stop,
        )
    examples = Resampled(20)
    train(small_model(), examples, Synthetic(10), options, seed=1, device=CPU, state_file=tmp_path / "s")
    assert examples.started == [1, 2]
