"""Finds pretrained text encoders: in a folder, among the installed assets, in the hub's cache, or on the hub.

An unreachable hub is noticed within `HUB_TIMEOUT_S`; without one, English data fall back to the installed MiniLM.
"""

from __future__ import annotations

import os
import threading
import urllib.error
import urllib.request
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

from torch import nn

from mmim_live import assets
from mmim_live.errors import AssetError
from mmim_live.model.encoders import load_text_backbone
from mmim_live.model.tokenizer import TextTokenizer, load_pretrained_tokenizer

HUB_TIMEOUT_S = 5.0
_FALLBACK = assets.MINILM
_FALLBACK_LANGUAGE = "en"
_Loaded = TypeVar("_Loaded")


def choose_text_encoder(preferred: str, language: str, note: Callable[[str], None]) -> str:
    """`preferred`, or the installed MiniLM if neither this machine nor a hub in reach has `preferred`.

    MiniLM is English: for data in other languages the preferred encoder stands, and loading it says what is missing.
    `note` receives one line if the choice is another.
    """
    if _is_local(preferred) or language != _FALLBACK_LANGUAGE or assets.find(_FALLBACK.name) is None:
        return preferred
    reason = hub_problem()
    if reason is None:
        return preferred
    note(f"text encoder {_FALLBACK.name} (installed) instead of {preferred}: {reason}")
    return _FALLBACK.name


def find_backbone(source: str) -> nn.Module:
    """A pretrained text encoder from a folder, an asset name or a hub name. Raises AssetError."""
    return _load(source, load_text_backbone)


def find_tokenizer(source: str, max_tokens: int) -> TextTokenizer:
    """The tokenizer of a text encoder, found likewise."""
    return _load(source, lambda place, local: load_pretrained_tokenizer(place, max_tokens, local))


def hub_problem() -> str | None:
    """Why the model hub cannot be used, in a few words; None if it answers. Takes at most `HUB_TIMEOUT_S`."""
    from huggingface_hub import constants

    if constants.HF_HUB_OFFLINE:
        return "HF_HUB_OFFLINE is set"
    answers: list[str | None] = []
    # Looking up a name has no timeout of its own, so a thread waits for it.
    probe = threading.Thread(target=lambda: answers.append(_request(constants.ENDPOINT)), daemon=True)
    probe.start()
    probe.join(HUB_TIMEOUT_S)
    return answers[0] if answers else "the model hub does not answer"


def _request(address: str) -> str | None:
    request = urllib.request.Request(address, method="HEAD")  # noqa: S310 (the hub's address, or the user's own)
    try:
        with urllib.request.urlopen(request, timeout=HUB_TIMEOUT_S):  # noqa: S310
            return None
    except urllib.error.HTTPError:
        return None  # whatever it says, it answers
    except (OSError, ValueError) as error:
        reason = getattr(error, "reason", error)
        return f"the model hub cannot be reached ({getattr(reason, 'strerror', None) or reason})"


def _load(source: str, load: Callable[[str, bool], _Loaded]) -> _Loaded:
    try:
        return load(_place(source), True)  # the hub's cache too, without network
    except (OSError, ValueError) as error:
        problem = _first_line(error)
        if _is_local(source):
            raise _unusable(source, problem) from error
    unreachable = hub_problem()
    if unreachable is not None:
        fix = f"install {_FALLBACK.name} (English) with `{_FALLBACK.install}`, or give a folder with --text-encoder"
        raise AssetError(f"text encoder {source!r} is not on this machine, and {unreachable}: {fix}")
    try:
        return load(source, False)
    except (OSError, ValueError) as error:
        raise _unusable(source, _first_line(error)) from error


def _unusable(source: str, problem: str) -> AssetError:
    return AssetError(
        f"cannot load text encoder {source!r} ({problem}); give a folder or a hub name with --text-encoder"
    )


def _first_line(error: Exception) -> str:
    return next(iter(str(error).strip().splitlines()), type(error).__name__)[:160]


def _is_local(source: str) -> bool:
    """Whether it is a path, an installed asset, or in the hub's cache."""
    if Path(source).exists() or source.startswith((".", os.sep)) or _place(source) != source:
        return True
    from huggingface_hub import try_to_load_from_cache
    from huggingface_hub.errors import HFValidationError

    try:
        return isinstance(try_to_load_from_cache(source, "config.json"), str)
    except HFValidationError:  # not a name that a hub could know
        return True


def _place(source: str) -> str:
    """The folder of the asset with this name if it is installed, otherwise the source itself."""
    if Path(source).is_dir():
        return source
    try:
        found = assets.find(source)
    except AssetError:  # not an asset
        return source
    return str(found.folder) if found is not None else source
