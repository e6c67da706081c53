from hypothesis import given
from hypothesis import strategies as st

from mmim_live.text_normalization import normalize_text


def test_transcribed_and_recognised_text_become_alike():
    assert normalize_text("IT COULDVE BEEN BETTER") == normalize_text("It could've been better.")
    assert normalize_text("um, it's 50% off -- WOW!") == "um its 50 off wow"
    assert normalize_text("C'ÉTAIT très BIEN") == "cétait très bien"


@given(st.text())
def test_folding_is_idempotent_and_leaves_plain_words(text):
    folded = normalize_text(text)
    assert normalize_text(folded) == folded
    assert folded == folded.strip()
    assert "  " not in folded
