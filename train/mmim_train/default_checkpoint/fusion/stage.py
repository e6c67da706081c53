"""The fusion stages: draw triples, train MMIM on them, fit consistency, and assemble the model that ships."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass
from functools import partial

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from mmim_live.features.contract import CONTRACT
from mmim_live.model.checkpoint_config import Normalization
from mmim_live.model.encoders import SequenceEncoder, backbone_config
from mmim_live.model.mmim import MMIM, MMIMConfig
from mmim_live.model.mutual_information import ConditionalGaussian, Marginal
from mmim_live.model.tokenizer import TextTokenizer
from mmim_train.default_checkpoint.artifacts import TENSORS, Artifacts, Key
from mmim_train.default_checkpoint.config import DefaultRecipe
from mmim_train.default_checkpoint.emotion.crossfit import LogitsByEmotion
from mmim_train.default_checkpoint.emotion.stage import EmotionResult
from mmim_train.default_checkpoint.fusion.consistency import NONVERBAL, EncodedTriples, Nonverbal, fit_prior, fit_q
from mmim_train.default_checkpoint.fusion.precomputed_encoders import LogitTable, precomputed_encoders
from mmim_train.default_checkpoint.fusion.synthetic_triples import EveryCoalition, SyntheticTriples, TripleConfig
from mmim_train.default_checkpoint.log import Log
from mmim_train.default_checkpoint.text.encoded_sentences import EncodedSentences
from mmim_train.default_checkpoint.text.stage import TextResult
from mmim_train.default_checkpoint.weight_average import WeightAverage
from mmim_train.evaluation.scoring import prediction_metrics
from mmim_train.training.trainer import EpochRecord, StepRecord, train

_TRIPLE_FIELDS = {"seed", "text_variants", "triples", "synthetic_triples"}
_FUSION_FIELDS = _TRIPLE_FIELDS | {"valid_repeats", "model", "train", "averaged_epochs"}
_CONSISTENCY_FIELDS = {"q_rounds", "q_steps", "consistency_rank"}


@dataclass(frozen=True, slots=True, eq=False)
class Triples:
    """The triples of a build."""

    train: SyntheticTriples
    valid: SyntheticTriples
    contested: SyntheticTriples  # of the validation split; half of them are incongruent


@dataclass(frozen=True, slots=True, eq=False)
class Fusion:
    """MMIM trained on tables of encodings. Its own voice and face encoders are still untrained."""

    key: Key[dict[str, Tensor]]
    model: MMIM
    voice: LogitTable
    face: LogitTable

    def reading(self, embeddings: Tensor) -> AbstractContextManager[None]:
        """Within, the model reads sentences from a table [S, variants, width]."""
        return precomputed_encoders(self.model, embeddings, self.voice, self.face)

    def encode(self, sentences: EncodedSentences, examples: SyntheticTriples) -> EncodedTriples:
        """All examples, in order."""
        with self.reading(sentences.embeddings):
            return EncodedTriples.encode(self.model, examples)


@dataclass(frozen=True, slots=True, eq=False)
class Consistency:
    """q and p of consistency."""

    key: Key[dict[str, Tensor]]
    q: Mapping[Nonverbal, ConditionalGaussian]
    prior: Mapping[Nonverbal, Marginal]


@dataclass(frozen=True, slots=True, eq=False)
class TrainedModel:
    """The model that ships, and what is needed to use it."""

    key: Key[dict[str, Tensor]]
    model: MMIM
    tokenizer: TextTokenizer
    voice: Normalization
    face: Normalization
    prior: Mapping[Nonverbal, Marginal]


def draw_triples(text: TextResult, emotion: EmotionResult, recipe: DefaultRecipe) -> Triples:
    """Triples of both splits: of held-out sentences, speakers and faces for validation."""
    voice, face = emotion.voice, emotion.face
    valid_count = len(text.valid.ratings)
    complete = recipe.synthetic_triples.model_copy(update={"without_text": 0.0, "text_only": 0.0})

    def validation(repeats: int, config: TripleConfig, seed: int) -> SyntheticTriples:
        chosen = np.tile(np.arange(valid_count), repeats)
        return _triples(text.valid, voice.valid, face.valid, sentences=chosen, config=config, seed=seed)

    return Triples(
        train=_triples(
            text.train,
            voice.out_of_fold,
            face.out_of_fold,
            sentences=draw_sentences(text.train.ratings, recipe.triples, recipe.seed),
            config=recipe.synthetic_triples,
            seed=recipe.seed,
        ),
        valid=validation(recipe.valid_repeats, complete, recipe.seed + 1),
        contested=validation(
            recipe.contested_repeats, complete.model_copy(update={"incongruent": 0.5}), recipe.seed + 2
        ),
    )


def draw_sentences(ratings: NDArray[np.float32], count: int, seed: int) -> NDArray[np.int64]:
    """Draw `count` sentences such that strong ratings, which are rare, come up nearly as often as weak ones."""
    bins = np.round(ratings).astype(np.int64)
    weights = np.array([1.0 / np.sqrt((bins == value).sum()) for value in bins])
    return np.random.default_rng(seed).choice(len(ratings), count, p=weights / weights.sum())


def train_fusion(
    text: TextResult, emotion: EmotionResult, triples: Triples, *, recipe: DefaultRecipe, artifacts: Artifacts, log: Log
) -> Fusion:
    """Train MMIM with its corrected objective; the weights of the last epochs are averaged."""
    key = Key.of(
        "fusion",
        TENSORS,
        text=text.key,
        voice=emotion.keys.voice,
        face=emotion.keys.face,
        contract=CONTRACT.hash,
        recipe=recipe.model_dump(mode="json", include=_FUSION_FIELDS),
    )
    fusion = _untrained(key, text, recipe)
    nothing = text.train.embeddings[:0]

    def make() -> dict[str, Tensor]:
        _train(fusion, text, triples, recipe, log)
        with fusion.reading(nothing):
            return fusion.model.state_dict()

    weights = artifacts.get(key, make)
    with fusion.reading(nothing):
        fusion.model.load_state_dict(weights)
    return fusion


def fit_consistency(
    fusion: Fusion, text: TextResult, triples: Triples, *, recipe: DefaultRecipe, artifacts: Artifacts, log: Log
) -> Consistency:
    """Fit q and p to triples of rounds that training did not see."""
    key = Key.of(
        "consistency", TENSORS, fusion=fusion.key, recipe=recipe.model_dump(mode="json", include=_CONSISTENCY_FIELDS)
    )
    config = fusion.model.config.model_copy(update={"q_rank": recipe.consistency_rank})

    def make() -> dict[str, Tensor]:
        rounds: list[EncodedTriples] = []
        for number in range(recipe.q_rounds):
            triples.train.resample(recipe.train.epochs + number)
            rounds.append(fusion.encode(text.train, triples.train))
        encoded = EncodedTriples.concatenate(rounds)
        fitted = fit_q(encoded, config, lr=recipe.train.lr_q, steps=recipe.q_steps, seed=recipe.seed, log=log)
        tensors: dict[str, Tensor] = {}
        for name, q in fitted.items():
            prior = fit_prior(q, encoded)
            tensors |= {f"{name}.q.{field}": tensor for field, tensor in q.state_dict().items()}
            tensors |= {f"{name}.prior.means": prior.means, f"{name}.prior.log_variances": prior.log_variances}
        return tensors

    tensors = artifacts.get(key, make)
    found: dict[Nonverbal, ConditionalGaussian] = {}
    for name in NONVERBAL:
        q = ConditionalGaussian(text.train.embeddings.shape[2], config.d_prj, config.q_hidden, config.q_rank)
        q.load_state_dict({field: tensors[f"{name}.q.{field}"] for field in q.state_dict()})
        found[name] = q
    prior = {n: Marginal(tensors[f"{n}.prior.means"], tensors[f"{n}.prior.log_variances"]) for n in NONVERBAL}
    return Consistency(key, found, prior)


def assemble(fusion: Fusion, consistency: Consistency, text: TextResult, emotion: EmotionResult) -> TrainedModel:
    """Put the encoders and q into the fusion's model, which is changed in place."""
    model = fusion.model
    for name, q in consistency.q.items():
        model.q[name] = q
    model.config = model.config.model_copy(update={"q_rank": consistency.q["voice"].rank})
    for encoder, table, fitted in (
        (model.voice_encoder, fusion.voice, emotion.voice),
        (model.face_encoder, fusion.face, emotion.face),
    ):
        assert isinstance(encoder, SequenceEncoder)
        table.fold(fitted.encoder, encoder)
    return TrainedModel(
        key=consistency.key,
        model=model.eval(),
        tokenizer=text.tuned.tokenizer,
        voice=emotion.voice.normalization,
        face=emotion.face.normalization,
        prior=consistency.prior,
    )


def architecture(text: TextResult, recipe: DefaultRecipe) -> MMIMConfig:
    """MMIM on the tuned text encoder and the columns of the feature contract."""
    return MMIMConfig(
        text_encoder=backbone_config(text.tuned.model.encoder.backbone),
        text_pooling=recipe.text.pooling,
        voice_dim=len(CONTRACT.voice.names),
        face_dim=len(CONTRACT.face.names),
        voice_hidden=recipe.voice.hidden * recipe.voice.folds,
        face_hidden=recipe.face.hidden * recipe.face.folds,
        **recipe.model,
    )


def _triples(
    text: EncodedSentences,
    voices: LogitsByEmotion,
    faces: LogitsByEmotion,
    *,
    sentences: NDArray[np.int64],
    config: TripleConfig,
    seed: int,
) -> SyntheticTriples:
    return SyntheticTriples(
        voices=voices,
        faces=faces,
        ratings=text.ratings,
        text_only_scores=text.text_only_score,
        sentences=sentences,
        config=config,
        seed=seed,
    )


def _untrained(key: Key[dict[str, Tensor]], text: TextResult, recipe: DefaultRecipe) -> Fusion:
    torch.manual_seed(recipe.seed)
    backbone = text.tuned.model.encoder.backbone
    model = MMIM(architecture(text, recipe), backbone)
    model.requires_grad_(True)
    backbone.requires_grad_(False)
    return Fusion(key, model, LogitTable(model.config.d_prj), LogitTable(model.config.d_prj))


def _train(fusion: Fusion, text: TextResult, triples: Triples, recipe: DefaultRecipe, log: Log) -> None:
    # One table serves both splits, so that the trainer sees one model: validation sentences follow the others.
    variants = text.train.embeddings.shape[1]
    table = torch.cat((text.train.embeddings, text.valid.embeddings.expand(-1, variants, -1)))
    average = WeightAverage()

    def observe(record: StepRecord | EpochRecord) -> None:
        if isinstance(record, EpochRecord):
            if record.epoch >= recipe.train.epochs - recipe.averaged_epochs:
                average.add(fusion.model)
            parts = ", ".join(f"{name} {value:.3f}" for name, value in record.parts.items())
            log(f"epoch {record.epoch}: {parts}; valid {record.valid_loss:.4f} r {record.valid['r']:.3f}")

    with fusion.reading(table):
        valid = EveryCoalition(triples.valid.with_sentence_offset(len(text.train.ratings)))
        train(
            fusion.model,
            triples.train,
            valid,
            recipe.train,
            seed=recipe.seed,
            device=torch.device("cpu"),
            measure=partial(prediction_metrics, fusion.model.config.head, "mosi"),
            observe=observe,
        )
        average.copy_to(fusion.model)
