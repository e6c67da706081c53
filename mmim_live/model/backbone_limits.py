"""What a checkpoint may say about its text encoder: a few families of transformers, a few fields, within bounds.

A configuration may come from a stranger. Handed to transformers as it is, it could name another model to fetch from a
hub, select an attention kernel to download, or ask for more memory than there is.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

FAMILIES = ("bert", "roberta", "xlm-roberta", "camembert", "distilbert", "mpnet", "electra", "albert")

# Integers, with the smallest and the largest allowed value: about three times those of the largest published
# encoders of these families (xlm-roberta-xl has 2560 units, 36 layers, 250 thousand tokens).
_SIZES = {
    "vocab_size": (1, 1_000_000),
    "hidden_size": (1, 8192),
    "dim": (1, 8192),
    "embedding_size": (1, 8192),
    "intermediate_size": (1, 32_768),
    "hidden_dim": (1, 32_768),
    "num_hidden_layers": (1, 96),
    "n_layers": (1, 96),
    "num_attention_heads": (1, 128),
    "n_heads": (1, 128),
    "max_position_embeddings": (1, 32_768),
    "type_vocab_size": (0, 1024),
    "relative_attention_num_buckets": (1, 1024),
    "num_hidden_groups": (1, 96),
    "inner_group_num": (1, 96),
    "pad_token_id": (0, 999_999),
}
_FRACTIONS = (
    "hidden_dropout_prob",
    "attention_probs_dropout_prob",
    "dropout",
    "attention_dropout",
    "layer_norm_eps",
    "initializer_range",
)
_ACTIVATIONS = ("gelu", "gelu_new", "gelu_pytorch_tanh", "relu", "silu")
_CHOICES: dict[str, tuple[object, ...]] = {
    "hidden_act": _ACTIVATIONS,
    "activation": _ACTIVATIONS,
    "position_embedding_type": ("absolute",),
    "is_decoder": (False,),
    "add_cross_attention": (False,),
    "sinusoidal_pos_embds": (False, True),
}
_KNOWN = frozenset({*_SIZES, *_FRACTIONS, *_CHOICES})
_WIDTHS_AND_HEADS = (("hidden_size", "num_attention_heads"), ("dim", "n_heads"))


def checked_backbone_config(config: Mapping[str, Any]) -> dict[str, Any]:
    """The fields of a Hugging Face configuration that shape the encoder, with its `model_type`; others are dropped.

    Raises:
        ValueError: the family is not supported, or a value is out of bounds; the message names the field.
    """
    family = config.get("model_type")
    if family not in FAMILIES:
        raise ValueError(f"model_type {_shown(family)} is not supported (supported: {', '.join(FAMILIES)})")
    fields = {key: value for key, value in config.items() if key in _KNOWN}
    for key, value in fields.items():
        _check_field(key, value)
    _check_together(fields)
    return {"model_type": family, **fields}


def _check_field(key: str, value: object) -> None:
    if key in _SIZES:
        low, high = _SIZES[key]
        if value is None and key == "pad_token_id":
            return
        if not isinstance(value, int) or isinstance(value, bool) or not low <= value <= high:
            raise ValueError(f"{key} must be an integer from {low} to {high}, not {_shown(value)}")
    elif key in _FRACTIONS:
        if not isinstance(value, int | float) or isinstance(value, bool) or not 0 <= value <= 1:
            raise ValueError(f"{key} must be a number from 0 to 1, not {_shown(value)}")
    elif not any(value is choice or (isinstance(value, str) and value == choice) for choice in _CHOICES[key]):
        raise ValueError(f"{key} must be {' or '.join(map(repr, _CHOICES[key]))}, not {_shown(value)}")


def _check_together(fields: Mapping[str, Any]) -> None:
    """Defaults of the families need no check: they are consistent."""
    for width, heads in _WIDTHS_AND_HEADS:
        if width in fields and heads in fields and fields[width] % fields[heads]:
            raise ValueError(f"{width} {fields[width]} must be a multiple of {heads} {fields[heads]}")
    padding, vocabulary = fields.get("pad_token_id"), fields.get("vocab_size")
    if padding is not None and vocabulary is not None and padding >= vocabulary:
        raise ValueError(f"pad_token_id {padding} must be below vocab_size {vocabulary}")


def _shown(value: object) -> str:
    return repr(value)[:60]
