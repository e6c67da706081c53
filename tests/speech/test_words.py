"""Agreement, plausibility, language and word errors: what needs no model."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mmim_live.speech.hypothesis_filter import filter_hypothesis
from mmim_live.speech.language_tracker import LanguageTracker
from mmim_live.speech.local_agreement import agreed, without_echo
from mmim_live.speech.wer import word_errors
from mmim_live.speech.whisper import Hypothesis, HypothesisWord

words = st.lists(st.sampled_from(["a", "b", "c"]), max_size=12)


def heard(text: str, each_s: float = 0.3) -> tuple[HypothesisWord, ...]:
    return tuple(
        HypothesisWord(word, (i,), (), i * each_s, (i + 1) * each_s, 0.9) for i, word in enumerate(text.split())
    )


def test_casing_and_punctuation_do_not_disagree() -> None:
    assert agreed(["And", "so,", "my", "fellow"], ["and", "so", "my", "fellows"]) == 3


@given(words, words)
def test_what_agrees_is_a_prefix_of_both(first: list[str], second: list[str]) -> None:
    count = agreed(first, second)
    assert first[:count] == second[:count]
    assert count == min(len(first), len(second)) or first[count] != second[count]


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
def test_an_echo_is_cut_and_a_person_repeating_is_not(text: str, kept: str) -> None:
    said = text.split()
    assert said[: without_echo(said)] == kept.split()


def test_words_without_time_are_dropped() -> None:
    squeezed = tuple(HypothesisWord(word, (9,), (), 1.2, 1.2, 0.99) for word in ("I", "said", "so"))
    assert filter_hypothesis(Hypothesis(words=heard("lay white by now") + squeezed)) == heard("lay white by now")


def test_one_word_without_time_is_dropped_only_if_it_repeats() -> None:
    edge = (HypothesisWord("now", (9,), (), 1.2, 1.2, 0.9),)
    assert filter_hypothesis(Hypothesis(words=heard("lay white by") + edge)) == heard("lay white by") + edge
    assert filter_hypothesis(Hypothesis(words=heard("lay white now") + edge)) == heard("lay white now")
    assert filter_hypothesis(Hypothesis(prefix=heard("now"), words=edge)) == ()


def test_a_guess_is_not_believed() -> None:
    said = heard("thank you")
    assert filter_hypothesis(Hypothesis(words=said, log_probability=-0.5, no_speech=0.9)) == said
    assert filter_hypothesis(Hypothesis(words=said, log_probability=-1.2, no_speech=0.9)) == ()
    assert filter_hypothesis(Hypothesis(words=said, log_probability=-2.5, no_speech=0.1)) == ()


def test_saying_it_again_is_believed_of_a_finished_hypothesis() -> None:
    said = heard("great film really great film")
    assert filter_hypothesis(Hypothesis(words=said)) == said
    assert filter_hypothesis(
        Hypothesis(words=heard("a great film really a great film really a"), finished=False)
    ) == heard("a great film really")


def test_half_a_word_is_not_believed() -> None:
    assert filter_hypothesis(Hypothesis(words=heard("what a wond"), finished=False)) == heard("what a")


def test_weak_evidence_yields_to_the_prior_and_strong_evidence_does_not() -> None:
    tracker = LanguageTracker(prior="en")
    tracker.update({"en": 0.3, "cy": 0.6, "de": 0.1}, 1.5)
    assert tracker.guess == "en"
    tracker.update({"en": 0.01, "es": 0.98, "de": 0.01}, 1.5)
    assert tracker.known == "es"


def test_a_known_language_does_not_flicker() -> None:
    tracker = LanguageTracker()
    assert tracker.needs_evidence(0.0, 0.7)
    tracker.update({"es": 0.95, "en": 0.05}, 2.0)
    assert tracker.known == "es"
    tracker.update({"es": 0.3, "gl": 0.7}, 2.0)
    assert tracker.known == "es"
    assert tracker.needs_evidence(1.5, 2.5)
    assert not tracker.needs_evidence(2.5, 3.5)


def test_a_fixed_language_is_never_asked_for() -> None:
    tracker = LanguageTracker("zh")
    tracker.update({"en": 1.0}, 9.0)
    assert (tracker.known, tracker.needs_evidence(0.0, 9.0)) == ("zh", False)


@given(words, words)
def test_word_errors_are_a_distance(first: list[str], second: list[str]) -> None:
    there, length = word_errors(" ".join(first), " ".join(second))
    back, _ = word_errors(" ".join(second), " ".join(first))
    assert there == back
    assert length == len(first)
    assert abs(len(first) - len(second)) <= there <= max(len(first), len(second))
    assert (there == 0) == (first == second)


def test_word_errors_of_known_cases() -> None:
    assert word_errors("Ask NOT what", "ask, not what?") == (0, 3)
    assert word_errors("ask not what your country", "ask what our country can") == (3, 5)
    assert np.isclose(word_errors("a b", "")[0], 2)
