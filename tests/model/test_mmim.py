from typing import Any

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import ValidationError
from torch import Tensor

from mmim_live.model.encoders import SequenceEncoder, TextEncoder, build_text_backbone
from mmim_live.model.mmim import MMIM, Batch, HeadConfig, MMIMConfig, drop_modalities
from tests.model.small import FACE, VOICE, architecture, small_model, small_tokenizer


def make_batch(size: int = 3, present: Tensor | None = None, seed: int = 0, frames: int = 9) -> Batch:
    generator = torch.Generator().manual_seed(seed)
    texts = ["i love this movie", "really", "i hate it"]
    ids, mask = small_tokenizer().encode([texts[i % 3] for i in range(size)])
    return Batch(
        token_ids=ids,
        token_mask=mask,
        voice=torch.randn(size, frames, VOICE, generator=generator),
        voice_lengths=torch.tensor([(frames - i) % (frames + 1) for i in range(size)]),
        face=torch.randn(size, frames, FACE, generator=generator),
        face_lengths=torch.tensor([(frames - 2 * i) % (frames + 1) for i in range(size)]),
        present=torch.ones(size, 3, dtype=torch.bool) if present is None else present,
    )


def row(batch: Batch, i: int) -> Batch:
    return batch.rows(range(i, i + 1))


def test_a_batch_can_be_built_from_some_of_the_modalities() -> None:
    rows = torch.ones(2, 3, VOICE)
    batch = Batch.of(voice=(rows, torch.tensor([3, 0])))
    assert batch.present.tolist() == [[False, True, False], [False, False, False]]
    assert (batch.token_ids.shape, batch.face.shape) == ((2, 0), (2, 0, 0))
    hidden = Batch.of(voice=(rows, torch.tensor([3, 3])), present=torch.tensor([[True] * 3, [False] * 3]))
    assert hidden.present.tolist() == [[False, True, False], [False, False, False]]
    assert not small_model().encode(batch).present[1].any()
    with pytest.raises(ValueError, match="at least one modality"):
        Batch.of()


def test_consecutive_rows_lose_their_common_padding() -> None:
    batch = make_batch(3, frames=9)
    part = batch.rows(range(1, 3))
    assert (part.voice.shape[1], part.face.shape[1]) == (8, 7)
    assert torch.equal(part.token_ids, batch.token_ids[1:3, : int(batch.token_mask[1:3].sum(dim=1).max())])
    torch.testing.assert_close(MODEL(part).prediction, MODEL(batch).prediction[1:3])
    assert batch.rows(range(0)).present.shape == (0, 3)


def test_a_backbone_whose_configuration_uses_other_names_works() -> None:
    family = {"model_type": "distilbert", "dim": 8, "n_layers": 1, "n_heads": 2, "hidden_dim": 16, "vocab_size": 20}
    encoder = TextEncoder(build_text_backbone(family))
    assert (encoder.width, encoder.vocabulary_size) == (8, 20)
    with pytest.raises(TypeError, match="Linear has no configuration"):
        TextEncoder(torch.nn.Linear(2, 2))


@pytest.mark.parametrize("bidirectional", [False, True])
def test_the_sequence_encoder_ignores_padding(bidirectional: bool) -> None:
    torch.manual_seed(0)
    encoder = SequenceEncoder(4, 6, 5, bidirectional)
    rows = torch.randn(3, 8, 4)
    lengths = torch.tensor([8, 3, 1])
    padded = rows.clone()
    for i, length in enumerate(lengths.tolist()):
        padded[i, length:] = torch.nan
    torch.testing.assert_close(encoder(padded, lengths), encoder(rows, lengths))
    alone = torch.cat([encoder(rows[i : i + 1, :n], lengths[i : i + 1]) for i, n in enumerate(lengths.tolist())])
    torch.testing.assert_close(alone, encoder(rows, lengths))


def test_both_directions_see_the_whole_sequence() -> None:
    torch.manual_seed(0)
    encoder = SequenceEncoder(2, 3, 4, bidirectional=True)
    rows = torch.randn(1, 6, 2, requires_grad=True)
    encoder(rows, torch.tensor([4])).sum().backward()
    assert rows.grad is not None
    assert rows.grad[0, :4].abs().sum(dim=1).min() > 0
    assert rows.grad[0, 4:].abs().max() == 0


def test_a_zero_frame_inside_a_sequence_is_not_padding() -> None:
    torch.manual_seed(0)
    encoder = SequenceEncoder(4, 6, 5)
    rows = torch.randn(1, 5, 4)
    rows[0, 3] = 0
    assert not torch.equal(encoder(rows, torch.tensor([5])), encoder(rows, torch.tensor([3])))


def test_length_zero_gives_the_learned_vector_and_trains_it() -> None:
    encoder = SequenceEncoder(4, 6, 5)
    with torch.no_grad():
        encoder.absent.copy_(torch.arange(5.0))
    for frames in (0, 3):
        h = encoder(torch.randn(2, frames, 4), torch.zeros(2, dtype=torch.long))
        assert torch.equal(h, torch.arange(5.0).expand(2, -1))
    h.sum().backward()
    assert encoder.absent.grad is not None
    assert encoder.absent.grad.tolist() == [2.0] * 5


def test_the_output_for_an_item_does_not_depend_on_its_batch() -> None:
    model, batch = small_model(), make_batch(3)
    together = model(batch)
    for i in range(3):
        alone = model(row(batch, i))
        for ours, theirs in zip(alone, together, strict=True):
            torch.testing.assert_close(ours[0], theirs[i], atol=1e-5, rtol=1e-4)


def test_text_is_the_last_hidden_state_at_the_first_token() -> None:
    model, batch = small_model(), make_batch(3)
    assert isinstance(model.text_encoder, TextEncoder)
    hidden = model.text_encoder.backbone(
        input_ids=batch.token_ids, attention_mask=batch.token_mask.long()
    ).last_hidden_state
    torch.testing.assert_close(model.encode(batch).h_t, hidden[:, 0])
    assert not [name for name in model.state_dict() if "pooler" in name]
    mean = small_model(text_pooling="mean")
    torch.testing.assert_close(mean.encode(row(batch, 1)).h_t[0], hidden[1, :3].mean(dim=0), atol=1e-5, rtol=1e-4)


MODEL = small_model()


@settings(max_examples=30, deadline=None)
@given(st.lists(st.tuples(st.booleans(), st.booleans(), st.booleans()), min_size=1, max_size=5))
def test_an_absent_modality_has_no_influence(masks: list[tuple[bool, bool, bool]]) -> None:
    model = MODEL
    present = torch.tensor(masks)
    size = len(masks)
    one, other = make_batch(size, present, seed=1), make_batch(size, present, seed=2)
    mixed = Batch(
        token_ids=torch.where(present[:, :1], one.token_ids, 5),
        token_mask=one.token_mask,
        voice=torch.where(present[:, 1, None, None], one.voice, other.voice),
        voice_lengths=one.voice_lengths,
        face=torch.where(present[:, 2, None, None], one.face, other.face),
        face_lengths=one.face_lengths,
        present=present,
    )
    torch.testing.assert_close(model(mixed).prediction, model(one).prediction)
    lengths = torch.stack((one.token_mask.sum(dim=1), one.voice_lengths, one.face_lengths), dim=1)
    assert torch.equal(model(one).present, present & (lengths > 0))
    assert torch.isfinite(model(one).z).all()


def test_gradients_reach_everything_except_q() -> None:
    model = small_model(modality_dropout=0.5).train()
    present = torch.tensor([[True, False, True], [False, True, True], [True, True, False]])
    model(make_batch(3, present), torch.Generator().manual_seed(0)).prediction.sum().backward()
    for name, parameter in model.named_parameters():
        touched = parameter.grad is not None and bool(torch.isfinite(parameter.grad).all())
        assert touched != name.startswith("q."), name


@pytest.mark.parametrize("modalities", [("text",), ("voice",), ("face",), ("text", "face"), ("voice", "face")])
def test_a_model_may_use_only_some_modalities(modalities: tuple[Any, ...]) -> None:
    changes: dict[str, Any] = {"modalities": modalities}
    changes |= {} if "text" in modalities else {"text_encoder": None}
    changes |= {f"{name}_dim": 0 for name in ("voice", "face") if name not in modalities}
    model = small_model(**changes)
    output = model(make_batch(2))
    assert output.prediction.shape == (2, 1)
    assert [m for m, present in zip(("text", "voice", "face"), output.present[0], strict=True) if present] == list(
        modalities
    )
    assert set(model.log_likelihoods(output.h_t, output.h_a, output.h_v)) == (
        {"voice", "face"} & set(modalities) if "text" in modalities else set()
    )


@pytest.mark.parametrize(
    ("head", "width"),
    [
        (HeadConfig(), 1),
        (HeadConfig(kind="regressions", names=("valence", "arousal")), 2),
        (HeadConfig(kind="classes", names=("negative", "neutral", "positive")), 3),
    ],
)
def test_each_head_has_its_width(head: HeadConfig, width: int) -> None:
    assert small_model(head=head)(make_batch(2)).prediction.shape == (2, width)


@pytest.mark.parametrize(
    "changes",
    [
        {"modalities": ("voice", "text")},
        {"modalities": ()},
        {"voice_dim": 0},
        {"text_encoder": None},
        {"hidden": 3},
        {"dropout": 1.0},
        {"head": {"kind": "intensity", "names": ("a", "b")}},
        {"head": {"kind": "classes", "names": ("a", "a")}},
    ],
)
def test_impossible_configurations_are_rejected(changes: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        architecture(**changes)


def test_modality_dropout_is_drawn_from_the_generator() -> None:
    model = small_model(modality_dropout=1.0, dropout=0.0).train()
    batch = make_batch(3)
    with pytest.raises(ValueError, match="generator"):
        model(batch)
    first, second = (model(batch, torch.Generator().manual_seed(3)).seen for _ in range(2))
    assert torch.equal(first, second)
    assert torch.equal(model.eval()(batch).seen, model(batch).present)


def test_modality_dropout_shows_every_coalition_equally_often() -> None:
    present = torch.ones(8000, 3, dtype=torch.bool)
    seen = drop_modalities(present, 0.5, torch.Generator().manual_seed(0))
    codes = (seen * torch.tensor([1, 2, 4])).sum(dim=1).bincount(minlength=8) / 8000
    # Half are left as they are, the other half fall into eight equal parts; 4 standard deviations are 0.011.
    torch.testing.assert_close(codes, torch.tensor([1 / 16] * 7 + [9 / 16]), atol=0.02, rtol=0)
    absent = torch.tensor([[True, False, False]]).expand(100, -1)
    assert not drop_modalities(absent, 1.0, torch.Generator().manual_seed(0))[:, 1:].any()


def test_mixed_precision_changes_little() -> None:
    model, batch = small_model(), make_batch(3)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        mixed = model(batch)
    torch.testing.assert_close(mixed.prediction.float(), model(batch).prediction, atol=0.05, rtol=0.05)
    assert mixed.h_v.dtype == torch.float32


def test_the_config_round_trips_through_json() -> None:
    config = architecture(modality_dropout=0.3)
    assert MMIMConfig.model_validate_json(config.model_dump_json()) == config
    assert MMIM(config).config == config
