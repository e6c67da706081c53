"""Hyperparameter search with optuna, on the validation split; the test split is never used.

Trials are stored next to the results, so an interrupted search can be resumed.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from rich.console import Console

from mmim_live.errors import ConfigError, DataError, OutputError
from mmim_train.reporting.json_files import write_json
from mmim_train.runs.prepare import Prepared
from mmim_train.training.options import TrainOptions
from mmim_train.training.trainer import EpochRecord, StepRecord, train

RANGES: Mapping[str, tuple[float, float]] = {
    "alpha": (1e-3, 1.0),
    "beta": (1e-4, 0.3),
    "lr_main": (2e-4, 1e-2),
    "lr_text": (5e-6, 2e-4),
    "lr_q": (3e-4, 1e-2),
    "weight_decay": (1e-4, 0.3),
}
"""The fields of TrainOptions to search and their ranges, on a logarithmic scale."""


def tune(
    prepared: Prepared, folder: Path, *, trials: int, seeds: tuple[int, ...], device: torch.device, console: Console
) -> dict[str, Any]:
    """Search until there are `trials` trials, each averaged over the seeds. Returns the content of best.json.

    A trial that is worse than the median of the others at its epoch is pruned. Raises ConfigError without optuna.
    """
    optuna = _optuna()
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise OutputError(f"{folder}: cannot be created ({error.strerror or error})") from error
    study = optuna.create_study(
        storage=f"sqlite:///{(folder / 'trials.db').resolve()}",
        study_name="mmim",
        load_if_exists=True,
        sampler=optuna.samplers.TPESampler(seed=len(seeds)),
        pruner=optuna.pruners.MedianPruner(n_startup_trials=5, n_warmup_steps=2),
    )

    def objective(trial: Any) -> float:
        value = _try(prepared, suggest(trial, prepared.options), seeds, device, trial)
        console.print(f"trial {trial.number}: valid {value:.4f} {trial.params}", soft_wrap=True)
        return value

    study.optimize(objective, n_trials=max(0, trials - len(study.trials)))
    done = [trial for trial in study.trials if trial.state.name == "COMPLETE"]
    if not done:
        raise DataError("no trial finished with a finite loss; increase --trials")
    best = {"valid_loss": study.best_value, "train": study.best_params, "trials": len(study.trials)}
    write_json(folder / "best.json", best)
    return best


def suggest(trial: Any, options: TrainOptions) -> TrainOptions:
    """The options of a trial. Fields that the objective does not use keep their values."""
    unused = {"alpha", "beta", "lr_q"} if options.objective == "none" else set()
    drawn = {name: trial.suggest_float(name, *ends, log=True) for name, ends in RANGES.items() if name not in unused}
    return TrainOptions.model_validate(options.model_dump() | drawn)


def _try(prepared: Prepared, options: TrainOptions, seeds: tuple[int, ...], device: torch.device, trial: Any) -> float:
    losses = []
    for number, seed in enumerate(seeds):

        def observe(record: StepRecord | EpochRecord, first: bool = number == 0) -> None:
            if first and isinstance(record, EpochRecord):  # only the first seed: epochs are the trial's steps
                trial.report(record.valid_loss, record.epoch)
                if trial.should_prune():
                    raise _optuna().TrialPruned

        result = train(
            prepared.model(seed),
            prepared.split("train"),
            prepared.split("valid"),
            options,
            seed=seed,
            device=device,
            measure=prepared.metrics,
            observe=observe,
        )
        losses.append(min((record.valid_loss for record in result.epochs), default=math.nan))
    return sum(losses) / len(losses)


def _optuna() -> Any:
    try:
        import optuna
    except ImportError as error:
        raise ConfigError("tuning needs optuna: pip install 'mmim-live[train]'") from error
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    return optuna
