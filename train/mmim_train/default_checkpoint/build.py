"""`mmim-live build-default`: trains, evaluates and writes the checkpoint that ships."""

from __future__ import annotations

from importlib.metadata import version
from pathlib import Path

from mmim_live.assets import EXPRESSION_NETWORK
from mmim_live.features.contract import CONTRACT
from mmim_live.model.checkpoint import CheckpointConfig, save_checkpoint
from mmim_live.model.checkpoint_config import ContractConfig
from mmim_live.model.consistency import marginal_to_config
from mmim_train.default_checkpoint.artifacts import Artifacts
from mmim_train.default_checkpoint.config import DefaultRecipe, read_recipe
from mmim_train.default_checkpoint.fusion.stage import TrainedModel
from mmim_train.default_checkpoint.log import Log
from mmim_train.default_checkpoint.report.card import default_card
from mmim_train.default_checkpoint.report.evaluation import Evaluation
from mmim_train.default_checkpoint.stages import run_stages
from mmim_train.default_checkpoint.text.kept import weights_digest

_SOURCES = (
    "CMU-MOSI train (transcripts)",
    "Stanford Sentiment Treebank",
    "VADER rated texts",
    "EmoBank",
    "RAVDESS speech, actors 1-16",
    "EmoDB",
    "FER2013 with the votes of FER+",
    "CK+",
    "GRID (four clips)",
    "all-MiniLM-L6-v2",
)


def build_default_checkpoint(
    data: Path,
    output: Path,
    *,
    recipe: DefaultRecipe | None = None,
    cache: Path | None = None,
    text_from: Path | None = None,
    log: Log = lambda _: None,
) -> None:
    """Make the checkpoint folder `output` from the development data in `data`.

    Intermediate results are kept in `cache` (default: a hidden folder beside `output`), which may be deleted
    afterwards. With `text_from`, the text encoder is that of the checkpoint in this folder, unchanged.
    Raises DataError, AssetError, CheckpointError, OutputError.
    """
    recipe = recipe or read_recipe()
    cache = cache or output.with_name(f".{output.name}.cache")
    trained, evaluation = run_stages(data, recipe, Artifacts(cache), log, text_from)
    kept = None if text_from is None else weights_digest(text_from)
    card = default_card(output.name, evaluation, recipe, version("mmim-live"), kept)
    config = _config(trained, evaluation, recipe, kept)
    save_checkpoint(output, trained.model, config, trained.tokenizer, card, overwrite=True)


def _config(
    trained: TrainedModel, evaluation: Evaluation, recipe: DefaultRecipe, text_from: str | None
) -> CheckpointConfig:
    provenance = {
        "data": list(_SOURCES),
        "composed": True,
        "recipe": recipe.model_dump(mode="json"),
        "expression_network": EXPRESSION_NETWORK.sha256,
    }
    if text_from is not None:
        provenance["text_encoder_from"] = text_from  # SHA-256 of a checkpoint's weights
    return CheckpointConfig(
        architecture=trained.model.config,
        contract=ContractConfig.of(CONTRACT),
        voice_normalisation=trained.voice,
        face_normalisation=trained.face,
        max_tokens=trained.tokenizer.max_tokens,
        conformal=evaluation.conformal,
        abstention=evaluation.abstention,
        prior={name: marginal_to_config(trained.prior[name]) for name in evaluation.consistency},
        agreement=evaluation.consistency,
        metrics=evaluation.metrics,
        provenance=provenance,
    )
