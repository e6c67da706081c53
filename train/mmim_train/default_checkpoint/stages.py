"""The stages of the shipped checkpoint, from the development data to a trained and evaluated model.

    text          a text encoder learns sentiment from sentences, or is kept           text.stage, text.kept
    emotion       voices and faces are measured; an encoder of each learns emotions    emotion.stage
    transcripts   what a speech recognizer makes of the validation sentences           text.transcripts
    triples       text, voice and face are paired by sentiment                         fusion.stage
    fusion        MMIM learns from the triples with its corrected objective            fusion.stage
    consistency   new q networks learn from the congruent triples                      fusion.stage
    evaluation    intervals, abstention, percentiles and metrics on validation data    report.evaluation

Each is a function of the results before it, and keeps what it makes under a key of all that it depends on
(`artifacts`). Text is tuned in this process while a background process does what does not depend on it.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import torch

from mmim_live.parallel.processes import follow_leader
from mmim_train.default_checkpoint.artifacts import Artifacts, Key
from mmim_train.default_checkpoint.background import background
from mmim_train.default_checkpoint.config import DefaultRecipe
from mmim_train.default_checkpoint.emotion.stage import EmotionKeys, EmotionResult, fit_emotion_encoders
from mmim_train.default_checkpoint.fusion.stage import (
    TrainedModel,
    assemble,
    draw_triples,
    fit_consistency,
    train_fusion,
)
from mmim_train.default_checkpoint.log import Log
from mmim_train.default_checkpoint.report.evaluation import Evaluation, evaluate
from mmim_train.default_checkpoint.text.kept import keep_text
from mmim_train.default_checkpoint.text.stage import tune_text
from mmim_train.default_checkpoint.text.transcripts import Transcripts, transcribe_validation
from mmim_train.features.clip_features import limit_threads


@dataclass(frozen=True, slots=True)
class BackgroundKeys:
    """Names what the background process made."""

    emotion: EmotionKeys
    transcripts: Key[Transcripts] | None  # None without a synthetic voice


def run_stages(
    data: Path, recipe: DefaultRecipe, artifacts: Artifacts, log: Log, text_from: Path | None = None
) -> tuple[TrainedModel, Evaluation]:
    """Run every stage whose result is not kept yet; with `text_from`, keep the text encoder of that checkpoint.

    Raises DataError, AssetError, CheckpointError, OutputError.

    One thread in either process: the weights do not depend on the number of cores, and OpenMP's threads, which spin
    while they wait, do not compete for them.
    """
    torch.set_num_threads(1)
    with background(_background_stages, data, recipe, artifacts, log=log) as job:
        settings = {"variants": recipe.text_variants, "seed": recipe.seed}
        if text_from is None:
            text = tune_text(data, recipe.text, **settings, artifacts=artifacts, log=job.log)
        else:
            text = keep_text(text_from, data, recipe.text, **settings, artifacts=artifacts)
        keys = job.result()
    emotion = EmotionResult.load(keys.emotion, artifacts)
    triples = draw_triples(text, emotion, recipe)
    fusion = train_fusion(text, emotion, triples, recipe=recipe, artifacts=artifacts, log=log)
    consistency = fit_consistency(fusion, text, triples, recipe=recipe, artifacts=artifacts, log=log)
    model = assemble(fusion, consistency, text, emotion)
    evaluation = evaluate(
        model,
        fusion,
        text,
        emotion,
        triples,
        transcripts=keys.transcripts,
        data=data,
        artifacts=artifacts,
        log=log,
    )
    return model, evaluation


def _background_stages(data: Path, recipe: DefaultRecipe, artifacts: Artifacts, log: Log) -> BackgroundKeys:
    follow_leader()
    limit_threads()
    emotion = fit_emotion_encoders(data, recipe, artifacts, log)
    return BackgroundKeys(emotion, transcribe_validation(data, artifacts, log))
