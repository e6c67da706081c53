"""Do the mutual-information terms help where the text encoder learns too? The recipe for MOSI, arm by arm.

    python -m mmim_train.experiments.learning_encoder --data DATA --log FILE.jsonl [--arms A,B] [--seeds 1-10]
    python -m mmim_train.experiments.learning_encoder --log FILE.jsonl --table
    python -m mmim_train.experiments.learning_encoder --data DATA --gradients

DATA is MOSI's pickle, or the folder with mosi_utterance_train.npz and mosi_utterance_valid.npz. Every run is that of
`mmim-live train mosi --text-encoder all-MiniLM-L6-v2` with the arm's options, without early stopping. The videos of the
valid split are split into halves A and B; in each run, the epoch reported on A has the lowest MAE on B, and vice versa.
An existing log is resumed. `--gradients` prints what the text encoder receives from the task and from the bounds.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from mmim_live.model.mmim import MMIMOutput
from mmim_train.evaluation.metrics import pearson_r
from mmim_train.evaluation.significance import sign_flip_p
from mmim_train.experiments.mosi_folds import seeds_of
from mmim_train.experiments.utterances import CPU, split_videos
from mmim_train.reporting.markdown_tables import markdown
from mmim_train.runs.prepare import Prepared, prepare
from mmim_train.runs.recipe import load_recipe
from mmim_train.training.distributed import World
from mmim_train.training.microbatch import Encoder
from mmim_train.training.objective import CorrectedObjective
from mmim_train.training.trainer import EpochRecord, StepRecord, predict, train

_ENCODER = "all-MiniLM-L6-v2"
_HALVES_SEED = 376  # as in `mosi_folds`
_EVERY = 10  # steps between two measurements of the gradients


@dataclass(frozen=True, slots=True)
class Arm:
    """How a run differs from the recipe."""

    objective: str = "corrected"
    options: Mapping[str, Any] | None = None
    modalities: tuple[str, ...] = ("text", "voice", "face")


ARMS: dict[str, Arm] = {
    "none": Arm("none"),
    "published": Arm("published"),
    "corrected": Arm(),
    "corrected, whole gradient to text": Arm(options={"text_gradient": 1.0, "q_refresh": "epoch"}),
    "corrected, q by epoch": Arm(options={"q_refresh": "epoch"}),
    "corrected, beta 3": Arm(options={"beta": 3.0}),
    "corrected, beta .3": Arm(options={"beta": 0.3}),
    "corrected, per dimension (beta 1/16), whole gradient": Arm(options={"beta": 1 / 16, "text_gradient": 1.0}),
    "corrected, with CPC (alpha .1)": Arm(options={"alpha": 0.1}),
    "CPC alone (alpha .1)": Arm(options={"alpha": 0.1, "beta": 0.0}),
    "none, text and voice": Arm("none", modalities=("text", "voice")),
    "corrected, text and voice": Arm(modalities=("text", "voice")),
    "none, text": Arm("none", modalities=("text",)),
}


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the arms, or print the table of a log, or the gradients."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n", 1)[0])
    parser.add_argument("--data", type=Path)
    parser.add_argument("--log", type=Path)
    parser.add_argument("--arms", default="none;published;corrected", help=f"separated by ';': {'; '.join(ARMS)}")
    parser.add_argument("--seeds", default="1-10", help="such as 1-10 or 1,2,5")
    parser.add_argument("--table", action="store_true", help="only print the table of the log")
    parser.add_argument("--gradients", action="store_true", help="measure the gradients at the text encoder instead")
    args = parser.parse_args(arguments)
    if not args.table and args.data is None:
        parser.error("missing --data")
    if not args.gradients and args.log is None:
        parser.error("missing --log")
    torch.set_num_threads(1)
    if args.gradients:
        sys.stdout.write(gradients(args.data, seeds_of(args.seeds)[0]) + "\n")
        return
    if not args.table:
        names = args.arms.split(";")
        unknown = [name for name in names if name not in ARMS]
        if unknown:
            parser.error(f"unknown arm {unknown[0]!r}")
        _run_all(args.data, args.log, names, seeds_of(args.seeds))
    sys.stdout.write(table(_entries(args.log)) + "\n")


def _run_all(data: Path, log: Path, arms: Sequence[str], seeds: Sequence[int]) -> None:
    done = {(entry["arm"], entry["seed"]) for entry in _entries(log)}
    log.parent.mkdir(parents=True, exist_ok=True)
    for seed in seeds:
        for arm in arms:
            if (arm, seed) not in done:
                entry = {"arm": arm, "seed": seed, **_run(_prepared(data, ARMS[arm]), seed)}
                with log.open("a", encoding="utf-8") as file:
                    file.write(json.dumps(entry) + "\n")


def _prepared(data: Path, arm: Arm) -> Prepared:
    recipe = load_recipe("mosi")
    if data.is_dir():
        recipe = recipe.model_copy(update={"dataset": "mosi-utterance"})
    epochs = recipe.settings("corrected").train.epochs
    options = {"epochs": epochs, "patience": epochs, **(arm.options or {})}
    prepared = prepare(recipe, data, arm.objective, _ENCODER, options)  # type: ignore[arg-type]  # an ObjectiveName
    return replace(prepared, config=prepared.config.model_copy(update={"modalities": arm.modalities}))


def _run(prepared: Prepared, seed: int) -> dict[str, Any]:
    """Train one seed; per epoch: the errors on both halves, and what the epoch cost."""
    valid = prepared.split("valid")
    truth = valid.targets(range(len(valid)))[:, 0].numpy()
    in_a = half_a(prepared)
    model = prepared.model(seed)
    encoder, rows = Encoder(model, CPU, World()), []

    def observe(record: StepRecord | EpochRecord) -> None:
        if isinstance(record, EpochRecord):
            prediction = predict(encoder, valid)[:, 0].numpy()
            errors = np.abs(prediction - truth)
            row = {
                "mae": float(errors.mean()),
                "A": float(errors[in_a].mean()),
                "B": float(errors[~in_a].mean()),
                "r": pearson_r(truth, prediction),
                "cpu_s": record.cpu_s,
                "parts": record.parts,
            }
            rows.append({key: round(value, 4) if isinstance(value, float) else value for key, value in row.items()})

    started = time.monotonic()
    train(model, prepared.split("train"), valid, prepared.options, seed=seed, device=CPU, observe=observe)
    return {"in_a": int(in_a.sum()), "in_b": int((~in_a).sum()), "wall_s": time.monotonic() - started, "rows": rows}


def half_a(prepared: Prepared) -> NDArray[np.bool_]:
    """Which utterances of the valid split belong to the videos of half A."""
    ids = prepared.dataset.split("valid").ids
    videos = np.array([name.split("$_$")[0] if "$_$" in name else name.rsplit("_", 1)[0] for name in ids])
    return np.isin(videos, split_videos(sorted(set(videos)), 0.5, _HALVES_SEED)[0])


def _entries(log: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in log.read_text(encoding="utf-8").splitlines()] if log.exists() else []


def crossed(entry: Mapping[str, Any]) -> float:
    """The MAE of a run: on each half at the epoch that is best on the other."""
    rows = entry["rows"]
    on = {half: [row[half] for row in rows] for half in ("A", "B")}
    on_a, on_b = on["A"][int(np.argmin(on["B"]))], on["B"][int(np.argmin(on["A"]))]
    return float((entry["in_a"] * on_a + entry["in_b"] * on_b) / (entry["in_a"] + entry["in_b"]))


def table(entries: Sequence[Mapping[str, Any]]) -> str:
    """The table of a log: every arm against "none" over the seeds that both have."""
    runs: dict[str, dict[int, Mapping[str, Any]]] = {}
    for entry in entries:
        runs.setdefault(entry["arm"], {})[entry["seed"]] = entry
    rows = []
    for arm in (name for name in ARMS if name in runs):
        by_seed = runs[arm]
        both = sorted(by_seed.keys() & runs.get("none", {}).keys())
        maes = [crossed(by_seed[seed]) for seed in by_seed]
        best = [min(entry["rows"], key=lambda row: row["mae"]) for entry in by_seed.values()]
        last = [entry["rows"][-1]["mae"] for entry in by_seed.values()]
        versus = ""
        if arm != "none" and both:
            ours, alone = ([crossed(runs[name][seed]) for seed in both] for name in (arm, "none"))
            p = f", p {sign_flip_p(ours, alone):.2g}" if len(both) > 1 else ""
            versus = f"{np.mean(ours) - np.mean(alone):+.3f}{p} ({len(both)})"
        cpu = np.median([row["cpu_s"] for entry in by_seed.values() for row in entry["rows"]])
        columns = [maes, [row["mae"] for row in best], last, [row["r"] for row in best]]
        rows.append([arm, str(len(by_seed)), *map(_spread, columns), versus, f"{cpu:.0f}"])
    heads = ["", "seeds", "MAE, crossed", "best epoch", "last epoch", "r", "MAE vs. none (seeds)", "CPU s an epoch"]
    return markdown(heads, rows)


def _spread(values: Sequence[float]) -> str:
    return f"{np.mean(values):.3f}" + (f" ± {np.std(values, ddof=1):.3f}" if len(values) > 1 else "")


def gradients(data: Path, seed: int) -> str:
    """What h_t receives in the first two epochs if the bounds reach the text encoder whole, and if they do not.

    Every tenth step, on one fixed batch: the norms of the gradients of the task and of the bounds at h_t, the cosine
    between them, and the bounds themselves, whose fall within an epoch shows how q goes stale.
    """
    rows: list[list[str]] = []
    for share, refresh in ((1.0, "epoch"), (0.0, "epoch"), (0.0, "step")):
        prepared = _prepared(data, Arm(options={"text_gradient": share, "q_refresh": refresh}))
        model, examples = prepared.model(seed), prepared.split("train")
        encoder = Encoder(model, CPU, World())
        measured = CorrectedObjective(model, prepared.options.model_copy(update={"text_gradient": 1.0}))
        fixed = list(range(prepared.options.batch_size))

        def observe(
            record: StepRecord | EpochRecord,
            encoder: Encoder = encoder,
            objective: CorrectedObjective = measured,
            examples: Any = examples,
            fixed: list[int] = fixed,
            named: tuple[str, ...] = (f"{share:g}", refresh),
        ) -> None:
            if isinstance(record, StepRecord) and record.stage == 1 and record.step % _EVERY == 0:
                found = _at_text(encoder, objective, examples.batch(fixed), examples.targets(fixed))
                rows.append([*named, str(record.epoch + 1), str(record.step), *(f"{x:.3g}" for x in found)])

        train(
            model, examples, prepared.split("valid"), prepared.options, seed=seed, device=CPU, observe=observe,
            stop_after=2,
        )  # fmt: skip
    heads = ["gradient to text", "q by", "epoch", "step", "task", "bounds", "cosine", "voice nats", "face nats"]
    return markdown(heads, rows)


def _at_text(
    encoder: Encoder, objective: CorrectedObjective, batch: Any, targets: torch.Tensor
) -> tuple[float, float, float, float, float]:
    model = encoder.model
    with torch.no_grad():
        h_t, h_a, h_v, present = encoder.encode(batch, (0,))
    h_t.requires_grad_()
    prediction, z = model.fuse(h_t, h_a, h_v, present)
    loss = objective.stage1(
        MMIMOutput(prediction, z, h_t=h_t, h_a=h_a, h_v=h_v, present=present, seen=present), targets
    )
    task = loss.parts["task"]
    (of_task,) = torch.autograd.grad(task, h_t, retain_graph=True)
    (of_terms,) = torch.autograd.grad(loss.total - task, h_t)
    cosine = torch.nn.functional.cosine_similarity(of_task.flatten(), of_terms.flatten(), dim=0)
    norms = float(of_task.norm()), float(of_terms.norm())
    voice, face = (float(loss.parts[f"mi_text_{m}"].detach()) for m in ("voice", "face"))
    return *norms, float(cosine), voice, face


if __name__ == "__main__":
    main()
