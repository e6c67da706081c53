"""Counting word errors."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from mmim_live.speech.wer import word_errors

texts = st.lists(st.sampled_from(["a", "b", "c"]), max_size=12)


@given(texts, texts)
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
