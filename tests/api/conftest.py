"""A loaded model and an analyzed recording, once for all tests of the library."""

import pytest

import mmim_live


@pytest.fixture(scope="session")
def model() -> mmim_live.Model:
    return mmim_live.load()


@pytest.fixture(scope="session")
def analysis() -> mmim_live.Analysis:
    return mmim_live.analyze("sample", asr_model="whisper-tiny.en")
