"""Speech without a pause becomes utterances of reasonable length: none overlap, no word is lost or split."""

import itertools

from hypothesis import given
from hypothesis import strategies as st

from mmim_live.speech.utterance_segmenter import MAX_UTTERANCE_S, MIN_UTTERANCE_S, UtteranceSegmenter
from mmim_live.types import SpeechSegment, Word

steps = st.tuples(st.integers(0, 1500), st.integers(0, 900), st.sampled_from(["a", "b.", "c,"]))  # gap, length, ms


def said(spoken: list[tuple[int, int, str]], start_s: float) -> list[Word]:
    words, now_ms = [], 1000 * start_s
    for gap_ms, length_ms, text in spoken:
        start_ms = now_ms + gap_ms
        now_ms = start_ms + length_ms
        words.append(Word(text, start_ms / 1000, now_ms / 1000, 0.9, "committed", heard_s=now_ms / 1000))
    return words


def cut(words: list[Word], start_s: float, sizes: list[int]) -> list[SpeechSegment]:
    """The words in batches of the given sizes, repeated as needed."""
    segmenter, pieces, at = UtteranceSegmenter(), [], 0
    while at < len(words):
        for size in sizes:
            pieces += segmenter.push(start_s, words[at : at + size])
            at += size
    end_s = max((word.end_s for word in words), default=start_s) + 0.2
    return [*pieces, segmenter.close(start_s, end_s)]


def words_of(piece: SpeechSegment, words: list[Word]) -> list[Word]:
    """As a window selects them."""
    return [word for word in words if piece.start_s <= (word.start_s + word.end_s) / 2 < piece.end_s]


@given(st.lists(steps, max_size=120), st.floats(0, 500), st.lists(st.integers(1, 7), min_size=1, max_size=4))
def test_utterances_tile_the_stretch_and_contain_each_word_once(spoken, start_s: float, sizes: list[int]):
    words = said(spoken, start_s)
    pieces = cut(words, start_s, sizes)
    assert pieces[0].start_s == start_s
    for piece, after in itertools.pairwise(pieces):
        assert piece.start_s < piece.end_s == after.start_s
    assert [word for piece in pieces for word in words_of(piece, words)] == words
    assert pieces == cut(words, start_s, [1])


@given(st.lists(st.tuples(st.integers(0, 1500), st.integers(1, 900), st.just("a")), max_size=200), st.floats(0, 500))
def test_no_utterance_of_ordinary_words_is_too_long_or_needlessly_short(spoken, start_s: float):
    *cuts, _ = cut(said(spoken, start_s), start_s, [3])
    for piece in cuts:
        assert MIN_UTTERANCE_S <= piece.end_s - piece.start_s <= MAX_UTTERANCE_S


def test_short_speech_is_one_utterance_and_the_next_stretch_starts_a_new_one():
    words = said([(0, 1000, "a")] * 17, 0.0)
    segmenter = UtteranceSegmenter()
    assert segmenter.push(0.0, words) == []
    assert segmenter.close(0.0, 17.2) == SpeechSegment(0.0, 17.2)
    assert segmenter.push(30.0, said([(500, 1000, "a")], 30.0)) == []
    assert segmenter.close(30.0, 32.0) == SpeechSegment(30.0, 32.0)


def test_the_end_of_a_sentence_comes_before_a_longer_gap():
    spoken = [(100, 900, "a")] * 30
    spoken[12] = (100, 900, "b.")
    spoken[15] = (900, 100, "a")
    (first, *_) = cut(said(spoken, 0.0), 0.0, [1])
    assert first.end_s == 13.05
    spoken[12] = (100, 900, "a")
    (first, *_) = cut(said(spoken, 0.0), 0.0, [1])
    assert first.end_s == 15.45
