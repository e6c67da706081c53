"""What is left when something is missing."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from mmim_train.evaluation.missing_modalities import FramesMissing, ModalitiesMissing, coalitions
from mmim_train.runs.export import conformal_quantile
from tests.train.synthetic import Synthetic

WHOLE = Synthetic(60, absent=0.1)
ALL = list(range(60))


@settings(max_examples=20, deadline=None)
@given(st.sampled_from([0.1, 0.5, 0.9]), st.integers(0, 5))
def test_what_is_left_is_a_part_in_the_same_order(rate: float, seed: int) -> None:
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


def test_the_share_that_is_missing_is_the_rate_and_does_not_hang_on_the_batch() -> None:
    few = FramesMissing(WHOLE, 0.3)
    lengths = few.batch(ALL).voice_lengths
    share = 1 - float(lengths.sum() / WHOLE.batch(ALL).voice_lengths.sum())
    assert share == pytest.approx(0.3, abs=0.08)
    assert torch.equal(few.batch([7]).voice_lengths, lengths[7:8])
    assert few.batch(ALL[::-1]).voice_lengths.tolist() == lengths.tolist()[::-1]


def test_whole_modalities() -> None:
    sets = coalitions(("text", "voice", "face"))
    assert list(sets) == ["text", "voice", "face", "text+voice", "text+face", "voice+face", "text+voice+face"]
    assert list(coalitions(("text", "face"))) == ["text", "face", "text+face"]
    present = ModalitiesMissing(WHOLE, sets["text+face"]).batch(ALL).present
    assert torch.equal(present, WHOLE.batch(ALL).present & torch.tensor([True, False, True]))


def test_intervals_cover_what_they_promise() -> None:
    rng = np.random.default_rng(0)
    covered = []
    for _ in range(400):
        old, new = np.abs(rng.normal(size=(2, 50)))
        covered.append(np.mean(new <= conformal_quantile(old, 0.9)))
    assert np.mean(covered) == pytest.approx(46 / 51, abs=0.01)  # (n + 1) 0.9 rounded up, of n + 1
    assert conformal_quantile(np.ones(5), 0.9) == float("inf")
