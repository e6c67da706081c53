"""Runs all seeds and, for an ablation, all arms; writes the best seed's checkpoint, metrics, report and plots.

A run folder contains one folder per seed and, at the end, checkpoint/, metrics.json, report.md and plots/. An
interrupted run resumes where it was: finished seeds are kept, the others resume from their saved state.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import asdict, dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np
import torch
from rich.console import Console

from mmim_train.data.dataset import SplitName
from mmim_train.evaluation.evaluate import score
from mmim_train.evaluation.missing_modalities import ModalitiesMissing, coalitions
from mmim_train.evaluation.significance import compare, summarize
from mmim_train.reporting.json_files import read_json, write_json, write_text
from mmim_train.reporting.metric_logs import metric_logs
from mmim_train.reporting.model_card import model_card
from mmim_train.reporting.plots import draw_plots
from mmim_train.reporting.progress import progress_display
from mmim_train.reporting.report import report
from mmim_train.runs.export import export_checkpoint
from mmim_train.runs.prepare import Prepared
from mmim_train.runs.safeguard import Safeguard, finite_losses, losses_of_task_alone
from mmim_train.training.distributed import World
from mmim_train.training.microbatch import Encoder
from mmim_train.training.objective import has_terms
from mmim_train.training.options import TrainOptions
from mmim_train.training.train_state import delete_state
from mmim_train.training.trainer import EpochRecord, Observer, StepRecord, predict, train

_STATE, _METRICS, _CHECKPOINT = "state.pt", "metrics.json", "checkpoint"
_SCORED: tuple[SplitName, ...] = ("valid", "test")


@dataclass(frozen=True, slots=True, eq=False)
class Run:
    """What to train, and where the results go."""

    prepared: Prepared
    title: str
    seeds: tuple[int, ...]
    arms: dict[str, TrainOptions]  # by name; the first one is exported
    folder: Path
    device: torch.device
    world: World
    console: Console


def ablation_arms(options: TrainOptions) -> dict[str, TrainOptions]:
    """The full objective, then without each mutual-information term, then without all of them."""
    arms: dict[str, TrainOptions] = {options.objective: options}
    if options.objective == "none":
        return arms
    for m in options.cpc if options.alpha > 0 else ():
        arms[f"without I(z; {m})"] = options.model_copy(update={"cpc": tuple(x for x in options.cpc if x != m)})
    for m in options.ba if options.beta > 0 else ():
        arms[f"without I(text; {m})"] = options.model_copy(update={"ba": tuple(x for x in options.ba if x != m)})
    return arms | {"none": options.model_copy(update={"objective": "none"})}


def execute(run: Run) -> Path:
    """Train every arm with every seed, export the best seed of the first arm, write the report. Returns the folder."""
    found: dict[str, list[dict[str, Any]]] = {}
    # The task alone comes first: the others are compared with it while they run.
    for number, arm in sorted(enumerate(run.arms), key=lambda item: item[1] != "none"):
        folder = run.folder if number == 0 else run.folder / f"arm-{number}"
        alone = found.get("none", [])
        found[arm] = [
            _train_seed(run, arm, seed, folder / f"seed-{seed}", next((c for c in alone if c["seed"] == seed), None))
            for seed in run.seeds
        ]
    if run.world.is_main:
        _finish(run, {arm: found[arm] for arm in run.arms})
    run.world.barrier()
    return run.folder


def _train_seed(run: Run, arm: str, seed: int, folder: Path, alone: dict[str, Any] | None) -> dict[str, Any]:
    """Train one seed, unless it is finished; `alone` is the same seed's result without the terms, if there is one.

    Returns the content of its metrics.json.
    """
    if (folder / _METRICS).is_file():
        content: dict[str, Any] = read_json(folder / _METRICS)
        return content
    prepared, options = run.prepared, run.arms[arm]
    guards = _safeguards(run, options, seed, folder, alone)
    model = prepared.model(seed)
    with _observed(run, folder, f"{run.title}, {arm}, seed {seed}", options, guards) as observe:
        result = train(
            model,
            prepared.split("train"),
            prepared.split("valid"),
            options,
            seed=seed,
            device=run.device,
            measure=prepared.metrics,
            state_file=folder / _STATE,
            run_key=_run_key(prepared),
            world=run.world,
            observe=observe,
        )
    encoder = Encoder(model, run.device, run.world, options.precision)
    content = {
        "seed": seed,
        "best_epoch": result.best_epoch,
        "valid_loss": min((e.valid_loss for e in result.epochs), default=None),
        "cpu_s": sum(e.cpu_s for e in result.epochs),
        **_scores(run, encoder),
        "coalitions": _coalitions(run, encoder),
        "epochs": [asdict(e) for e in result.epochs],
    }
    if run.world.is_main:
        if arm == next(iter(run.arms)) and _best_so_far(run, content):
            _export(run, Encoder(model, run.device, World(), options.precision), content)  # in this process alone
        write_json(folder / _METRICS, content)
        delete_state(folder / _STATE)
    run.world.barrier()
    return content


def _run_key(prepared: Prepared) -> str:
    data = prepared.dataset.provenance
    return json.dumps([prepared.dataset.name, data.layout, data.sha256, prepared.target, prepared.config.model_dump()])


def _safeguards(
    run: Run, options: TrainOptions, seed: int, folder: Path, alone: dict[str, Any] | None
) -> list[Observer]:
    """What watches the mutual-information terms of a seed: see `safeguard`."""
    if not options.safeguard or not has_terms(options, run.prepared.config.modalities):
        return []
    if alone is not None:
        losses = finite_losses([epoch["valid_loss"] for epoch in alone["epochs"]])
    elif seed == run.seeds[0]:
        losses = losses_of_task_alone(folder, lambda: _one_epoch_alone(run, options, seed, folder), run.world.is_main)
    else:
        return []

    def warn(line: str) -> None:
        if run.world.is_main:
            run.console.print(line, markup=False, highlight=False, soft_wrap=True)

    return [Safeguard(losses, warn)]


def _one_epoch_alone(run: Run, options: TrainOptions, seed: int, folder: Path) -> Sequence[EpochRecord]:
    prepared = run.prepared
    alone = options.model_copy(update={"objective": "none"})
    shown = alone.model_copy(update={"epochs": 1})
    with _observed(
        run, folder, f"{run.title}, baseline epoch without mutual information", shown, logged=False
    ) as observe:
        result = train(
            prepared.model(seed),
            prepared.split("train"),
            prepared.split("valid"),
            alone,
            seed=seed,
            device=run.device,
            measure=prepared.metrics,
            world=run.world,
            observe=observe,
            stop_after=1,
        )
    return result.epochs


@contextmanager
def _observed(
    run: Run,
    folder: Path,
    title: str,
    options: TrainOptions,
    guards: Sequence[Observer] = (),
    logged: bool = True,
) -> Iterator[Observer]:
    """An observer that writes the logs and updates the display, in the main process only."""
    with ExitStack() as stack:
        outputs = [progress_display(title, options, run.console)] if run.world.is_main else []
        if run.world.is_main and logged:
            outputs.append(metric_logs(folder))
        observers = [*(stack.enter_context(output) for output in outputs), *guards]

        def observe(record: StepRecord | EpochRecord) -> None:
            for observer in observers:
                observer(record)

        yield observe


def _scores(run: Run, encoder: Encoder) -> dict[str, Any]:
    """Metrics on the valid split and, this one time, on the test split if there is one."""
    prepared = run.prepared
    examples = {name: prepared.splits[name] for name in _SCORED if name in prepared.splits}
    return {name: score(encoder, split, prepared.dataset.scoring) for name, split in examples.items()}


def _coalitions(run: Run, encoder: Encoder) -> dict[str, Any]:
    valid, scoring = run.prepared.split("valid"), run.prepared.dataset.scoring
    sets = coalitions(run.prepared.config.modalities)
    return {name: score(encoder, ModalitiesMissing(valid, kept), scoring) for name, kept in sets.items()}


def _best_so_far(run: Run, content: dict[str, Any]) -> bool:
    """Whether no other finished seed has a lower validation loss."""
    paths = [run.folder / f"seed-{seed}" / _METRICS for seed in run.seeds]
    losses = [read_json(path)["valid_loss"] for path in paths if path.is_file()]
    return content["valid_loss"] is not None and all(x is None or content["valid_loss"] < x for x in losses)


def _export(run: Run, encoder: Encoder, content: dict[str, Any]) -> None:
    facts, name = _facts(run), f"mmim-{run.prepared.dataset.name}"
    metrics: dict[str, Any] = {split: content[split] for split in _SCORED if split in content}
    card = model_card(name, facts, metrics)
    export_checkpoint(
        run.folder / _CHECKPOINT,
        run.prepared,
        encoder,
        metrics=metrics,
        provenance={**facts, "seed": content["seed"]},
        card=card,
    )
    prediction, truth = _pairs(run.prepared, encoder)
    write_json(run.folder / "valid.json", {"truth": truth, "prediction": prediction})


def _pairs(prepared: Prepared, encoder: Encoder) -> tuple[list[float], list[float]]:
    """Prediction and truth of the first score on the valid split; empty for classes."""
    valid = prepared.split("valid")
    targets = valid.targets(range(len(valid)))
    if not targets.is_floating_point():
        return [], []
    kept = ~targets[:, 0].isnan()
    return predict(encoder, valid)[kept, 0].tolist(), targets[kept, 0].tolist()


def _facts(run: Run) -> dict[str, Any]:
    prepared = run.prepared
    head = prepared.config.head
    kind = {"intensity": "The intensity of", "regressions": "The values of", "classes": "One of the classes"}[head.kind]
    low, high = prepared.dataset.scale
    return {
        "title": run.title,
        "dataset": prepared.dataset.name,
        "scoring": prepared.dataset.scoring,
        "objective": next(iter(run.arms.values())).objective,
        "options": next(iter(run.arms.values())).model_dump(),
        "text_encoder": prepared.text_encoder,
        "modalities": list(prepared.config.modalities),
        "language": prepared.dataset.language,
        "predicts": f"{kind} {', '.join(head.names)}" + (f", {low:g} to {high:g}" if head.kind == "intensity" else ""),
        "version": version("mmim-live"),
        "device": str(run.device),
        "data": {
            "layout": prepared.dataset.provenance.layout,
            "sha256": prepared.dataset.provenance.sha256,
            "counts": {name: len(split) for name, split in prepared.splits.items()},
            "notes": list(prepared.dataset.provenance.notes),
        },
    }


def _finish(run: Run, results: dict[str, list[dict[str, Any]]]) -> None:
    """Write metrics.json, the plots and the report of the whole run."""
    first = next(iter(results.values()))
    scored = [split for split in _SCORED if split in first[0]]
    losses = [content["valid_loss"] for content in first]
    best = first[int(np.nanargmin([np.inf if loss is None else loss for loss in losses]))]
    metrics = {
        **_facts(run),
        "runs": [{key: value for key, value in content.items() if key != "epochs"} for content in first],
        "summary": {split: summarize([content[split] for content in first]) for split in scored},
        "coalitions": best["coalitions"],
        "arms": {arm: summarize([content["valid"] for content in contents]) for arm, contents in results.items()},
    }
    if "none" in results and len(results) > 1:
        alone = [content["valid"] for content in results["none"]]
        metrics["vs_none"] = {
            arm: compare([content["valid"] for content in contents], alone)
            for arm, contents in results.items()
            if arm != "none"
        }
    histories = {content["seed"]: [EpochRecord(**entry) for entry in content["epochs"]] for content in first}
    pairs = read_json(run.folder / "valid.json") if (run.folder / "valid.json").is_file() else {}
    truth, prediction = (np.array(pairs.get(name, []), np.float32) for name in ("truth", "prediction"))
    plots = draw_plots(run.folder / "plots", histories, truth, prediction, metrics["coalitions"])
    write_json(run.folder / _METRICS, metrics)
    write_text(run.folder / "report.md", report(metrics, plots))
