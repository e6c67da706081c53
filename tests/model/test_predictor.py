from dataclasses import replace
from itertools import product
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from mmim_live.errors import CheckpointError
from mmim_live.model.checkpoint import Checkpoint, load_checkpoint
from mmim_live.model.checkpoint_config import NORMALIZED_LIMIT, Abstention, Mixture, Normalization
from mmim_live.model.mmim import Batch, HeadConfig
from mmim_live.model.mutual_information.gaussian import NOISE_VARIANCE
from mmim_live.model.predictor import MIN_FACE_ROWS, MIN_VOICE_ROWS, Predictor, live_scores
from mmim_live.types import Agreement, Contributions, Prediction, Present
from tests.model.small import CONTRACT, checkpoint_config, make_window, small_model, small_tokenizer

CPU = torch.device("cpu")


def predictor(**changes: object) -> Predictor:
    model = small_model()
    return Predictor(Checkpoint("small", checkpoint_config(model, **changes), model, small_tokenizer()), CPU)


def one(subject: Predictor, *args: object, **kwargs: object) -> Prediction:
    return subject.predict([make_window(*args, **kwargs)])[0]  # type: ignore[arg-type]


FIRST, SECOND = predictor(), predictor()
SUBSETS = list(product((False, True), repeat=3))


@pytest.mark.parametrize(("text", "voice", "face"), SUBSETS)
def test_any_subset_of_modalities_gives_a_prediction(text: bool, voice: bool, face: bool) -> None:
    subject = predictor()
    made = one(subject, "i love it" if text else "", 20 * voice, 20 * face)
    assert made.present == Present(text, voice, face)
    shares = (made.contributions.text, made.contributions.voice, made.contributions.face)
    assert [share is not None for share in shares] == [text, voice, face]
    if not (text or voice or face):
        assert made == Prediction(score=None)
        return
    nothing = live_scores(
        subject._model.fuse(*subject._encode(make_window("", 0, 0), "")).prediction, subject.config
    ).item()
    assert made.score is not None
    assert sum(share for share in shares if share is not None) == pytest.approx(made.score - nothing, abs=1e-6)
    assert (made.agreement.voice is None, made.agreement.face is None) == (not (text and voice), not (text and face))


@settings(max_examples=15, deadline=None)
@given(st.lists(st.sampled_from(["i love it", "", "really", "hate this movie"]), min_size=1, max_size=4))
def test_a_prediction_does_not_depend_on_the_batch_by_a_single_bit(texts: list[str]) -> None:
    windows = [make_window(text, 12 + i, 9 + i, seed=i) for i, text in enumerate(texts)]
    together = FIRST.predict(windows)
    assert together == FIRST.predict(windows)
    SECOND._texts.clear()
    assert together[::-1] == [SECOND.predict([window])[0] for window in reversed(windows)]


def test_the_score_is_that_of_a_plain_forward_pass() -> None:
    subject, window = predictor(), make_window()
    ids, mask = small_tokenizer().encode([window.text])
    rows = [
        torch.from_numpy(normalization.apply(np.stack([row.values for row in stream]))).unsqueeze(0)
        for normalization, stream in (
            (subject.config.voice_normalisation, window.voice),
            (subject.config.face_normalisation, window.face),
        )
        if normalization is not None
    ]
    length = torch.tensor([20])
    batch = Batch.of(text=(ids, mask), voice=(rows[0], length), face=(rows[1], length))
    output = small_model()(batch)
    made = subject.predict([window])[0]
    assert made.score == pytest.approx(output.prediction.item(), abs=1e-5)


def test_too_few_rows_count_as_absent() -> None:
    subject = predictor()
    assert one(subject, "", MIN_VOICE_ROWS - 1, MIN_FACE_ROWS - 1).score is None
    assert one(subject, "", MIN_VOICE_ROWS, MIN_FACE_ROWS).present == Present(False, True, True)


def test_a_window_without_words_has_no_text() -> None:
    subject, window = predictor(), make_window()
    made = subject.predict([replace(window, words=())])[0]
    assert made.present == Present(False, True, True)
    assert made.contributions.text is None
    assert one(subject, "... --", 0, 0).score is None


def test_casing_does_not_matter() -> None:
    subject = predictor()
    assert one(subject, "I LOVE this movie!") == one(subject, "i love this movie")


def test_the_interval_follows_the_modalities_present() -> None:
    subject = predictor()
    full, text, voice = one(subject), one(subject, voice=0, face=0), one(subject, "", face=0)
    assert full.score is not None
    assert full.low == pytest.approx(full.score - 0.5)
    assert full.high == pytest.approx(full.score + 0.5)
    assert (text.low, text.high) == (-3.0, 3.0)  # clipped
    assert (voice.low, voice.high) == (None, None)
    assert one(predictor(conformal=None)).low is None


def test_agreement_is_a_percentile_of_the_likelihood() -> None:
    subject, window = predictor(), make_window()
    encodings = subject._encode(window, window.text)
    value = small_model().log_likelihoods(encodings.h_t, encodings.h_a, encodings.h_v)["voice"].item()
    tables = {"voice": (value - 1, value, value + 3)}
    made = one(predictor(agreement=tables)).agreement
    assert made.voice == pytest.approx(0.5, abs=1e-4)
    assert made.face is None
    assert one(predictor(agreement={"voice": (value + 1, value + 2)})).agreement.voice == 0.0
    assert one(predictor(agreement={"voice": (value - 2, value - 1)})).agreement.voice == 1.0
    assert one(predictor(agreement={})).agreement == Agreement()


def test_with_a_prior_agreement_is_relative_to_how_typical_the_voice_is() -> None:
    subject, window = predictor(), make_window()
    encodings = subject._encode(window, window.text)
    width = encodings.h_a.shape[1]
    mixture = Mixture(means=((0.3,) * width,), log_variances=((float(np.log(2)),) * width,))
    density = torch.distributions.Normal(0.3, 2**0.5).log_prob(encodings.h_a).sum().item() - width * NOISE_VARIANCE / 4
    likelihood = small_model().log_likelihoods(encodings.h_t, encodings.h_a, encodings.h_v)["voice"].item()
    value = likelihood - density
    made = one(predictor(prior={"voice": mixture}, agreement={"voice": (value - 1, value, value + 3)})).agreement
    assert made.voice == pytest.approx(0.5, abs=1e-4)


def test_the_model_abstains_close_to_the_empty_score_but_says_what_was_present() -> None:
    plain = one(predictor(), "", face=0)
    nothing = plain.score - plain.contributions.voice  # type: ignore[operator]
    difference = abs(plain.score - nothing)  # type: ignore[operator]
    unsure = predictor(abstention=Abstention(threshold={"voice": difference * 1.01}))
    assert one(unsure, "", face=0) == Prediction(score=None, present=Present(False, True, False))
    assert one(unsure) == one(predictor())  # other sets of modalities are not listed
    assert one(predictor(abstention=Abstention(threshold={"voice": difference * 0.99})), "", face=0) == plain


@pytest.mark.parametrize("bias", [-100.0, 100.0])
def test_scores_stay_on_the_scale(bias: float) -> None:
    model = small_model()
    with torch.no_grad():
        model.head.bias.fill_(bias)
    made = one(Predictor(Checkpoint("x", checkpoint_config(model), model, small_tokenizer()), CPU))
    assert made.score == made.low + 0.5 if bias > 0 and made.low is not None else made.score == -3.0
    assert made.contributions == Contributions(0.0, 0.0, 0.0)
    assert made.low is not None
    assert made.high is not None
    assert -3 <= made.low <= made.high <= 3


def test_another_label_scale_is_mapped() -> None:
    config = checkpoint_config(small_model(), label_scale=(-1, 1))
    values = torch.tensor([[-2.0], [-1.0], [0.0], [0.5], [1.0]])
    assert live_scores(values, config).tolist() == [-3.0, -3.0, 0.0, 1.5, 3.0]


def test_the_score_of_a_classifier_is_the_expected_class_score() -> None:
    model = small_model(head=HeadConfig(kind="classes", names=("negative", "neutral", "positive")))
    with pytest.raises(CheckpointError, match="class_scores"):
        Predictor(Checkpoint("x", checkpoint_config(model), model, small_tokenizer()), CPU)
    config = checkpoint_config(model, class_scores=(-2.0, 0.0, 3.0))
    torch.testing.assert_close(live_scores(torch.zeros(1, 3), config), torch.tensor([1 / 3]))
    torch.testing.assert_close(live_scores(torch.tensor([[50.0, 0, 0]]), config), torch.tensor([-2.0]))
    made = one(Predictor(Checkpoint("x", config, model, small_tokenizer()), CPU))
    assert made.score is not None


def test_repeated_texts_are_encoded_once() -> None:
    subject = predictor()
    encoder = subject._model.text_encoder
    assert encoder is not None
    calls: list[int] = []
    encoder.register_forward_hook(lambda _, inputs, __: calls.append(len(inputs[0])) if inputs[0].shape[1] else None)
    windows = [make_window("i love it", seed=seed) for seed in range(3)]
    subject.predict(windows)
    assert calls == [1]
    for i in range(20):
        one(subject, f"really{' really' * i}")
    assert len(subject._texts) <= 8


@pytest.mark.parametrize("left_out", ["text", "voice", "face"])
def test_a_modality_that_the_checkpoint_does_not_use_is_absent(left_out: str) -> None:
    used = tuple(m for m in ("text", "voice", "face") if m != left_out)
    model = small_model(modalities=used)
    tokenizer = None if left_out == "text" else small_tokenizer()
    made = one(Predictor(Checkpoint("x", checkpoint_config(model), model, tokenizer), CPU))
    assert getattr(made.present, left_out) is False
    assert getattr(made.contributions, left_out) is None
    assert made.score is not None


def test_a_saved_checkpoint_predicts_the_same(checkpoint_folder: Path) -> None:
    made = one(Predictor(load_checkpoint(checkpoint_folder, CONTRACT), CPU))
    # The only difference is the rounding of the text encoder to bfloat16.
    assert made.score == pytest.approx(one(predictor()).score, abs=0.02)


def test_normalization_handles_bad_rows() -> None:
    normalization = Normalization(mean=(1.0, 2.0), std=(2.0, 1.0))
    rows = np.array([[3.0, 2.0], [np.nan, np.inf], [1e9, -np.inf]], np.float32)
    expected = [[1.0, 0.0], [0.0, 0.0], [NORMALIZED_LIMIT, 0.0]]
    assert normalization.apply(rows).tolist() == expected
    assert normalization.apply(np.zeros((0, 2), np.float32)).shape == (0, 2)
