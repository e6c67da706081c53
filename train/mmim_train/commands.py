"""The commands `train`, `evaluate` and `tune` as functions of parsed arguments, called by the command line.

They raise MmimLiveError, show progress on the given console, and return the text to print.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from pydantic import ValidationError
from rich.console import Console

from mmim_live.errors import ConfigError
from mmim_live.model.device import choose_device
from mmim_train.data.dataset import SplitName
from mmim_train.data.registry import dataset_spec
from mmim_train.evaluation.evaluate import evaluate
from mmim_train.reporting.json_files import finite, read_json, write_json
from mmim_train.reporting.markdown_tables import metrics_table
from mmim_train.reporting.report import outcome
from mmim_train.runs.prepare import Prepared, prepare
from mmim_train.runs.recipe import Recipe, describe_unknown, load_recipe, recipe_names
from mmim_train.runs.run import Run, ablation_arms, execute
from mmim_train.runs.tune import tune
from mmim_train.training.distributed import is_main_from_environment, local_device, world_from_environment
from mmim_train.training.options import ObjectiveName, TrainOptions

_REQUEST = "run.json"


def train_command(
    data: Path | None,
    recipe: str | None = None,
    dataset: str | None = None,
    text_encoder: str | None = None,
    seeds: tuple[int, ...] = (1,),
    objective: ObjectiveName = "corrected",
    output: Path | None = None,
    resume: Path | None = None,
    device: str = "auto",
    ablate: bool = False,
    overrides: Mapping[str, Any] | None = None,
    console: Console | None = None,
) -> str:
    """Train, and return one line that says where the results are.

    `resume` is the folder of an interrupted run: all other settings are then read from it, except `data` if the files
    have moved. `overrides` are fields of TrainOptions. Raises MmimLiveError.
    """
    if resume is not None:
        request = _read_request(resume)
        data = data or Path(request.pop("data"))
        return _train(data, resume, device, console, **{k: v for k, v in request.items() if k != "data"})
    if data is None:
        raise ConfigError("missing --data PATH")
    folder = output or Path("runs") / f"{Path(recipe or dataset or 'run').stem}-{objective}"
    if is_main_from_environment() and (folder / _REQUEST).exists():
        raise ConfigError(f"{folder} already contains a run: use --resume {folder}, or choose another --output")
    request = {
        "recipe": recipe,
        "dataset": dataset,
        "text_encoder": text_encoder,
        "seeds": list(seeds),
        "objective": objective,
        "ablate": ablate,
        "overrides": dict(overrides or {}),
    }
    return _train(data, folder, device, console, **request)


def _train(data: Path, folder: Path, device: str, console: Console | None, **request: Any) -> str:
    if not request["seeds"] or len(set(request["seeds"])) != len(request["seeds"]) or min(request["seeds"]) < 0:
        raise ConfigError("seeds must be distinct non-negative integers, such as --seeds 1,2,3")
    recipe = choose_recipe(request["recipe"], request["dataset"])
    chosen = local_device(choose_device(device))
    console = console or Console(stderr=True)
    prepared = _prepare(recipe, data, request, console)
    # A resumed run must use the same text encoder, whatever can be had then.
    request["text_encoder"] = prepared.text_encoder or request["text_encoder"]
    options = prepared.options
    with world_from_environment(chosen) as world:
        if world.is_main:
            write_json(folder / _REQUEST, {"data": str(data.resolve()), **request})
        run = Run(
            prepared=prepared,
            title=recipe.title,
            seeds=tuple(request["seeds"]),
            arms=ablation_arms(options) if request["ablate"] else {options.objective: options},
            folder=folder,
            device=chosen,
            world=world,
            console=console,
        )
        execute(run)
        lines = outcome(read_json(folder / "metrics.json")) if world.is_main else []
    return "\n".join([*lines, f"see {folder / 'report.md'}; the checkpoint is {folder / 'checkpoint'}"])


def _prepare(recipe: Recipe, data: Path, request: Mapping[str, Any], console: Console) -> Prepared:
    def note(line: str) -> None:
        if is_main_from_environment():
            console.print(line, markup=False, highlight=False, soft_wrap=True)

    asked = (request["objective"], request["text_encoder"], request["overrides"])
    try:
        return prepare(recipe, data, *asked, note=note)
    except ValidationError as error:
        first = error.errors()[0]
        if first["type"] == "extra_forbidden":
            raise ConfigError(f"--set {describe_unknown(str(first['loc'][0]), TrainOptions.model_fields)}") from error
        raise ConfigError(f"{'.'.join(map(str, first['loc']))}: {first['msg']}") from error


def choose_recipe(recipe: str | None, dataset: str | None) -> Recipe:
    """The recipe with this name or path; otherwise that of the data set, or of MOSI if it has none of its own."""
    if recipe is not None:
        chosen = load_recipe(recipe)
    elif dataset is None:
        raise ConfigError(f"missing recipe ({', '.join(recipe_names())}, or a .toml file) or --dataset NAME")
    else:
        spec = dataset_spec(dataset)
        name = dataset.removesuffix("-english")
        own = load_recipe(name if name in recipe_names() else "mosi")
        return own.model_copy(update={"dataset": dataset, "title": spec.title})
    if dataset is not None:
        chosen = chosen.model_copy(update={"dataset": dataset_spec(dataset).name})
    return chosen


def evaluate_command(
    checkpoint: Path,
    dataset: str,
    data: Path,
    split: SplitName = "test",
    missing: bool = False,
    as_json: bool = False,
    device: str = "auto",
) -> str:
    """The metrics of a checkpoint, as Markdown tables or as JSON. Raises MmimLiveError."""
    result = evaluate(checkpoint, dataset, data, split=split, missing=missing, device=choose_device(device))
    if as_json:
        return json.dumps(finite(result.as_json()), indent=2, ensure_ascii=False)
    parts = [f"{result.checkpoint} on {result.dataset}, {result.split}:", metrics_table({"all": result.metrics})]
    if result.frames_missing:
        rows = {**result.frames_missing, "mean": result.frames_mean}
        parts += ["Frames and words dropped at random, by rate:", metrics_table(rows, "rate")]
    if result.modalities_missing:
        rows = {**result.modalities_missing, "mean of incomplete sets": result.modalities_mean}
        parts += ["Whole modalities missing, by those present:", metrics_table(rows, "present")]
    return "\n\n".join(parts)


def _read_request(folder: Path) -> dict[str, Any]:
    if not (folder / _REQUEST).is_file():
        raise ConfigError(f"{folder} contains no run to resume: it lacks {_REQUEST}")
    request: dict[str, Any] = read_json(folder / _REQUEST)
    return request


def tune_command(
    data: Path,
    recipe: str | None = None,
    dataset: str | None = None,
    text_encoder: str | None = None,
    trials: int = 30,
    seeds: tuple[int, ...] = (1,),
    objective: ObjectiveName = "corrected",
    output: Path = Path("runs/tuning"),
    device: str = "auto",
    overrides: Mapping[str, Any] | None = None,
    console: Console | None = None,
) -> str:
    """Search hyperparameters on the valid split. Returns the best as lines for the `train` section of a recipe."""
    request = {"objective": objective, "text_encoder": text_encoder, "overrides": dict(overrides or {})}
    console = console or Console(stderr=True)
    prepared = _prepare(choose_recipe(recipe, dataset), data, request, console)
    best = tune(
        prepared,
        output,
        trials=trials,
        seeds=seeds,
        device=choose_device(device),
        console=console,
    )
    lines = "\n".join(f"{name} = {value:.6g}" for name, value in best["train"].items())
    return f"# validation loss {best['valid_loss']:.4f}, best of {best['trials']} trials\n{lines}"
