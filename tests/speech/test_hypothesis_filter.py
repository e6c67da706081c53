"""Which words of a hypothesis are credible."""

from mmim_live.speech.hypothesis_filter import filter_hypothesis
from mmim_live.speech.whisper import Hypothesis
from tests.speech.hypotheses import word, words


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
