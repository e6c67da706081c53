"""How well the model scores real voices and faces by themselves, of people in the validation split."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mmim_live.features.voice import VOICE_NAMES, VoiceExtractor
from mmim_live.model.predictor import MIN_VOICE_ROWS
from mmim_live.types import AudioBlock
from mmim_train.default_checkpoint.emotion.extraction import RAVDESS_VALID_ACTORS, read_audio
from mmim_train.default_checkpoint.emotion.samples import EmotionSample, of_split
from mmim_train.default_checkpoint.emotion.sequences import Rows, still_sequence
from mmim_train.default_checkpoint.emotion.valence import SENTIMENT
from mmim_train.default_checkpoint.fusion.stage import TrainedModel
from mmim_train.default_checkpoint.report.scores import Numbers, rounded, score_faces, score_voices

_GAINS_DB = (-12.0, 6.0)


def voice_metrics(trained: TrainedModel, voices: Sequence[EmotionSample]) -> dict[str, Any]:
    """r on held-out speakers, and the mean score of each emotion."""
    valid = [sample for sample in of_split(voices, "valid") if len(sample.rows) >= MIN_VOICE_ROWS]
    return _metrics(valid, score_voices(trained, [sample.rows for sample in valid]))


def face_metrics(trained: TrainedModel, faces: Sequence[EmotionSample]) -> tuple[dict[str, Any], dict[str, Any]]:
    """r on held-out faces, shown for two seconds, and the mean score of each emotion; and `_identity_metrics`."""
    valid = of_split(faces, "valid")
    scores = score_faces(trained, [still_sequence(sample.rows) for sample in valid])
    return _metrics(valid, scores), _identity_metrics(valid, scores)


def loudness_metrics(trained: TrainedModel, data: Path, count: int = 24) -> dict[str, Any]:
    """How far the score of a voice moves when its recording is made quieter or louder."""
    paths = [p for p in sorted((data / "speech" / "ravdess").glob("*.flac")) if p.stem[-2:] in RAVDESS_VALID_ACTORS]
    moved: list[float] = []
    for path in paths[:: max(1, len(paths) // count)]:
        audio = read_audio(path)
        rows = [_rows(np.clip(audio * np.float32(10 ** (gain / 20)), -1, 1)) for gain in (0.0, *_GAINS_DB)]
        if min(len(row) for row in rows) >= MIN_VOICE_ROWS:
            original, *changed = score_voices(trained, rows)
            moved += [abs(score - original) for score in changed]
    return rounded(
        {
            "mean": float(np.mean(moved)),
            "p95": float(np.quantile(moved, 0.95)),
            "max": float(np.max(moved)),
            "below_tenth": float(np.mean(np.array(moved) < 0.1)),
        }
    )


def _metrics(samples: Sequence[EmotionSample], scores: Numbers) -> dict[str, Any]:
    truth = np.array([SENTIMENT[sample.emotion] for sample in samples])
    sources = np.array([sample.source for sample in samples])
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
        "angry_or_sad_below_zero": round(float((scores[np.isin(emotions, ("angry", "sad"))] < 0).mean()), 3),
        "count": len(samples),
    }


def _identity_metrics(faces: Sequence[EmotionSample], scores: Numbers) -> dict[str, Any]:
    """Whether a face's score depends on who it is: scores of neutral faces, and offsets between the people of CK+.

    CK+ has no neutral pictures here, and FER+ names nobody, so its neutral pictures count as one person each. A
    person's offset is the mean, over the expressions shown, of score - mean score of that expression.
    """
    emotions = np.array([sample.emotion for sample in faces])
    sources = np.array([sample.source for sample in faces])
    neutral = scores[emotions == "neutral"]
    posed = sources == "ckplus"
    residual = scores.copy()
    for emotion in np.unique(emotions[posed]):
        residual[posed & (emotions == emotion)] -= scores[posed & (emotions == emotion)].mean()
    people = np.array([sample.person for sample in faces])
    offsets = np.array([residual[posed & (people == person)].mean() for person in np.unique(people[posed])])
    return rounded(
        {
            "neutral_mean": float(neutral.mean()),
            "neutral_within_half": float((np.abs(neutral) <= 0.5).mean()),
            "neutral_count": len(neutral),
            "people": len(offsets),
            "offset_mean": float(np.abs(offsets).mean()),
            "offset_within_half": float((np.abs(offsets) <= 0.5).mean()),
        }
    )


def _rows(audio: NDArray[np.float32]) -> Rows:
    extractor = VoiceExtractor()
    rows = extractor.push(AudioBlock(0.0, audio)) + extractor.flush()
    return np.array([row.values for row in rows], np.float32).reshape(-1, len(VOICE_NAMES))
