"""The trainer on tiny synthetic sets: it learns, and is deterministic."""

import itertools
from functools import partial
from pathlib import Path
from typing import Any

import pytest
import torch

from mmim_live.errors import CheckpointError, MmimLiveError
from mmim_live.types import Modality
from mmim_train.evaluation.scoring import prediction_metrics
from mmim_train.training.distributed import World
from mmim_train.training.lr_schedule import lr_factor
from mmim_train.training.objective import has_terms, make_objective
from mmim_train.training.options import TrainOptions
from mmim_train.training.train_state import delete_state
from mmim_train.training.train_step import TrainStep
from mmim_train.training.trainer import EpochRecord, StepRecord, train
from tests.train.synthetic import CPU, MOSI, Synthetic, no_dropout, small_model
from tests.train.training.comparing import OBJECTIVES, ObjectiveName, same, weights, without_time


@pytest.mark.parametrize("objective", OBJECTIVES)
def test_a_tiny_set_is_memorized(objective: ObjectiveName) -> None:
    model = small_model(**no_dropout())
    split = Synthetic(30)
    options = TrainOptions(objective=objective, epochs=25, patience=25, batch_size=10, lr_text=3e-3, lr_main=2e-2)
    result = train(model, split, split, options, seed=1, device=CPU, measure=MOSI)
    first, best = result.epochs[0], result.epochs[result.best_epoch]
    assert best.valid["mae"] < 0.25 < first.valid["mae"]
    assert not model.training


@pytest.mark.parametrize("objective", OBJECTIVES)
def test_the_seed_determines_the_result(objective: ObjectiveName) -> None:
    runs = []
    for seed in (3, 3, 4):
        model = small_model(modality_dropout=0.3)
        result = train(
            model,
            Synthetic(70, absent=0.2),
            Synthetic(20, 1),
            TrainOptions(epochs=2),
            seed=seed,
            device=CPU,
            measure=MOSI,
        )
        runs.append((weights(model), without_time(result.epochs)))
        torch.rand(7)  # the caller's draws in between must not matter
    assert same(runs[0][0], runs[1][0])
    assert runs[0][1] == runs[1][1]
    assert not same(runs[0][0], runs[2][0])


def test_training_does_not_disturb_the_callers_random_numbers() -> None:
    torch.manual_seed(5)
    expected = torch.rand(3)
    torch.manual_seed(5)
    model = small_model()
    torch.manual_seed(5)
    train(model, Synthetic(40), Synthetic(20, 1), TrainOptions(epochs=1), seed=1, device=CPU)
    assert torch.equal(torch.rand(3), expected)


@pytest.mark.parametrize("objective", OBJECTIVES)
@pytest.mark.parametrize("count", [1, 2, 3, 33])
@pytest.mark.parametrize("absent", [0.0, 0.5, 1.0])
def test_every_objective_accepts_any_batch(objective: ObjectiveName, count: int, absent: float) -> None:
    model = small_model(modality_dropout=0.5)
    options = TrainOptions(objective=objective, epochs=2, batch_size=32)
    result = train(model, Synthetic(count, absent=absent), Synthetic(count, 1), options, seed=1, device=CPU)
    assert all(value == value for record in result.epochs for value in record.parts.values())
    assert all(torch.isfinite(value).all() for value in model.state_dict().values())


@pytest.mark.parametrize("objective", OBJECTIVES)
def test_classes_can_be_trained(objective: ObjectiveName) -> None:
    options = TrainOptions(objective=objective, epochs=2)
    classes = small_model(head={"kind": "classes", "names": ("a", "b", "c")})
    measure = partial(prediction_metrics, classes.config.head, "mosi")
    result = train(
        classes, Synthetic(70, classes=3), Synthetic(30, 1, classes=3), options, seed=1, device=CPU, measure=measure
    )
    assert set(result.valid) == {"war", "uar", "f1", "count"}


@pytest.mark.parametrize("off", [{"alpha": 0.0}, {"beta": 0.0}, {"cpc": ("text",)}, {"ba": ("face",)}])
@pytest.mark.parametrize("objective", ["corrected", "published"])
def test_each_term_can_be_switched_off(objective: ObjectiveName, off: dict[str, Any]) -> None:
    parts = {}
    for name, changes in (("all", {}), ("some", off)):
        options = TrainOptions(objective=objective, epochs=1, **changes)
        parts[name] = set(
            train(small_model(), Synthetic(40), Synthetic(10, 1), options, seed=1, device=CPU).epochs[0].parts
        )
    assert parts["some"] < parts["all"]
    assert "task" in parts["some"]


@pytest.mark.parametrize("modalities", [("text",), ("voice", "face"), ("text", "face"), ("text", "voice", "face")])
@pytest.mark.parametrize("weights_of_terms", [(0.0, 0.0), (0.1, 0.0), (0.0, 1.0), (0.1, 1.0)])
@pytest.mark.parametrize("objective", OBJECTIVES)
def test_it_is_known_beforehand_whether_there_are_terms(
    objective: ObjectiveName, weights_of_terms: tuple[float, float], modalities: tuple[Modality, ...]
) -> None:
    alpha, beta = weights_of_terms
    options = TrainOptions(objective=objective, alpha=alpha, beta=beta, epochs=1)
    made = make_objective(small_model(modalities=modalities), options)
    actual = objective != "none" and bool(made.pairs() or made.contrasted())
    assert has_terms(options, modalities) == actual


def test_stage_0_changes_the_q_networks_and_nothing_else() -> None:
    model = small_model()
    split = Synthetic(64)
    train_step = TrainStep(model, TrainOptions(), 1, CPU, World())
    before = weights(model)
    encodings = train_step.encoder.encode_all(split, [list(range(64))], (1,))
    for _ in range(3):
        train_step.stage0(encodings, list(range(64)), 1.0)
    changed = {name for name, value in model.state_dict().items() if not torch.equal(value, before[name])}
    assert changed == {name for name in before if name.startswith("q.")}
    assert all(p.grad is None for name, p in model.named_parameters() if not name.startswith("q."))


def test_stage_1_does_not_change_the_q_networks_if_they_are_refreshed_by_epoch() -> None:
    model = small_model()
    train_step = TrainStep(model, TrainOptions(q_refresh="epoch"), 1, CPU, World())
    before = weights(model)
    train_step.stage1(Synthetic(32), list(range(32)), (1,), 1.0)
    unchanged = {name for name, value in model.state_dict().items() if torch.equal(value, before[name])}
    assert {name for name in before if name.startswith("q.")} <= unchanged
    assert not any(name.startswith(("fusion", "head", "voice_encoder.lstm")) for name in unchanged)


def test_refreshing_q_by_step_changes_nothing_else_in_that_step() -> None:
    stepped = {}
    for refresh in ("epoch", "step"):
        model = small_model()
        train_step = TrainStep(model, TrainOptions.model_validate({"q_refresh": refresh}), 1, CPU, World())
        before = weights(model)
        train_step.stage1(Synthetic(32), list(range(32)), (1,), 1.0)
        stepped[refresh] = weights(model)
    differing = {name for name in before if not torch.equal(stepped["epoch"][name], stepped["step"][name])}
    assert differing
    assert all(name.startswith("q.") for name in differing)


@pytest.mark.parametrize(("refresh", "stages"), [("epoch", [0, 1, 0, 1, 0, 1]), ("step", [0, 1, 1, 1])])
def test_stage_0_is_repeated_only_where_q_is_not_refreshed_by_step(refresh: str, stages: list[int]) -> None:
    options = TrainOptions.model_validate({"epochs": 3, "q_refresh": refresh})
    seen: list[int] = []

    def observe(record: StepRecord | EpochRecord) -> None:
        if isinstance(record, StepRecord) and record.step == 0:
            seen.append(record.stage)

    train(small_model(), Synthetic(40), Synthetic(10, 1), options, seed=1, device=CPU, observe=observe)
    assert seen == stages


def test_the_text_encoder_is_trained_by_the_task_alone_unless_told_otherwise() -> None:
    gradients = {}
    for name, changes in (("none", {"objective": "none"}), ("default", {}), ("whole", {"text_gradient": 1.0})):
        model = small_model(**no_dropout())
        options = TrainOptions.model_validate({"alpha": 0.0, "beta": 1.0, "clip_text": 1e9, **changes})
        train_step = TrainStep(model, options, 1, CPU, World())
        train_step.stage1(Synthetic(32), list(range(32)), (1,), 1.0)
        gradients[name] = {n: p.grad for n, p in model.named_parameters() if p.grad is not None}
    text = [name for name in gradients["none"] if name.startswith("text_encoder")]
    assert text
    assert all(torch.equal(gradients["default"][name], gradients["none"][name]) for name in text)
    assert not all(torch.allclose(gradients["whole"][name], gradients["none"][name]) for name in text)
    # The encoders of voice and face do receive the terms.
    lstm = "voice_encoder.lstm.weight_ih_l0"
    assert not torch.allclose(gradients["default"][lstm], gradients["none"][lstm])


@pytest.mark.parametrize("share", [0.0, 0.3, 1.0])
def test_the_share_of_the_gradient_does_not_change_the_value_of_the_bound(share: float) -> None:
    model = small_model(**no_dropout())
    train_step = TrainStep(model, TrainOptions(text_gradient=share), 1, CPU, World())
    parts = train_step.stage1(Synthetic(32), list(range(32)), (1,), 0.0)
    reference = TrainStep(small_model(**no_dropout()), TrainOptions(text_gradient=1.0), 1, CPU, World())
    expected = reference.stage1(Synthetic(32), list(range(32)), (1,), 0.0)
    assert parts == pytest.approx(expected, rel=1e-5, abs=1e-6)


@pytest.mark.parametrize("objective", OBJECTIVES)
@pytest.mark.parametrize("micro", [1, 12, 150])
def test_micro_batches_give_the_gradients_of_the_whole_batch(objective: ObjectiveName, micro: int) -> None:
    gradients = []
    for size in (0, micro):
        model = small_model(**no_dropout())
        train_step = TrainStep(model, TrainOptions(objective=objective, tokens_in_flight=size), 1, CPU, World())
        split = Synthetic(32, absent=0.2)
        for step in range(3):  # the published memory takes effect from the third batch on
            train_step.stage1(split, list(range(32)), (1, step), 1.0)
        gradients.append({n: p.grad for n, p in model.named_parameters() if p.grad is not None})
    assert gradients[0].keys() == gradients[1].keys()
    for name, gradient in gradients[0].items():
        torch.testing.assert_close(gradients[1][name], gradient, rtol=1e-3, atol=1e-5, msg=name)


def test_the_learning_rate_follows_its_schedule() -> None:
    rates = [lr_factor("linear", step, 100, 10) for step in range(100)]
    assert rates[0] == pytest.approx(0.1)
    assert max(rates) == rates[9] == rates[10] == 1.0
    assert all(a > b for a, b in itertools.pairwise(rates[10:]))
    assert 0 < rates[-1] < 0.02
    assert lr_factor("cosine", 55, 100, 10) == pytest.approx(0.5)
    assert lr_factor("constant", 99, 100, 10) == 1.0

    model = small_model()
    train_step = TrainStep(model, TrainOptions(), 1, CPU, World())
    before = weights(model)
    train_step.stage1(Synthetic(32), list(range(32)), (1,), 0.0)
    assert same(weights(model), before)  # a factor of 0 reaches the optimizer


def test_training_stops_early_when_validation_does_not_improve() -> None:
    options = TrainOptions(epochs=50, patience=2, lr_main=1e-9, lr_text=0.0, warmup=0.0)
    seen: list[StepRecord | EpochRecord] = []
    result = train(small_model(), Synthetic(32), Synthetic(16, 1), options, seed=1, device=CPU, observe=seen.append)
    assert len(result.epochs) < 50
    assert len(result.epochs) - 1 - result.best_epoch == 2
    assert tuple(record for record in seen if isinstance(record, EpochRecord)) == result.epochs


def test_the_model_ends_with_the_weights_of_the_best_epoch() -> None:
    model, valid = small_model(), Synthetic(30, 1)
    options = TrainOptions(epochs=6, lr_main=3e-2, lr_text=1e-2)
    result = train(model, Synthetic(64), valid, options, seed=1, device=CPU)
    batch = valid.batch(range(30))
    with torch.no_grad():
        error = float((model(batch).prediction - valid.labels).abs().mean())
    assert error == pytest.approx(min(record.valid_loss for record in result.epochs), rel=1e-5)


def test_one_copy_of_the_best_weights_is_kept_on_disk_and_removed_with_the_state(tmp_path: Path) -> None:
    options = TrainOptions(epochs=4, lr_main=3e-2, lr_text=1e-2)
    file = tmp_path / "state.pt"
    result = train(small_model(), Synthetic(64), Synthetic(30, 1), options, seed=1, device=CPU, state_file=file)
    assert result.best_epoch > 0
    assert {path.name for path in tmp_path.iterdir()} == {"state.pt", f"state.best-{result.best_epoch}.pt"}
    delete_state(file)
    assert not list(tmp_path.iterdir())


def test_missing_best_weights_are_reported(tmp_path: Path) -> None:
    file = tmp_path / "state.pt"
    arguments = (Synthetic(20), Synthetic(10), TrainOptions(epochs=1))
    train(small_model(), *arguments, seed=1, device=CPU, state_file=file)
    (tmp_path / "state.best-0.pt").unlink()
    with pytest.raises(CheckpointError, match=r"state.best-0.pt cannot be read"):
        train(small_model(), *arguments, seed=1, device=CPU, state_file=file)


def test_frozen_weights_do_not_change_and_are_not_saved(tmp_path: Path) -> None:
    model = small_model()
    assert model.text_encoder is not None
    model.text_encoder.requires_grad_(False)
    before = weights(model.text_encoder)
    train(
        model,
        Synthetic(40),
        Synthetic(20, 1),
        TrainOptions(epochs=1),
        seed=1,
        device=CPU,
        state_file=tmp_path / "state.pt",
    )
    assert same(weights(model.text_encoder), before)
    kept = torch.load(tmp_path / "state.best-0.pt", weights_only=True)
    assert kept
    assert not any(name.startswith("text_encoder") for name in kept)


def test_divergence_is_reported() -> None:
    split = Synthetic(64)
    split.rows[:] = float("nan")
    options = TrainOptions(epochs=30, batch_size=8)
    with pytest.raises(MmimLiveError, match="diverged"):
        train(small_model(), split, Synthetic(10), options, seed=1, device=CPU)
