"""SHA-256 checksums of data files, and those published by the authors.

A known checksum identifies the file; an unknown one proves nothing, since many copies were repacked.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from pathlib import Path

from mmim_live.errors import DataError


@dataclass(frozen=True, slots=True)
class Published:
    """A file with a published checksum."""

    dataset: str
    file: str
    publisher: str = "thuiar/MMSA"


PUBLISHED = {
    "78e0f8b5ef8ff71558e7307848fc1fa929ecb078203f565ab22b9daab2e02524": Published("mosi", "unaligned_50.pkl"),
    "d3994fd25681f9c7ad6e9c6596a6fe9b4beb85ff7d478ba978b124139002e5f9": Published("mosi", "aligned_50.pkl"),
    "ad8b23d50557045e7d47959ce6c5b955d8d983f2979c7d9b7b9226f6dd6fec1f": Published("mosei", "unaligned_50.pkl"),
    "45eccfb748a87c80ecab9bfac29582e7b1466bf6605ff29d3b338a75120bf791": Published("mosei", "aligned_50.pkl"),
    "c9e20c13ec0454d98bb9c1e520e490c75146bfa2dfeeea78d84de047dbdd442f": Published("sims", "unaligned_39.pkl"),
}


def sha256_of(path: Path) -> str:
    """The checksum of a file, read in chunks."""
    try:
        with path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    except OSError as error:
        raise DataError(f"{path}: cannot be read: {error.strerror}") from error


def describe_checksum(sha256: str, dataset: str, path: Path) -> str:
    """A note that names the file, or says that it is unknown; DataError if it belongs to another dataset."""
    known = PUBLISHED.get(sha256)
    if known is None:
        return f"SHA-256 {sha256} is not among the published sums, so nothing vouches for this copy"
    if known.dataset != dataset:
        raise DataError(f"{path}: by its SHA-256 this is {known.file} of {known.dataset}, not {dataset}")
    return f"SHA-256 matches {known.file} of {known.dataset} as published by {known.publisher}"
