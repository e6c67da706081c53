"""Reads recordings, and runs a recognizer on them."""

from collections.abc import Iterable
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from mmim_live.capture.files.media_file import MediaFile
from mmim_live.speech.recognizer import SpeechRecognizer
from mmim_live.types import SAMPLE_RATE_HZ, AudioBlock, SpeechUpdate, Word

Samples = NDArray[np.float32]


def read_audio(path: Path) -> Samples:
    """All audio of a file, [n] at 16 kHz."""
    blocks = []
    with MediaFile(path, video=False) as source:
        while isinstance(block := source.read(), AudioBlock):
            blocks.append(block.samples)
    return np.concatenate(blocks)


def cut(audio: Samples, sizes: Iterable[int]) -> list[Samples]:
    """Pieces of the given sizes, then the rest."""
    pieces, start = [], 0
    for size in sizes:
        pieces.append(audio[start : start + size])
        start += size
    return [*pieces, audio[start:]]


def hear(recognizer: SpeechRecognizer, pieces: Iterable[Samples]) -> list[SpeechUpdate]:
    """All updates for the pieces, including the final flush."""
    updates: list[SpeechUpdate] = []
    position = 0
    for piece in pieces:
        updates += recognizer.push(AudioBlock(position / SAMPLE_RATE_HZ, piece))
        position += len(piece)
    return updates + recognizer.flush()


def committed(updates: Iterable[SpeechUpdate]) -> list[Word]:
    return [word for update in updates for word in update.committed]


def text_of(updates: Iterable[SpeechUpdate]) -> str:
    return " ".join(word.text for word in committed(updates))
