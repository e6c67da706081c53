"""How much is lost when words are recognised instead of given: sentences are spoken, and heard by the live recogniser.

The sound of MOSI's sentences is not free, so a synthetic voice (espeak-ng) says them, in turn as one of several
speakers: cleaner than people in their rooms, and less natural. Knows sentences and words; no ratings, no model of
sentiment.
"""

from __future__ import annotations

import json
import shutil
import subprocess
import tempfile
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mmim_live.assets import obtain
from mmim_live.capture.files.media_file import MediaFile
from mmim_live.errors import DataError
from mmim_live.speech.recognizer import SpeechRecognizer
from mmim_live.speech.wer import word_errors
from mmim_live.speech.whisper import Whisper, load_whisper
from mmim_live.text_normalization import normalize_text
from mmim_live.types import AudioBlock
from mmim_train.default_checkpoint.emotion.samples import Log

SPEAKER = "espeak-ng"
RECOGNIZER = "whisper-base"
_VOICES = ("en-us", "en-us+f3", "en-gb", "en-gb+f4", "en-us+m3")
_WORDS_A_MINUTE = 150
_BLOCK = 8000  # samples, half a second
_SILENCE = np.zeros(16_000, np.float32)  # the recogniser waits for a pause


@dataclass(frozen=True, slots=True)
class Heard:
    """What was recognised of each sentence, in order, and the errors over all words."""

    texts: tuple[str, ...]
    errors: int
    words: int
    voices: tuple[str, ...] = _VOICES
    recogniser: str = RECOGNIZER


def can_speak() -> bool:
    """Whether the synthetic voice is installed."""
    return shutil.which(SPEAKER) is not None


def heard_file(cache: Path) -> Path:
    """Where what was heard is kept."""
    return cache / "heard.json"


def hear_sentences(texts: Sequence[str], cache: Path, log: Log) -> Heard:
    """Speak and recognise all sentences, from the cache file where it holds the same ones. Raises DataError."""
    kept = _load(cache)
    if kept is not None and kept["said"] == list(texts):
        return Heard(tuple(kept["texts"]), kept["errors"], kept["words"])
    if not can_speak():
        raise DataError(f"{SPEAKER} is not installed: it speaks the sentences that are to be recognised")
    whisper = load_whisper(obtain(RECOGNIZER).folder)
    heard: list[str] = []
    errors = words = 0
    with tempfile.TemporaryDirectory() as folder:
        for number, text in enumerate(texts):
            sound = speak(text, _VOICES[number % len(_VOICES)], Path(folder) / "said.wav")
            heard.append(recognize(sound, whisper))
            wrong, count = word_errors(text, heard[-1])
            errors, words = errors + wrong, words + count
            if number % 50 == 49:
                log(f"heard {number + 1} of {len(texts)} sentences, {errors / words:.1%} of the words wrong")
    found = Heard(tuple(heard), errors, words)
    cache.parent.mkdir(parents=True, exist_ok=True)
    cache.write_text(json.dumps({"said": list(texts), **asdict(found)}, indent=1), encoding="utf-8")
    return found


def speak(text: str, voice: str, path: Path) -> NDArray[np.float32]:
    """A sentence as sound [n] at 16 kHz; `path` is written on the way. Raises DataError."""
    command = [SPEAKER, "-v", voice, "-s", str(_WORDS_A_MINUTE), "-w", str(path), normalize_text(text)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)  # noqa: S603  no shell
    if done.returncode != 0:
        raise DataError(f"{SPEAKER} cannot say {text!r} ({done.stderr.strip().splitlines()[-1:]})")
    recording = MediaFile(path, video=False)
    try:
        return np.concatenate([item.samples for item in iter(recording.read, None) if isinstance(item, AudioBlock)])
    finally:
        recording.close()


def recognize(sound: NDArray[np.float32], whisper: Whisper) -> str:
    """The words that the live recogniser commits, with a second of silence before and after."""
    recogniser = SpeechRecognizer(whisper, language="en")
    sound = np.concatenate((_SILENCE, sound, _SILENCE))
    starts = range(0, len(sound), _BLOCK)
    updates = [u for at in starts for u in recogniser.push(AudioBlock(at / 16_000, sound[at : at + _BLOCK]))]
    updates += recogniser.flush()
    return " ".join(word.text.strip() for update in updates for word in update.committed)


def _load(path: Path) -> dict[str, Any] | None:
    if not path.is_file():
        return None
    kept: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    return kept
