"""The recipe is valid, precomputed encoders are used only where they should be, the card is complete."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch

from mmim_live.errors import ConfigError
from mmim_live.model.checkpoint_config import COALITION_NAMES, Abstention, Conformal
from mmim_live.model.mmim import MMIM, Batch, MMIMConfig
from mmim_train.default_checkpoint.config import DefaultRecipe, read_recipe
from mmim_train.default_checkpoint.emotion.sequences import still_sequence
from mmim_train.default_checkpoint.emotion.valence import SENTIMENT
from mmim_train.default_checkpoint.fusion.precomputed_encoders import LogitTable, precomputed_encoders
from mmim_train.default_checkpoint.report.card import default_card
from mmim_train.default_checkpoint.report.evaluation import Evaluation, load_evaluation, save_evaluation

TINY = {
    "model_type": "bert", "hidden_size": 8, "num_hidden_layers": 1, "num_attention_heads": 2,
    "intermediate_size": 16, "vocab_size": 50,
}  # fmt: skip


def batch(ids: torch.Tensor) -> Batch:
    return Batch.of(text=(ids, torch.ones_like(ids, dtype=torch.bool)))


def test_sentences_are_read_from_the_table_within_and_by_the_encoder_after() -> None:
    model = MMIM(MMIMConfig(text_encoder=TINY, voice_dim=3, face_dim=4)).eval()
    table = torch.arange(16.0).reshape(2, 1, 8)
    before = model.encode(batch(torch.tensor([[1, 2, 3]]))).h_t
    names = set(model.state_dict())
    real = model.voice_encoder, model.face_encoder
    with precomputed_encoders(model, table, LogitTable(16), LogitTable(16)):
        assert model.voice_encoder is not real[0]
        assert model.encode(batch(torch.tensor([[1]]))).h_t.tolist() == table[1].tolist()
        assert not any("table" in name for name in model.state_dict())
    assert torch.equal(model.encode(batch(torch.tensor([[1, 2, 3]]))).h_t, before)
    assert set(model.state_dict()) == names
    assert (model.voice_encoder, model.face_encoder) == real


def test_the_installed_recipe_is_valid_and_others_are_refused_in_one_line(tmp_path: Path) -> None:
    recipe = read_recipe()
    assert recipe.train.objective == "corrected"
    assert recipe.model["modality_dropout"] > 0
    path = tmp_path / "bad.toml"
    path.write_text("sed = 1\n")
    with pytest.raises(ConfigError, match="sed"):
        read_recipe(path)
    path.write_text("[train]\nepochs = 5\npatience = 2\n")
    with pytest.raises(ConfigError, match=r"train: .*patience"):
        read_recipe(path)
    path.write_text("seed = \n")
    with pytest.raises(ConfigError, match="TOML"):
        read_recipe(path)
    with pytest.raises(ConfigError, match="cannot be read"):
        read_recipe(tmp_path / "none.toml")


def test_a_still_is_held_for_two_seconds() -> None:
    rows = torch.arange(6.0).reshape(2, 3).numpy()
    held = still_sequence(rows)
    assert held.shape == (30, 3)
    assert (held[::2] == rows[0]).all()
    assert (held[1::2] == rows[1]).all()


def test_the_card_holds_every_metric() -> None:
    means = dict.fromkeys(SENTIMENT, 0.0)
    emotions: dict[str, Any] = {
        "r": 0.5,
        "by_source": {"x": 0.5},
        "mean_by_emotion": means,
        "count": 3,
        "angry_or_sad_below_zero": 0.7,
    }
    words = {"mae": 0.7, "r": 0.8, "acc2_has0": 0.8, "acc2_non0": 0.8, "f1_non0": 0.8, "acc7": 0.4, "count": 229}
    abstention = Abstention(
        threshold={"face": 0.4},
        share={"face": 0.1},
        error={"face": 1.2},
        error_kept={"face": 1.1},
        same_kept={"face": 1.3},
    )
    metrics = {
        "words": words,
        "words_with_errors": {"5%": words},
        "triples": dict.fromkeys(COALITION_NAMES, words),
        "coverage": dict.fromkeys(COALITION_NAMES, 0.9),
        "half_width": dict.fromkeys(COALITION_NAMES, 1.234),
        "agreement_auc": {
            kind: {"voice": 0.7, "face": 0.8, "both": 0.8, "any": 0.7} for kind in ("reached", "emotion and rating")
        },
        "identity": {
            "neutral_mean": 0.1,
            "neutral_within_half": 0.8,
            "neutral_count": 9,
            "people": 3,
            "offset_mean": 0.2,
            "offset_within_half": 1.0,
        },
        "transcripts": words | {"error_rate": 0.1, "recogniser": "whisper-base"},
        "voice": emotions,
        "face": emotions,
        "loudness": {"mean": 0.01, "p95": 0.02, "max": 0.03, "below_tenth": 1.0},
        "triples_count": 916,
        "contested_count": 5496,
    }
    evaluation = Evaluation(
        metrics=metrics,
        conformal=Conformal(level=0.9, half_width={}),
        abstention=abstention,
        consistency={"face": (0.0, 1.0)},
    )
    card = default_card("minilm-en", evaluation, DefaultRecipe(), "1.0")
    for phrase in ("# minilm-en", "non-commercial", "AI Act, article 5", "synthetic triples", "1.234", "seed 1"):
        assert phrase in card
    assert "{" not in card
    assert "This checkpoint has: face." in card
    assert "**synthetic** voice" in card
    silent = evaluation.model_copy(update={"metrics": metrics | {"transcripts": None}})
    assert "was not measured" in default_card("minilm-en", silent, DefaultRecipe(), "1.0")


def test_an_evaluation_survives_its_file(tmp_path: Path) -> None:
    evaluation = Evaluation(
        metrics={"words": {"mae": 0.1 + 0.2, "r": float("nan")}, "transcripts": None},
        conformal=Conformal(level=0.9, half_width={"text": 1.1}),
        abstention=Abstention(threshold={"voice": 0.3}),
        consistency={"face": (0.0, 1.0 / 3)},
    )
    save_evaluation(evaluation, tmp_path)
    again = load_evaluation(tmp_path)
    assert repr(again) == repr(evaluation)
