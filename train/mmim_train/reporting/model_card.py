"""The model card of a checkpoint: README.md in its folder."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from mmim_train.reporting.markdown_tables import metrics_table

_TEXT = """# {name}

MMIM (Han, Chen, Poria, EMNLP 2021) trained on {title} with the objective "{objective}" by mmim-live {version}.

## Output

{predicts}. Input modalities: {modalities}; language: {language}. A missing modality is replaced by a learned vector.

## Results

{metrics}

The epoch was selected on the valid split, which also calibrated the intervals; the test split was scored once.

## Data and licenses

Trained on {title} ({layout} files; {examples}). Use of the checkpoint is subject to the terms of that data
set{encoder}.

## Out-of-scope use

The model estimates the sentiment expressed in an utterance, not a person's feelings, character or intentions, and it is
often wrong. Its speakers come from a single data set, so it may perform worse for other people, languages and cameras.
Do not use it to judge people. In the European Union, inferring emotions at work or in education is prohibited (AI Act,
Article 5), and people must be informed when such a system is used on them (Article 50).
"""


def model_card(name: str, facts: Mapping[str, Any], metrics: Mapping[str, Mapping[str, Any]]) -> str:
    """The card; `facts` as in metrics.json and config.json, `metrics` by split."""
    encoder = f" and of the text encoder {facts['text_encoder']}" if facts["text_encoder"] else ""
    return _TEXT.format(
        name=name,
        title=facts["title"],
        objective=facts["objective"],
        version=facts["version"],
        predicts=facts["predicts"],
        modalities=", ".join(facts["modalities"]),
        language=facts["language"],
        metrics=metrics_table(metrics, "split"),
        layout=facts["data"]["layout"],
        examples=", ".join(f"{split} {count}" for split, count in facts["data"]["counts"].items()),
        encoder=encoder,
    )
