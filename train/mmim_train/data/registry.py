"""The datasets by name: language, scale, scoring protocol, classes, published sizes; and those of other packages."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from mmim_live.errors import DataError, PluginError
from mmim_live.plugins import load_plugin, plugin_names
from mmim_train.data.dataset import DataSet, Scoring

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


PLUGINS: Literal["mmim_live.dataset_readers"] = "mmim_live.dataset_readers"


@dataclass(frozen=True, slots=True)
class DatasetReader:
    """A dataset of another package."""

    spec: DatasetSpec  # its name is that of the entry point
    read: Callable[[Path], DataSet]
    """Reads a file or folder, as `data.checks.build_dataset` makes it. Raises DataError."""


def dataset_spec(name: str) -> DatasetSpec:
    """The entry of that name.

    Raises:
        DataError: there is none; lists the known names.
        PluginError: it is that of another package, and cannot be loaded.
    """
    if name in SPECS:
        return SPECS[name]
    if (reader := plugin_reader(name)) is not None:
        return reader.spec
    raise DataError(f"unknown data set {name!r}: choose one of {', '.join((*SPECS, *plugin_names(PLUGINS)))}")


def plugin_reader(name: str) -> DatasetReader | None:
    """The reader of that name, of another package. Raises PluginError."""
    if name in SPECS:
        return None
    reader = load_plugin(PLUGINS, name, DatasetReader)
    if reader is not None and (not isinstance(reader.spec, DatasetSpec) or reader.spec.name != name):
        raise PluginError(
            f"the data set reader {name!r} has no DatasetSpec of that name as its spec; update its package"
        )
    return reader
