"""The evaluation on validation data: computed once, and read by the card and the configuration alike.

Synthetic triples show how well the model learned the way they were drawn, and no more; text, voices and faces each by
themselves are real.
"""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
from pydantic import BaseModel, ConfigDict

from mmim_live.model.checkpoint_config import Abstention, Conformal
from mmim_train.default_checkpoint.artifacts import Artifacts, Format, Key
from mmim_train.default_checkpoint.emotion.stage import EmotionResult
from mmim_train.default_checkpoint.fusion.consistency import NONVERBAL, EncodedTriples, Nonverbal
from mmim_train.default_checkpoint.fusion.stage import Fusion, TrainedModel, Triples
from mmim_train.default_checkpoint.log import Log
from mmim_train.default_checkpoint.report.consistency_metrics import ceilings, separation, statistics
from mmim_train.default_checkpoint.report.emotion_metrics import face_metrics, loudness_metrics, voice_metrics
from mmim_train.default_checkpoint.report.scores import rounded
from mmim_train.default_checkpoint.report.text_metrics import metrics_with_word_errors, transcript_metrics
from mmim_train.default_checkpoint.text.stage import TextResult
from mmim_train.default_checkpoint.text.transcripts import Transcripts
from mmim_train.evaluation.calibration import (
    Numbers,
    abstention,
    as_numbers,
    coalition_scores,
    conformal,
    coverage,
    quantile_table,
)
from mmim_train.evaluation.metrics import mosi_metrics

USEFUL_AUC = 0.75  # consistency is shown from here on


class Evaluation(BaseModel):
    """What validation data say about the model."""

    model_config = ConfigDict(frozen=True, extra="forbid", ser_json_inf_nan="constants")

    metrics: dict[str, Any]
    conformal: Conformal
    abstention: Abstention
    # Percentiles over congruent triples. Below USEFUL_AUC there is none, and readings report null instead: an indicator
    # hardly better than chance would mislead.
    consistency: dict[Nonverbal, tuple[float, ...]]


def save_evaluation(evaluation: Evaluation, folder: Path) -> None:
    """Write evaluation.json."""
    text = evaluation.model_dump_json(indent=1, by_alias=True)
    (folder / "evaluation.json").write_text(text, encoding="utf-8")


def load_evaluation(folder: Path) -> Evaluation:
    """What `save_evaluation` wrote."""
    return Evaluation.model_validate_json((folder / "evaluation.json").read_text(encoding="utf-8"))


EVALUATION: Format[Evaluation] = Format(save_evaluation, load_evaluation)


def evaluate(
    trained: TrainedModel,
    fusion: Fusion,
    text: TextResult,
    emotion: EmotionResult,
    triples: Triples,
    *,
    transcripts: Key[Transcripts] | None,
    data: Path,
    artifacts: Artifacts,
    log: Log,
) -> Evaluation:
    """Evaluate on text, voices, faces and triples of the validation split; `transcripts` None leaves those out."""
    key = Key.of(
        "evaluation",
        EVALUATION,
        model=trained.key,
        voices=emotion.keys.voices,
        faces=[emotion.keys.faces, emotion.keys.talking],
        transcripts=transcripts,
        triples=[len(triples.valid), len(triples.contested)],
    )

    def make() -> Evaluation:
        log("evaluating")
        valid = fusion.encode(text.valid, triples.valid)
        contested = fusion.encode(text.valid, triples.contested)
        truth = as_numbers(triples.valid.targets(range(len(triples.valid))))
        scores = coalition_scores(trained.model, valid.encodings)
        consistency, tables = _consistency(trained, emotion, triples, contested)
        heard = None if transcripts is None else artifacts.load(transcripts)
        nothing = float(scores[""][0])
        intervals, thresholds = conformal(truth, scores), abstention(truth, scores)
        face, identity = face_metrics(trained, emotion.faces)
        each_text = np.arange(len(text.valid.ratings))  # the first triple of each sentence
        metrics: dict[str, Any] = {
            "words": rounded(asdict(mosi_metrics(truth[each_text], scores["text"][each_text]))),
            "words_with_errors": {
                f"{share:.0%}": metrics_with_word_errors(trained, text.valid, share) for share in (0.05, 0.1, 0.2)
            },
            "triples": {name: _triple_metrics(truth, score) for name, score in scores.items() if name},
            "coverage": rounded(coverage(truth, scores, np.arange(len(truth)) % len(each_text))),
            "agreement_auc": consistency,
            "voice": voice_metrics(trained, emotion.voices),
            "loudness": loudness_metrics(trained, data),
            "face": face,
            "identity": identity,
            "half_width": {name: round(width, 3) for name, width in intervals.half_width.items()},
            "transcripts": None if heard is None else transcript_metrics(trained, text.valid, heard, nothing),
            "abstention": thresholds.model_dump(by_alias=True),
            "triples_count": len(truth),
            "contested_count": len(triples.contested),
        }
        return Evaluation(metrics=metrics, conformal=intervals, abstention=thresholds, consistency=tables)

    return artifacts.get(key, make)


def _consistency(
    trained: TrainedModel, emotion: EmotionResult, triples: Triples, contested: EncodedTriples
) -> tuple[dict[str, dict[str, float]], dict[Nonverbal, tuple[float, ...]]]:
    """AUC reached and possible, and the percentiles of what is useful."""
    values = statistics(trained, contested.encodings)
    text_scores = coalition_scores(trained.model, contested.encodings)["text"]
    shown = tuple(emotion.voice.valid), tuple(emotion.face.valid)
    reached = separation(values, contested.congruence)
    auc = {"reached": reached} | ceilings(triples.contested, shown, text_scores)
    rounded_auc = {kind: rounded(found) for kind, found in auc.items()}
    tables = {
        name: quantile_table(values[name][contested.congruence[:, column] == "congruent"])
        for column, name in enumerate(NONVERBAL)
        if rounded_auc["reached"][name] >= USEFUL_AUC
    }
    return rounded_auc, tables


def _triple_metrics(truth: Numbers, score: Numbers) -> dict[str, Any]:
    return rounded(
        {
            "mae": float(np.abs(truth - score).mean()),
            "r": float(np.corrcoef(truth, score)[0, 1]),
            "acc2_non0": float(((truth > 0) == (score > 0))[truth != 0].mean()),
        }
    )
