"""The checkpoint that ships, from the development data to the finished folder: `mmim-live train live`.

    words    a text encoder learns sentiment from sentences (text_stage)
    pieces   the live extractors measure voices and faces (pieces)
    alone    voice and face encoders learn emotions (unimodal)
    compose  triples joined by sentiment; MMIM learns with its corrected objective (compose, loop)
    agree    the q networks learn once more, from triples that were joined with their words
    judge    intervals, agreement tables and figures, on validation words, voices and faces (calibrate, live_report)

What is slow is kept in a cache folder and made again only where it is missing. Knows no command line.
"""

from __future__ import annotations

import tomllib
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path
from typing import Any, cast

import numpy as np
import torch
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict, ValidationError

from mmim_live.assets import obtain
from mmim_live.errors import ConfigError
from mmim_live.extract.contract import CONTRACT
from mmim_live.model.encoders import SequenceEncoder, TextEncoder, backbone_config
from mmim_live.model.manifest import Normalisation
from mmim_live.model.mmim import MMIM, Encodings, MMIMConfig
from mmim_live.model.mutual_information import ConditionalGaussian
from mmim_live.model.tokenizer import TextTokenizer
from mmim_train.calibrate import joined
from mmim_train.compose import ComposeConfig, ComposedExamples, Material, SentenceTable
from mmim_train.loop import EpochRecord, StepRecord, train
from mmim_train.options import TrainOptions
from mmim_train.pieces import (
    Piece,
    Say,
    load_pieces,
    measure_faces,
    measure_talking,
    measure_voices,
    save_pieces,
)
from mmim_train.sentences import Sentence, read_sentences
from mmim_train.sequences import Rows, TalkingFaces
from mmim_train.text_stage import SentenceModel, TextStageConfig, first_stage, load, second_stage
from mmim_train.unimodal import AloneConfig, EmotionHead, fit_alone, read_alone
from mmim_train.valence import SENTIMENT, Emotion
from mmim_train.words import Words, kept_words, valid_words


class LiveRecipe(BaseModel):
    """recipes/live.toml."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    seed: int = 1
    text: TextStageConfig = TextStageConfig()
    voice: AloneConfig = AloneConfig()
    face: AloneConfig = AloneConfig()
    compose: ComposeConfig = ComposeConfig()
    model: dict[str, Any] = {}
    train: TrainOptions = TrainOptions()
    text_variants: int = 2  # readings of each sentence: one without dropout, the others with
    triples: int = 8000  # in each epoch
    valid_repeats: int = 4  # triples a validation sentence
    q_steps: int = 1500  # of the last fit of q


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
    sentence_model: SentenceModel
    tokenizer: TextTokenizer
    voice: Normalisation
    face: Normalisation
    valid: ComposedExamples
    encodings: Encodings  # of `valid`
    valid_texts: Words
    epochs: tuple[EpochRecord, ...]
    alone: dict[str, float]  # r of voice and face encoders by themselves


def read_recipe(path: Path | None = None) -> LiveRecipe:
    """The recipe in `path`, or the one that is installed. Raises ConfigError."""
    path = path or Path(str(files("mmim_train") / "recipes" / "live.toml"))
    try:
        return LiveRecipe.model_validate(tomllib.loads(path.read_text(encoding="utf-8")))
    except OSError as error:
        raise ConfigError(f"{path} cannot be read ({error.strerror or error})") from error
    except ValidationError as error:
        first = error.errors()[0]
        raise ConfigError(f"{path}: {'.'.join(map(str, first['loc']))}: {first['msg']}") from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise ConfigError(f"{path} is no valid TOML file: {error}") from error


def tune_words(data: Path, recipe: LiveRecipe, cache: Path, say: Say) -> tuple[SentenceModel, TextTokenizer]:
    """The tuned text encoder, from the cache where it is there."""
    sentences = read_sentences(data)
    first, second = cache / "text-first", cache / "text-second"
    if not (first / "text_stage.json").is_file():
        first_stage(obtain("all-MiniLM-L6-v2").folder, sentences, recipe.text, first, say)
    if not (second / "text_stage.json").is_file():
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


def learn(data: Path, recipe: LiveRecipe, cache: Path, say: Say) -> Trained:
    """Everything up to the trained model."""
    torch.manual_seed(recipe.seed)
    sentence_model, tokenizer = tune_words(data, recipe, cache, say)
    pieces = gather_pieces(data, cache, say)
    material = pieces.material("train")
    voice = _normalisation([p.rows for p in pieces.voices if p.side == "train"])
    face = face_normalisation(material, recipe.compose)
    config = architecture(sentence_model, recipe)
    torch.manual_seed(recipe.seed)
    model = MMIM(config, sentence_model.encoder.backbone)
    alone = _learn_alone(model, material, pieces, voice, face, recipe, say)
    sentences = read_sentences(data)
    fit, valid_texts = _words(sentence_model, tokenizer, sentences, recipe, say)
    chosen = spread_out(fit.ratings, recipe.triples, recipe.seed)
    examples = ComposedExamples(material, fit.ratings, chosen, voice, face, recipe.compose, recipe.seed)
    valid = ComposedExamples(
        pieces.material("valid"),
        valid_texts.ratings,
        np.tile(np.arange(len(valid_texts.ratings)), recipe.valid_repeats),
        voice,
        face,
        recipe.compose.model_copy(update={"wordless": 0.0}),
        recipe.seed + 1,
    ).keep()
    epochs = _train(model, fit, valid_texts, examples, valid, recipe, say)
    with reading(model, fit.table):
        _fit_q(model, examples, recipe, say)
    with reading(model, valid_texts.table):
        encodings = encode(model, valid)
    return Trained(model, sentence_model, tokenizer, voice, face, valid, encodings, valid_texts, epochs, alone)


def architecture(sentence_model: SentenceModel, recipe: LiveRecipe) -> MMIMConfig:
    """MMIM over the tuned text encoder and the columns of the contract."""
    return MMIMConfig(
        text_encoder=backbone_config(sentence_model.encoder.backbone),
        text_pooling=recipe.text.pooling,
        voice_dim=len(CONTRACT.voice.names),
        face_dim=len(CONTRACT.face.names),
        **recipe.model,
    )


def spread_out(ratings: NDArray[np.float32], count: int, seed: int) -> NDArray[np.int64]:
    """Draw `count` sentences so that strong ratings, which are rare, come up nearly as often as weak ones."""
    bins = np.round(ratings).astype(np.int64)
    weights = np.array([1.0 / np.sqrt((bins == value).sum()) for value in bins])
    return np.random.default_rng(seed).choice(len(ratings), count, p=weights / weights.sum())


class reading:  # noqa: N801  a context manager
    """Within, the model reads sentences by their numbers from a table instead of by its text encoder."""

    def __init__(self, model: MMIM, table: torch.Tensor) -> None:
        self._model = model
        assert model.text_encoder is not None
        self._encoder: TextEncoder = model.text_encoder
        self._table = SentenceTable(table, self._encoder.absent)

    def __enter__(self) -> None:
        self._model.text_encoder = cast(TextEncoder, self._table)

    def __exit__(self, *_: object) -> None:
        self._model.text_encoder = self._encoder


@torch.inference_mode()
def encode(model: MMIM, examples: ComposedExamples, batch: int = 64) -> Encodings:
    """Of all examples, in order."""
    model.eval()
    starts = range(0, len(examples), batch)
    parts = [model.encode(examples.batch(range(at, min(at + batch, len(examples))))) for at in starts]
    return joined(parts)


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


def _words(
    model: SentenceModel, tokenizer: TextTokenizer, sentences: Sequence[Sentence], recipe: LiveRecipe, say: Say
) -> tuple[Words, Words]:
    say("reading the sentences")
    return (
        kept_words(model, tokenizer, sentences, recipe.text_variants, recipe.seed),
        valid_words(model, tokenizer, sentences),
    )


def _learn_alone(
    model: MMIM,
    material: Material,
    pieces: Pieces,
    voice: Normalisation,
    face: Normalisation,
    recipe: LiveRecipe,
    say: Say,
) -> dict[str, float]:
    """Voice and face encoders learn emotions; r of their readings on people they never saw."""
    result: dict[str, float] = {}
    valid = {
        "voice": [(p.rows, p.emotion) for p in pieces.voices if p.side == "valid" and len(p.rows) >= 10],
        "face": [(still_sequence(p.rows), p.emotion) for p in pieces.faces if p.side == "valid"],
    }
    for name, encoder, normalisation, config, sample in (
        ("voice", model.voice_encoder, voice, recipe.voice, _sampler(material.voices, material.voice)),
        (
            "face",
            model.face_encoder,
            face,
            recipe.face,
            _sampler(material.faces, lambda e, d: material.face(e, recipe.compose, d)),
        ),
    ):
        assert isinstance(encoder, SequenceEncoder)
        head = EmotionHead(encoder.width)
        truth = np.array([SENTIMENT[emotion] for _, emotion in valid[name]])

        def read(
            encoder: SequenceEncoder = encoder,
            head: EmotionHead = head,
            normalisation: Normalisation = normalisation,
            truth: np.ndarray[Any, Any] = truth,
            name: str = name,
        ) -> float:
            found = read_alone(encoder, head, normalisation, [rows for rows, _ in valid[name]])
            return float(np.corrcoef(found, truth)[0, 1])

        def look(step: int, loss: float, name: str = name, read: Callable[[], float] = read) -> None:
            say(f"{name} alone, step {step}: loss {loss:.3f}, r {read():.3f}")

        fit_alone(encoder, head, normalisation, sample, config, recipe.seed, look)
        result[name] = read()
        say(f"{name} alone: r {result[name]:.3f}")
    return result


def _sampler(
    pieces: Any, make: Callable[[Emotion, np.random.Generator], Rows]
) -> Callable[[np.random.Generator], tuple[Rows, Emotion]]:
    """Emotions in equal shares half of the time, as often as they occur otherwise."""
    emotions = tuple(pieces)
    counts = np.array([len(pieces[emotion]) for emotion in emotions], np.float64)
    weights = 0.5 * counts / counts.sum() + 0.5 / len(counts)

    def sample(draw: np.random.Generator) -> tuple[Rows, Emotion]:
        emotion = emotions[draw.choice(len(emotions), p=weights)]
        return make(emotion, draw), emotion

    return sample


def _train(
    model: MMIM,
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

    def observe(record: StepRecord | EpochRecord) -> None:
        if isinstance(record, EpochRecord):
            examples.round += 1
            parts = ", ".join(f"{name} {value:.3f}" for name, value in record.parts.items())
            say(f"epoch {record.epoch}: {parts}; valid {record.valid_loss:.3f} r {record.valid['r']:.3f}")

    for parameter in cast(TextEncoder, model.text_encoder).backbone.parameters():
        parameter.requires_grad_(False)
    with reading(model, table):
        result = train(
            model, examples, valid.moved(count), recipe.train, recipe.seed, torch.device("cpu"), observe=observe
        )
    return result.epochs


def _fit_q(model: MMIM, examples: ComposedExamples, recipe: LiveRecipe, say: Say, batch: int = 64) -> None:
    """Fit q(voice | words) and q(face | words) to triples that were joined with their words, all else fixed.

    In training q saw all triples, so that its bound is one on what the encoders really say; for agreement it shall
    know what voice and face are like when they do go with the words.
    """
    encodings = encode(model, examples)
    joinings = [examples.joining(index) for index in range(len(examples))]
    draw = torch.Generator().manual_seed(recipe.seed)
    for column, (name, h) in enumerate((("voice", encodings.h_a), ("face", encodings.h_v))):
        q = cast(ConditionalGaussian, model.q[name])
        with_words = torch.tensor([j[column] == "with" for j in joinings]) & encodings.present[:, 0]
        x, y = encodings.h_t[with_words], h[with_words]
        optimiser = torch.optim.AdamW(q.parameters(), lr=recipe.train.lr_q, weight_decay=1e-2)
        schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimiser, recipe.q_steps)
        total = 0.0
        for _ in range(recipe.q_steps):
            chosen = torch.randint(len(x), (batch,), generator=draw)
            noisy = x[chosen] + 0.1 * x.std(dim=0) * torch.randn(batch, x.shape[1], generator=draw)
            loss = -q.log_prob(noisy, y[chosen]).mean()
            optimiser.zero_grad(set_to_none=True)
            loss.backward()  # type: ignore[no-untyped-call]
            optimiser.step()
            schedule.step()
            total += float(loss.detach())
        say(f"q({name} | words): {-total / recipe.q_steps:.2f} nats")
