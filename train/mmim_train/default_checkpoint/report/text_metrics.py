"""How well the model scores MOSI's validation sentences by text alone: as given, with errors, and as recognized."""

from __future__ import annotations

import random
from collections.abc import Sequence
from typing import Any

import numpy as np

from mmim_live.text_normalization import normalize_text
from mmim_train.default_checkpoint.fusion.stage import TrainedModel
from mmim_train.default_checkpoint.report.scores import rounded, score_text
from mmim_train.default_checkpoint.text.encoded_sentences import EncodedSentences
from mmim_train.default_checkpoint.text.transcripts import Transcripts
from mmim_train.evaluation.metrics import mosi_metrics


def metrics_with_word_errors(trained: TrainedModel, valid: EncodedSentences, share: float) -> dict[str, Any]:
    """With a share of the words deleted or substituted at random, as a speech recognizer does."""
    draw = random.Random(0)
    vocabulary = [word for text in valid.texts for word in text.split()]
    texts = [_corrupt(text, share, vocabulary, draw) for text in valid.texts]
    found = mosi_metrics(valid.ratings, np.concatenate([score_text(trained, text) for text in texts]))
    return rounded({"mae": found.mae, "r": found.r, "acc2_non0": found.acc2_non0})


def transcript_metrics(
    trained: TrainedModel, valid: EncodedSentences, transcripts: Transcripts, score_of_nothing: float
) -> dict[str, Any]:
    """As recognized from a synthetic voice; an empty transcript counts as the score of no input at all."""
    scores = np.array(
        [score_text(trained, text)[0] if normalize_text(text) else score_of_nothing for text in transcripts.texts]
    )
    found = mosi_metrics(valid.ratings, scores)
    return rounded(
        {
            "mae": found.mae,
            "r": found.r,
            "acc2_non0": found.acc2_non0,
            "error_rate": transcripts.errors / transcripts.words,
            "recogniser": transcripts.recognizer,
            "voices": list(transcripts.voices),
        }
    )


def _corrupt(text: str, share: float, vocabulary: Sequence[str], draw: random.Random) -> str:
    words = []
    for word in text.split():
        if draw.random() >= share:
            words.append(word)
        elif draw.random() < 0.7:  # most recognition errors are substitutions
            words.append(draw.choice(vocabulary))
    return " ".join(words) or text
