"""The checkpoint that ships, from the development data to the finished folder: `mmim-live train live`.

    words    a text encoder learns sentiment from sentences (text_stage)
    pieces   the live extractors measure voices and faces (pieces)
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
from mmim_live.model.checkpoint_config import Normalisation
from mmim_live.model.encoders import SequenceEncoder, TextEncoder, backbone_config
from mmim_live.model.mmim import MMIM, Encodings, MMIMConfig
from mmim_live.model.mutual_information import Marginal
from mmim_live.model.predictor import MIN_VOICE_ROWS
from mmim_live.model.tokenizer import TextTokenizer
from mmim_train.default_checkpoint.background import beside
from mmim_train.default_checkpoint.config import LiveRecipe
from mmim_train.default_checkpoint.emotion.crossfit import (
    Crossed,
    Readings,
    Sampler,
    correlation,
    cross_fit,
    load_crossed,
    read_all,
    save_crossed,
)
from mmim_train.default_checkpoint.emotion.samples import (
    Piece,
    Say,
    load_pieces,
    measure_faces,
    measure_talking,
    measure_voices,
    save_pieces,
)
from mmim_train.default_checkpoint.emotion.sequences import Rows, TalkingFaces
from mmim_train.default_checkpoint.emotion.valence import Emotion
from mmim_train.default_checkpoint.fusion.consistency import Joined, Name, fit_prior, fit_q
from mmim_train.default_checkpoint.fusion.precomputed_encoders import LogitTable, standing_in
from mmim_train.default_checkpoint.fusion.synthetic_triples import (
    ComposeConfig,
    ComposedExamples,
    EveryCoalition,
    Material,
)
from mmim_train.default_checkpoint.text.encoder import (
    Average,
    SentenceModel,
    first_key,
    first_stage,
    is_made,
    load,
    second_key,
    second_stage,
)
from mmim_train.default_checkpoint.text.readings import Words, kept_words, valid_words
from mmim_train.default_checkpoint.text.sentences import read_sentences
from mmim_train.default_checkpoint.text.transcripts import can_speak, hear_sentences, heard_file
from mmim_train.evaluation.calibration import joined as joined_encodings
from mmim_train.features.clip_features import begin_process
from mmim_train.training.trainer import EpochRecord, StepRecord, train


@dataclass(frozen=True, slots=True, eq=False)
class Pieces:
    """Voices and faces of both sides."""

    voices: list[Piece]
    faces: list[Piece]
    talking: TalkingFaces

    def material(self, side: str) -> Material:
        """What triples of one side are made of."""
        voices, faces = ([p for p in part if p.side == side] for part in (self.voices, self.faces))
        return Material.of(voices, faces, self.talking)


@dataclass(frozen=True, slots=True, eq=False)
class Trained:
    """A trained model and what it takes to judge it."""

    model: MMIM
    tokenizer: TextTokenizer
    voice: Normalisation
    face: Normalisation
    prior: dict[Name, Marginal]
    valid: ComposedExamples
    joined: Joined  # of `valid`
    contested: ComposedExamples  # of the same sentences, voices and faces; half of these contradict themselves
    contested_joined: Joined
    emotions: tuple[tuple[Emotion, ...], tuple[Emotion, ...]]  # that voices and faces of `valid` show
    valid_texts: Words
    epochs: tuple[EpochRecord, ...]


def tune_words(data: Path, recipe: LiveRecipe, cache: Path, say: Say) -> tuple[SentenceModel, TextTokenizer]:
    """The tuned text encoder, from the cache where it is there and depends on the same sentences and settings."""
    sentences = read_sentences(data)
    first, second = cache / "text-first", cache / "text-second"
    if not is_made(second, second_key(sentences, recipe.text)):
        if not is_made(first, first_key(sentences, recipe.text)):
            first_stage(obtain("all-MiniLM-L6-v2").folder, sentences, recipe.text, first, say)
        second_stage(first, sentences, recipe.text, second, say)
    return load(second, recipe.text)


def gather_pieces(data: Path, cache: Path, say: Say) -> Pieces:
    """All voices and faces, from the cache where they are there."""
    found: dict[str, list[Piece]] = {}
    parts = (("voices", measure_voices, CONTRACT.voice), ("faces", measure_faces, CONTRACT.face))
    for name, measure, contract in parts:
        kept = load_pieces(cache / f"{name}.npz", contract)
        if kept is None:
            kept = measure(data, say)
            save_pieces(kept, cache / f"{name}.npz", contract)
        found[name] = kept
    talking = measure_talking(data)
    return Pieces(found["voices"], found["faces"] + talking, TalkingFaces(tuple(p.rows for p in talking)))


def look_at_people(data: Path, recipe: LiveRecipe, cache: Path, say: Say) -> tuple[Normalisation, Normalisation, Alone]:
    """How voices and faces are normalised, and their encoders, from the cache where they are there."""
    pieces = gather_pieces(data, cache, say)
    voice = _normalisation([p.rows for p in pieces.voices if p.side == "train"])
    face = face_normalisation(pieces.material("train"), recipe.compose)
    return voice, face, _learn_alone(pieces, voice, face, recipe, cache, say)


def learn(data: Path, recipe: LiveRecipe, cache: Path, say: Say) -> Trained:
    """Everything up to the trained model.

    On one thread, beside a process that has one too: the same weights whatever the number of processors, and OpenMP's
    threads, which wait for one another in a loop, do not fight for them.
    """
    torch.set_num_threads(1)
    cache.mkdir(parents=True, exist_ok=True)
    with beside(_all_but_words, data, recipe, cache, say=say) as say_beside:
        sentence_model, tokenizer = tune_words(data, recipe, cache, say_beside)
    voice, face, alone = look_at_people(data, recipe, cache, say)
    say("reading the sentences")
    sentences = read_sentences(data)
    fit = kept_words(sentence_model, tokenizer, sentences, recipe.text_variants, recipe.seed)
    valid_texts = valid_words(sentence_model, tokenizer, sentences)
    examples = ComposedExamples(
        alone.voice.strangers,
        alone.face.strangers,
        fit.ratings,
        fit.alone,
        spread_out(fit.ratings, recipe.triples, recipe.seed),
        recipe.compose,
        recipe.seed,
    )
    whole = recipe.compose.model_copy(update={"wordless": 0.0, "only_words": 0.0})
    valid, contested = (
        ComposedExamples(
            alone.valid_voices,
            alone.valid_faces,
            valid_texts.ratings,
            valid_texts.alone,
            np.tile(np.arange(len(valid_texts.ratings)), repeats),
            compose,
            recipe.seed + number,
        )
        for number, repeats, compose in (
            (1, recipe.valid_repeats, whole),
            (2, recipe.contested_repeats, whole.model_copy(update={"against": 0.5})),
        )
    )
    torch.manual_seed(recipe.seed)
    model = MMIM(architecture(sentence_model, recipe), sentence_model.encoder.backbone)
    model.requires_grad_(True)
    cast(TextEncoder, model.text_encoder).backbone.requires_grad_(False)
    stand_in_voice, stand_in_face = LogitTable(model.config.d_prj), LogitTable(model.config.d_prj)
    epochs = _train(model, stand_in_voice, stand_in_face, fit, valid_texts, examples, valid, recipe, say)
    with standing_in(model, fit.table, stand_in_voice, stand_in_face):
        rounds = [_joined_triples(model, examples, recipe.train.epochs + number) for number in range(recipe.q_rounds)]
        triples = Joined.together(rounds)
        fit_q(model, triples, recipe.train, recipe.agreement_rank, recipe.q_steps, recipe.seed, say)
    with standing_in(model, valid_texts.table, stand_in_voice, stand_in_face):
        joined, contested_joined = (Joined.of(encode(model, some), some) for some in (valid, contested))
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


def _all_but_words(data: Path, recipe: LiveRecipe, cache: Path, say: Say) -> None:
    """Fill the cache with what does not depend on the text encoder."""
    begin_process()
    look_at_people(data, recipe, cache, say)
    if can_speak():
        hear_sentences([s.text for s in read_sentences(data) if s.part == "valid"], heard_file(cache), say)


def architecture(sentence_model: SentenceModel, recipe: LiveRecipe) -> MMIMConfig:
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
def encode(model: MMIM, examples: ComposedExamples, batch: int = 64) -> Encodings:
    """Of all examples, in order."""
    model.eval()
    starts = range(0, len(examples), batch)
    parts = [model.encode(examples.batch(range(at, min(at + batch, len(examples))))) for at in starts]
    return joined_encodings(parts)


def face_normalisation(material: Material, config: ComposeConfig, count: int = 600) -> Normalisation:
    """Over sequences as they are composed, since stills do not move."""
    draw = np.random.default_rng(0)
    emotions = tuple(material.faces)
    return _normalisation([material.face(emotions[i % len(emotions)], config, draw) for i in range(count)])


def still_sequence(rows: Rows, count: int = 30) -> Rows:
    """A face that holds its expression for two seconds."""
    return np.asarray(np.resize(rows, (max(count, len(rows)), rows.shape[1])), np.float32)


def _normalisation(sequences: Sequence[Rows]) -> Normalisation:
    rows = np.concatenate(sequences).astype(np.float64)
    # A column that hardly moves in the data must not shout when it moves in use.
    std = np.maximum(rows.std(axis=0), 0.02)
    return Normalisation(mean=tuple(rows.mean(axis=0).tolist()), std=tuple(std.tolist()))


@dataclass(frozen=True, slots=True, eq=False)
class Alone:
    """Encoders that learned alone, and what they say of people whom they do not know."""

    voice: Crossed
    face: Crossed
    valid_voices: Readings
    valid_faces: Readings


def _learn_alone(
    pieces: Pieces, voice: Normalisation, face: Normalisation, recipe: LiveRecipe, cache: Path, say: Say
) -> Alone:
    """Voice and face encoders learn emotions, from the cache where they are there."""

    def voices(some: Sequence[Piece]) -> dict[Emotion, Sampler]:
        material = Material.of(some, [], None)
        return dict.fromkeys(material.voices, material.voice)

    def faces(some: Sequence[Piece]) -> dict[Emotion, Sampler]:
        material = Material.of([], some, pieces.talking)
        return dict.fromkeys(material.faces, lambda emotion, draw: material.face(emotion, recipe.compose, draw))

    found: dict[str, Crossed] = {}
    readings: dict[str, Readings] = {}
    bidirectional = bool(recipe.model.get("bidirectional", False))
    for name, everything, sampler, normalisation, config, contract in (
        ("voice", pieces.voices, voices, voice, recipe.voice, CONTRACT.voice),
        ("face", pieces.faces, faces, face, recipe.face, CONTRACT.face),
    ):
        long_enough = [p for p in everything if name == "face" or len(p.rows) >= MIN_VOICE_ROWS]
        train_side, valid_side = ([p for p in long_enough if p.side == side] for side in ("train", "valid"))
        path = cache / f"{name}-alone.pt"
        shown = recipe.compose.model_dump_json(include={"silent", "least_s", "most_s"})
        key = f"{contract.hash} {config.model_dump_json()} {shown} {bidirectional} {recipe.seed}"
        crossed = load_crossed(path, key)
        if crossed is None:
            say(f"{name} alone")
            crossed = cross_fit(train_side, sampler, normalisation, config, bidirectional, recipe.seed, say)
            save_crossed(crossed, path, key)
        found[name] = crossed
        readings[name] = read_all(
            crossed.encoder, normalisation, sampler(valid_side), valid_side, config.readings, recipe.seed
        )
        say(f"{name} alone: r {correlation(readings[name]):.3f} on validation")
    return Alone(found["voice"], found["face"], readings["voice"], readings["face"])


def _train(
    model: MMIM,
    voice: LogitTable,
    face: LogitTable,
    fit: Words,
    valid_texts: Words,
    examples: ComposedExamples,
    valid: ComposedExamples,
    recipe: LiveRecipe,
    say: Say,
) -> tuple[EpochRecord, ...]:
    # One table for both, so that the loop needs to know nothing of it: validation sentences come after the others.
    count = len(fit.ratings)
    padded = valid_texts.table.expand(-1, fit.table.shape[1], -1)
    table = torch.cat((fit.table, padded))
    average = Average()

    def observe(record: StepRecord | EpochRecord) -> None:
        if isinstance(record, EpochRecord):
            examples.join_anew(record.epoch + 1)
            if record.epoch >= recipe.train.epochs - recipe.averaged_epochs:
                average.add(model)
            parts = ", ".join(f"{name} {value:.3f}" for name, value in record.parts.items())
            say(f"epoch {record.epoch}: {parts}; valid {record.valid_loss:.4f} r {record.valid['r']:.3f}")

    with standing_in(model, table, voice, face):
        judged = EveryCoalition(valid.moved(count))
        result = train(model, examples, judged, recipe.train, recipe.seed, torch.device("cpu"), observe=observe)
        average.give(model)
    return result.epochs


def _joined_triples(model: MMIM, examples: ComposedExamples, number: int) -> Joined:
    """Triples joined in a round that training did not see."""
    examples.join_anew(number)
    return Joined.of(encode(model, examples), examples)
