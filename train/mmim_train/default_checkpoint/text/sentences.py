"""Sentences with a rated sentiment, from SST, VADER, EmoBank and MOSI, all on MOSI's scale from -3 to 3.

Scales: SST rates positivity 0 to 1, VADER -4 to 4, EmoBank valence 1 to 5; each is mapped linearly so that its ends
are -3 and 3. SST and VADER had the same film reviews rated by different people: such a review is there twice, with
one rating each.

A part of each source is *kept back*: the text encoder is never fitted to it, so that whatever learns on top of the
encoder meets its true error there. A review is kept back with both its ratings, and a VADER review that may be one of
these in another spelling is left out. `mmim_live.text_normalization` takes care of case and punctuation.
"""

from __future__ import annotations

import csv
import hashlib
import html
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal

from mmim_live.errors import DataError
from mmim_live.text_normalization import normalize_text

Source = Literal["sst", "vader", "emobank", "mosi"]
SOURCES: tuple[Source, ...] = ("sst", "vader", "emobank", "mosi")
Part = Literal["fit", "kept", "valid"]

_KEPT_SHARE = 0.05  # of the sentences of SST and VADER; EmoBank has a published split


@dataclass(frozen=True, slots=True)
class Sentence:
    """One sentence; `part` says whether the encoder is fitted to it, never sees it, or is evaluated on it."""

    text: str
    score: float  # -3 to 3
    source: Source
    part: Part


def read_sentences(folder: Path) -> list[Sentence]:
    """All sentences of a folder with labels/mosi.csv and text/{sst,vader,emobank}.csv, in the order of the files.

    Raises DataError for a missing or malformed file.
    """
    reviews = list(_sst(folder / "text" / "sst.csv"))
    known = {_key(review.text) for review in reviews}
    kept = [_words(review.text) for review in reviews if review.part == "kept"]
    sentences: list[Sentence] = []
    for sentence in _vader(folder / "text" / "vader.csv"):
        if sentence.source == "vader" or _key(sentence.text) in known:
            sentences.append(sentence)
        elif not _resembles(_words(sentence.text), kept):
            sentences.append(replace(sentence, part="fit"))
    return [
        sentence
        for sentence in (
            *reviews,
            *sentences,
            *_emobank(folder / "text" / "emobank.csv"),
            *_mosi(folder / "labels" / "mosi.csv"),
        )
        if normalize_text(sentence.text)
    ]


def _sst(path: Path) -> Iterator[Sentence]:
    for row in _rows(path, "sentence", "positivity"):
        text = _untokenised(row["sentence"])
        yield Sentence(text, 6 * _number(path, row, "positivity") - 3, "sst", _part(text))


def _vader(path: Path) -> Iterator[Sentence]:
    for row in _rows(path, "source", "mean_rating", "text"):
        source: Source = "sst" if row["source"] == "movieReview" else "vader"
        score = 0.75 * _number(path, row, "mean_rating")
        text = html.unescape(row["text"] or "")
        yield Sentence(text, score, source, _part(text))


def _emobank(path: Path) -> Iterator[Sentence]:
    for row in _rows(path, "V", "text", "split"):
        part: Part = "fit" if row["split"] == "train" else "kept"
        if row["text"]:
            yield Sentence(row["text"], 1.5 * _number(path, row, "V") - 4.5, "emobank", part)


def _mosi(path: Path) -> Iterator[Sentence]:
    parts: dict[str, Part] = {"train": "fit", "valid": "valid"}
    for row in _rows(path, "text", "label", "mode"):
        if row["mode"] in parts:
            yield Sentence(row["text"], _number(path, row, "label"), "mosi", parts[row["mode"]])


def _rows(path: Path, *columns: str) -> Iterator[dict[str, str]]:
    try:
        with path.open(encoding="utf-8", newline="") as file:
            reader = csv.DictReader(file)
            missing = set(columns) - set(reader.fieldnames or ())
            if missing:
                raise DataError(f"{path}: lacks the column {min(missing)}")
            yield from reader
    except OSError as error:
        raise DataError(f"{path} cannot be read ({error.strerror or error})") from error
    except (UnicodeDecodeError, csv.Error) as error:
        raise DataError(f"{path}: {error}") from error


def _number(path: Path, row: dict[str, str], column: str) -> float:
    try:
        return float(row[column])
    except (TypeError, ValueError) as error:
        raise DataError(f"{path}: {column} is {row[column]!r}, expected a number") from error


def _part(text: str) -> Part:
    """Drawn by a hash, so that a sentence keeps its part whatever else is in the file, and in both files."""
    draw = int.from_bytes(hashlib.sha256(_key(text).encode()).digest()[:4], "big") / 2**32
    return "kept" if draw < _KEPT_SHARE else "fit"


def _key(text: str) -> str:
    return normalize_text(text).replace(" ", "")


def _words(text: str) -> frozenset[str]:
    return frozenset(normalize_text(text).split())


def _resembles(words: frozenset[str], others: Sequence[frozenset[str]]) -> bool:
    """Whether another sentence has most of these words, or these most of its."""
    return any(len(words & other) > 0.5 * min(len(words), len(other)) for other in others if other and words)


_BRACKETS = re.compile(r"-[LR][RSC]B-")
_SPLIT_CLITIC = re.compile(r" (?=('s|'re|'ve|'ll|'d|'m|n't)\b)")


def _untokenised(text: str) -> str:
    """SST's Penn tokens as written: "do n't" -> "don't"."""
    return _SPLIT_CLITIC.sub("", _BRACKETS.sub(" ", text)).replace("\\/", "/")
