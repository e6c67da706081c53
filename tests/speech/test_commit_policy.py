"""Which words of a hypothesis are final."""

from hypothesis import given
from hypothesis import strategies as st

from mmim_live.speech.commit_policy import AlignAtt, CommitPolicy, LocalAgreement, agreed
from tests.speech.hypotheses import word, words

texts = st.lists(st.sampled_from(["a", "b", "c"]), max_size=12)


def test_case_and_punctuation_make_no_difference() -> None:
    assert agreed(["And", "so,", "my", "fellow"], ["and", "so", "my", "fellows"]) == 3


@given(texts, texts)
def test_what_agrees_is_a_prefix_of_both(first: list[str], second: list[str]) -> None:
    count = agreed(first, second)
    assert first[:count] == second[:count]
    assert count == min(len(first), len(second)) or first[count] != second[count]


def test_a_word_is_final_once_two_hypotheses_share_it() -> None:
    policy: CommitPolicy = LocalAgreement()
    assert policy.final_words((), words("and so my"), 1.0) == 0
    assert policy.final_words(words("and so my"), words("and so your fellow"), 1.2) == 2


def test_a_word_is_not_final_before_enough_audio_follows_it() -> None:
    heard = words("and so my fellow")  # 0.3 s each
    assert LocalAgreement(stability_s=0.8).final_words(heard, heard, audio_s=1.5) == 2
    assert LocalAgreement(stability_s=0.8).final_words(heard, heard, audio_s=2.1) == 4


def test_by_alignment_one_hypothesis_is_enough() -> None:
    policy: CommitPolicy = AlignAtt(margin_s=0.5)
    heard = words("and so my fellow")  # 0.3 s each
    assert policy.final_words((), heard, audio_s=1.2) == 2
    assert policy.final_words(words("but so"), heard, audio_s=1.2) == 2


@given(st.floats(0, 2), st.floats(0, 3))
def test_by_alignment_no_word_is_final_before_one_that_is_not(margin_s: float, audio_s: float) -> None:
    late = (word("late", 1.0, 2.5), *words("then"))
    count = AlignAtt(margin_s).final_words((), late, audio_s)
    assert count in (0, 2)
    assert count == 0 or audio_s - margin_s >= 2.5
