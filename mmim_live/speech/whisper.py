"""Whisper on CTranslate2, made fast for short audio: the encoder sees the audio and a little silence, not 30 s.

Whisper (Radford et al. 2022) was trained on windows padded to 30 s. Its encoder accepts any length; with only 2 or 3 s
of padding after the audio it gives nearly the same words at a fraction of the cost. With less padding the decoder tends
to read the audio again from the beginning (see `without_echo`).
"""

from __future__ import annotations

import math
import platform
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import ctranslate2
import numpy as np
import tokenizers
from faster_whisper.feature_extractor import FeatureExtractor
from faster_whisper.tokenizer import Tokenizer
from numpy.typing import NDArray

from mmim_live.errors import AssetError
from mmim_live.speech.echo import without_echo
from mmim_live.text_normalization import normalize_text
from mmim_live.types import SAMPLE_RATE_HZ

__all__ = ["EncodedAudio", "Hypothesis", "HypothesisWord", "Whisper", "load_whisper"]

_REQUIRED_FILES = ("model.bin", "config.json", "tokenizer.json")
_FRAME_SAMPLES = 160  # one mel frame
_TIME_STEP_S = 0.02  # one encoder position: two mel frames
_MAX_SAMPLES = 28 * SAMPLE_RATE_HZ  # the encoder has positions for 30 s
# Fast Spanish needs 9 tokens per second. A decoder that needs more is reading the same audio again.
_TOKENS_PER_SECOND, _EXTRA_TOKENS = 9.0, 5


@dataclass(frozen=True, slots=True)
class HypothesisWord:
    """A word of a hypothesis; times count from the start of the audio."""

    text: str
    tokens: tuple[int, ...]
    closing: tuple[int, ...]  # the punctuation after it
    start_s: float
    end_s: float
    probability: float  # mean over its tokens


@dataclass(frozen=True, slots=True)
class Hypothesis:
    """What Whisper transcribes from a stretch of audio."""

    prefix: tuple[HypothesisWord, ...] = ()  # the words given to it
    words: tuple[HypothesisWord, ...] = ()  # the words it found after them, without repetitions of its own making
    log_probability: float = 0.0  # mean over the tokens of `words`
    no_speech: float = 0.0  # probability that there is no speech at all
    finished: bool = True  # False: cut off at the greatest plausible length


@dataclass(frozen=True, slots=True, eq=False)
class EncodedAudio:
    """Encoder output; can be used several times."""

    features: Any  # ctranslate2.StorageView [1, positions, d]
    frames: int  # mel frames of audio, without the padding
    seconds: float


class Whisper:
    """A loaded model. Calls are deterministic on the CPU: one thread, no sampling."""

    def __init__(
        self, model: Any, tokenizer: tokenizers.Tokenizer, name: str, padding_s: float, beam_size: int
    ) -> None:
        self.name = name
        self.multilingual: bool = model.is_multilingual
        self.padding_s = padding_s
        self.beam_size = beam_size
        self._model = model
        self._vocabulary = tokenizer
        self._extractor = FeatureExtractor(feature_size=model.n_mels)
        self._tokenizers: dict[str, Tokenizer] = {}

    def supports(self, language: str) -> bool:
        """Whether the model can transcribe this ISO 639-1 language."""
        if not self.multilingual:
            return language == "en"
        return self._vocabulary.token_to_id(f"<|{language}|>") is not None

    def text_tokens(self, text: str) -> tuple[int, ...]:
        """The tokens of a text as it stands within a transcript; none of them are control tokens."""
        tokenizer = self._tokenizer("en")  # the language makes no difference here
        return tuple(token for token in tokenizer.encode(f" {text.strip()}") if token < tokenizer.eot)

    def encode(self, samples: NDArray[np.float32]) -> EncodedAudio:
        """Run the encoder on [n] samples at 16 kHz; only the last 28 s are used."""
        samples = samples[-_MAX_SAMPLES:]
        padded = np.pad(samples, (0, round(self.padding_s * SAMPLE_RATE_HZ)))
        mel = self._extractor(padded, padding=0)  # [mels, frames]
        # The second convolution has stride 2 and wants an even number of frames.
        mel = np.ascontiguousarray(mel[None, :, : mel.shape[1] // 2 * 2], np.float32)
        features = self._model.encode(ctranslate2.StorageView.from_array(mel))
        return EncodedAudio(features, len(samples) // _FRAME_SAMPLES, len(samples) / SAMPLE_RATE_HZ)

    def languages(self, encoded: EncodedAudio) -> dict[str, float]:
        """Probability of each language, ISO 639-1. Only for multilingual models."""
        ranking = self._model.detect_language(encoded.features)[0]
        return {token.strip("<|>"): probability for token, probability in ranking}

    def transcribe(
        self, encoded: EncodedAudio, language: str, prefix: Sequence[int] = (), context: Sequence[int] = ()
    ) -> Hypothesis:
        """Decode the words.

        Args:
            encoded: the audio.
            language: ISO 639-1.
            prefix: tokens that the transcript must begin with.
            context: tokens of what was said before the audio began.

        Returns:
            The hypothesis; its times come from the decoder's cross-attention to the audio (dynamic time warping).
        """
        tokenizer = self._tokenizer(language)
        before = [tokenizer.sot_prev, *context] if context else []
        prompt = [*before, *tokenizer.sot_sequence, tokenizer.no_timestamps]
        max_tokens = max(math.ceil(encoded.seconds * _TOKENS_PER_SECOND), len(prefix)) + _EXTRA_TOKENS
        result = self._model.generate(
            encoded.features,
            [[*prompt, *prefix]],
            beam_size=self.beam_size,
            # CTranslate2 generates at most half of this, and prompt and text together at most all of it.
            max_length=min(448, max(2 * max_tokens, len(prompt) + max_tokens)),
            return_no_speech_prob=True,
        )[0]
        tokens: Sequence[int] = [token for token in result.sequences_ids[0] if token < tokenizer.eot]
        finished = len(tokens) < max_tokens
        tokens = self.credible_tokens(tokens, len(prefix), language, finished=finished)
        if len(tokens) <= len(prefix):
            return Hypothesis(no_speech=result.no_speech_prob, finished=finished)
        aligned = self._model.align(encoded.features, tokenizer.sot_sequence, [list(tokens)], encoded.frames)[0]
        words = _words(tokenizer, tokens, aligned)
        old, new = _split(words, len(prefix))
        scores = np.log(np.maximum(aligned.text_token_probs[len(prefix) :], 1e-10))
        return Hypothesis(old, new, float(np.mean(scores)), result.no_speech_prob, finished=finished)

    def credible_tokens(self, tokens: Sequence[int], prefix: int, language: str, *, finished: bool) -> Sequence[int]:
        """The tokens without those that only repeat earlier ones, and without half a word at the end.

        They are cut off before the alignment, which would spread the same audio over all repetitions.

        Args:
            tokens: of a transcript.
            prefix: how many of them it had to begin with.
            language: ISO 639-1.
            finished: whether the decoder came to its end by itself.
        """
        tokenizer = self._tokenizer(language)
        texts, groups = tokenizer.split_to_word_tokens([*tokens, tokenizer.eot])
        starts = np.cumsum([0, *(len(group) for group in groups)])
        spoken = [place for place, text in enumerate(texts[:-1]) if normalize_text(text)]
        whole = spoken if finished else spoken[:-1]
        # A decoder that reached its end rarely read the audio again: it then takes more words to prove that it did.
        kept = without_echo([texts[place] for place in whole], min_words=4 if finished else 2)
        return tokens if kept == len(spoken) else tokens[: max(prefix, int(starts[spoken[kept]]))]

    def text_of(self, tokens: Sequence[int]) -> str:
        """The text that the tokens stand for."""
        text: str = self._tokenizer("en").decode(list(tokens))
        return text

    def _tokenizer(self, language: str) -> Tokenizer:
        if language not in self._tokenizers:
            self._tokenizers[language] = Tokenizer(self._vocabulary, self.multilingual, "transcribe", language)
        return self._tokenizers[language]


def _words(tokenizer: Tokenizer, tokens: Sequence[int], aligned: Any) -> tuple[HypothesisWord, ...]:
    """Join tokens into words with times and probabilities; punctuation goes to the word before it."""
    texts, groups = tokenizer.split_to_word_tokens([*tokens, tokenizer.eot])
    rows = np.array([row for row, _ in aligned.alignments])
    columns = np.array([column for _, column in aligned.alignments])
    jumps = np.diff(rows, prepend=-1).astype(bool)
    times = columns[jumps] * _TIME_STEP_S  # [tokens + 1], where each token begins; the last is the end of text
    words: list[HypothesisWord] = []
    opening: tuple[int, ...] = ()
    first = 0
    for text, group in zip(texts[:-1], groups[:-1], strict=True):
        last = first + len(group)
        if normalize_text(text):
            probability = float(np.mean(aligned.text_token_probs[first:last]))
            start, end = float(times[first]), float(times[last])
            words.append(
                HypothesisWord(
                    text=text.strip(),
                    tokens=(*opening, *group),
                    closing=(),
                    start_s=start,
                    end_s=end,
                    probability=probability,
                )
            )
            opening = ()
        elif words:
            word = words[-1]
            words[-1] = replace(word, text=word.text + text.strip(), closing=(*word.closing, *group))
        else:
            opening = (*opening, *group)
        first = last
    return tuple(words)


def _split(
    words: tuple[HypothesisWord, ...], prefix: int
) -> tuple[tuple[HypothesisWord, ...], tuple[HypothesisWord, ...]]:
    """Separate the words that begin within the first `prefix` tokens from the others."""
    position = 0
    for i, word in enumerate(words):
        if position >= prefix:
            return words[:i], words[i:]
        position += len(word.tokens) + len(word.closing)
    return words, ()


def load_whisper(
    folder: Path,
    device: str = "cpu",
    padding_s: float | None = None,
    beam_size: int = 1,
    *,
    exact: bool = True,
) -> Whisper:
    """Load a Whisper model in CTranslate2's format: one thread on the CPU, float16 on CUDA.

    CTranslate2 has no Metal backend, so "mps" means the CPU. `padding_s` is the silence put after the audio; its
    default depends on the size of the model. The CPU computes in int8, except for a tiny model on a processor whose
    int8 products saturate (see `_int8_saturates`): float32, at 1.6 times the cost. `exact=False` keeps int8 there too.

    Raises:
        AssetError: the folder does not contain such a model, or the device cannot run it.
    """
    missing = [name for name in _REQUIRED_FILES if not (folder / name).is_file()]
    if missing:
        raise AssetError(f"{folder} is not a Whisper model: {', '.join(missing)} missing; see `mmim-live models`")
    cuda = device.startswith("cuda")
    try:
        model = _model(folder, device, "float16" if cuda else "int8")
        tokenizer = tokenizers.Tokenizer.from_file(str(folder / "tokenizer.json"))
        tiny = _is_tiny(model)  # the first encoding, which loads CUDA's libraries
        if tiny and exact and not cuda and _int8_saturates():
            model = _model(folder, device, "float32")
    except Exception as cause:  # both libraries raise bare RuntimeError, ValueError and Exception
        line = str(cause).splitlines()[0] if str(cause) else type(cause).__name__
        raise AssetError(f"the Whisper model in {folder} cannot be loaded on {device}: {line}") from cause
    # The padding with which a model rarely reads the audio twice.
    return Whisper(model, tokenizer, folder.name, padding_s or (3.0 if tiny else 2.0), beam_size)


def _model(folder: Path, device: str, compute_type: str) -> Any:
    return ctranslate2.models.Whisper(
        str(folder),
        device="cuda" if device.startswith("cuda") else "cpu",
        device_index=int(device.partition(":")[2] or 0),
        compute_type=compute_type,
        intra_threads=1,
    )


def _is_tiny(model: Any) -> bool:
    """Whether it is Whisper tiny, d = 384."""
    empty = ctranslate2.StorageView.from_array(np.zeros((1, model.n_mels, 2), np.float32))
    return bool(model.encode(empty).shape[-1] < 512)


def _int8_saturates() -> bool:
    """Whether int8 products are summed in 16-bit pairs, which saturate: x86 with neither VNNI nor AMX.

    There tiny.en gets 6 of 66 words wrong (short clips of clear speech) against 3 in float32; base gets 4 and 3.
    """
    # All releases of torch.cpu have this, but only newer ones under a public name.
    import torch

    if platform.machine().lower() not in {"x86_64", "amd64"}:
        return False
    known = getattr(torch.cpu, "get_capabilities", None)
    if known is None:
        return not torch.cpu._is_vnni_supported()
    return not any(known().get(name) for name in ("avx512_vnni", "avx_vnni", "avx_vnni_int8", "amx_int8"))
