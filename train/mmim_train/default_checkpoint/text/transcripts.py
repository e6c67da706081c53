"""What is lost when text is recognized instead of given: sentences are spoken, then transcribed as in a live session.

The audio of MOSI's sentences is not free, so a synthetic voice (espeak-ng) speaks them, taking turns between several
speakers: cleaner than people in their rooms, and less natural.
"""

from __future__ import annotations

import json
import shutil
import subprocess
import tempfile
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from mmim_live.assets import WHISPER_BASE, obtain
from mmim_live.errors import DataError
from mmim_live.speech.recognizer import SpeechRecognizer
from mmim_live.speech.wer import word_errors
from mmim_live.speech.whisper import Whisper, load_whisper
from mmim_live.text_normalization import normalize_text
from mmim_live.types import AudioBlock
from mmim_train.default_checkpoint.artifacts import Artifacts, Format, Key
from mmim_train.default_checkpoint.emotion.extraction import read_audio
from mmim_train.default_checkpoint.log import Log
from mmim_train.default_checkpoint.text.sentences import read_sentences

SYNTHESIZER = "espeak-ng"
RECOGNIZER = WHISPER_BASE
_VOICES = ("en-us", "en-us+f3", "en-gb", "en-gb+f4", "en-us+m3")
_WORDS_PER_MINUTE = 150
_BLOCK_SAMPLES = 8000  # half a second
_SILENCE = np.zeros(16_000, np.float32)  # the recognizer waits for a pause


@dataclass(frozen=True, slots=True)
class Transcripts:
    """What was recognized of each sentence, in order, and the errors over all words."""

    texts: tuple[str, ...]
    errors: int
    words: int
    voices: tuple[str, ...] = _VOICES
    recognizer: str = RECOGNIZER.name


def save_transcripts(transcripts: Transcripts, folder: Path) -> None:
    """Write transcripts.json."""
    (folder / "transcripts.json").write_text(json.dumps(asdict(transcripts), indent=1), encoding="utf-8")


def load_transcripts(folder: Path) -> Transcripts:
    """What `save_transcripts` wrote."""
    read = json.loads((folder / "transcripts.json").read_text(encoding="utf-8"))
    return Transcripts(tuple(read["texts"]), read["errors"], read["words"], tuple(read["voices"]), read["recognizer"])


TRANSCRIPTS: Format[Transcripts] = Format(save_transcripts, load_transcripts)


def transcribe_validation(data: Path, artifacts: Artifacts, log: Log) -> Key[Transcripts] | None:
    """Speak and recognize MOSI's validation sentences; None if there is no synthetic voice. Raises DataError."""
    texts = [sentence.text for sentence in read_sentences(data) if sentence.part == "valid"]
    key = Key.of(
        "transcripts",
        TRANSCRIPTS,
        texts=texts,
        voices=_VOICES,
        words_per_minute=_WORDS_PER_MINUTE,
        recognizer=RECOGNIZER.sha256,
    )
    if not artifacts.has(key):
        if shutil.which(SYNTHESIZER) is None:
            return None
        artifacts.get(key, lambda: transcribe(texts, log))
    return key


def transcribe(texts: Sequence[str], log: Log) -> Transcripts:
    """Speak and recognize sentences. Raises DataError."""
    whisper = load_whisper(obtain(RECOGNIZER.name).folder)
    recognized: list[str] = []
    errors = words = 0
    with tempfile.TemporaryDirectory() as folder:
        for number, text in enumerate(texts):
            audio = speak(text, _VOICES[number % len(_VOICES)], Path(folder) / "speech.wav")
            recognized.append(recognize(audio, whisper))
            wrong, count = word_errors(text, recognized[-1])
            errors, words = errors + wrong, words + count
            if number % 50 == 49:
                log(f"transcribed {number + 1} of {len(texts)} sentences, {errors / words:.1%} of the words wrong")
    return Transcripts(tuple(recognized), errors, words)


def speak(text: str, voice: str, path: Path) -> NDArray[np.float32]:
    """A spoken sentence, samples [n] at 16 kHz; `path` is written on the way. Raises DataError."""
    command = [SYNTHESIZER, "-v", voice, "-s", str(_WORDS_PER_MINUTE), "-w", str(path), normalize_text(text)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)  # noqa: S603  no shell
    if done.returncode != 0:
        raise DataError(f"{SYNTHESIZER} cannot speak {text!r} ({done.stderr.strip().splitlines()[-1:]})")
    return read_audio(path)


def recognize(audio: NDArray[np.float32], whisper: Whisper) -> str:
    """The words that the live recognizer commits, with a second of silence before and after."""
    recognizer = SpeechRecognizer(whisper, language="en")
    audio = np.concatenate((_SILENCE, audio, _SILENCE))
    starts = range(0, len(audio), _BLOCK_SAMPLES)
    updates = [u for at in starts for u in recognizer.push(AudioBlock(at / 16_000, audio[at : at + _BLOCK_SAMPLES]))]
    updates += recognizer.flush()
    return " ".join(word.text.strip() for update in updates for word in update.committed)
