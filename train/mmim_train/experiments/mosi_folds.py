"""Do the mutual-information terms help? MMIM on MOSI's utterance features, chosen on half of the valid file at a time.

    python -m mmim_train.experiments.mosi_folds --data FOLDER --log FILE.jsonl [--seeds 1-24]
    python -m mmim_train.experiments.mosi_folds --log FILE.jsonl --table

FOLDER holds mosi_utterance_train.npz and mosi_utterance_valid.npz. A log that exists is gone on with. First every
setting of every arm is trained with the choosing seeds, and each half of the valid file chooses one setting an arm;
then these are trained with the seeds that are reported. Every model is fitted to the train file alone.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Mapping, Sequence
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from mmim_train.experiments.mosi_table import table
from mmim_train.experiments.utterances import MosiUtterances, cut_videos, predictions_by_epoch
from mmim_train.training.options import TrainOptions

QUESTION = (
    "Question: on text, voice and face, is MMIM with corrected bounds better than with the terms off, and than with "
    "the published terms? Folds: the valid file's videos are cut into halves A and B by a fixed seed. What is said of "
    "A was chosen on B and the other way round: the setting of each arm (of equally many, the lowest mean MAE over the "
    "choosing seeds, each at its best epoch), and in each reported run the epoch (lowest MAE). A seed's figures are "
    "those over both halves together, all 376 utterances. Metric: MAE; r, Acc-2 (non0) and its F1 beside it. Test: "
    "paired over seeds, two-sided sign flips, corrected against MI off and against published. Settings, folds, seeds, "
    "metric and test were fixed before the first run. Seeds are run in order; if time ends the runs, the seeds that "
    "all arms have count, and no fewer than 12."
)
CHOOSING_SEEDS = (9001, 9002)
HALVES = ("A", "B")
_HALVES_SEED = 376

SHARED: dict[str, Any] = {"epochs": 10, "batch_size": 64, "weight_decay": 0.1, "decay_q": 0.1, "lr_q": 3e-3}
_ARCHITECTURE: dict[str, Any] = {"dropout": 0.4, "q_rank": 16}
_FREE: list[dict[str, Any]] = [
    {"lr_main": rate, "architecture": {"dropout": dropout}} for rate in (1e-4, 3e-4, 1e-3) for dropout in (0.2, 0.5)
]
_WEIGHTED: list[dict[str, Any]] = [
    *({"lr_main": 2e-3, "beta": beta} for beta in (0.3, 1.0, 3.0)),
    *({"lr_main": rate, "beta": 1.0} for rate in (1e-3, 4e-3)),
    {"lr_main": 2e-3, "beta": 1.0, "alpha": 1.0, "cpc": ["text"]},
]
ARMS: dict[str, list[dict[str, Any]]] = {
    "MI off": [{"objective": "none", **free} for free in _FREE],
    "published": [{"objective": "published", "alpha": 0.1, "beta": 0.1, **free} for free in _FREE],
    "published, tuned": [{"objective": "published", "alpha": 0.1, **weighted} for weighted in _WEIGHTED],
    "corrected": [{"objective": "corrected", "alpha": 0.0, **weighted} for weighted in _WEIGHTED],
}


class Experiment:
    """The log, the data, and what is still to be run."""

    def __init__(self, log: Path, data: Path | None) -> None:
        self.log, self.data = log, data

    @cached_property
    def ground(self) -> MosiUtterances:
        assert self.data is not None
        return MosiUtterances(self.data)

    @cached_property
    def halves(self) -> dict[str, NDArray[np.bool_]]:
        """Which utterances of the valid file are in each."""
        cut = cut_videos(sorted(set(self.ground.videos)), 0.5, _HALVES_SEED)
        return {name: np.isin(self.ground.videos, videos) for name, videos in zip(HALVES, cut, strict=True)}

    @cached_property
    def truth(self) -> NDArray[np.float32]:
        return self.ground.valid.targets(range(len(self.ground.valid)))[:, 0].numpy()

    def entries(self, kind: str) -> list[dict[str, Any]]:
        """The lines of the log of one kind."""
        if not self.log.exists():
            return []
        lines = (json.loads(line) for line in self.log.read_text(encoding="utf-8").splitlines())
        return [entry for entry in lines if entry["kind"] == kind]

    def append(self, kind: str, **entry: Any) -> None:
        with self.log.open("a", encoding="utf-8") as file:
            file.write(json.dumps({"kind": kind, **entry}) + "\n")

    def run(self, setting: dict[str, Any], seed: int) -> NDArray[np.float32]:
        """Predictions of the valid file after every epoch."""
        options = {name: value for name, value in (SHARED | setting).items() if name != "architecture"}
        architecture = _ARCHITECTURE | setting.get("architecture", {})
        return predictions_by_epoch(self.ground, TrainOptions.model_validate(options), architecture, seed)

    def maes(self, predictions: NDArray[np.float32], half: str) -> NDArray[np.float32]:
        """Of every epoch, on one half."""
        kept = self.halves[half]
        errors: NDArray[np.float32] = np.abs(predictions[:, kept] - self.truth[kept]).mean(axis=1)
        return errors

    def choose(self) -> None:
        """Train every setting with every choosing seed."""
        done = {(e["arm"], e["setting"], e["seed"]) for e in self.entries("choosing")}
        for seed in CHOOSING_SEEDS:
            for arm, settings in ARMS.items():
                for number, setting in enumerate(settings):
                    if (arm, number, seed) not in done:
                        predictions = self.run(setting, seed)
                        best = {half: round(float(self.maes(predictions, half).min()), 5) for half in HALVES}
                        self.append("choosing", arm=arm, setting=number, seed=seed, mae=best)

    def chosen(self) -> dict[str, dict[str, int]]:
        """By arm and half, the number of the setting that the half chose."""
        entries = self.entries("choosing")
        result: dict[str, dict[str, int]] = {}
        for arm, settings in ARMS.items():
            result[arm] = {}
            for half in HALVES:
                found = [
                    np.mean([e["mae"][half] for e in entries if e["arm"] == arm and e["setting"] == number])
                    for number in range(len(settings))
                ]
                result[arm][half] = int(np.argmin(found))
        return result

    def report(self, seeds: Sequence[int]) -> None:
        """Train what was chosen with the seeds that are reported."""
        chosen = self.chosen()
        if not self.entries("chosen"):
            self.append("chosen", settings={arm: {h: ARMS[arm][n] for h, n in c.items()} for arm, c in chosen.items()})
            self.append("truth", truth=self.truth.tolist(), B=self.halves["B"].tolist())
        done = {(e["arm"], e["seed"]) for e in self.entries("reported")}
        for seed in seeds:
            for arm, by_half in chosen.items():
                if (arm, seed) not in done:
                    self._report(arm, by_half, seed)

    def _report(self, arm: str, by_half: Mapping[str, int], seed: int) -> None:
        runs = {number: self.run(ARMS[arm][number], seed) for number in sorted(set(by_half.values()))}
        final, epochs = np.zeros(len(self.truth), np.float32), {}
        for choosing, reported in (HALVES, HALVES[::-1]):
            predictions = runs[by_half[choosing]]
            epochs[choosing] = int(self.maes(predictions, choosing).argmin())
            final[self.halves[reported]] = predictions[epochs[choosing]][self.halves[reported]]
        self.append("reported", arm=arm, seed=seed, epochs=epochs, prediction=[round(float(p), 5) for p in final])


def seeds_of(text: str) -> list[int]:
    """Seeds such as 1-20 or 1,2,5."""
    if "-" in text:
        first, last = text.split("-")
        return list(range(int(first), int(last) + 1))
    return [int(part) for part in text.split(",")]


def main(arguments: Sequence[str] | None = None) -> None:
    """Run or print."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n", 1)[0])
    parser.add_argument("--data", type=Path)
    parser.add_argument("--log", type=Path, required=True)
    parser.add_argument("--seeds", default="1-24", help="that are reported, such as 1-24 or 1,2,5")
    parser.add_argument("--table", action="store_true", help="print the tables of a log")
    asked = parser.parse_args(arguments)
    experiment = Experiment(asked.log, asked.data)
    if not asked.table:
        if asked.data is None:
            parser.error("--data is needed")
        torch.set_num_threads(1)
        seeds = seeds_of(asked.seeds)
        if not asked.log.exists():
            asked.log.parent.mkdir(parents=True, exist_ok=True)
            header = {"question": QUESTION, "choosing_seeds": CHOOSING_SEEDS, "seeds": seeds, "shared": SHARED}
            experiment.append("header", **header, architecture=_ARCHITECTURE, arms=ARMS)
        experiment.choose()
        experiment.report(seeds)
    names = ("choosing", "chosen", "truth", "reported")
    sys.stdout.write(table(ARMS, *(experiment.entries(name) for name in names)) + "\n")


if __name__ == "__main__":
    main()
