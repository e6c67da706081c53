"""Which words of a hypothesis are credible."""

import pytest

from mmim_live.speech.hypothesis_filter import filter_hypothesis, without_echo
from mmim_live.speech.whisper import Hypothesis
from tests.speech.hypotheses import word, words


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


def test_words_without_duration_are_dropped() -> None:
    squeezed = tuple(word(text, 1.2, 1.2, probability=0.99) for text in ("I", "said", "so"))
    assert filter_hypothesis(Hypothesis(words=words("lay white by now") + squeezed)) == words("lay white by now")


def test_a_single_word_without_duration_is_dropped_only_if_it_repeats_the_one_before() -> None:
    edge = (word("now", 1.2, 1.2),)
    assert filter_hypothesis(Hypothesis(words=words("lay white by") + edge)) == words("lay white by") + edge
    assert filter_hypothesis(Hypothesis(words=words("lay white now") + edge)) == words("lay white now")
    assert filter_hypothesis(Hypothesis(prefix=words("now"), words=edge)) == ()


def test_a_guess_is_dropped() -> None:
    said = words("thank you")
    assert filter_hypothesis(Hypothesis(words=said, log_probability=-0.5, no_speech=0.9)) == said
    assert filter_hypothesis(Hypothesis(words=said, log_probability=-1.2, no_speech=0.9)) == ()
    assert filter_hypothesis(Hypothesis(words=said, log_probability=-2.5, no_speech=0.1)) == ()


def test_a_repetition_is_kept_in_a_finished_hypothesis() -> None:
    said = words("great film really great film")
    assert filter_hypothesis(Hypothesis(words=said)) == said
    unfinished = Hypothesis(words=words("a great film really a great film really a"), finished=False)
    assert filter_hypothesis(unfinished) == words("a great film really")


def test_half_a_word_is_dropped() -> None:
    assert filter_hypothesis(Hypothesis(words=words("what a wond"), finished=False)) == words("what a")
