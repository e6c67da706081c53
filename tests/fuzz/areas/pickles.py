"""Pickles of published data sets."""

from __future__ import annotations

import pickle
import random
import tempfile
from pathlib import Path

from mmim_train.data.loader import open_dataset
from mmim_train.data.safe_unpickle import read_pickle
from tests.fuzz.area import Area, Files
from tests.train.layouts import misa, mmsa, mult

_OPCODES = bytes(
    ord(value) for name in dir(pickle) if name.isupper() and isinstance(value := getattr(pickle, name), bytes)
    if len(value) == 1
)  # fmt: skip


def seeds() -> list[Files]:
    with tempfile.TemporaryDirectory() as folder:
        of_mult = mult(Path(folder))
        table = (of_mult.parent / "MOSI-label.csv").read_bytes()
        contents = [{"x.pkl": of_mult.read_bytes(), "MOSI-label.csv": table}]
    contents += [{"x.pkl": pickle.dumps(content, p)} for p in (2, 4) for content in (mmsa(), mmsa(True), misa())]
    small = {"a": [1, 2.5, "x", b"y", None, True], "b": {"c": (1, 2)}, "d": {1, 2}}
    contents += [{"plain.pkl": pickle.dumps(small, protocol)} for protocol in range(6)]
    return list(contents)


def put_opcode(rng: random.Random, content: bytes) -> bytes:
    at = rng.randrange(min(len(content), rng.choice((40, 400, 10**9))) + 1)
    return content[:at] + bytes(rng.choices(_OPCODES, k=rng.choice((1, 1, 3)))) + content[at + rng.randrange(2) :]


def put_program(rng: random.Random, content: bytes) -> bytes:
    """Something that is costly or forbidden, before all else."""
    return rng.choice((
        b"cos\nsystem\n(S'true'\ntR.", b"\x80\x04]r\xff\xff\xff\x7f.", b"(" * 10_000, b"]" * 10_000,
        b"\x80\x04" + b"]\x94" * 3_000, b"\x80\x04}" + b")\x85" * 1_000 + b"Ns.", b"I" + b"9" * 5_000 + b"\n.",
        b"L" + b"9" * 5_000 + b"L\n.", b"\x8b\xff\xff\xff\x7f", b"F1e999\n.", b"S'\\ud800'\n.", b"V\\ud800\n.",
    )) + content  # fmt: skip


def read(folder: Path) -> None:
    if (folder / "plain.pkl").exists():
        read_pickle(folder / "plain.pkl")
        return
    dataset = open_dataset("mosi", folder / "x.pkl")
    for split in dataset.splits.values():
        for index in range(len(split.ids)):
            split.ids[index].encode().decode()
            split.texts[index].encode().decode()  # what numpy read need not be Unicode
            split.voice[index].sum()


AREA = Area("pickles", seeds, read, {".pkl": (put_opcode, put_program)})
