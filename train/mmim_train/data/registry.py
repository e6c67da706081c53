"""The datasets by name: language, scale, scoring protocol, classes, published sizes."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from mmim_live.errors import DataError
from mmim_train.data.dataset import Scoring

SENTIMENTS = ("negative", "neutral", "positive")
EMOTIONS = ("neutral", "surprise", "fear", "sadness", "joy", "disgust", "anger")  # in the order of the MELD paper


@dataclass(frozen=True, slots=True)
class DatasetSpec:
    """What is known about a dataset before its files are opened."""

    name: str
    title: str
    language: str  # ISO 639-1
    scale: tuple[float, float]
    scoring: Scoring
    class_names: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    counts: tuple[int, int, int] | None = None  # published train, valid, test
    text_column: str = "text"  # of a label.csv


_POLARITY = {"sentiment": SENTIMENTS}

SPECS: Mapping[str, DatasetSpec] = {
    spec.name: spec
    for spec in (
        DatasetSpec(
            name="mosi",
            title="CMU-MOSI",
            language="en",
            scale=(-3, 3),
            scoring="mosi",
            class_names=_POLARITY,
            counts=(1284, 229, 686),
        ),
        DatasetSpec(
            name="mosei",
            title="CMU-MOSEI",
            language="en",
            scale=(-3, 3),
            scoring="mosi",
            class_names=_POLARITY,
            counts=(16326, 1871, 4659),
        ),
        DatasetSpec(
            name="sims",
            title="CH-SIMS",
            language="zh",
            scale=(-1, 1),
            scoring="sims",
            class_names=_POLARITY,
            counts=(1368, 456, 457),
        ),
        DatasetSpec(
            name="simsv2",
            title="CH-SIMS v2",
            language="zh",
            scale=(-1, 1),
            scoring="sims",
            class_names=_POLARITY,
            counts=(2722, 647, 1034),
        ),
        DatasetSpec(
            name="sims-english",
            title="CH-SIMS, English words",
            language="en",
            scale=(-1, 1),
            scoring="sims",
            class_names=_POLARITY,
            counts=None,
            text_column="text_en",
        ),
        DatasetSpec(
            name="simsv2-english",
            title="CH-SIMS v2, English words",
            language="en",
            scale=(-1, 1),
            scoring="sims",
            class_names=_POLARITY,
            counts=None,
            text_column="text_en",
        ),
        DatasetSpec(
            name="meld",
            title="MELD",
            language="en",
            scale=(-1, 1),
            scoring="affect",
            class_names={"emotion": EMOTIONS, "sentiment": SENTIMENTS},
            counts=(9989, 1109, 2610),
        ),
        DatasetSpec("emer", "EMER", "zh", (-1, 1), "affect"),
        DatasetSpec("clips", "one's own clips", "en", (-3, 3), "mosi"),
        DatasetSpec("mosi-utterance", "CMU-MOSI, a vector per utterance", "en", (-3, 3), "mosi", counts=None),
        DatasetSpec("sst", "Stanford Sentiment Treebank", "en", (-3, 3), "mosi"),
        DatasetSpec("vader", "VADER's rated texts", "en", (-3, 3), "mosi"),
        DatasetSpec("emobank", "EmoBank", "en", (-3, 3), "mosi"),
    )
}


def dataset_spec(name: str) -> DatasetSpec:
    """The entry of that name; DataError lists the known names."""
    if name not in SPECS:
        raise DataError(f"unknown data set {name!r}: choose one of {', '.join(SPECS)}")
    return SPECS[name]
