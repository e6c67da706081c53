"""`mmim-live train live`: trains, judges and writes the checkpoint that ships."""

from __future__ import annotations

import json
from collections.abc import Callable
from importlib.metadata import version
from pathlib import Path
from typing import Any

from mmim_live.features.contract import CONTRACT
from mmim_live.model.checkpoint import CheckpointConfig, save_checkpoint
from mmim_live.model.checkpoint_config import ContractConfig
from mmim_live.model.consistency import marginal_to_config
from mmim_train.default_checkpoint.config import DefaultRecipe, read_recipe
from mmim_train.default_checkpoint.fusion.consistency import Name
from mmim_train.default_checkpoint.report.card import USEFUL_AUC, default_card
from mmim_train.default_checkpoint.report.figures import agreement_tables, figures, transcript_figures
from mmim_train.default_checkpoint.stages import Trained, gather_samples, learn
from mmim_train.evaluation.calibration import abstention, as_numbers, coalition_scores, conformal

_SOURCES = (
    "CMU-MOSI train (transcripts)",
    "Stanford Sentiment Treebank",
    "VADER rated texts",
    "EmoBank",
    "RAVDESS speech, actors 1-16",
    "EmoDB",
    "FER2013",
    "CK+",
    "GRID (four clips)",
    "all-MiniLM-L6-v2",
)


def build_default_checkpoint(
    data: Path,
    output: Path,
    recipe: DefaultRecipe | None = None,
    cache: Path | None = None,
    log: Callable[[str], None] = lambda _: None,
) -> dict[str, Any]:
    """Make the checkpoint folder `output` from the development data in `data`; the figures of its card.

    What is slow to make is kept in `cache` (default: a folder beside `output`), which may be deleted afterwards.
    Raises DataError, AssetError, CheckpointError.
    """
    recipe = recipe or read_recipe()
    cache = cache or output.with_name(f".{output.name}.cache")
    trained = learn(data, recipe, cache, log)
    log("judging")
    found = score_predictions(trained, data, cache, log)
    config = _config(trained, found, recipe)
    card = default_card(output.name, found, recipe, version("mmim-live"))
    save_checkpoint(output, trained.model, config, trained.tokenizer, card, overwrite=True)
    (cache / "figures.json").write_text(json.dumps(found, indent=1), encoding="utf-8")
    return found


def score_predictions(trained: Trained, data: Path, cache: Path, log: Callable[[str], None]) -> dict[str, Any]:
    """All figures, with the widths of the intervals."""
    samples = gather_samples(data, cache, log)
    truth = as_numbers(trained.valid.targets(range(len(trained.valid))))
    scores = coalition_scores(trained.model, trained.joined.encodings)
    widths = conformal(truth, scores).half_width
    return figures(trained, samples.voices, samples.faces, data) | {
        "half_width": {name: round(width, 3) for name, width in widths.items()},
        "transcripts": transcript_figures(trained, cache, log),
        "abstention": abstention(truth, scores).model_dump(by_alias=True),
        "triples_count": len(truth),
        "contested_count": len(trained.contested),
    }


def _useful(tables: dict[Name, tuple[float, ...]], auc: dict[str, float]) -> dict[Name, tuple[float, ...]]:
    """Without a table a reading says null: an agreement hardly better than chance would mislead."""
    return {name: table for name, table in tables.items() if auc[name] >= USEFUL_AUC}


def _config(trained: Trained, found: dict[str, Any], recipe: DefaultRecipe) -> CheckpointConfig:
    truth = as_numbers(trained.valid.targets(range(len(trained.valid))))
    scores = coalition_scores(trained.model, trained.joined.encodings)
    agreement = _useful(agreement_tables(trained), found["agreement_auc"]["reached"])
    return CheckpointConfig(
        architecture=trained.model.config,
        contract=ContractConfig.of(CONTRACT),
        voice_normalisation=trained.voice,
        face_normalisation=trained.face,
        max_tokens=trained.tokenizer.max_tokens,
        conformal=conformal(truth, scores),
        abstention=abstention(truth, scores),
        prior={name: marginal_to_config(mixture) for name, mixture in trained.prior.items() if name in agreement},
        agreement=agreement,
        metrics=found,
        provenance={"data": list(_SOURCES), "composed": True, "recipe": recipe.model_dump(mode="json")},
    )
