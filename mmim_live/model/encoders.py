"""The encoders of MMIM: a pretrained transformer for text, and an LSTM for sequences of feature rows.

transformers is imported inside the builders, since the import takes seconds.
"""

from __future__ import annotations

from typing import Any, Literal, Protocol

import torch
from torch import Tensor, nn
from torch.nn.utils.rnn import pack_padded_sequence

from mmim_live.model.backbone_limits import checked_backbone_config

# Keys of a Hugging Face configuration about its origin, not the architecture; `dtype` would change the precision.
_INCIDENTAL = ("_name_or_path", "architectures", "auto_map", "dtype", "torch_dtype", "transformers_version")


class BackboneConfig(Protocol):
    """The parts of a Hugging Face configuration in use, besides `max_position_embeddings`, which not all have."""

    model_type: str
    hidden_size: int
    vocab_size: int

    def to_diff_dict(self) -> dict[str, Any]:
        """The fields that differ from the defaults, as JSON values."""


class ModalityEncoder(nn.Module):
    """What MMIM requires of an encoder: it maps inputs and their mask or lengths to h [B, width]."""

    width: int
    absent: nn.Parameter  # [width], stands in for an absent modality


class TextEncoder(ModalityEncoder):
    """h_t: a transformer's last hidden state at [CLS], without its pooler, or the mean over the tokens.

    `absent` is the learned vector for "no words".
    """

    def __init__(self, backbone: nn.Module, pooling: Literal["cls", "mean"] = "cls") -> None:
        super().__init__()
        if getattr(backbone, "pooler", None) is not None:
            backbone.register_module("pooler", None)
        self.backbone = backbone
        self.pooling = pooling
        self.width = int(config_of(backbone).hidden_size)
        self.absent = nn.Parameter(torch.zeros(self.width))

    @property
    def vocabulary_size(self) -> int:
        """The number of token ids."""
        return int(config_of(self.backbone).vocab_size)

    @property
    def max_positions(self) -> int | None:
        """The longest input in tokens, if the architecture has a limit."""
        limit = getattr(config_of(self.backbone), "max_position_embeddings", None)
        return None if limit is None else int(limit)

    def forward(self, token_ids: Tensor, token_mask: Tensor) -> Tensor:
        """token_ids [B, L], token_mask [B, L] bool -> h_t [B, width]. A row without tokens gives `absent`."""
        nonempty = token_mask.any(dim=1)
        h = self.absent.expand(len(token_ids), -1)
        if not bool(nonempty.any()):
            return h
        # A row without tokens has nothing to attend to: its softmax would be over an empty set.
        return h.index_put((nonempty,), self._encode(token_ids[nonempty], token_mask[nonempty]).to(h.dtype))

    def _encode(self, token_ids: Tensor, token_mask: Tensor) -> Tensor:
        hidden: Tensor = self.backbone(input_ids=token_ids, attention_mask=token_mask.long()).last_hidden_state
        if self.pooling == "cls":
            return hidden[:, 0]
        weight = token_mask.unsqueeze(-1).to(hidden.dtype)
        return (hidden * weight).sum(dim=1) / weight.sum(dim=1)


class SequenceEncoder(ModalityEncoder):
    """h_v or h_a: the last state of a one-layer LSTM over the true length of a sequence, then a linear layer.

    `absent` is the learned vector for a sequence of length 0.
    """

    def __init__(self, row_width: int, hidden: int, width: int, bidirectional: bool = False) -> None:
        super().__init__()
        self.width = width
        self.lstm = nn.LSTM(row_width, hidden, batch_first=True, bidirectional=bidirectional)
        self.project = nn.Linear(hidden * (2 if bidirectional else 1), width)
        self.absent = nn.Parameter(torch.zeros(width))

    def forward(self, rows: Tensor, lengths: Tensor) -> Tensor:
        """Rows [B, T, row_width], lengths [B] -> h [B, width]. Rows beyond the length are never read."""
        nonempty = (lengths > 0).to(rows.device)
        h = self.absent.expand(len(rows), -1)
        if not bool(nonempty.any()):
            return h
        return h.index_put((nonempty,), self.project(self.state(rows[nonempty], lengths[lengths > 0])).to(h.dtype))

    def state(self, rows: Tensor, lengths: Tensor) -> Tensor:
        """Rows [B, T, row_width], lengths [B], all above 0 -> the input of `project` [B, directions * hidden]."""
        # Packing needs the lengths on the CPU.
        packed = pack_padded_sequence(rows, lengths.cpu(), batch_first=True, enforce_sorted=False)
        _, (last, _) = self.lstm(packed)  # [directions, B, hidden], for each sequence at its own end
        states: Tensor = last.transpose(0, 1).flatten(1)
        return states


def build_text_backbone(config: dict[str, Any]) -> nn.Module:
    """A transformer with random weights from a Hugging Face configuration; `model_type` names the family.

    Uses neither network nor disk: only checked fields reach transformers.

    Raises:
        ValueError: see `checked_backbone_config`.
    """
    from transformers import AutoConfig, AutoModel

    fields = checked_backbone_config(config)
    hf_config = AutoConfig.for_model(**fields)
    model = AutoModel.from_config(hf_config, trust_remote_code=False)  # type: ignore[no-untyped-call]  # in transformers
    return _torch_module(model.float())


def load_text_backbone(name_or_folder: str, local_only: bool = False) -> nn.Module:
    """A pretrained transformer by folder or hub name, in float32; with `local_only` the network is not used.

    Raises:
        OSError: it cannot be found.
        ValueError: a checkpoint cannot describe it (`checked_backbone_config`).
    """
    from transformers import AutoModel
    from transformers.utils import logging

    # The bar would overwrite a live display. transformers leaves this function untyped.
    logging.disable_progress_bar()  # type: ignore[no-untyped-call]
    model = AutoModel.from_pretrained(
        name_or_folder, dtype=torch.float32, local_files_only=local_only, trust_remote_code=False
    )
    backbone = _torch_module(model)
    checked_backbone_config(backbone_config(backbone))
    return backbone


def config_of(backbone: nn.Module) -> BackboneConfig:
    """The configuration of a transformer. Raises TypeError for a module that has none."""
    config: BackboneConfig | None = getattr(backbone, "config", None)
    # hasattr, since families such as DistilBERT map hidden_size to a field of another name.
    if config is None or not all(hasattr(config, name) for name in ("hidden_size", "vocab_size", "model_type")):
        raise TypeError(f"{type(backbone).__name__} has no configuration with hidden_size, vocab_size and model_type")
    return config


def backbone_config(backbone: nn.Module) -> dict[str, Any]:
    """The configuration of a transformer as JSON values, from which `build_text_backbone` builds the same one."""
    config = config_of(backbone)
    fields = {key: value for key, value in config.to_diff_dict().items() if key not in _INCIDENTAL}
    return fields | {"model_type": config.model_type}


def _torch_module(model: object) -> nn.Module:
    if not isinstance(model, nn.Module):
        raise TypeError(f"transformers returned a {type(model).__name__}, not a torch module")
    return model
