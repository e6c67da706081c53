"""A small random model of the real classes, with a tokenizer of a few words."""

from typing import Any

import numpy as np
import torch
from tokenizers import Tokenizer
from tokenizers.models import WordPiece
from tokenizers.pre_tokenizers import Whitespace
from tokenizers.processors import TemplateProcessing

from mmim_live.model.checkpoint_config import CheckpointConfig, Conformal, ContractConfig, Normalization
from mmim_live.model.mmim import MMIM, MMIMConfig
from mmim_live.model.tokenizer import TextTokenizer
from mmim_live.types import FaceRow, FeatureContract, ModalityContract, VoiceRow, Window, Word

VOCABULARY = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "i", "love", "hate", "this", "movie", "really", "##s", "it"]
SMALL_BERT: dict[str, Any] = {
    "model_type": "bert",
    "vocab_size": len(VOCABULARY),
    "hidden_size": 24,
    "num_hidden_layers": 2,
    "num_attention_heads": 3,
    "intermediate_size": 32,
    "max_position_embeddings": 32,
}
VOICE, FACE = 5, 7

CONTRACT = FeatureContract(
    text=ModalityContract(("word",), 0.0, 1, "words"),
    voice=ModalityContract(tuple(f"v{i}" for i in range(VOICE)), 20.0, 1, "voice extractor"),
    face=ModalityContract(tuple(f"f{i}" for i in range(FACE)), 15.0, 1, "face extractor"),
)


def small_tokenizer(max_tokens: int = 16) -> TextTokenizer:
    tokenizer = Tokenizer(WordPiece({word: i for i, word in enumerate(VOCABULARY)}, unk_token="[UNK]"))
    tokenizer.pre_tokenizer = Whitespace()
    tokenizer.post_processor = TemplateProcessing(single="[CLS] $A [SEP]", special_tokens=[("[CLS]", 2), ("[SEP]", 3)])
    return TextTokenizer(tokenizer, max_tokens)


def architecture(**changes: Any) -> MMIMConfig:
    fields: dict[str, Any] = {"text_encoder": SMALL_BERT, "voice_dim": VOICE, "face_dim": FACE, "fusion": 32}
    return MMIMConfig(**(fields | changes))


def normalization(width: int) -> Normalization:
    return Normalization(mean=tuple(0.5 * i for i in range(width)), std=tuple(1.0 + i for i in range(width)))


def checkpoint_config(model: MMIM, **changes: Any) -> CheckpointConfig:
    fields: dict[str, Any] = {
        "architecture": model.config,
        "contract": ContractConfig.of(CONTRACT),
        "voice_normalisation": normalization(VOICE),
        "face_normalisation": normalization(FACE),
        "max_tokens": 16,
        "conformal": Conformal(level=0.9, half_width={"text+voice+face": 0.5, "text": 9.0}),
        "agreement": {"voice": (-60.0, -20.0, 0.0), "face": (-60.0, -20.0, 0.0)},
    }
    return CheckpointConfig(**(fields | changes))


def small_model(**changes: Any) -> MMIM:
    torch.manual_seed(7)
    model = MMIM(architecture(**changes))
    with torch.no_grad():
        # The vectors for absent modalities start at 0; give them values, as training does.
        for name, parameter in model.named_parameters():
            if name.endswith("absent"):
                parameter.normal_()
    return model.eval()


def make_window(text: str = "i love this movie", voice: int = 20, face: int = 20, seed: int = 0) -> Window:
    generator = np.random.default_rng(seed)
    return Window(
        start_s=0.0,
        end_s=6.0,
        kind="rolling",
        status="committed",
        revision=0,
        words=tuple(Word(word, i, i + 0.5, 0.9, "committed", 6.0) for i, word in enumerate(text.split())),
        voice=tuple(VoiceRow(i / 20, generator.normal(size=VOICE).astype(np.float32)) for i in range(voice)),
        face=tuple(FaceRow(i / 15, generator.normal(size=FACE).astype(np.float32)) for i in range(face)),
    )
