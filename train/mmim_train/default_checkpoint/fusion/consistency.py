"""Agreement of the checkpoint that ships: q fitted once more, p fitted, and how well they tell what was joined.

In training q saw all triples, so that its bound is one on what the encoders really say; for agreement another q takes
its place, which shall know what voice and face are like when they do go with the words. It is judged by
log q(h | words) - log p(h) with p the mean of q over sentences (`mutual_information.mixture`), so that is what it is
fitted to: a q that is fitted to likelihood alone spends itself on the shape of h that all words share, and tells less.
Knows composed triples and their encodings; no files.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, cast

import numpy as np
import torch
from numpy.typing import NDArray

from mmim_live.model.consistency import consistency_statistics
from mmim_live.model.mmim import MMIM, Encodings
from mmim_live.model.mutual_information import ConditionalGaussian, Marginal, contrast, marginal
from mmim_train.default_checkpoint.emotion.samples import Log
from mmim_train.default_checkpoint.emotion.valence import Emotion
from mmim_train.default_checkpoint.fusion.synthetic_triples import (
    Congruence,
    SyntheticTriples,
    TripleConfig,
    emotion_weights,
)
from mmim_train.evaluation.calibration import Numbers, auc, joined
from mmim_train.training.options import TrainOptions

Name = Literal["voice", "face"]
NAMES: tuple[Name, Name] = ("voice", "face")


@dataclass(frozen=True, slots=True, eq=False)
class EncodedTriples:
    """Encodings of triples and how voice and face were joined to the words."""

    encodings: Encodings
    congruence: NDArray[np.str_]  # [N, 2]
    ratings: torch.Tensor  # [N]

    @classmethod
    def of(cls, encodings: Encodings, examples: SyntheticTriples) -> EncodedTriples:
        """`encodings` of all `examples`, in order."""
        specs = [examples.spec(index) for index in range(len(examples))]
        return cls(
            encodings, np.array([spec.congruence for spec in specs]), torch.tensor([spec.rating for spec in specs])
        )

    @classmethod
    def together(cls, parts: Sequence[EncodedTriples]) -> EncodedTriples:
        """Several, one after another."""
        return cls(
            joined([part.encodings for part in parts]),
            np.concatenate([part.congruence for part in parts]),
            torch.cat([part.ratings for part in parts]),
        )


def fit_q(
    model: MMIM, triples: EncodedTriples, options: TrainOptions, rank: int, steps: int, seed: int, log: Log
) -> None:
    """Put new q(voice | words) and q(face | words) into `model`, fitted to triples that were joined with their words.

    They read `rank` principal components of h_t (0: all of it). What is maximised is InfoNCE with q for its critic,
    E[log q(h_i | w_i) - log mean_k q(h_i | w_k)] over a batch: a lower bound on the mutual information for any q, as
    that of Barber and Agakov is (Poole et al. 2019, "On variational bounds of mutual information", equation 12).
    """
    torch.manual_seed(seed)
    draw = torch.Generator().manual_seed(seed)
    hidden = {"voice": triples.encodings.h_a, "face": triples.encodings.h_v}
    model.config = model.config.model_copy(update={"q_rank": rank})
    for column, name in enumerate(NAMES):
        with_words = torch.from_numpy(triples.congruence[:, column] == "congruent")
        chosen = with_words & triples.encodings.present[:, 0] & triples.encodings.present[:, 1 + column]
        x, y = triples.encodings.h_t[chosen], hidden[name][chosen]
        q = ConditionalGaussian(x.shape[1], y.shape[1], model.config.q_hidden, rank)
        q.fit_projection(x)
        spread = 0.3 * x.std(dim=0)
        optimizer = torch.optim.AdamW(q.parameters(), lr=options.lr_q, weight_decay=1e-2)
        schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, steps)
        total = 0.0
        for _ in range(steps):
            batch = torch.randint(len(x), (256,), generator=draw)
            noisy = x[batch] + spread * torch.randn(len(batch), x.shape[1], generator=draw)
            loss = -contrast(q, noisy, y[batch]).mean()
            optimizer.zero_grad(set_to_none=True)
            loss.backward()  # type: ignore[no-untyped-call]
            optimizer.step()
            schedule.step()
            total += float(loss.detach())
        model.q[name] = q
        log(f"q({name} | words): at least {-total / max(steps, 1):.2f} nats")


def fit_prior(model: MMIM, triples: EncodedTriples, count: int = 128) -> dict[Name, Marginal]:
    """p(h) of voice and face: what q says of them over some sentences."""
    words = triples.encodings.h_t[triples.encodings.present[:, 0]]
    some = words[:: max(1, len(words) // count)][:count]
    return {name: marginal(cast(ConditionalGaussian, model.q[name]), some) for name in NAMES}


@torch.inference_mode()
def statistics(model: MMIM, encodings: Encodings, prior: dict[Name, Marginal]) -> dict[Name, Numbers]:
    """log q(h | words) - log p(h) of voice and face, each [N] in nats."""
    model.eval()
    found = consistency_statistics(model, encodings, prior)
    return {name: found[name].double().numpy() for name in NAMES}


def separation(values: dict[Name, Numbers], congruence: NDArray[np.str_]) -> dict[str, float]:
    """AUC of voices and faces joined with their words against those joined against them; "both": by the sum of the two.

    "both" compares triples of which voice and face were joined with the words to those of which both were joined
    against them; "any", to those of which one or both were.
    """
    found: dict[str, float] = {}
    for column, name in enumerate(NAMES):
        kinds = congruence[:, column]
        found[name] = auc(values[name][kinds == "congruent"], values[name][kinds == "incongruent"])
    total = values["voice"] + values["face"]
    against = congruence == "incongruent"
    fitting = (congruence == "congruent").all(axis=1)
    found["both"] = auc(total[fitting], total[against.all(axis=1)])
    found["any"] = auc(total[fitting], total[against.any(axis=1)])
    return found


def ceilings(
    examples: SyntheticTriples,
    emotions: tuple[Sequence[Emotion], Sequence[Emotion]],
    read: Numbers,
    config: TripleConfig,
) -> dict[str, dict[str, float]]:
    """The AUC that no reader of voices and faces can exceed.

    "emotion and rating": who sees the drawn emotion and the rating of the words itself. "emotion and words": who sees
    the drawn emotion, and of the rating what the model reads from the words, `read` [N]. What is left to
    `separation` is lost by reading the emotion from voice or face.
    """
    specs = [examples.spec(index) for index in range(len(examples))]
    congruence = np.array([spec.congruence for spec in specs])
    rating = np.array([spec.rating for spec in specs])
    error = rating - read
    found: dict[str, dict[str, float]] = {}
    for kind in ("emotion and rating", "emotion and words"):
        values: dict[Name, Numbers] = {}
        for column, name in enumerate(NAMES):
            choice = tuple(emotions[column])
            shown = np.array([choice.index(spec.emotions[column]) for spec in specs])
            if kind == "emotion and rating":
                chances = np.stack([_chances(choice, value, "congruent", config) for value in rating])
            else:
                # The rating may be off by any error that the reading makes of other sentences.
                guesses = (read[:, None] + error[None, ::7]).clip(-3, 3)
                grid = np.linspace(-3, 3, 61)
                table = np.stack([_chances(choice, float(value), "congruent", config) for value in grid])
                chances = table[np.round((guesses + 3) * 10).astype(int)].mean(axis=1)
            base = np.bincount(shown, minlength=len(choice)) / len(shown)
            values[name] = np.log(chances[np.arange(len(shown)), shown] + 1e-9) - np.log(base[shown])
        found[kind] = separation(values, congruence)
    return found


def _chances(emotions: Sequence[Emotion], rating: float, congruence: Congruence, config: TripleConfig) -> Numbers:
    weight = emotion_weights(emotions, rating, congruence, config.spread)
    return np.asarray(weight / weight.sum())
