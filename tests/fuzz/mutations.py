"""Mutations of bytes and of text. Each takes a random generator and returns other content."""

from __future__ import annotations

import random
import re

from tests.fuzz.area import Area, Files, Mutation

MAX_BYTES = 2**22  # of a mutated file
NUMBERS = (
    b"1e999", b"-1e999", b"NaN", b"Infinity", b"-1", b"0", b"-0.0", b"1" * 400, b"9" * 5000, b"1e308", b"5e-324",
    b"99999999999999999999", b"2147483648", b"0x10", b"1_000", "²".encode(), "٣".encode(),
)  # fmt: skip
ODD_TEXT = (
    b"\xff\xfe", b"\xc3\x28", b"\xed\xa0\x80", b"\x00", b"\x1b[31m", b"\x07", b"\n", b"\r\n", b"\x85", b"\\ud800",
    "\u2028".encode(), "\u202e".encode(), b"[/b]", b"../../x", b"%s%n", b"\\n", b'"', b"a" * 70_000,
)  # fmt: skip
_NUMBER = re.compile(rb"-?\d+(\.\d+)?([eE][-+]?\d+)?")
_VALUE = re.compile(rb'"[^"\\\n]{0,200}"|-?\d+(\.\d+)?|true|false|null|\[\]|\{\}')
_WORD = re.compile(rb"[A-Za-z_]{2,40}")
VALUES = (b"null", b"true", b'"x"', b"[]", b"{}", b"-1", b"[[1]]", b'{"a": {"b": []}}', b'""', b"1.5")


def flip_bits(rng: random.Random, content: bytes) -> bytes:
    changed = bytearray(content)
    for _ in range(rng.choice((1, 1, 2, 8, 64))):
        if changed:
            changed[rng.randrange(len(changed))] ^= 1 << rng.randrange(8)
    return bytes(changed)


def set_integer(rng: random.Random, content: bytes) -> bytes:
    """A binary length or count somewhere becomes an extreme one."""
    size = rng.choice((1, 2, 4, 8))
    value = rng.choice((0, 1, 2 ** (8 * size - 1) - 1, 2 ** (8 * size - 1), 2 ** (8 * size) - 1))
    at = rng.randrange(len(content) + 1)
    return content[:at] + value.to_bytes(size, rng.choice(("little", "big"))) + content[at + size :]


def truncate(rng: random.Random, content: bytes) -> bytes:
    return content[: rng.randrange(len(content) + 1)]


def duplicate(rng: random.Random, content: bytes) -> bytes:
    start, end = _span(rng, content)
    piece = content[start:end] * rng.choice((1, 1, 2, 30))
    return content[:end] + piece[:MAX_BYTES] + content[end:]


def remove(rng: random.Random, content: bytes) -> bytes:
    start, end = _span(rng, content)
    return content[:start] + content[end:]


def swap(rng: random.Random, content: bytes) -> bytes:
    (a, b), (c, d) = sorted((_span(rng, content), _span(rng, content)))
    return content if b > c else content[:a] + content[c:d] + content[b:c] + content[a:b] + content[d:]


def insert_odd_text(rng: random.Random, content: bytes) -> bytes:
    at = rng.randrange(len(content) + 1)
    return content[:at] + rng.choice(ODD_TEXT) + content[at:]


def replace_number(rng: random.Random, content: bytes) -> bytes:
    return _replace(rng, content, _NUMBER, rng.choice(NUMBERS))


def replace_value(rng: random.Random, content: bytes) -> bytes:
    """A value of JSON or TOML becomes one of another type."""
    return _replace(rng, content, _VALUE, rng.choice(VALUES))


def replace_word(rng: random.Random, content: bytes) -> bytes:
    words = [match[0] for match in _WORD.finditer(content[:100_000])]
    return _replace(rng, content, _WORD, rng.choice(words)) if words else content


def nest(rng: random.Random, content: bytes) -> bytes:
    depth = rng.choice((20, 40, 1_000, 100_000))
    opening, closing = rng.choice(((b"[", b"]"), (b'{"a":', b"}"), (b"[[", b"]]")))
    return _replace(rng, content, _VALUE, opening * depth + b"1" + closing * depth)


def repeat_line(rng: random.Random, content: bytes) -> bytes:
    lines = content.splitlines(keepends=True)
    if not lines:
        return content
    at = rng.randrange(len(lines))
    lines[at:at] = [lines[at]] * rng.choice((1, 300))
    return b"".join(lines)[:MAX_BYTES]


BINARY: tuple[Mutation, ...] = (flip_bits, flip_bits, set_integer, set_integer, truncate, duplicate, remove, swap)
TEXT: tuple[Mutation, ...] = (
    flip_bits, truncate, duplicate, remove, insert_odd_text, insert_odd_text, replace_number, replace_number,
    replace_value, replace_value, replace_word, nest, repeat_line,
)  # fmt: skip


def mutate(area: Area, seeds: list[Files], rng: random.Random) -> Files:
    """A seed with one to three mutations in one or two of its files; now and then a file is emptied or missing."""
    files = dict(rng.choice(seeds))
    for _ in range(rng.choice((1, 1, 1, 2))):
        name = rng.choice(sorted(files))
        if rng.random() < 0.02:
            files[name] = b""
            continue
        if rng.random() < 0.02 and len(files) > 1:
            del files[name]
            continue
        for _ in range(rng.choice((1, 1, 2, 3))):
            files[name] = rng.choice(mutations_of(area, name))(rng, files[name])[:MAX_BYTES]
    return files


def mutations_of(area: Area, name: str) -> tuple[Mutation, ...]:
    suffix = "." + name.rpartition(".")[2]
    general = TEXT if suffix in (".json", ".jsonl", ".toml", ".csv", ".txt") else BINARY
    own = area.mutations.get(suffix, ())
    return general + own * max(1, len(general) // 2 // max(1, len(own)))


def _span(rng: random.Random, content: bytes) -> tuple[int, int]:
    start = rng.randrange(len(content) + 1)
    return start, min(len(content), start + rng.choice((1, 4, 16, 100, 1_000)))


def _replace(rng: random.Random, content: bytes, pattern: re.Pattern[bytes], by: bytes) -> bytes:
    matches = list(pattern.finditer(content))
    if not matches:
        return content
    match = rng.choice(matches)
    return content[: match.start()] + by + content[match.end() :]
