from mmim_live.features.contract import CONTRACT


def test_the_contract_is_the_one_that_existing_checkpoints_were_trained_with() -> None:
    """A new hash refuses every older checkpoint: change one only together with a revision."""
    assert (CONTRACT.text.hash, CONTRACT.voice.hash, CONTRACT.face.hash) == (
        "b00ae608b4b70caf",
        "7b6b1dfd7571edf5",
        "6cfb72b02bd60030",
    )
