"""numpy files: feature stores, and vectors in .npz archives."""

from __future__ import annotations

import io
import random
import re
import tempfile
import zipfile
from pathlib import Path

import numpy as np

from mmim_train.data.loader import open_dataset
from tests.fuzz.area import Area, Files, read_files
from tests.train.data.test_store import make

_SHAPES = (b"(99999999999,)", b"(-1,)", b"()", b"(1, 0)", b"(2, 3, 4)", b"(4611686018427387904, 4)", b"(1e9,)")
_TYPES = (b"<f8", b"|O", b">f4", b"<U9", b"|V8", b"<i8", b"<M8[s]", b"|S0")


def seeds() -> list[Files]:
    with tempfile.TemporaryDirectory() as folder:
        store = read_files(make(Path(folder) / "store"))
    rng = np.random.default_rng(3)
    vectors: dict[str, bytes] = {}
    for split in ("train", "valid"):
        file = io.BytesIO()
        columns = {
            "id": np.array([f"{split}_{i}" for i in range(6)]),
            "sentence": np.array([f"text {i}" for i in range(6)]),
            "label": rng.uniform(-3, 3, 6),
            "audio": rng.normal(size=(6, 73)),
            "video": rng.normal(size=(6, 100)),
        }
        np.savez(file, allow_pickle=False, **columns)
        vectors[f"mosi_utterance_{split}.npz"] = file.getvalue()
    return [store, vectors]


def change_header(rng: random.Random, content: bytes) -> bytes:
    """The shape or type in the header of an .npy file, which stays as long as it was where that is possible."""
    pattern, by = rng.choice(((rb"\(\d*,[^)]*\)", rng.choice(_SHAPES)), (rb"[<>|][fiU]\d+", rng.choice(_TYPES))))
    match = re.search(pattern, content[:128])
    if match is None:
        return content
    end = content.find(b"\n")
    head = content[: match.start()] + by + content[match.end() : end].rstrip()
    return head.ljust(end) + content[end:]


def change_member(rng: random.Random, content: bytes) -> bytes:
    """One array in an archive; its check sums stay true, so that the change reaches the reader."""
    try:
        with zipfile.ZipFile(io.BytesIO(content)) as archive:
            members = {name: archive.read(name) for name in archive.namelist()}
    except Exception:  # noqa: BLE001  an earlier mutation damaged it
        return content
    if not members:
        return content
    name = rng.choice(sorted(members))
    members[name] = rng.choice((change_header, change_character))(rng, members[name])
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", rng.choice((zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED))) as archive:
        for each, data in members.items():
            archive.writestr(each, data)
    return file.getvalue()


def change_character(rng: random.Random, content: bytes) -> bytes:
    """Four bytes of the data: beyond Unicode in a text, not finite in a number."""
    start = content.find(b"\n") + 1
    at = start + rng.randrange(max(1, (len(content) - start) // 4)) * 4
    value = rng.choice((0x110000, 0xFFFFFFFF, 0xD800, 0x0A, 0x7FC00000, 0x7F800000))
    return content[:at] + value.to_bytes(4, "little") + content[at + 4 :]


def read(folder: Path) -> None:
    dataset = open_dataset("clips" if (folder / "store.json").exists() else "mosi", folder)
    for split in dataset.splits.values():
        for index in range(len(split.ids)):
            split.ids[index].encode().decode()
            split.texts[index].encode().decode()  # what numpy read need not be Unicode
            split.voice[index].sum()
            split.face[index].sum()


AREA = Area("stores", seeds, read, {".npy": (change_header, change_character), ".npz": (change_member,)})
