"""Whisper models for the speech tests."""

import pytest

from mmim_live import assets
from mmim_live.speech.whisper import Whisper, load_whisper


def _load(name: str) -> Whisper:
    located = assets.find(name)
    if located is None:
        pytest.skip(f"needs the model {name}, which is not installed")
    return load_whisper(located.folder)


@pytest.fixture(scope="session")
def whisper() -> Whisper:
    """The default model: Whisper base, multilingual."""
    return _load("whisper-base")


@pytest.fixture(scope="session")
def whisper_english() -> Whisper:
    return _load("whisper-tiny.en")
