import json
import os
import socket
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from pydantic import ValidationError
from safetensors.torch import load_file, save_file

from mmim_live.errors import CheckpointError
from mmim_live.model.checkpoint import CARD, CONFIG, TOKENIZER, WEIGHTS, load_checkpoint, save_checkpoint, stored
from mmim_live.model.checkpoint_config import ContractConfig
from mmim_live.types import FeatureContract
from tests.model.small import CONTRACT, checkpoint_config, small_model, small_tokenizer


def load_error(folder: Path, contract: FeatureContract | None = CONTRACT) -> str:
    with pytest.raises(CheckpointError) as caught:
        load_checkpoint(folder, contract)
    message = str(caught.value)
    assert "\n" not in message
    assert folder.name in message
    return message


def test_a_checkpoint_round_trips_bit_for_bit(checkpoint_folder: Path, tmp_path: Path) -> None:
    model = small_model()
    loaded = load_checkpoint(checkpoint_folder, CONTRACT)
    assert loaded.name == "small"
    assert loaded.config == checkpoint_config(model)
    for name, tensor in loaded.model.state_dict().items():
        assert torch.equal(tensor, stored(name, model.state_dict()[name]).float()), name
        assert tensor.dtype == torch.float32
    assert any(name.startswith("q.face.") for name in loaded.model.state_dict())
    assert not loaded.model.training
    assert loaded.tokenizer is not None
    again = tmp_path / "again"
    save_checkpoint(again, loaded.model, loaded.config, loaded.tokenizer, (checkpoint_folder / CARD).read_text())
    for name in (WEIGHTS, CONFIG, TOKENIZER, CARD):
        assert (again / name).read_bytes() == (checkpoint_folder / name).read_bytes()


def test_the_text_encoder_is_stored_in_half_precision(checkpoint_folder: Path) -> None:
    kinds = {name: tensor.dtype for name, tensor in load_file(checkpoint_folder / WEIGHTS).items()}
    assert {kind for name, kind in kinds.items() if name.startswith("text_encoder.backbone.")} == {torch.bfloat16}
    assert {kind for name, kind in kinds.items() if not name.startswith("text_encoder.backbone.")} == {torch.float32}


@pytest.mark.parametrize("name", [WEIGHTS, CONFIG, TOKENIZER, CARD])
def test_a_missing_file_is_named(checkpoint_folder: Path, name: str) -> None:
    (checkpoint_folder / name).unlink()
    assert f"lacks {name}" in load_error(checkpoint_folder)


def test_the_former_name_of_the_abstention_threshold_is_read(checkpoint_folder: Path) -> None:
    def former(config: dict[str, Any]) -> None:
        config["abstention"] = {"nearer": {"voice": 0.25}}

    edit(checkpoint_folder, former)
    abstention = load_checkpoint(checkpoint_folder, CONTRACT).config.abstention
    assert abstention is not None
    assert abstention.threshold == {"voice": 0.25}


def test_a_path_that_is_not_a_folder_is_rejected(tmp_path: Path, checkpoint_folder: Path) -> None:
    assert "is not a folder" in load_error(tmp_path / "nowhere")
    assert "is not a folder" in load_error(checkpoint_folder / CONFIG)


@pytest.mark.parametrize(
    "content",
    [b"", b"{", b"[1]", b"null", b"\xff\xfe", b'{"format": 1}', b'{"format": %s}' % (b"9" * 5000), b"[" * 100_000],
)
def test_a_malformed_config_is_rejected(checkpoint_folder: Path, content: bytes) -> None:
    (checkpoint_folder / CONFIG).write_bytes(content)
    assert CONFIG in load_error(checkpoint_folder)


@pytest.mark.parametrize("content", [b"", b"\x80\x04pickle", b"\xff" * 64])
@pytest.mark.parametrize("name", [WEIGHTS, TOKENIZER])
def test_damaged_files_are_rejected(checkpoint_folder: Path, name: str, content: bytes) -> None:
    (checkpoint_folder / name).write_bytes(content)
    assert name in load_error(checkpoint_folder)


def test_a_truncated_download_is_rejected(checkpoint_folder: Path) -> None:
    whole = (checkpoint_folder / WEIGHTS).read_bytes()
    (checkpoint_folder / WEIGHTS).write_bytes(whole[: len(whole) // 2])
    assert "damaged" in load_error(checkpoint_folder)


def edit(folder: Path, change: Callable[[dict[str, Any]], object]) -> None:
    content = json.loads((folder / CONFIG).read_text())
    change(content)
    (folder / CONFIG).write_text(json.dumps(content))


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        (lambda c: c.update(colour="red"), "colour"),
        (lambda c: c["architecture"].update(layers=3), "architecture.layers"),
        (lambda c: c.update(format=2), "format"),
        (lambda c: c["contract"]["voice"].update(revision=9), "hash"),
        (lambda c: c["voice_normalisation"]["std"].__setitem__(0, 0.0), "std"),
        (lambda c: c["voice_normalisation"]["std"].pop(), "differ in length"),
        (lambda c: c.update(face_normalisation=None), "face_normalisation"),
        (lambda c: c["conformal"]["half_width"].update(smell=1.0), "smell"),
        (lambda c: c["agreement"].update(voice=[1.0, 0.0]), "ascending"),
        (lambda c: c.update(label_scale=[1, -1]), "label_scale"),
        (lambda c: c["architecture"]["text_encoder"].update(model_type="nonesuch"), "nonesuch"),
        (lambda c: c["architecture"]["text_encoder"].pop("model_type"), "model_type"),
        (
            lambda c: c["architecture"]["text_encoder"].update(model_type="detr", backbone="x/y"),
            "'detr' is not supported",
        ),
        (lambda c: c["architecture"]["text_encoder"].update(hidden_size=25), "multiple of num_attention_heads"),
        (lambda c: c["architecture"]["text_encoder"].update(hidden_size="24"), "hidden_size must be an integer"),
        (lambda c: c["architecture"]["text_encoder"].update(num_attention_heads=0), "num_attention_heads must be"),
        (lambda c: c["architecture"]["text_encoder"].update(hidden_act="quick\ngelu"), "hidden_act must be"),
        (lambda c: c["architecture"]["text_encoder"].update(is_decoder=True), "is_decoder must be False"),
        (lambda c: c["architecture"].update(text_encoder=[1]), "text_encoder"),
        (lambda c: c["architecture"].update(fusion=10**17), "cannot be built"),
        (lambda c: c.update({"two\nlines": 1}), "two lines"),
        (lambda c: c["architecture"]["text_encoder"].update(num_hidden_layers=3), "lacks tensor"),
        (lambda c: c["architecture"]["text_encoder"].update(num_hidden_layers=1), "has tensor"),
        (lambda c: c["architecture"].update(fusion=31), "has shape"),
        (lambda c: c["architecture"].update(fusion=10**6), "has shape"),  # 4 TB, were it allocated
        (lambda c: c["architecture"]["text_encoder"].update(vocab_size=5), "12 tokens"),
        (lambda c: c.update(max_tokens=99), "at most 32"),
        (lambda c: c.update(pad_token_id=12), "pad_token_id is 12"),
    ],
)
def test_a_wrong_setting_is_named(
    checkpoint_folder: Path, change: Callable[[dict[str, Any]], object], expected: str
) -> None:
    edit(checkpoint_folder, change)
    assert expected in load_error(checkpoint_folder)


def test_fields_unknown_to_us_never_reach_transformers(
    checkpoint_folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Some make transformers look for another model, or for an attention kernel, on the network or in its cache."""
    opened: list[object] = []
    monkeypatch.setattr(socket.socket, "connect", lambda *address: opened.append(address))
    monkeypatch.setattr(socket, "getaddrinfo", lambda *name, **_: opened.append(name))
    edit(
        checkpoint_folder,
        lambda c: c["architecture"]["text_encoder"].update(
            attn_implementation="x/y",
            _attn_implementation="x/y",
            experts_implementation="x/y",
            auto_map={"AutoModel": "x/y--modeling.Model"},
            use_pretrained_backbone=True,
            backbone="x/y",
            num_labels=10**8,
            quantization_config={"quant_method": "gptq"},
        ),
    )
    load_checkpoint(checkpoint_folder, CONTRACT)
    assert not opened


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        (lambda t: t.pop("head.bias"), "lacks tensor head.bias"),
        (lambda t: t.update(extra=torch.zeros(2)), "has tensor extra"),
        (lambda t: t.update({"head.bias": torch.zeros(2)}), "head.bias has shape [2]"),
        (lambda t: t.update({"head.bias": torch.tensor([torch.nan])}), "head.bias has values that are not finite"),
    ],
)
def test_a_wrong_tensor_is_named(checkpoint_folder: Path, change: Callable[[Any], object], expected: str) -> None:
    tensors = load_file(checkpoint_folder / WEIGHTS)
    change(tensors)
    save_file(tensors, checkpoint_folder / WEIGHTS)
    assert expected in load_error(checkpoint_folder)


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        ({"revision": 2}, "revision 1, read with revision 2"),
        ({"source": "another"}, "'another'"),
        ({"rate_hz": 25.0}, "25"),
        ({"names": ("a", "b")}, "2 that differ in name"),
    ],
)
def test_another_contract_is_rejected_with_the_difference(
    checkpoint_folder: Path, change: dict[str, Any], expected: str
) -> None:
    other = replace(CONTRACT, voice=replace(CONTRACT.voice, **change))
    message = load_error(checkpoint_folder, other)
    assert expected in message
    assert "voice features" in message
    load_checkpoint(checkpoint_folder, None)  # a caller without extractors does not compare


def test_the_contract_of_an_unused_modality_does_not_matter(tmp_path: Path) -> None:
    model = small_model(modalities=("text", "face"), voice_dim=0)
    folder = tmp_path / "text-face"
    save_checkpoint(folder, model, checkpoint_config(model, voice_normalisation=None), small_tokenizer(), "card")
    load_checkpoint(folder, replace(CONTRACT, voice=replace(CONTRACT.voice, revision=2)))
    assert "face features" in load_error(folder, replace(CONTRACT, face=replace(CONTRACT.face, revision=2)))


def test_a_model_without_text_needs_no_tokenizer(tmp_path: Path) -> None:
    model = small_model(modalities=("voice", "face"), text_encoder=None)
    folder = tmp_path / "wordless"
    save_checkpoint(folder, model, checkpoint_config(model), None, "card")
    assert load_checkpoint(folder, CONTRACT).tokenizer is None


def test_a_contract_round_trips_through_the_config() -> None:
    assert ContractConfig.of(CONTRACT).contract == CONTRACT
    with pytest.raises(ValidationError, match="hash"):
        ContractConfig.model_validate(
            ContractConfig.of(CONTRACT).model_dump()
            | {"text": ContractConfig.of(CONTRACT).voice.model_dump() | {"revision": 7}}
        )


def test_saving_writes_everything_or_nothing(checkpoint_folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    model = small_model()
    before = {path.name: path.read_bytes() for path in checkpoint_folder.iterdir()}
    with pytest.raises(CheckpointError, match="already exists"):
        save_checkpoint(checkpoint_folder, model, checkpoint_config(model), small_tokenizer(), "new")
    with monkeypatch.context() as patch:
        patch.setattr(Path, "write_text", full_disk)
        with pytest.raises(CheckpointError, match="No space left"):
            save_checkpoint(
                checkpoint_folder, model, checkpoint_config(model), small_tokenizer(), "new", overwrite=True
            )
    assert {path.name: path.read_bytes() for path in checkpoint_folder.iterdir()} == before
    save_checkpoint(checkpoint_folder, model, checkpoint_config(model), small_tokenizer(), "new", overwrite=True)
    assert (checkpoint_folder / CARD).read_text() == "new"
    assert [path.name for path in checkpoint_folder.parent.iterdir()] == [checkpoint_folder.name]


def full_disk(*_: object, **__: object) -> int:
    raise OSError(28, os.strerror(28))


def test_saving_rejects_a_config_of_another_architecture(tmp_path: Path) -> None:
    with pytest.raises(CheckpointError, match="does not describe this model's architecture"):
        save_checkpoint(tmp_path / "x", small_model(), checkpoint_config(small_model(fusion=8)), None, "card")
