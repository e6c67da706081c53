"""Small files in the published layouts, odd parts included. Random, from a fixed seed."""

from __future__ import annotations

import csv
import pickle
from pathlib import Path
from typing import Any

import numpy as np

WORDS = ("IT", "COULDVE", "BEEN", "BETTER", "I", "REALLY", "LOVED", "THIS", "MOVIE")
COUNTS = {"train": 20, "valid": 6, "test": 5}


def write_pickle(path: Path, content: object, protocol: int = 4) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(pickle.dumps(content, protocol))
    return path


def sentence(rng: np.random.Generator) -> str:
    return " ".join(rng.choice(WORDS, rng.integers(1, 8)))


def mmsa(aligned: bool = False, sims: bool = False, seed: int = 0) -> dict[str, dict[str, Any]]:
    """float text_bert, -inf in audio, NaN in vision, zero frames inside a sequence, (N,) labels."""
    rng = np.random.default_rng(seed)
    return {name: _mmsa_split(rng, name, n, aligned, sims) for name, n in COUNTS.items()}


def _mmsa_split(rng: np.random.Generator, name: str, n: int, aligned: bool, sims: bool) -> dict[str, Any]:
    texts = [sentence(rng) for _ in range(n)]
    tokens = 12
    text_bert = np.zeros((n, 3, tokens))
    for i, text in enumerate(texts):
        length = len(text.split()) + 2
        text_bert[i, 0, :length] = rng.integers(100, 2000, length)
        text_bert[i, 1, :length] = 1
    frames = {"audio": tokens if aligned else 15, "vision": tokens if aligned else 20}
    lengths = {key: text_bert[:, 1].sum(axis=1).astype(int) for key in frames}
    if not aligned:
        lengths = {key: rng.integers(2, t + 1, n) for key, t in frames.items()}
    part: dict[str, Any] = {
        "raw_text": np.array(texts),
        "text": rng.normal(size=(n, tokens, 16)).astype(np.float32),
        "text_bert": text_bert.astype(np.float32),
        "id": [f"vid{name}{i // 3}$_${i % 3 + 1}" for i in range(n)],
        "annotations": np.array(["Neutral"] * n),
    }
    for key, width in (("audio", 5), ("vision", 7)):
        values = rng.normal(size=(n, frames[key], width)) * 3 + 10
        values[np.arange(frames[key]) >= lengths[key][:, None]] = 0
        values[0, 1] = 0  # a true frame of zeros, not padding
        values[1, 0, 2] = -np.inf if key == "audio" else np.nan
        part[key] = values
        if not aligned:
            part[f"{key}_lengths"] = lengths[key].tolist() if key == "audio" else lengths[key]
    limit = 1 if sims else 3
    part["regression_labels"] = np.round(rng.uniform(-limit, limit, n), 1)
    if sims:
        part |= {f"regression_labels_{m}": np.round(rng.uniform(-1, 1, n), 1) for m in "TAV"}
    part["classification_labels"] = (np.sign(part["regression_labels"]) + 1).astype(np.float64)
    return part


def mult(folder: Path, mosei: bool = False, seed: int = 0) -> Path:
    """(N, 1, 1) labels, ids as bytes (N, 1) or (N, 3), frames at the end, and a label.csv."""
    rng = np.random.default_rng(seed)
    content: dict[str, Any] = {}
    rows: list[dict[str, Any]] = []
    for name, n in COUNTS.items():
        labels = np.round(rng.uniform(-3, 3, (n, 1, 1)), 2).astype(np.float32)
        names = [(f"v-{name}_{i // 3}", str(i % 3)) for i in range(n)]
        ids: list[Any] = [[f"{video}_{clip}".encode()] for video, clip in names]
        if mosei:
            ids = [[video, f"{i}.5", f"{i + 1}.25"] for i, (video, _) in enumerate(names)]
        vision, audio = (np.zeros((n, t, w)) for t, w in ((20, 7), (15, 5)))
        for i in range(n):
            for values in (vision, audio):
                length = int(rng.integers(3, values.shape[1] + 1))
                values[i, -length:] = rng.normal(size=(length, values.shape[2])) + 4
                values[i, -2] = 0  # a zero frame inside
        vision[0, :] = 0  # no face in the whole utterance
        audio[1, -1, 0] = -np.inf
        content[name] = {"vision": vision, "audio": audio, "text": np.zeros((n, 5, 3)), "labels": labels}
        content[name]["id"] = np.array(ids)
        for (video, clip), label in zip(names, labels.reshape(-1), strict=True):
            row = {"video_id": video, "clip_id": clip, "text": sentence(rng), "label": round(float(label), 2)}
            rows.append(row | {"annotation": "", "mode": name})
    write_csv(folder / "MOSI-label.csv", rows)
    return write_pickle(folder / "mosi_data_noalign.pkl", content, protocol=2)


def misa(seed: int = 0, seven: bool = False, parts: int = 4) -> dict[str, list[Any]]:
    rng = np.random.default_rng(seed)
    content: dict[str, list[Any]] = {}
    for name, n in (("train", 20), ("dev", 6), ("test", 5)):
        content[name] = []
        for i in range(n):
            words = sentence(rng).split()
            visual = rng.normal(size=(len(words), 47)).astype(np.float32)
            acoustic = rng.normal(size=(len(words), 74)).astype(np.float32)
            label = rng.uniform(-3, 3, (1, 7 if seven else 1)).astype(np.float32)
            inner: tuple[Any, ...] = (np.arange(len(words)), visual, acoustic, words, len(words), len(words))
            if parts == 3:
                inner = (np.array(words), visual, acoustic)
            content[name].append((inner[:parts], label, f"{name}_vid[{i}]"))
    return content


def write_csv(path: Path, rows: list[dict[str, Any]], encoding: str = "utf-8") -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("w", encoding=encoding, newline="") as file:
        writer = csv.DictWriter(file, list(rows[0]))
        writer.writeheader()
        writer.writerows(rows)
    return path
