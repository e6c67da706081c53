"""What a training shows, from hand-made epochs."""

import io

import pytest
from rich.console import Console

from mmim_train.reporting.progress import progress_display
from mmim_train.training.options import TrainOptions
from mmim_train.training.trainer import EpochRecord, StepRecord

VALID = {"mae": 0.7123, "r": 0.781, "acc7": 0.4, "acc2_non0": 0.8456, "f1_non0": 0.8, "count": 5, "count_non0": 4}
PARTS = {"q": 3.0, "task": 0.9, "mi_text_voice": -1.25, "mi_text_face": 0.5}


def shown(records: list[tuple[float, bool]], terminal: bool, valid: dict[str, float], **options: int) -> str:
    output = io.StringIO()
    console = Console(file=output, force_terminal=terminal, width=140, color_system=None)
    with progress_display("CMU-MOSI, seed 1", TrainOptions.model_validate(options), console) as observe:
        for number, (loss, best) in enumerate(records):
            observe(StepRecord(epoch=number, stage=1, step=0, steps=7, parts=PARTS))
            observe(
                EpochRecord(epoch=number, parts=PARTS, valid_loss=loss, valid=valid, best=best, rate=1.0, cpu_s=1.0)
            )
    return output.getvalue()


@pytest.mark.parametrize("terminal", [True, False])
def test_an_epoch_shows_task_estimates_and_headline_metrics(terminal: bool) -> None:
    text = shown([(0.71, True)], terminal, dict(VALID), epochs=4)
    for part in (
        "CMU-MOSI, seed 1",
        "0.900",
        "I(text; voice) nats",
        "-1.250",
        "MAE",
        "0.7123",
        "Acc-2",
        "84.56",
        "best",
    ):
        assert part in text
    assert "acc7" not in text
    assert "at most 3 epochs to go, about 0 s" in text


@pytest.mark.parametrize(
    ("records", "expected"),
    [
        ([(0.7, True), (0.8, False)], "at most 18 epochs to go"),
        ([(0.7, True), (0.8, False)], "stops earlier if 2 epochs in a row bring no lower validation loss"),
        ([(0.7, True), (0.8, False), (0.8, False), (0.8, False)], "stopped after 4 epochs; the best is epoch 1"),
    ],
)
def test_early_stopping_is_stated(records: list[tuple[float, bool]], expected: str) -> None:
    assert expected in shown(records, True, dict(VALID), epochs=20, patience=3)


def test_classes_and_several_outputs_have_their_own_columns() -> None:
    classes = shown([(0.7, True)], True, {"war": 0.5, "uar": 0.4, "f1": 0.3, "count": 9}, epochs=1)
    assert "valid WAR" in classes
    assert "50.00" in classes
    affect = shown([(0.7, True)], True, {"valence.mae": 0.5, "valence.ccc": 0.4, "arousal.mae": 0.6}, epochs=1)
    assert "valid valence MAE" in affect
    assert "valid arousal MAE" in affect


def test_without_metrics_the_loss_is_shown() -> None:
    for terminal in (True, False):
        assert "0.7000" in shown([(0.7, True)], terminal, {}, epochs=1)
