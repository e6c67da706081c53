"""A checkpoint on disk."""

from pathlib import Path

import pytest

from mmim_live.model.checkpoint import save_checkpoint
from tests.model.small import checkpoint_config, small_model, small_tokenizer


@pytest.fixture
def checkpoint_folder(tmp_path: Path) -> Path:
    model = small_model()
    folder = tmp_path / "small"
    save_checkpoint(folder, model, checkpoint_config(model), small_tokenizer(), "# A model card\n")
    return folder
