"""How well consistency tells congruent voices and faces from incongruent ones, and how well anything could."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import torch
from numpy.typing import NDArray

from mmim_live.model.consistency import consistency_statistics
from mmim_live.model.mmim import Encodings
from mmim_train.default_checkpoint.emotion.valence import Emotion
from mmim_train.default_checkpoint.fusion.consistency import NONVERBAL, Nonverbal
from mmim_train.default_checkpoint.fusion.stage import TrainedModel
from mmim_train.default_checkpoint.fusion.synthetic_triples import SyntheticTriples, emotion_weights
from mmim_train.evaluation.calibration import Numbers, auc


@torch.inference_mode()
def statistics(trained: TrainedModel, encodings: Encodings) -> dict[Nonverbal, Numbers]:
    """log q(h | text) - log p(h) of voice and face, each [N] in nats."""
    trained.model.eval()
    found = consistency_statistics(trained.model, encodings, trained.prior)
    return {name: found[name].double().numpy() for name in NONVERBAL}


def separation(values: Mapping[Nonverbal, Numbers], congruence: NDArray[np.str_]) -> dict[str, float]:
    """AUC of congruent voices and faces against incongruent ones.

    "both" and "any" go by the sum of the two: "both" compares triples of which voice and face are congruent with those
    of which both are incongruent; "any", with those of which one or both are.
    """
    found: dict[str, float] = {}
    for column, name in enumerate(NONVERBAL):
        kinds = congruence[:, column]
        found[name] = auc(values[name][kinds == "congruent"], values[name][kinds == "incongruent"])
    total = values["voice"] + values["face"]
    incongruent = congruence == "incongruent"
    congruent = (congruence == "congruent").all(axis=1)
    found["both"] = auc(total[congruent], total[incongruent.all(axis=1)])
    found["any"] = auc(total[congruent], total[incongruent.any(axis=1)])
    return found


def ceilings(
    examples: SyntheticTriples, emotions: tuple[Sequence[Emotion], Sequence[Emotion]], text_scores: Numbers
) -> dict[str, dict[str, float]]:
    """The AUC that no model of voices and faces can exceed, given the `emotions` that voices and faces may show.

    "emotion and rating": for an observer of the drawn emotion and the true rating of the text. "emotion and words": for
    one who sees the drawn emotion and, instead of the rating, the model's `text_scores` [N]. What remains down to
    `separation` is lost in recognizing the emotion.
    """
    specs = [examples.spec(index) for index in range(len(examples))]
    congruence = np.array([spec.congruence for spec in specs])
    rating = np.array([spec.rating for spec in specs])
    error = rating - text_scores
    spread = examples.config.spread
    found: dict[str, dict[str, float]] = {}
    for kind in ("emotion and rating", "emotion and words"):
        values: dict[Nonverbal, Numbers] = {}
        for column, name in enumerate(NONVERBAL):
            choice = tuple(emotions[column])
            shown = np.array([choice.index(spec.emotions[column]) for spec in specs])
            if kind == "emotion and rating":
                likelihoods = np.stack([_congruent(choice, value, spread) for value in rating])
            else:
                # The rating may be off by any error that the score has on other sentences.
                guesses = (text_scores[:, None] + error[None, ::7]).clip(-3, 3)
                grid = np.linspace(-3, 3, 61)
                table = np.stack([_congruent(choice, float(value), spread) for value in grid])
                likelihoods = table[np.round((guesses + 3) * 10).astype(int)].mean(axis=1)
            base = np.bincount(shown, minlength=len(choice)) / len(shown)
            values[name] = np.log(likelihoods[np.arange(len(shown)), shown] + 1e-9) - np.log(base[shown])
        found[kind] = separation(values, congruence)
    return found


def _congruent(emotions: Sequence[Emotion], rating: float, spread: float) -> Numbers:
    """The probability of each emotion, given a rating that it is congruent with."""
    weight = emotion_weights(emotions, rating, "congruent", spread)
    return np.asarray(weight / weight.sum())
