from hypothesis import given
from hypothesis import strategies as st

from mmim_live.text_normalization import fold_text


def test_transcribed_and_recognised_text_become_alike():
    assert fold_text("IT COULDVE BEEN BETTER") == fold_text("It could've been better.")
    assert fold_text("um, it's 50% off -- WOW!") == "um its 50 off wow"
    assert fold_text("C'ÉTAIT très BIEN") == "cétait très bien"


@given(st.text())
def test_folding_is_idempotent_and_leaves_plain_words(text):
    folded = fold_text(text)
    assert fold_text(folded) == folded
    assert folded == folded.strip()
    assert "  " not in folded
