"""Repetitions of the decoder's own making are cut off."""

import pytest

from mmim_live.speech.echo import without_echo
from mmim_live.speech.whisper import Whisper


@pytest.mark.parametrize(
    ("text", "kept"),
    [
        ("and so my fellow and so my fellow and so", "and so my fellow"),
        ("he is one of my favorite actors ever he is one", "he is one of my favorite actors ever"),
        ("thank you la la la la", "thank you la"),
        ("well you know it you know it you know it", "well you know it"),
        ("no no", "no no"),
        ("that is very very good", "that is very very good"),
        ("ask what you can do for you can do for your country", "ask what you can do for you can do for your country"),
        ("", ""),
    ],
)
def test_an_echo_is_cut_off_but_a_repetition_by_the_speaker_is_not(text: str, kept: str) -> None:
    said = text.split()
    assert said[: without_echo(said)] == kept.split()


def kept_tokens(whisper: Whisper, said: str, *, prefix: str = "", finished: bool) -> str:
    """What is kept of a text that a decoder gave, given the words that it had to begin with."""
    tokens = whisper.text_tokens(said)
    kept = whisper.credible_tokens(tokens, len(whisper.text_tokens(prefix)) if prefix else 0, "en", finished=finished)
    assert tokens[: len(kept)] == kept
    return whisper.text_of(kept).strip()


def test_a_repetition_is_kept_in_a_finished_hypothesis(whisper: Whisper) -> None:
    assert kept_tokens(whisper, "great film, really great film.", finished=True) == "great film, really great film."
    looped = "a great film, really a great film, really a great"
    assert kept_tokens(whisper, looped, finished=False) == "a great film, really"


def test_half_a_word_is_dropped(whisper: Whisper) -> None:
    assert kept_tokens(whisper, "what a wond", finished=False) == "what a"


def test_the_words_it_had_to_begin_with_stay(whisper: Whisper) -> None:
    assert kept_tokens(whisper, "so my so my so my so", prefix="so my so my", finished=False) == "so my so my"


def test_punctuation_stays_with_its_word(whisper: Whisper) -> None:
    looped = "What brought you here? What brought you here? What"
    assert kept_tokens(whisper, looped, finished=False) == "What brought you here?"
