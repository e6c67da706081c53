"""Trains MMIM: two-stage epochs, validation, early stopping, resuming.

    stage 0   the encoders run once over the train split, without a graph; the q networks are trained on their outputs
    stage 1   everything else is trained, batch by batch; with `q_refresh = "step"`, q takes a step on each batch too,
              and stage 0 is done before the first epoch only

The best epoch is selected on the validation split; the test split is never used here. On the CPU, a run that is killed
at any step and resumed with the same arguments ends with bit-identical weights.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from contextlib import closing
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from mmim_live.model.mmim import MMIM, Encodings
from mmim_train.training.distributed import World
from mmim_train.training.examples import Examples, ResampledExamples, bucketed_batches, sorted_batches
from mmim_train.training.lr_schedule import lr_factor
from mmim_train.training.microbatch import Encoder
from mmim_train.training.objective import task_loss
from mmim_train.training.options import TrainOptions
from mmim_train.training.seeding import Purpose, generator, seeded
from mmim_train.training.seen_embeddings import train_seen_embeddings_only
from mmim_train.training.train_state import BestWeights, Progress, load_state, save_state
from mmim_train.training.train_step import TrainStep

__all__ = ["EpochRecord", "Measure", "Observer", "StepRecord", "TrainResult", "predict", "train"]


@dataclass(frozen=True, slots=True)
class StepRecord:
    """One step. `parts` are "task", "q" and the enabled mutual-information terms."""

    epoch: int
    stage: int
    step: int  # within the stage, counted from 0
    steps: int  # in the stage
    parts: dict[str, float]


@dataclass(frozen=True, slots=True)
class EpochRecord:
    """One epoch: its parts averaged over the steps, and validation. Parts "mi_..." are estimates in nats."""

    epoch: int
    parts: dict[str, float]
    valid_loss: float
    valid: dict[str, Any]  # metrics on the validation split
    best: bool  # the lowest validation loss so far
    rate: float  # learning-rate factor of the last step
    cpu_s: float  # CPU time of this process, validation included


@dataclass(frozen=True, slots=True, eq=False)
class TrainResult:
    """The outcome of a training run. The model holds the weights of the best epoch."""

    model: MMIM
    epochs: tuple[EpochRecord, ...]
    best_epoch: int  # -1 if no epoch had a finite validation loss
    valid: dict[str, Any] = field(default_factory=dict)  # metrics of the best epoch


Observer = Callable[[StepRecord | EpochRecord], None]

Measure = Callable[[Tensor, Tensor], dict[str, Any]]
"""Metrics by name from targets and prediction, both [N, ...] on the CPU. Only recorded: the loss selects the epoch."""


def train(
    model: MMIM,
    train_split: Examples,
    valid_split: Examples,
    options: TrainOptions,
    *,
    seed: int,
    device: torch.device,
    measure: Measure = lambda _targets, _prediction: {},
    state_file: Path | None = None,
    run_key: str = "",
    world: World | None = None,
    observe: Observer = lambda _record: None,
    stop_after: int | None = None,
) -> TrainResult:
    """Train `model` in place. Parameters with requires_grad=False stay frozen.

    Args:
        model: in float32; it is moved to `device`.
        train_split: the examples to train on.
        valid_split: selects the best epoch, by the task loss.
        options: the training options.
        seed: seeds everything random.
        device: of the model and the losses.
        measure: computes metrics of every epoch's predictions on `valid_split`.
        state_file: where the state is saved; if the file exists, training resumes from it.
        run_key: identifies what else the run depends on (data, architecture), so that another run's state is rejected.
        world: the processes that share the training.
        observe: called after every step and every epoch.
        stop_after: epochs after which to stop; the learning rates are still those of `options.epochs`.

    Raises:
        CheckpointError: the state is damaged, or belongs to another run.
        OutputError: the state cannot be written.
        MmimLiveError: training diverged.
    """
    world = world or World()
    key = f"{run_key}|{seed}|{options.model_dump_json(exclude={'save_every_s'})}|{len(train_split)}"
    with train_seen_embeddings_only(model, train_split), closing(BestWeights(state_file, world.is_main)) as best:
        run = _Run(
            train_step=TrainStep(model, options, seed, device, world),
            train_split=train_split,
            valid_split=valid_split,
            seed=seed,
            measure=measure,
            state_file=state_file,
            best=best,
            key=key,
            observe=observe,
        )
        run.resume()
        while not run.progress.done and (stop_after is None or run.progress.epoch < stop_after):
            run.epoch()
        if run.progress.best_epoch >= 0:
            best.restore(model, run.progress.best_epoch)
    model.eval()
    records = tuple(EpochRecord(**entry) for entry in run.progress.history)
    chosen = run.progress.best_epoch
    return TrainResult(model, records, chosen, records[chosen].valid if chosen >= 0 else {})


@dataclass(slots=True, eq=False, kw_only=True)
class _Run:
    """A training run in progress."""

    train_step: TrainStep
    train_split: Examples
    valid_split: Examples
    seed: int
    measure: Measure
    state_file: Path | None
    best: BestWeights
    key: str
    observe: Observer
    progress: Progress = field(default_factory=Progress)
    saved_at: float = field(default_factory=time.monotonic)
    cpu_clock: float = field(default_factory=time.process_time)

    @property
    def options(self) -> TrainOptions:
        return self.train_step.options

    @property
    def steps(self) -> int:
        """Batches per epoch."""
        return -(-len(self.train_split) // self.options.batch_size)

    def resume(self) -> None:
        if self.state_file is not None and self.state_file.is_file():
            self.progress = load_state(self.state_file, self.train_step, self.key)

    def epoch(self) -> None:
        self.train_step.model.train()
        if isinstance(self.train_split, ResampledExamples):
            self.train_split.start_epoch(self.progress.epoch)
        if self.progress.stage == 0 and self.progress.step == 0:
            self.train_step.objective.start_epoch()
        if self.progress.stage == 0:
            if self.train_step.optimizers.stage0 is not None and self._stage0_is_due:
                self._stage0()
            self.progress.stage, self.progress.step = 1, 0
        self._stage1()
        self._end_epoch(*self._validate())

    @property
    def _stage0_is_due(self) -> bool:
        return self.progress.epoch == 0 or not self.train_step.objective.refreshes_q_by_step

    def _batches(self, *key: int) -> list[list[int]]:
        rng = generator(self.seed, Purpose.ORDER, self.progress.epoch, *key)
        return bucketed_batches(self.train_split.costs, self.options.batch_size, rng)

    def _stage0(self) -> None:
        encodings = self._encodings()
        self.train_step.objective.fit_projection(encodings)
        batches = [indices for number in range(self.options.q_passes) for indices in self._batches(0, number)]
        for step in range(self.progress.step, len(batches)):
            key = (self.seed, self.progress.epoch, 0, step, Purpose.FUSE)
            with seeded(self.train_step.device, *key):
                parts = self.train_step.stage0(encodings, batches[step], self._factor(step / len(batches)))
            self._end_step(parts, len(batches))

    def _encodings(self) -> Encodings:
        # With dropout, as in stage 1, where q is evaluated on such encodings.
        plan = sorted_batches(self.train_split.costs, self.options.batch_size)
        return self.train_step.encoder.encode_all(self.train_split, plan, (self.seed, self.progress.epoch, 0))

    def _stage1(self) -> None:
        batches = self._batches(1)
        for step in range(self.progress.step, len(batches)):
            key = (self.seed, self.progress.epoch, 1, step)
            parts = self.train_step.stage1(self.train_split, batches[step], key, self._factor(step / len(batches)))
            self._end_step(parts, len(batches))

    def _factor(self, done: float) -> float:
        """The learning-rate factor after the fraction `done` of this epoch."""
        total = self.options.epochs * self.steps
        step = int((self.progress.epoch + done) * self.steps)
        return lr_factor(self.options.schedule, step, total, round(self.options.warmup * total))

    def _end_step(self, parts: dict[str, float], steps: int) -> None:
        progress = self.progress
        self.observe(StepRecord(progress.epoch, progress.stage, progress.step, steps, parts))
        progress.add(parts)
        progress.step += 1
        if time.monotonic() - self.saved_at >= self.options.save_every_s:
            self._save()

    def _validate(self) -> tuple[float, dict[str, Any]]:
        """The loss on the validation split, and its metrics."""
        prediction = predict(self.train_step.encoder, self.valid_split, self.options.batch_size)
        targets = self.valid_split.targets(range(len(self.valid_split)))
        return float(task_loss(prediction, targets)), self.measure(targets, prediction)

    def _end_epoch(self, loss: float, metrics: dict[str, Any]) -> None:
        progress = self.progress
        self._count_cpu_time()
        better = loss < progress.best_loss  # False for NaN
        record = EpochRecord(
            epoch=progress.epoch,
            parts=progress.means(),
            valid_loss=loss,
            valid=metrics,
            best=better,
            rate=self._factor((self.steps - 1) / self.steps),
            cpu_s=progress.cpu_s,
        )
        if better:
            progress.best_loss, progress.best_epoch = loss, progress.epoch
            self.best.save(self.train_step.model, progress.epoch)
        since_best = progress.epoch - progress.best_epoch
        self.progress = Progress(
            epoch=progress.epoch + 1,
            done=progress.epoch + 1 >= self.options.epochs or since_best >= self.options.patience,
            best_epoch=progress.best_epoch,
            best_loss=progress.best_loss,
            history=[*progress.history, asdict(record)],
        )
        self.observe(record)
        self._save()
        self.best.delete_others(self.progress.best_epoch)  # only now: until saved, the state on disk refers to them

    def _count_cpu_time(self) -> None:
        now = time.process_time()
        self.progress.cpu_s += now - self.cpu_clock
        self.cpu_clock = now

    def _save(self) -> None:
        if self.state_file is None:
            return
        self._count_cpu_time()
        if self.train_step.world.is_main:
            save_state(self.state_file, self.train_step, self.progress, self.key)
        self.saved_at = time.monotonic()


@torch.no_grad()
def predict(encoder: Encoder, examples: Examples, batch_size: int = 32) -> Tensor:
    """Predictions for all examples, [N, names] on the CPU, in evaluation mode; the previous mode is restored."""
    model = encoder.model
    was_training = model.training
    model.eval()
    encodings = encoder.encode_all(examples, sorted_batches(examples.costs, batch_size), (0,))
    prediction = model.fuse(*encodings).prediction.cpu()
    model.train(was_training)
    return prediction
