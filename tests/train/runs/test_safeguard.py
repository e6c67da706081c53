"""The warning about terms that harm, from hand-made epochs."""

import math
from pathlib import Path

import pytest

from mmim_train.runs.safeguard import MARGIN, Safeguard, losses_of_task_alone
from mmim_train.training.trainer import EpochRecord, StepRecord


def epoch(number: int, loss: float) -> EpochRecord:
    return EpochRecord(epoch=number, parts={}, valid_loss=loss, valid={}, best=False, rate=1.0, cpu_s=0.0)


def warnings(task_alone: list[float], losses: list[float], first: int = 0) -> list[str]:
    found: list[str] = []
    watch = Safeguard(task_alone, found.append)
    for number, loss in enumerate(losses, first):
        watch(StepRecord(epoch=number, stage=1, step=0, steps=1, parts={}))
        watch(epoch(number, loss))
    return found


@pytest.mark.parametrize(
    ("task_alone", "losses"),
    [
        ([1.0], [1.0 + 0.9 * MARGIN, 5.0, 5.0]),  # only the first epoch was trained without the terms
        ([1.0, 0.5], [0.9, 0.5]),
        ([1.0, 3.0], [0.9, 3.0]),  # the best so far counts, on both sides
        ([], [9.0]),
        ([math.inf], [9.0]),
    ],
)
def test_it_is_silent_while_the_terms_do_no_harm(task_alone: list[float], losses: list[float]) -> None:
    assert warnings(task_alone, losses) == []


def test_it_warns_once_with_both_losses() -> None:
    (line,) = warnings([0.781, 0.7, 0.7], [1.309, 1.265, 1.233])
    assert "after one epoch, " in line
    assert "1.309" in line
    assert "0.781" in line
    assert "--objective none" in line


def test_it_warns_as_soon_as_the_run_falls_behind() -> None:
    (line,) = warnings([1.0, 0.5, 0.4], [1.0, 0.9, 0.9])
    assert "after 2 epochs" in line


def test_a_loss_that_is_not_finite_counts_as_behind() -> None:
    assert len(warnings([1.0], [math.nan])) == 1


def test_a_run_resumed_in_the_middle_is_not_compared() -> None:
    assert warnings([1.0, 1.0, 1.0], [9.0, 9.0], first=1) == []


def test_the_epoch_of_the_task_alone_is_trained_once(tmp_path: Path) -> None:
    calls = []

    def train() -> list[EpochRecord]:
        calls.append(1)
        return [epoch(0, math.nan)]

    assert losses_of_task_alone(tmp_path, train) == [math.inf]
    assert losses_of_task_alone(tmp_path, train) == [math.inf]
    assert len(calls) == 1
