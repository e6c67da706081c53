"""The checkpoint that ships, from the development data to the finished folder: `mmim-live train live`.

    words    a text encoder learns sentiment from sentences (text_stage)
    samples  the live extractors measure voices and faces (samples)
    alone    voice and face encoders learn emotions, and read people whom they do not know (crossfit)
    compose  triples joined by sentiment; MMIM learns with its corrected objective (compose, loop)
    agree    the q networks learn once more, from triples that were joined with their words (agree)
    judge    intervals, abstention, agreement tables and figures, on validation words, voices and faces (live_report)

What is slow is kept in a cache folder and made again only where it is missing; words are learned in one process while
another looks at people. Knows no command line.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import cast

import numpy as np
import torch
from numpy.typing import NDArray

from mmim_live.assets import obtain
from mmim_live.features.contract import CONTRACT
from mmim_live.model.checkpoint_config import Normalization
from mmim_live.model.encoders import SequenceEncoder, TextEncoder, backbone_config
from mmim_live.model.mmim import MMIM, Encodings, MMIMConfig
from mmim_live.model.mutual_information import Marginal
from mmim_live.model.predictor import MIN_VOICE_ROWS
from mmim_live.model.tokenizer import TextTokenizer
from mmim_train.default_checkpoint.background import background
from mmim_train.default_checkpoint.config import DefaultRecipe
from mmim_train.default_checkpoint.emotion.crossfit import (
    CrossFit,
    Readings,
    Sampler,
    correlation,
    cross_fit,
    load_crossed,
    read_all,
    save_crossed,
)
from mmim_train.default_checkpoint.emotion.samples import (
    EmotionSample,
    Log,
    load_samples,
    measure_faces,
    measure_talking,
    measure_voices,
    save_samples,
)
from mmim_train.default_checkpoint.emotion.sequences import Rows, TalkingFaces
from mmim_train.default_checkpoint.emotion.valence import Emotion
from mmim_train.default_checkpoint.fusion.consistency import EncodedTriples, Name, fit_prior, fit_q
from mmim_train.default_checkpoint.fusion.precomputed_encoders import LogitTable, precomputed_encoders
from mmim_train.default_checkpoint.fusion.synthetic_triples import (
    EmotionCorpus,
    EveryCoalition,
    SyntheticTriples,
    TripleConfig,
)
from mmim_train.default_checkpoint.text.encoder import (
    Average,
    SentenceModel,
    finetune,
    finetuning_key,
    is_made,
    load,
    pretrain,
    pretraining_key,
)
from mmim_train.default_checkpoint.text.readings import EncodedSentences, kept_words, valid_words
from mmim_train.default_checkpoint.text.sentences import read_sentences
from mmim_train.default_checkpoint.text.transcripts import can_speak, hear_sentences, heard_file
from mmim_train.evaluation.calibration import joined as joined_encodings
from mmim_train.features.clip_features import start_worker_process
from mmim_train.training.trainer import EpochRecord, StepRecord, train


@dataclass(frozen=True, slots=True, eq=False)
class EmotionSamples:
    """Voices and faces of both sides."""

    voices: list[EmotionSample]
    faces: list[EmotionSample]
    talking: TalkingFaces

    def corpus(self, split: str) -> EmotionCorpus:
        """What the triples of one split are made of."""
        voices, faces = ([p for p in part if p.split == split] for part in (self.voices, self.faces))
        return EmotionCorpus.of(voices, faces, self.talking)


@dataclass(frozen=True, slots=True, eq=False)
class Trained:
    """A trained model and what it takes to judge it."""

    model: MMIM
    tokenizer: TextTokenizer
    voice: Normalization
    face: Normalization
    prior: dict[Name, Marginal]
    valid: SyntheticTriples
    joined: EncodedTriples  # of `valid`
    contested: SyntheticTriples  # of the same sentences, voices and faces; half of these contradict themselves
    contested_joined: EncodedTriples
    emotions: tuple[tuple[Emotion, ...], tuple[Emotion, ...]]  # that voices and faces of `valid` show
    valid_texts: EncodedSentences
    epochs: tuple[EpochRecord, ...]


def tune_words(data: Path, recipe: DefaultRecipe, cache: Path, log: Log) -> tuple[SentenceModel, TextTokenizer]:
    """The tuned text encoder, from the cache where it is there and depends on the same sentences and settings."""
    sentences = read_sentences(data)
    first, second = cache / "text-first", cache / "text-second"
    if not is_made(second, finetuning_key(sentences, recipe.text)):
        if not is_made(first, pretraining_key(sentences, recipe.text)):
            pretrain(obtain("all-MiniLM-L6-v2").folder, sentences, recipe.text, first, log)
        finetune(first, sentences, recipe.text, second, log)
    return load(second, recipe.text)


def gather_samples(data: Path, cache: Path, log: Log) -> EmotionSamples:
    """All voices and faces, from the cache where they are there."""
    found: dict[str, list[EmotionSample]] = {}
    parts = (("voices", measure_voices, CONTRACT.voice), ("faces", measure_faces, CONTRACT.face))
    for name, measure, contract in parts:
        kept = load_samples(cache / f"{name}.npz", contract)
        if kept is None:
            kept = measure(data, log)
            save_samples(kept, cache / f"{name}.npz", contract)
        found[name] = kept
    talking = measure_talking(data)
    return EmotionSamples(found["voices"], found["faces"] + talking, TalkingFaces(tuple(p.rows for p in talking)))


def look_at_people(
    data: Path, recipe: DefaultRecipe, cache: Path, log: Log
) -> tuple[Normalization, Normalization, Alone]:
    """How voices and faces are normalised, and their encoders, from the cache where they are there."""
    samples = gather_samples(data, cache, log)
    voice = _normalisation([p.rows for p in samples.voices if p.split == "train"])
    face = face_normalisation(samples.corpus("train"), recipe.synthetic_triples)
    return voice, face, _learn_alone(samples, voice, face, recipe, cache, log)


def learn(data: Path, recipe: DefaultRecipe, cache: Path, log: Log) -> Trained:
    """Everything up to the trained model.

    On one thread, beside a process that has one too: the same weights whatever the number of processors, and OpenMP's
    threads, which wait for one another in a loop, do not fight for them.
    """
    torch.set_num_threads(1)
    cache.mkdir(parents=True, exist_ok=True)
    with background(_all_but_words, data, recipe, cache, log=log) as log_if_alive:
        sentence_model, tokenizer = tune_words(data, recipe, cache, log_if_alive)
    voice, face, alone = look_at_people(data, recipe, cache, log)
    log("reading the sentences")
    sentences = read_sentences(data)
    fit = kept_words(sentence_model, tokenizer, sentences, recipe.text_variants, recipe.seed)
    valid_texts = valid_words(sentence_model, tokenizer, sentences)
    examples = SyntheticTriples(
        alone.voice.out_of_fold,
        alone.face.out_of_fold,
        fit.ratings,
        fit.text_only_score,
        spread_out(fit.ratings, recipe.triples, recipe.seed),
        recipe.synthetic_triples,
        recipe.seed,
    )
    whole = recipe.synthetic_triples.model_copy(update={"wordless": 0.0, "only_words": 0.0})
    valid, contested = (
        SyntheticTriples(
            alone.valid_voices,
            alone.valid_faces,
            valid_texts.ratings,
            valid_texts.text_only_score,
            np.tile(np.arange(len(valid_texts.ratings)), repeats),
            compose,
            recipe.seed + number,
        )
        for number, repeats, compose in (
            (1, recipe.valid_repeats, whole),
            (2, recipe.contested_repeats, whole.model_copy(update={"incongruent": 0.5})),
        )
    )
    torch.manual_seed(recipe.seed)
    model = MMIM(architecture(sentence_model, recipe), sentence_model.encoder.backbone)
    model.requires_grad_(True)
    cast(TextEncoder, model.text_encoder).backbone.requires_grad_(False)
    stand_in_voice, stand_in_face = LogitTable(model.config.d_prj), LogitTable(model.config.d_prj)
    epochs = _train(model, stand_in_voice, stand_in_face, fit, valid_texts, examples, valid, recipe, log)
    with precomputed_encoders(model, fit.table, stand_in_voice, stand_in_face):
        rounds = [_joined_triples(model, examples, recipe.train.epochs + number) for number in range(recipe.q_rounds)]
        triples = EncodedTriples.together(rounds)
        fit_q(model, triples, recipe.train, recipe.consistency_rank, recipe.q_steps, recipe.seed, log)
    with precomputed_encoders(model, valid_texts.table, stand_in_voice, stand_in_face):
        joined, contested_joined = (EncodedTriples.of(encode(model, some), some) for some in (valid, contested))
    stand_in_voice.fold(alone.voice.encoder, cast(SequenceEncoder, model.voice_encoder))
    stand_in_face.fold(alone.face.encoder, cast(SequenceEncoder, model.face_encoder))
    return Trained(
        model=model.eval(),
        tokenizer=tokenizer,
        voice=voice,
        face=face,
        prior=fit_prior(model, triples),
        valid=valid,
        joined=joined,
        contested=contested,
        contested_joined=contested_joined,
        emotions=(tuple(alone.valid_voices), tuple(alone.valid_faces)),
        valid_texts=valid_texts,
        epochs=epochs,
    )


def _all_but_words(data: Path, recipe: DefaultRecipe, cache: Path, log: Log) -> None:
    """Fill the cache with what does not depend on the text encoder."""
    start_worker_process()
    look_at_people(data, recipe, cache, log)
    if can_speak():
        hear_sentences([s.text for s in read_sentences(data) if s.part == "valid"], heard_file(cache), log)


def architecture(sentence_model: SentenceModel, recipe: DefaultRecipe) -> MMIMConfig:
    """MMIM over the tuned text encoder and the columns of the contract."""
    return MMIMConfig(
        text_encoder=backbone_config(sentence_model.encoder.backbone),
        text_pooling=recipe.text.pooling,
        voice_dim=len(CONTRACT.voice.names),
        face_dim=len(CONTRACT.face.names),
        voice_hidden=recipe.voice.hidden * recipe.voice.folds,
        face_hidden=recipe.face.hidden * recipe.face.folds,
        **recipe.model,
    )


def spread_out(ratings: NDArray[np.float32], count: int, seed: int) -> NDArray[np.int64]:
    """Draw `count` sentences so that strong ratings, which are rare, come up nearly as often as weak ones."""
    bins = np.round(ratings).astype(np.int64)
    weights = np.array([1.0 / np.sqrt((bins == value).sum()) for value in bins])
    return np.random.default_rng(seed).choice(len(ratings), count, p=weights / weights.sum())


@torch.inference_mode()
def encode(model: MMIM, examples: SyntheticTriples, batch: int = 64) -> Encodings:
    """Of all examples, in order."""
    model.eval()
    starts = range(0, len(examples), batch)
    parts = [model.encode(examples.batch(range(at, min(at + batch, len(examples))))) for at in starts]
    return joined_encodings(parts)


def face_normalisation(corpus: EmotionCorpus, config: TripleConfig, count: int = 600) -> Normalization:
    """Over sequences as they are composed, since stills do not move."""
    draw = np.random.default_rng(0)
    emotions = tuple(corpus.faces)
    return _normalisation([corpus.face(emotions[i % len(emotions)], config, draw) for i in range(count)])


def still_sequence(rows: Rows, count: int = 30) -> Rows:
    """A face that holds its expression for two seconds."""
    return np.asarray(np.resize(rows, (max(count, len(rows)), rows.shape[1])), np.float32)


def _normalisation(sequences: Sequence[Rows]) -> Normalization:
    rows = np.concatenate(sequences).astype(np.float64)
    # A column that hardly moves in the data must not shout when it moves in use.
    std = np.maximum(rows.std(axis=0), 0.02)
    return Normalization(mean=tuple(rows.mean(axis=0).tolist()), std=tuple(std.tolist()))


@dataclass(frozen=True, slots=True, eq=False)
class Alone:
    """Encoders that learned alone, and what they say of people whom they do not know."""

    voice: CrossFit
    face: CrossFit
    valid_voices: Readings
    valid_faces: Readings


def _learn_alone(
    samples: EmotionSamples, voice: Normalization, face: Normalization, recipe: DefaultRecipe, cache: Path, log: Log
) -> Alone:
    """Voice and face encoders learn emotions, from the cache where they are there."""

    def voices(some: Sequence[EmotionSample]) -> dict[Emotion, Sampler]:
        corpus = EmotionCorpus.of(some, [], None)
        return dict.fromkeys(corpus.voices, corpus.voice)

    def faces(some: Sequence[EmotionSample]) -> dict[Emotion, Sampler]:
        corpus = EmotionCorpus.of([], some, samples.talking)
        return dict.fromkeys(corpus.faces, lambda emotion, draw: corpus.face(emotion, recipe.synthetic_triples, draw))

    found: dict[str, CrossFit] = {}
    readings: dict[str, Readings] = {}
    bidirectional = bool(recipe.model.get("bidirectional", False))
    for name, everything, sampler, normalisation, config, contract in (
        ("voice", samples.voices, voices, voice, recipe.voice, CONTRACT.voice),
        ("face", samples.faces, faces, face, recipe.face, CONTRACT.face),
    ):
        long_enough = [p for p in everything if name == "face" or len(p.rows) >= MIN_VOICE_ROWS]
        train_side, valid_side = ([p for p in long_enough if p.split == split] for split in ("train", "valid"))
        path = cache / f"{name}-alone.pt"
        shown = recipe.synthetic_triples.model_dump_json(include={"silent", "least_s", "most_s"})
        key = f"{contract.hash} {config.model_dump_json()} {shown} {bidirectional} {recipe.seed}"
        crossed = load_crossed(path, key)
        if crossed is None:
            log(f"{name} alone")
            crossed = cross_fit(train_side, sampler, normalisation, config, bidirectional, recipe.seed, log)
            save_crossed(crossed, path, key)
        found[name] = crossed
        readings[name] = read_all(
            crossed.encoder, normalisation, sampler(valid_side), valid_side, config.readings, recipe.seed
        )
        log(f"{name} alone: r {correlation(readings[name]):.3f} on validation")
    return Alone(found["voice"], found["face"], readings["voice"], readings["face"])


def _train(
    model: MMIM,
    voice: LogitTable,
    face: LogitTable,
    fit: EncodedSentences,
    valid_texts: EncodedSentences,
    examples: SyntheticTriples,
    valid: SyntheticTriples,
    recipe: DefaultRecipe,
    log: Log,
) -> tuple[EpochRecord, ...]:
    # One table for both, so that the loop needs to know nothing of it: validation sentences come after the others.
    count = len(fit.ratings)
    padded = valid_texts.table.expand(-1, fit.table.shape[1], -1)
    table = torch.cat((fit.table, padded))
    average = Average()

    def observe(record: StepRecord | EpochRecord) -> None:
        if isinstance(record, EpochRecord):
            if record.epoch >= recipe.train.epochs - recipe.averaged_epochs:
                average.add(model)
            parts = ", ".join(f"{name} {value:.3f}" for name, value in record.parts.items())
            log(f"epoch {record.epoch}: {parts}; valid {record.valid_loss:.4f} r {record.valid['r']:.3f}")

    with precomputed_encoders(model, table, voice, face):
        judged = EveryCoalition(valid.moved(count))
        result = train(model, examples, judged, recipe.train, recipe.seed, torch.device("cpu"), observe=observe)
        average.give(model)
    return result.epochs


def _joined_triples(model: MMIM, examples: SyntheticTriples, number: int) -> EncodedTriples:
    """Triples joined in a round that training did not see."""
    examples.resample(number)
    return EncodedTriples.of(encode(model, examples), examples)
