"""The model card of a checkpoint: README.md in its folder. Knows words and figures only."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from mmim_train.reporting.markdown_tables import metrics_table

_TEXT = """# {name}

MMIM (Han, Chen, Poria, EMNLP 2021) trained on {title} with the objective "{objective}" by mmim-live {version}.

## What it predicts

{predicts}. It reads {modalities}; the words are {language}. A modality that is missing is replaced by a learned input.

## How good it is

{figures}

The epoch was chosen on the valid split, which also calibrated the intervals; the test split was scored once.

## Data and licences

{title}, read from {layout} files, {examples}. Whoever uses the checkpoint is bound by the terms of that
data set{encoder}.

## What it is not for

It guesses an expression in an utterance, not a person's feeling, character or intention, and it is wrong often. Its
speakers are those of one data set, so it may do worse for other people, languages and cameras. Do not use it to judge
people. In the European Union, inferring emotions at work or in education is forbidden (AI Act, article 5), and people
must be told when such a system looks at them (article 50).
"""


def model_card(name: str, facts: Mapping[str, Any], figures: Mapping[str, Mapping[str, Any]]) -> str:
    """The card; `facts` as in metrics.json and config.json, `figures` by split."""
    encoder = f", and by those of the text encoder {facts['text_encoder']}" if facts["text_encoder"] else ""
    return _TEXT.format(
        name=name,
        title=facts["title"],
        objective=facts["objective"],
        version=facts["version"],
        predicts=facts["predicts"],
        modalities=", ".join(facts["modalities"]),
        language=facts["language"],
        figures=metrics_table(figures, "split"),
        layout=facts["data"]["layout"],
        examples=", ".join(f"{split} {count}" for split, count in facts["data"]["counts"].items()),
        encoder=encoder,
    )
