"""Dropping frames, words and whole modalities."""

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from mmim_train.evaluation.missing_modalities import FramesMissing, ModalitiesMissing, coalitions
from tests.train.synthetic import Synthetic

WHOLE = Synthetic(60, absent=0.1)
ALL = list(range(60))


@settings(max_examples=20, deadline=None)
@given(st.sampled_from([0.1, 0.5, 0.9]), st.integers(0, 5))
def test_the_remaining_frames_and_words_keep_their_order(rate: float, seed: int) -> None:
    before, after = WHOLE.batch(ALL), FramesMissing(WHOLE, rate, seed).batch(ALL)
    for row in ALL:
        rows = before.voice[row, : before.voice_lengths[row]]
        left = iter(rows.tolist())
        kept = after.voice[row, : after.voice_lengths[row]].tolist()
        assert all(any(frame == other for other in left) for frame in kept)  # a subsequence
        tokens, ids = after.token_ids[row][after.token_mask[row]], before.token_ids[row][before.token_mask[row]]
        if len(tokens):
            assert len(tokens) > 2 or len(ids) <= 2
            assert (tokens[0], tokens[-1]) == (ids[0], ids[-1])
    assert not (after.present & ~before.present).any()
    assert not after.present[:, 1][after.voice_lengths == 0].any()


def test_the_missing_fraction_equals_the_rate_and_is_independent_of_batching() -> None:
    few = FramesMissing(WHOLE, 0.3)
    lengths = few.batch(ALL).voice_lengths
    share = 1 - float(lengths.sum() / WHOLE.batch(ALL).voice_lengths.sum())
    assert share == pytest.approx(0.3, abs=0.08)
    assert torch.equal(few.batch([7]).voice_lengths, lengths[7:8])
    assert few.batch(ALL[::-1]).voice_lengths.tolist() == lengths.tolist()[::-1]


def test_whole_modalities_can_be_missing() -> None:
    sets = coalitions(("text", "voice", "face"))
    assert list(sets) == ["text", "voice", "face", "text+voice", "text+face", "voice+face", "text+voice+face"]
    assert list(coalitions(("text", "face"))) == ["text", "face", "text+face"]
    present = ModalitiesMissing(WHOLE, sets["text+face"]).batch(ALL).present
    assert torch.equal(present, WHOLE.batch(ALL).present & torch.tensor([True, False, True]))
