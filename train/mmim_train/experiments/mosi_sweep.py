"""Settings for `mosi_arms`, compared on the videos that stop the training; nothing that is reported is looked at.

    python -m mmim_train.experiments.mosi_sweep --data FOLDER --log FILE.jsonl --seeds 101-104 < settings.jsonl

Each line of the input is a JSON object of TrainOptions' fields, and "architecture" for MMIMConfig's.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch

from mmim_live.types import MODALITIES
from mmim_train.experiments.mosi_arms import seeds_of
from mmim_train.experiments.utterances import Ground, run
from mmim_train.options import TrainOptions
from mmim_train.tables import markdown


def main(arguments: Sequence[str] | None = None) -> None:
    """Run every setting with every seed, seeds outermost; then print means against the first setting."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n", 1)[0])
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--log", type=Path, required=True)
    parser.add_argument("--seeds", default="101-104")
    parser.add_argument("--trained-layers", type=int, default=0)
    parser.add_argument("--modalities", default=",".join(MODALITIES))
    asked = parser.parse_args(arguments)
    torch.set_num_threads(1)
    settings = [json.loads(line) for line in sys.stdin if line.strip()]
    chosen = tuple(m for m in MODALITIES if m in asked.modalities.split(","))
    ground = Ground(asked.data, asked.trained_layers, chosen)
    maes: list[list[float]] = [[] for _ in settings]
    with asked.log.open("a", encoding="utf-8") as log:
        for seed in seeds_of(asked.seeds):
            for setting, found in zip(settings, maes, strict=True):
                fields = {name: value for name, value in setting.items() if name != "architecture"}
                options = TrainOptions.model_validate(fields)
                result = run(ground, options, seed, setting.get("architecture", {}), scores=False)
                found.append(result["stop"]["mae"])
                log.write(json.dumps({"setting": setting, "seed": seed, **result}) + "\n")
                log.flush()
    sys.stdout.write(_table([json.dumps(setting) for setting in settings], np.array(maes)) + "\n")


def _table(names: Sequence[str], maes: np.ndarray[tuple[int, int], np.dtype[np.float64]]) -> str:
    rows = []
    for name, row in zip(names, maes, strict=True):
        differences = row - maes[0]
        error = differences.std(ddof=1) / np.sqrt(len(row)) if len(row) > 1 else 0.0
        rows.append([f"{row.mean():.4f}", f"{differences.mean():+.4f} ± {error:.4f}", name])
    return markdown(["MAE", "against the first, ± standard error", "setting"], rows)


if __name__ == "__main__":
    main()
