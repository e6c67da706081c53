"""The training of MMIM: epochs of two stages, validation, early stopping, and going on after an interruption.

    stage 0   the encoders run once over the train split, without a graph; the q networks learn from what they said
    stage 1   everything else learns, batch by batch

The validation split chooses the epoch. The test split is never seen here. A run that is killed at any step and started
again with the same arguments ends, on the CPU, with bit-identical weights. Knows neither data set files nor reports.
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
from mmim_train.evaluation.metrics import Scoring
from mmim_train.evaluation.scoring import Scores, score_predictions
from mmim_train.training.distributed import World
from mmim_train.training.examples import Examples, ResampledExamples, bucketed_batches, sorted_batches
from mmim_train.training.lr_schedule import lr_factor
from mmim_train.training.microbatch import Encoder
from mmim_train.training.options import TrainOptions
from mmim_train.training.seeding import Purpose, generator, seeded
from mmim_train.training.seen_embeddings import train_seen_embeddings_only
from mmim_train.training.train_state import BestWeights, Progress, load_state, save_state
from mmim_train.training.train_step import TrainStep

__all__ = ["EpochRecord", "StepRecord", "TrainResult", "predict", "train"]


@dataclass(frozen=True, slots=True)
class StepRecord:
    """One step as it happened. `parts`: "task", "q" and, where they are on, the mutual-information terms."""

    epoch: int
    stage: int
    step: int  # of this stage, from 0
    steps: int  # how many the stage has
    parts: dict[str, float]


@dataclass(frozen=True, slots=True)
class EpochRecord:
    """An epoch: means of the parts over its steps, and validation. "mi_..." are estimates in nats."""

    epoch: int
    parts: dict[str, float]
    valid_loss: float
    valid: dict[str, Any]
    best: bool  # the best on validation so far
    rate: float  # what the base learning rates were multiplied with in its last step
    cpu_s: float  # CPU time of this process, validation included


@dataclass(frozen=True, slots=True, eq=False)
class TrainResult:
    """How a training ended. The model now holds the weights of the best epoch."""

    model: MMIM
    epochs: tuple[EpochRecord, ...]
    best_epoch: int  # -1 if no epoch had a finite loss on validation, or nothing was trained
    valid: dict[str, Any] = field(default_factory=dict)  # figures of the best epoch


Observer = Callable[[StepRecord | EpochRecord], None]


def train(
    model: MMIM,
    train_split: Examples,
    valid_split: Examples,
    options: TrainOptions,
    seed: int,
    device: torch.device,
    scoring: Scoring = "mosi",
    state_file: Path | None = None,
    run_key: str = "",
    world: World | None = None,
    observe: Observer | None = None,
) -> TrainResult:
    """Train `model` in place. Parameters without requires_grad stay as they are.

    With `state_file`, the state is kept there and, if it is there, gone on from; `run_key` names what else the run
    depends on (data, architecture), so that another run's state is refused. Raises CheckpointError, OutputError, and
    MmimLiveError when the loss is lost to NaN.
    """
    world = world or World()
    key = f"{run_key}|{seed}|{options.model_dump_json(exclude={'save_every_s'})}|{len(train_split)}"
    with train_seen_embeddings_only(model, train_split), closing(BestWeights(state_file, world.is_main)) as best:
        train_step = TrainStep(model, options, seed, device, world)
        run = _Run(
            train_step, train_split, valid_split, seed, scoring, state_file, best, key, observe or (lambda _: None)
        )
        run.resume()
        while not run.progress.done:
            run.epoch()
        if run.progress.best_epoch >= 0:
            best.restore(model, run.progress.best_epoch)
    model.eval()
    records = tuple(EpochRecord(**entry) for entry in run.progress.history)
    chosen = run.progress.best_epoch
    return TrainResult(model, records, chosen, records[chosen].valid if chosen >= 0 else {})


class _Run:
    """A training under way."""

    def __init__(
        self,
        train_step: TrainStep,
        train_split: Examples,
        valid_split: Examples,
        seed: int,
        scoring: Scoring,
        state_file: Path | None,
        best: BestWeights,
        key: str,
        observe: Observer,
    ) -> None:
        self.train_step, self.options, self.seed = train_step, train_step.options, seed
        self.train_split, self.valid_split, self.scoring = train_split, valid_split, scoring
        self.state_file, self.best, self.key, self.observe = state_file, best, key, observe
        self.progress = Progress()
        self.steps = -(-len(train_split) // self.options.batch_size)
        self.saved_at = time.monotonic()
        self.clock = time.process_time()

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
            if self.train_step.optimizers.stage0 is not None:
                self._stage0()
            self.progress.stage, self.progress.step = 1, 0
        self._stage1()
        self._close(self._validate())

    def _plan(self, *key: int) -> list[list[int]]:
        drawn = generator(self.seed, Purpose.ORDER, self.progress.epoch, *key)
        return bucketed_batches(self.train_split.costs, self.options.batch_size, drawn)

    def _stage0(self) -> None:
        encodings = self._encodings()
        self.train_step.objective.fit_projection(encodings)
        batches = [indices for number in range(self.options.q_passes) for indices in self._plan(0, number)]
        for step in range(self.progress.step, len(batches)):
            with seeded(self.train_step.device, self.seed, self.progress.epoch, 0, step, Purpose.FUSE):
                parts = self.train_step.stage0(encodings, batches[step], self._factor(step / len(batches)))
            self._stepped(parts, len(batches))

    def _encodings(self) -> Encodings:
        # With dropout as in stage 1, where q meets the encodings again: it must be right about these.
        plan = sorted_batches(self.train_split.costs, self.options.batch_size)
        return self.train_step.encoder.encode_all(self.train_split, plan, (self.seed, self.progress.epoch, 0))

    def _stage1(self) -> None:
        batches = self._plan(1)
        for step in range(self.progress.step, len(batches)):
            key = (self.seed, self.progress.epoch, 1, step)
            parts = self.train_step.stage1(self.train_split, batches[step], key, self._factor(step / len(batches)))
            self._stepped(parts, len(batches))

    def _factor(self, done: float) -> float:
        """`done`: the share of this epoch that is behind us."""
        total = self.options.epochs * self.steps
        step = int((self.progress.epoch + done) * self.steps)
        return lr_factor(self.options.schedule, step, total, round(self.options.warmup * total))

    def _stepped(self, parts: dict[str, float], steps: int) -> None:
        progress = self.progress
        self.observe(StepRecord(progress.epoch, progress.stage, progress.step, steps, parts))
        progress.add(parts)
        progress.step += 1
        if time.monotonic() - self.saved_at >= self.options.save_every_s:
            self._save()

    def _validate(self) -> Scores:
        prediction = predict(self.train_step.encoder, self.valid_split, self.options.batch_size)
        targets = self.valid_split.targets(range(len(self.valid_split)))
        return score_predictions(self.train_step.model.config.head, self.scoring, targets, prediction)

    def _close(self, verdict: Scores) -> None:
        progress = self.progress
        self._tick()
        better = verdict.loss < progress.best_loss  # never true of NaN
        record = EpochRecord(
            epoch=progress.epoch,
            parts=progress.means(),
            valid_loss=verdict.loss,
            valid=verdict.figures,
            best=better,
            rate=self._factor((self.steps - 1) / self.steps),
            cpu_s=progress.cpu_s,
        )
        if better:
            progress.best_loss, progress.best_epoch = verdict.loss, progress.epoch
            self.best.keep(self.train_step.model, progress.epoch)
        waited = progress.epoch - progress.best_epoch
        self.progress = Progress(
            epoch=progress.epoch + 1,
            done=progress.epoch + 1 >= self.options.epochs or waited >= self.options.patience,
            best_epoch=progress.best_epoch,
            best_loss=progress.best_loss,
            history=[*progress.history, asdict(record)],
        )
        self.observe(record)
        self._save()
        self.best.delete_others(self.progress.best_epoch)  # not sooner: the state on disk spoke of them

    def _tick(self) -> None:
        now = time.process_time()
        self.progress.cpu_s += now - self.clock
        self.clock = now

    def _save(self) -> None:
        if self.state_file is None:
            return
        self._tick()
        if self.train_step.world.is_main:
            save_state(self.state_file, self.train_step, self.progress, self.key)
        self.saved_at = time.monotonic()


@torch.no_grad()
def predict(encoder: Encoder, examples: Examples, batch_size: int = 32) -> Tensor:
    """What the model says of all examples, [N, names] on the CPU, in evaluation mode; the mode is put back."""
    model = encoder.model
    was_training = model.training
    model.eval()
    encodings = encoder.encode_all(examples, sorted_batches(examples.costs, batch_size), (0,))
    prediction = model.fuse(*encodings).prediction.cpu()
    model.train(was_training)
    return prediction
