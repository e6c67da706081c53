"""Hypotheses written by hand."""

from mmim_live.speech.whisper import HypothesisWord


def word(text: str, start_s: float, end_s: float, *, token: int = 9, probability: float = 0.9) -> HypothesisWord:
    return HypothesisWord(text=text, tokens=(token,), closing=(), start_s=start_s, end_s=end_s, probability=probability)


def words(text: str, each_s: float = 0.3) -> tuple[HypothesisWord, ...]:
    """The words of a text, one after the other, each of `each_s` seconds."""
    return tuple(word(part, i * each_s, (i + 1) * each_s, token=i) for i, part in enumerate(text.split()))
