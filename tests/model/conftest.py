"""Limits torch to one thread; a checkpoint on disk."""

from pathlib import Path

import pytest
import torch

from mmim_live.model.checkpoint import save_checkpoint
from tests.model.small import checkpoint_config, small_model, small_tokenizer


@pytest.fixture(autouse=True, scope="session")
def _one_thread() -> None:
    # The tensors here are small: two threads would mostly wait for each other.
    torch.set_num_threads(1)


@pytest.fixture
def checkpoint_folder(tmp_path: Path) -> Path:
    model = small_model()
    folder = tmp_path / "small"
    save_checkpoint(folder, model, checkpoint_config(model), small_tokenizer(), "# A model card\n")
    return folder
