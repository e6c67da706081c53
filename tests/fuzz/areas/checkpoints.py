"""Folders of a checkpoint: configuration, tokenizer and weights."""

from __future__ import annotations

import json
import random
import tempfile
from pathlib import Path
from typing import Any

import torch

from mmim_live.model.checkpoint import load_checkpoint, save_checkpoint
from mmim_live.model.predictor import Predictor
from tests.fuzz.area import Area, Files, read_files
from tests.model.small import checkpoint_config, make_window, small_model, small_tokenizer

_SIZES: tuple[Any, ...] = (0, -1, 1, 2, 3, 24, 30_000, 10**8, 2**31, 2**63, 1e999, "24", None, [], {}, True, 0.5)


def seeds() -> list[Files]:
    model = small_model()
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "seed"
        save_checkpoint(path, model, checkpoint_config(model), small_tokenizer(), "# A card\n")
        return [read_files(path)]


def change_field(rng: random.Random, content: bytes) -> bytes:
    """A field of config.json or tokenizer.json, anywhere in it, gets another value or another name."""
    try:
        table = json.loads(content)
    except (ValueError, RecursionError):
        return content
    at = table
    while isinstance(at, dict | list) and at:
        key = rng.choice(list(at) if isinstance(at, dict) else range(len(at)))
        if not isinstance(at[key], dict | list) or not at[key] or rng.random() < 0.15:
            at[key] = rng.choice(_SIZES)
            break
        at = at[key]
    return json.dumps(table).encode()


def change_header(rng: random.Random, content: bytes) -> bytes:
    """A number in the JSON header of the weights, whose length stays true."""
    size = int.from_bytes(content[:8], "little")
    if not 0 < size < len(content):
        return content
    try:
        header = json.loads(content[8 : 8 + size])
        entry = header[rng.choice(list(header))]
        field = rng.choice(("shape", "data_offsets", "dtype"))
        if field == "dtype":
            entry[field] = rng.choice(("F16", "BF16", "F64", "I64", "BOOL", "F8_E5M2", "x", 3))
        else:
            entry[field][rng.randrange(len(entry[field]))] = rng.choice((0, 1, 2**31, 2**62, -1, "x"))
    except (ValueError, RecursionError, LookupError, TypeError):
        return content
    text = json.dumps(header).encode()
    return len(text).to_bytes(8, "little") + text + content[8 + size :]


def read(folder: Path) -> None:
    checkpoint = load_checkpoint(folder, None)
    Predictor(checkpoint, torch.device("cpu")).predict([make_window("i love this strange movie")])


AREA = Area("checkpoints", seeds, read, {".json": (change_field,), ".safetensors": (change_header,)})
