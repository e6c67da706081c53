"""A checkpoint is a folder: model.safetensors, tokenizer.json, config.json and README.md, its model card.

Loading is strict, and nothing in a checkpoint can run code. Every flaw raises a one-line CheckpointError. The text
encoder is stored in bfloat16, which halves the file, all other tensors in float32. Once loaded, all are float32.
"""

from __future__ import annotations

import os
import shutil
from dataclasses import dataclass
from pathlib import Path

import torch
from pydantic import ValidationError
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from tokenizers import Tokenizer
from torch import Tensor

from mmim_live.errors import CheckpointError
from mmim_live.model.checkpoint_config import CheckpointConfig, contract_difference
from mmim_live.model.encoders import TextEncoder
from mmim_live.model.mmim import MMIM
from mmim_live.model.tokenizer import TextTokenizer, highest_id
from mmim_live.types import FeatureContract
from mmim_live.untrusted import read_json_object

__all__ = ["Checkpoint", "CheckpointConfig", "load_checkpoint", "read_contract", "save_checkpoint", "stored"]

WEIGHTS, TOKENIZER, CONFIG, CARD = "model.safetensors", "tokenizer.json", "config.json", "README.md"
MAX_TOKEN_ID = 1_000_000  # as many as backbone_limits admits
_UNKNOWN = "a \u2603"  # hardly in any vocabulary; a tokenizer without a token for what it does not know fails at it
_REMEDY = "get the checkpoint again, or train one with 'mmim-live train'"


@dataclass(frozen=True, slots=True, eq=False)
class Checkpoint:
    """A model ready for inference, with everything needed to use it. `tokenizer` is None if text is not used."""

    name: str
    config: CheckpointConfig
    model: MMIM  # on the CPU, in float32, in evaluation mode
    tokenizer: TextTokenizer | None


def save_checkpoint(
    folder: Path,
    model: MMIM,
    config: CheckpointConfig,
    tokenizer: TextTokenizer | None,
    card: str,
    overwrite: bool = False,
) -> None:
    """Write all files to a temporary folder next to `folder`, then rename it: the folder is complete or absent.

    Raises CheckpointError if `folder` exists and may not be overwritten, or cannot be written.
    """
    if folder.exists() and not overwrite:
        raise CheckpointError(f"{folder} already exists; choose another folder or allow overwriting")
    if config.architecture != model.config:
        raise CheckpointError(f"{folder}: the configuration does not describe this model's architecture")
    partial = folder.with_name(f".{folder.name}.partial-{os.getpid()}")
    former = folder.with_name(f".{folder.name}.former-{os.getpid()}")
    try:
        partial.mkdir(parents=True)
        save_file({name: stored(name, tensor) for name, tensor in model.state_dict().items()}, partial / WEIGHTS)
        (partial / WEIGHTS).chmod(0o644)  # safetensors makes it readable by its owner only
        (partial / CONFIG).write_text(config.model_dump_json(indent=2, by_alias=True) + "\n", encoding="utf-8")
        (partial / CARD).write_text(card, encoding="utf-8")
        if tokenizer is not None:
            tokenizer.save(partial / TOKENIZER)
        if folder.exists():
            folder.rename(former)
        partial.rename(folder)
    except OSError as error:
        raise CheckpointError(
            f"{folder} cannot be written ({error.strerror or error}); check free space and permissions"
        ) from error
    finally:
        shutil.rmtree(partial, ignore_errors=True)
        if former.exists() and not folder.exists():
            former.rename(folder)
        shutil.rmtree(former, ignore_errors=True)


def stored(name: str, tensor: Tensor) -> Tensor:
    """A tensor of the state dict as it is stored: the text encoder in bfloat16, the rest in float32."""
    kind = torch.bfloat16 if name.startswith("text_encoder.backbone.") else torch.float32
    return tensor.detach().cpu().to(kind if tensor.is_floating_point() else tensor.dtype).contiguous()


def read_contract(folder: Path) -> FeatureContract:
    """The features that the checkpoint in a folder was trained on. Raises CheckpointError."""
    _check_folder(folder)
    return _read_config(folder).contract.contract


def load_checkpoint(folder: Path, contract: FeatureContract | None) -> Checkpoint:
    """Load a folder, rejecting anything missing, malformed or trained on other features than `contract` describes.

    Only the modalities that the checkpoint uses have to match. `contract` None skips the comparison, for callers
    without extractors. Raises CheckpointError.
    """
    _check_folder(folder)
    config = _read_config(folder)
    _require(folder, CARD)
    if contract is not None:
        _compare(folder, config, contract)
    tokenizer = _read_tokenizer(folder, config) if "text" in config.architecture.modalities else None
    described = _describe(folder, config)
    _check_vocabulary(folder, described, tokenizer)
    weights = _read_weights(folder, described)
    model = MMIM(config.architecture)
    model.load_state_dict(weights)
    return Checkpoint(folder.resolve().name, config, model.eval().requires_grad_(False), tokenizer)


def _check_folder(folder: Path) -> None:
    if not folder.is_dir():
        raise CheckpointError(f"{folder} is not a folder; a checkpoint is a folder with {CONFIG} and {WEIGHTS}")


def _require(folder: Path, name: str) -> Path:
    path = folder / name
    if not path.is_file():
        raise CheckpointError(f"{folder} lacks {name}; {_REMEDY}")
    return path


def _read_config(folder: Path) -> CheckpointConfig:
    path = _require(folder, CONFIG)
    try:
        return CheckpointConfig.model_validate(read_json_object(path))
    except OSError as error:
        raise CheckpointError(f"{path} cannot be read ({error.strerror or error}); check its permissions") from error
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(str(part) for part in first["loc"]) or "top level"
        reason = " ".join(first["msg"].removeprefix("Value error, ").split())
        raise CheckpointError(f"{path}: {where}: {reason}; {_REMEDY}") from error
    except ValueError as error:
        raise CheckpointError(f"{path} cannot be used: {error}; {_REMEDY}") from error


def _describe(folder: Path, config: CheckpointConfig) -> MMIM:
    """The model without storage: its shapes are compared with the file's before any memory is allocated."""
    try:
        with torch.device("meta"):
            return MMIM(config.architecture)
    except (KeyError, TypeError, ValueError, AttributeError, RuntimeError) as error:
        reason = str(error).strip().splitlines()[0] if str(error).strip() else type(error).__name__
        raise CheckpointError(f"{folder / CONFIG}: the model cannot be built ({reason}); {_REMEDY}") from error


def _compare(folder: Path, config: CheckpointConfig, contract: FeatureContract) -> None:
    for modality in config.architecture.modalities:
        difference = contract_difference(config.contract.contract, contract, modality)
        if difference is not None:
            raise CheckpointError(
                f"{folder} was trained on other {modality} features ({difference}); use a checkpoint of this version, "
                "or extract the features and train again"
            )


def _read_tokenizer(folder: Path, config: CheckpointConfig) -> TextTokenizer:
    path = _require(folder, TOKENIZER)
    try:
        tokenizer = Tokenizer.from_file(str(path))
        tokenizer.encode(_UNKNOWN)
    except Exception as error:  # the library raises no narrower class
        raise CheckpointError(f"{path} is not a tokenizer file ({str(error).splitlines()[0]}); {_REMEDY}") from error
    # Before it is copied, which counts from 0 to the highest id.
    if (highest := highest_id(tokenizer)) >= MAX_TOKEN_ID:
        raise CheckpointError(f"{path} has the token id {highest}, beyond {MAX_TOKEN_ID}; {_REMEDY}")
    return TextTokenizer(tokenizer, config.max_tokens, config.pad_token_id)


def _check_vocabulary(folder: Path, model: MMIM, tokenizer: TextTokenizer | None) -> None:
    if not isinstance(model.text_encoder, TextEncoder) or tokenizer is None:
        return
    size, limit = model.text_encoder.vocabulary_size, model.text_encoder.max_positions
    if tokenizer.vocabulary_size > size:
        raise CheckpointError(
            f"{folder / TOKENIZER} needs {tokenizer.vocabulary_size} tokens, the text encoder has {size}; {_REMEDY}"
        )
    if tokenizer.pad_id >= size:
        raise CheckpointError(
            f"{folder / CONFIG}: pad_token_id is {tokenizer.pad_id}, the text encoder has {size} tokens"
        )
    if limit is not None and tokenizer.max_tokens > limit:
        raise CheckpointError(
            f"{folder / CONFIG}: max_tokens is {tokenizer.max_tokens}, but the text encoder reads at most {limit}"
        )


def _read_weights(folder: Path, model: MMIM) -> dict[str, Tensor]:
    path = _require(folder, WEIGHTS)
    expected = model.state_dict()
    try:
        with safe_open(path, framework="pt", device="cpu") as file:
            shapes = {name: tuple(file.get_slice(name).get_shape()) for name in file.keys()}  # noqa: SIM118  not a dict
            _check_shapes(path, {name: tuple(tensor.shape) for name, tensor in expected.items()}, shapes)
            tensors: dict[str, Tensor] = {name: file.get_tensor(name).to(expected[name].dtype) for name in expected}
    except OSError as error:
        raise CheckpointError(f"{path} cannot be read ({error.strerror or error}); check its permissions") from error
    except SafetensorError as error:
        raise CheckpointError(f"{path} is damaged ({str(error).splitlines()[0]}); {_REMEDY}") from error
    for name, tensor in tensors.items():
        if not bool(torch.isfinite(tensor).all()):
            raise CheckpointError(f"{path}: tensor {name} has values that are not finite; {_REMEDY}")
    return tensors


def _check_shapes(path: Path, expected: dict[str, tuple[int, ...]], found: dict[str, tuple[int, ...]]) -> None:
    for name in sorted(expected.keys() | found.keys()):
        if name not in found:
            raise CheckpointError(f"{path} lacks tensor {name} of the architecture in {CONFIG}; {_REMEDY}")
        if name not in expected:
            raise CheckpointError(f"{path} has tensor {name}, which the architecture in {CONFIG} lacks; {_REMEDY}")
        if expected[name] != found[name]:
            raise CheckpointError(
                f"{path}: tensor {name} has shape {list(found[name])}, {CONFIG} says {list(expected[name])}; {_REMEDY}"
            )
