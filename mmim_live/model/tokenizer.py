"""Text to token ids: normalization, truncation and padding, shared by training and live inference.

Uses only the `tokenizers` library, not transformers.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import torch
from tokenizers import Tokenizer
from torch import Tensor

from mmim_live.text_normalization import normalize_text


class TextTokenizer:
    """Normalizes and tokenizes; texts longer than `max_tokens` (including special tokens) lose their beginning."""

    def __init__(self, tokenizer: Tokenizer, max_tokens: int, pad_id: int = 0) -> None:
        # A copy, since truncation and padding are state of the tokenizer. Padding is done here, to the longest text.
        self._tokenizer = Tokenizer.from_str(tokenizer.to_str())
        self._tokenizer.no_padding()
        self._tokenizer.enable_truncation(max_tokens, direction="left")  # the latest words matter most
        self.pad_id = pad_id
        self.max_tokens = max_tokens

    @property
    def vocabulary_size(self) -> int:
        """One more than the highest id of any token, including those that are put around each text."""
        return max([highest_id(self._tokenizer), *self._tokenizer.encode("").ids], default=-1) + 1

    def ids(self, text: str) -> list[int]:
        """The token ids of a text, including [CLS] and [SEP]; none for a text without words."""
        normalized = normalize_text(text)
        return list(self._tokenizer.encode(normalized).ids) if normalized else []

    def encode(self, texts: Sequence[str]) -> tuple[Tensor, Tensor]:
        """Token ids [B, L] int64 and mask [B, L] bool, L the longest text; a text without words has an empty mask."""
        return self.pad([self.ids(text) for text in texts])

    def pad(self, rows: Sequence[Sequence[int]]) -> tuple[Tensor, Tensor]:
        """The same from token ids computed before."""
        longest = max((len(row) for row in rows), default=0)
        token_ids = torch.full((len(rows), longest), self.pad_id, dtype=torch.long)
        for target, row in zip(token_ids, rows, strict=True):
            target[: len(row)] = torch.tensor(row, dtype=torch.long)
        lengths = torch.tensor([len(row) for row in rows], dtype=torch.long)
        return token_ids, torch.arange(longest).unsqueeze(0) < lengths.unsqueeze(1)

    def save(self, path: Path) -> None:
        """Write tokenizer.json."""
        path.write_text(self._tokenizer.to_str(), encoding="utf-8")


def highest_id(tokenizer: Tokenizer) -> int:
    """The highest id in the vocabulary, added tokens included; -1 if it is empty."""
    return max(tokenizer.get_vocab(with_added_tokens=True).values(), default=-1)


def load_pretrained_tokenizer(name_or_folder: str, max_tokens: int, local_only: bool = False) -> TextTokenizer:
    """The fast tokenizer of a pretrained model by folder or hub name. Raises OSError if it cannot be found."""
    from transformers import AutoTokenizer, PreTrainedTokenizerFast

    fast = AutoTokenizer.from_pretrained(name_or_folder, local_files_only=local_only, use_fast=True)
    if not isinstance(fast, PreTrainedTokenizerFast):
        raise ValueError(f"{name_or_folder} has no fast tokenizer")
    return TextTokenizer(fast.backend_tokenizer, max_tokens, int(fast.pad_token_id or 0))
