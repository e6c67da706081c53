"""What the shipped checkpoint shows on validation data, as numbers by name. Knows no command line and no card.

Composed triples tell how well the model has learned what was composed, and no more; voices, faces and words each by
themselves are real.
"""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from mmim_live.capture.files.media_file import MediaFile
from mmim_live.features.voice import VOICE_NAMES, VoiceExtractor
from mmim_live.model.checkpoint_config import Normalization
from mmim_live.model.mmim import MMIM, Batch
from mmim_live.text_normalization import normalize_text
from mmim_live.types import SCORE_LIMIT, AudioBlock
from mmim_train.default_checkpoint.emotion.samples import EmotionSample, Log
from mmim_train.default_checkpoint.emotion.sequences import Rows
from mmim_train.default_checkpoint.emotion.unimodal import pad
from mmim_train.default_checkpoint.emotion.valence import SENTIMENT
from mmim_train.default_checkpoint.fusion.consistency import NAMES, Name, ceilings, separation, statistics
from mmim_train.default_checkpoint.stages import Trained, still_sequence
from mmim_train.default_checkpoint.text.transcripts import can_speak, hear_sentences, heard_file
from mmim_train.evaluation.calibration import as_numbers, coalition_scores, coverage, quantile_table
from mmim_train.evaluation.metrics import mosi_metrics

Numbers = NDArray[np.float64]
_DECIBEL = (-12.0, 6.0)


def figures(
    trained: Trained, voices: Sequence[EmotionSample], faces: Sequence[EmotionSample], data: Path
) -> dict[str, Any]:
    """Every figure that the card prints."""
    truth = as_numbers(trained.valid.targets(range(len(trained.valid))))
    scores = coalition_scores(trained.model, trained.joined.encodings)
    sentence = np.arange(len(truth)) % len(trained.valid_texts.ratings)
    first = np.arange(len(trained.valid_texts.ratings))  # one triple a sentence
    return {
        "words": _rounded(asdict(mosi_metrics(truth[first], scores["text"][first]))),
        "words_with_errors": {
            f"{share:.0%}": _rounded(words_with_errors(trained, share)) for share in (0.05, 0.1, 0.2)
        },
        "triples": {name: _triple_figures(truth, score) for name, score in scores.items() if name},
        "coverage": _rounded(coverage(truth, scores, sentence)),
        "agreement_auc": agreement_figures(trained),
        "voice": voice_figures(trained, voices),
        "loudness": loudness(trained, data),
        "face": face_figures(trained, faces),
        "identity": identity(trained, faces),
    }


def _triple_figures(truth: Numbers, score: Numbers) -> dict[str, float]:
    return _rounded(
        {
            "mae": float(np.abs(truth - score).mean()),
            "r": float(np.corrcoef(truth, score)[0, 1]),
            "acc2_non0": float(((truth > 0) == (score > 0))[truth != 0].mean()),
        }
    )


def agreement_figures(trained: Trained) -> dict[str, dict[str, float]]:
    """How well agreement tells voices and faces joined with their words from others, and the most that could be."""
    contested = trained.contested_joined
    words = coalition_scores(trained.model, contested.encodings)["text"]
    values = statistics(trained.model, contested.encodings, trained.prior)
    found = {"reached": separation(values, contested.congruence)}
    found |= ceilings(trained.contested, trained.emotions, words, trained.contested.config)
    return {kind: _rounded(figures) for kind, figures in found.items()}


def agreement_tables(trained: Trained) -> dict[Name, tuple[float, ...]]:
    """Percentiles over triples that were joined with their words."""
    values = statistics(trained.model, trained.contested_joined.encodings, trained.prior)
    congruence = trained.contested_joined.congruence
    return {
        name: quantile_table(values[name][congruence[:, column] == "congruent"]) for column, name in enumerate(NAMES)
    }


def words_with_errors(trained: Trained, share: float) -> dict[str, float]:
    """MOSI's validation sentences with a share of their words lost or replaced by other words, as a recogniser does."""
    draw = random.Random(0)
    vocabulary = [word for text in trained.valid_texts.texts for word in text.split()]
    texts = [_garble(text, share, vocabulary, draw) for text in trained.valid_texts.texts]
    scores = np.concatenate([read_words(trained, text) for text in texts])
    found = mosi_metrics(trained.valid_texts.ratings, scores)
    return {"mae": found.mae, "r": found.r, "acc2_non0": found.acc2_non0}


def _garble(text: str, share: float, vocabulary: Sequence[str], draw: random.Random) -> str:
    words = []
    for word in text.split():
        if draw.random() >= share:
            words.append(word)
        elif draw.random() < 0.7:  # most errors of recognisers are substitutions
            words.append(draw.choice(vocabulary))
    return " ".join(words) or text


def transcript_figures(trained: Trained, cache: Path, log: Log) -> dict[str, Any] | None:
    """The validation sentences as the live recogniser hears them from a synthetic voice; None where there is none."""
    path = heard_file(cache)
    if not path.is_file() and not can_speak():
        return None
    heard = hear_sentences(trained.valid_texts.texts, path, log)
    # Where nothing was heard there is no reading; it counts as the score of nothing present.
    nothing = float(coalition_scores(trained.model, trained.joined.encodings)[""][0])
    scores = np.array([read_words(trained, text)[0] if normalize_text(text) else nothing for text in heard.texts])
    found = mosi_metrics(trained.valid_texts.ratings, scores)
    return _rounded(
        {
            "mae": found.mae,
            "r": found.r,
            "acc2_non0": found.acc2_non0,
            "error_rate": heard.errors / heard.words,
            "recogniser": heard.recogniser,
            "voices": list(heard.voices),
        }
    )


@torch.inference_mode()
def read_words(trained: Trained, text: str) -> Numbers:
    """The score [1] of words alone, through the real text encoder."""
    ids, mask = trained.tokenizer.encode([text])
    batch = _batch(trained.model, token_ids=ids, token_mask=mask)
    return _score(trained.model, batch)


def read_rows(
    model: MMIM, name: str, sequences: Sequence[Rows], normalisation: Normalization, batch: int = 64
) -> Numbers:
    """The scores [N] of voices or faces alone."""
    found = []
    for start in range(0, len(sequences), batch):
        rows, lengths = pad([normalisation.apply(rows) for rows in sequences[start : start + batch]])
        found.append(_score(model, _batch(model, **{name: rows, f"{name}_lengths": lengths})))
    return np.concatenate(found)


def voice_figures(trained: Trained, voices: Sequence[EmotionSample]) -> dict[str, Any]:
    """r on speakers that were never heard, and the mean reading of each emotion."""
    valid = [sample for sample in voices if sample.split == "valid" and len(sample.rows) >= 10]
    return _emotion_figures(
        valid, read_rows(trained.model, "voice", [sample.rows for sample in valid], trained.voice), "source"
    )


def face_figures(trained: Trained, faces: Sequence[EmotionSample]) -> dict[str, Any]:
    """r on faces that were never seen, held for two seconds; and what neutral faces read."""
    valid = [sample for sample in faces if sample.split == "valid"]
    rows = [still_sequence(sample.rows) for sample in valid]
    return _emotion_figures(valid, read_rows(trained.model, "face", rows, trained.face), "source")


def identity(trained: Trained, faces: Sequence[EmotionSample]) -> dict[str, float]:
    """Whether a face reads who it is: what neutral faces read, and how far the people of CK+ lie from one another.

    CK+ has no neutral pictures here, and FER2013 names nobody, so its neutral pictures count as one person each. A
    person's offset is the mean over the expressions shown of reading - mean reading of that expression.
    """
    valid = [sample for sample in faces if sample.split == "valid"]
    scores = read_rows(trained.model, "face", [still_sequence(sample.rows) for sample in valid], trained.face)
    emotions = np.array([sample.emotion for sample in valid])
    sources = np.array([sample.source for sample in valid])
    neutral = scores[emotions == "neutral"]
    posed = sources == "ckplus"
    apart = scores.copy()
    for emotion in np.unique(emotions[posed]):
        apart[posed & (emotions == emotion)] -= scores[posed & (emotions == emotion)].mean()
    people = np.array([sample.person for sample in valid])
    offsets = np.array([apart[posed & (people == person)].mean() for person in np.unique(people[posed])])
    return _rounded(
        {
            "neutral_mean": float(neutral.mean()),
            "neutral_within_half": float((np.abs(neutral) <= 0.5).mean()),
            "neutral_count": len(neutral),
            "people": len(offsets),
            "offset_mean": float(np.abs(offsets).mean()),
            "offset_within_half": float((np.abs(offsets) <= 0.5).mean()),
        }
    )


def _emotion_figures(samples: Sequence[EmotionSample], scores: Numbers, group: str) -> dict[str, Any]:
    truth = np.array([SENTIMENT[sample.emotion] for sample in samples])
    sources = np.array([getattr(sample, group) for sample in samples])
    emotions = np.array([sample.emotion for sample in samples])
    return {
        "r": round(float(np.corrcoef(scores, truth)[0, 1]), 3),
        "by_source": {
            str(source): round(float(np.corrcoef(scores[sources == source], truth[sources == source])[0, 1]), 3)
            for source in np.unique(sources)
        },
        "mean_by_emotion": {
            str(emotion): round(float(scores[emotions == emotion].mean()), 2) for emotion in np.unique(emotions)
        },
        "count": len(samples),
    }


def loudness(trained: Trained, data: Path, count: int = 24) -> dict[str, float]:
    """How far the reading of a voice moves when its recording is made quieter or louder."""
    paths = [p for p in sorted((data / "speech" / "ravdess").glob("*.flac")) if p.stem[-2:] in ("17", "18", "19", "20")]
    moved = []
    for path in paths[:: max(1, len(paths) // count)]:
        sound = _sound(path)
        levels = (0.0, *_DECIBEL)
        rows = [_hear(np.clip(sound * np.float32(10 ** (level / 20)), -1, 1)) for level in levels]
        if min(len(row) for row in rows) >= 10:
            here, *there = read_rows(trained.model, "voice", rows, trained.voice)
            moved += [abs(value - here) for value in there]
    return _rounded(
        {
            "mean": float(np.mean(moved)),
            "p95": float(np.quantile(moved, 0.95)),
            "max": float(np.max(moved)),
            "below_tenth": float(np.mean(np.array(moved) < 0.1)),
        }
    )


def _sound(path: Path) -> NDArray[np.float32]:
    recording = MediaFile(path, video=False)
    try:
        return np.concatenate([item.samples for item in iter(recording.read, None) if isinstance(item, AudioBlock)])
    finally:
        recording.close()


def _hear(sound: NDArray[np.float32]) -> Rows:
    extractor = VoiceExtractor()
    rows = extractor.push(AudioBlock(0.0, sound)) + extractor.flush()
    return np.array([row.values for row in rows], np.float32).reshape(-1, len(VOICE_NAMES))


def _batch(model: MMIM, **given: torch.Tensor) -> Batch:
    """A batch in which only the given modalities are present."""
    count = len(next(iter(given.values())))
    config = model.config
    fields: dict[str, torch.Tensor] = {
        "token_ids": torch.zeros(count, 0, dtype=torch.long),
        "token_mask": torch.zeros(count, 0, dtype=torch.bool),
        "voice": torch.zeros(count, 0, config.voice_dim),
        "voice_lengths": torch.zeros(count, dtype=torch.long),
        "face": torch.zeros(count, 0, config.face_dim),
        "face_lengths": torch.zeros(count, dtype=torch.long),
    } | given
    present = torch.tensor([["token_ids" in given, "voice" in given, "face" in given]]).expand(count, 3)
    return Batch(**fields, present=present)


@torch.inference_mode()
def _score(model: MMIM, batch: Batch) -> Numbers:
    model.eval()
    encodings = model.encode(batch)
    prediction = model.fuse(*encodings).prediction[:, 0]
    return prediction.clamp(-SCORE_LIMIT, SCORE_LIMIT).double().numpy()


def _rounded(values: dict[str, Any]) -> dict[str, Any]:
    return {name: round(value, 4) if isinstance(value, float) else value for name, value in values.items()}
