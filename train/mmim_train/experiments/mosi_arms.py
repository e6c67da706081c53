"""Do the mutual-information terms help? MMIM on MOSI's utterance features, three objectives, many seeds.

    python -m mmim_train.experiments.mosi_arms --data FOLDER --log FILE.jsonl [--seeds 1-20] [--trained-layers 0]
    python -m mmim_train.experiments.mosi_arms --log FILE.jsonl --table

FOLDER holds mosi_utterance_train.npz and mosi_utterance_valid.npz. A log that exists is gone on with. The settings in
`ARMS` were chosen with `mmim_train.experiments.mosi_sweep`, which sees neither the valid file nor the videos set aside.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import torch

from mmim_live.types import MODALITIES, Modality
from mmim_train.experiments.utterances import Ground, run
from mmim_train.options import TrainOptions
from mmim_train.statistics import sign_flip_p, summarise
from mmim_train.tables import figure, markdown

SHARED: dict[str, Any] = {"epochs": 20, "patience": 5, "lr_main": 2e-3, "weight_decay": 0.1, "decay_q": 0.1}
ARCHITECTURE: dict[str, Any] = {"dropout": 0.4}
ARMS: dict[str, dict[str, Any]] = {
    "MI off": {"objective": "none"},
    "published": {"objective": "published", "alpha": 0.1, "beta": 0.1},
    "corrected": {"objective": "corrected", "alpha": 0.1, "beta": 0.003, "q_passes": 3, "lr_q": 3e-3},
    "corrected, CPC": {"objective": "corrected", "alpha": 0.1, "beta": 0.0},
    "corrected, BA": {"objective": "corrected", "alpha": 0.0, "beta": 0.003, "q_passes": 3, "lr_q": 3e-3},
}
QUESTION = (
    "Question: is MMIM with corrected bounds better than with the terms off, and than with the published terms? "
    "Metric: MAE; r, Acc-2 (non0) and its F1 beside it. Test: paired over seeds, two-sided sign flips. Reported on the "
    "valid file, and on train videos set aside. Of the three corrected arms the one with the lowest mean MAE on the "
    "videos that stop the training is the one that counts. Seeds, arms and metric were fixed before the first "
    "of these runs."
)
COLUMNS = ("mae", "r", "acc2_non0", "f1_non0")


def main(arguments: Sequence[str] | None = None) -> None:
    """Run or print."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n", 1)[0])
    parser.add_argument("--data", type=Path)
    parser.add_argument("--log", type=Path, required=True)
    parser.add_argument("--seeds", default="1-20", help="such as 1-20 or 1,2,5")
    parser.add_argument("--modalities", default=",".join(MODALITIES))
    parser.add_argument("--trained-layers", type=int, default=0, help="of the text encoder; the others are frozen")
    parser.add_argument("--table", action="store_true", help="print the table of a log")
    asked = parser.parse_args(arguments)
    if asked.table:
        sys.stdout.write(table(read_log(asked.log)) + "\n")
        return
    if asked.data is None:
        parser.error("--data is needed")
    torch.set_num_threads(1)
    modalities: tuple[Modality, ...] = tuple(m for m in MODALITIES if m in asked.modalities.split(","))
    _run_all(asked.data, asked.log, seeds_of(asked.seeds), asked.trained_layers, modalities)


def _run_all(data: Path, log: Path, seeds: Sequence[int], trained: int, modalities: tuple[Modality, ...]) -> None:
    log.parent.mkdir(parents=True, exist_ok=True)
    if not log.exists():
        header = {"question": QUESTION, "seeds": list(seeds), "trained_layers": trained, "modalities": modalities}
        _append(log, {**header, "shared": SHARED, "architecture": ARCHITECTURE, "arms": ARMS})
    done = {(entry["arm"], entry["seed"]) for entry in read_log(log)}
    ground = Ground(data, trained, modalities)
    for seed in seeds:
        for arm, settings in ARMS.items():
            if (arm, seed) not in done:
                options = TrainOptions.model_validate(SHARED | settings)
                _append(log, {"arm": arm, "seed": seed, **run(ground, options, seed, ARCHITECTURE)})


def _append(log: Path, entry: Mapping[str, Any]) -> None:
    with log.open("a", encoding="utf-8") as file:
        file.write(json.dumps(entry) + "\n")


def read_log(log: Path) -> list[dict[str, Any]]:
    """The runs of a log, without its header."""
    entries = [json.loads(line) for line in log.read_text(encoding="utf-8").splitlines()]
    return [entry for entry in entries if "arm" in entry]


def seeds_of(text: str) -> list[int]:
    """Seeds such as 1-20 or 1,2,5."""
    if "-" in text:
        first, last = text.split("-")
        return list(range(int(first), int(last) + 1))
    return [int(part) for part in text.split(",")]


def table(entries: Sequence[Mapping[str, Any]]) -> str:
    """Means, standard deviations and paired tests, for both places that are judged."""
    arms: dict[str, dict[int, Mapping[str, Any]]] = {}
    for entry in entries:
        arms.setdefault(entry["arm"], {})[entry["seed"]] = entry
    seeds = sorted(set.intersection(*(set(runs) for runs in arms.values())))
    parts = []
    for place, title in (
        ("valid", "the valid file"),
        ("aside", "train videos set aside"),
        ("stop", "the videos that stop the training, which choose"),
    ):
        rows = []
        for arm, runs in arms.items():
            summary = summarise([runs[seed][place] for seed in seeds])
            figures = [figure(c, summary[c]["mean"], summary[c]["sd"]) for c in COLUMNS]
            maes = [runs[seed][place]["mae"] for seed in seeds]
            rows.append([arm, *figures, *(_against(maes, arms, other, arm, seeds, place) for other in arms)])
        header = ["", "MAE", "r", "Acc-2", "F1", *(f"MAE against {other}" for other in arms)]
        parts.append(f"On {title}, {len(seeds)} seeds:\n\n{markdown(header, rows)}")
    return "\n\n".join(parts)


def _against(
    maes: Sequence[float],
    arms: Mapping[str, Mapping[int, Mapping[str, Any]]],
    other: str,
    arm: str,
    seeds: Sequence[int],
    place: str,
) -> str:
    if other == arm:
        return ""
    theirs = [arms[other][seed][place]["mae"] for seed in seeds]
    difference = (sum(maes) - sum(theirs)) / len(seeds)
    return f"{difference:+.4f}, p {sign_flip_p(maes, theirs):.2g}"


if __name__ == "__main__":
    main()
