"""The training commands end to end, on a tiny data set with a tiny text encoder."""

import io
import json
import math
from pathlib import Path

import pytest
from rich.console import Console

from mmim_live.errors import AssetError, CheckpointError, ConfigError, DataError
from mmim_live.features.contract import CONTRACT
from mmim_live.model.checkpoint import load_checkpoint
from mmim_train.commands import evaluate_command, train_command
from tests.train.corpus import RECIPE, write_data, write_encoder


@pytest.fixture(scope="module")
def corpus(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("corpus")
    write_encoder(folder / "encoder")
    write_data(folder / "data")
    (folder / "tiny.toml").write_text(RECIPE)
    return folder


def quiet() -> Console:
    return Console(file=io.StringIO())


@pytest.fixture(scope="module")
def trained(corpus: Path) -> Path:
    folder = corpus / "run"
    text = train_command(
        corpus / "data",
        recipe=str(corpus / "tiny.toml"),
        text_encoder=str(corpus / "encoder"),
        seeds=(1, 2),
        output=folder,
        device="cpu",
        console=quiet(),
    )
    assert str(folder) in text
    return folder


def test_a_run_writes_metrics_report_plots_and_logs(trained: Path) -> None:
    metrics = json.loads((trained / "metrics.json").read_text())
    assert [run["seed"] for run in metrics["runs"]] == [1, 2]
    maes = [run["test"]["mae"] for run in metrics["runs"]]
    assert metrics["summary"]["test"]["mae"]["mean"] == pytest.approx(sum(maes) / 2)
    assert metrics["summary"]["test"]["mae"]["sd"] == pytest.approx(abs(maes[0] - maes[1]) / math.sqrt(2))
    report = (trained / "report.md").read_text()
    assert "seed 2" in report
    assert "text+voice+face" in report
    for name in ("curves", "predicted", "calibration", "modalities"):
        assert (trained / "plots" / f"{name}.png").stat().st_size > 5000
        assert f"plots/{name}.png" in report
    lines = [json.loads(line) for line in (trained / "seed-1" / "log.jsonl").read_text().splitlines()]
    assert sum(line["type"] == "epoch" for line in lines) == 3
    assert list((trained / "seed-1" / "tensorboard").iterdir())
    assert not (trained / "seed-1" / "state.pt").exists()


def test_the_exported_checkpoint_is_the_best_seed_on_validation(trained: Path, corpus: Path) -> None:
    metrics = json.loads((trained / "metrics.json").read_text())
    best = min(metrics["runs"], key=lambda run: run["valid_loss"])
    for split in ("valid", "test"):
        text = evaluate_command(trained / "checkpoint", "mosi-utterance", corpus / "data", split, as_json=True)
        figures = json.loads(text)["figures"]
        # The text encoder is stored in bfloat16.
        assert figures["mae"] == pytest.approx(best[split]["mae"], abs=0.02)
    config = load_checkpoint(trained / "checkpoint", None).config
    assert config.provenance["seed"] == best["seed"]
    assert config.conformal is not None
    assert set(config.conformal.half_width) == set(metrics["coalitions"])
    assert {"voice", "face"} == set(config.agreement)
    assert "Out-of-scope use" in (trained / "checkpoint" / "README.md").read_text()


def test_live_sessions_reject_checkpoints_of_published_features(trained: Path) -> None:
    with pytest.raises(CheckpointError, match="voice features"):
        load_checkpoint(trained / "checkpoint", CONTRACT)


def test_evaluation_with_missing_parts(trained: Path, corpus: Path) -> None:
    arguments = (trained / "checkpoint", "mosi-utterance", corpus / "data")
    found = json.loads(evaluate_command(*arguments, missing=True, as_json=True))
    assert list(found["frames_missing"]) == [*(f"0.{i}" for i in range(10)), "mean"]
    assert found["frames_missing"]["0.0"] == found["figures"]
    assert found["frames_missing"]["0.9"]["mae"] != found["figures"]["mae"]
    sets = found["modalities_missing"]
    assert len(sets) == 8
    assert sets["text+voice+face"] == found["figures"]
    incomplete = [row["mae"] for name, row in sets.items() if name not in ("text+voice+face", "mean")]
    assert sets["mean"]["mae"] == pytest.approx(sum(incomplete) / 6)
    text = evaluate_command(*arguments, missing=True)
    assert "| text+voice " in text
    assert evaluate_command(*arguments, missing=True) == text  # the same parts are dropped every time


def test_an_interrupted_run_resumes(corpus: Path, trained: Path, tmp_path: Path) -> None:
    folder = tmp_path / "again"
    arguments = {"recipe": str(corpus / "tiny.toml"), "text_encoder": str(corpus / "encoder"), "device": "cpu"}

    class Stopped(Console):
        printed = 0

        def print(self, *objects: object, **options: object) -> None:
            self.printed += 1
            if self.printed == 3:  # after the task alone, and the first epoch
                raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        train_command(
            corpus / "data",
            seeds=(1, 2),
            output=folder,
            console=Stopped(file=io.StringIO()),
            **arguments,  # type: ignore[arg-type]
        )
    with pytest.raises(ConfigError, match="--resume"):
        train_command(corpus / "data", output=folder, console=quiet(), **arguments)  # type: ignore[arg-type]
    train_command(None, resume=folder, device="cpu", console=quiet())
    first, second = (json.loads((place / "metrics.json").read_text()) for place in (trained, folder))
    assert first["summary"] == second["summary"]


def test_ablations_are_arms_of_one_run(corpus: Path, tmp_path: Path) -> None:
    text = train_command(
        corpus / "data",
        recipe=str(corpus / "tiny.toml"),
        text_encoder=str(corpus / "encoder"),
        seeds=(1, 2),
        output=tmp_path / "run",
        device="cpu",
        ablate=True,
        overrides={"epochs": 1, "cpc": ("text",), "ba": ("face",)},
        console=quiet(),
    )
    metrics = json.loads((tmp_path / "run" / "metrics.json").read_text())
    assert list(metrics["arms"]) == ["corrected", "without I(z; text)", "without I(text; face)", "none"]
    report = (tmp_path / "run" / "report.md").read_text()
    assert "Ablation of the mutual-information terms" in report
    assert set(metrics["vs_none"]) == set(metrics["arms"]) - {"none"}
    added = metrics["vs_none"]["corrected"]["mae"]
    means = {arm: metrics["arms"][arm]["mae"]["mean"] for arm in ("corrected", "none")}
    assert added["difference"] == pytest.approx(means["corrected"] - means["none"])
    assert 0 < added["p"] <= 1
    for part in (text, report):
        assert f"MAE {added['difference']:+.4f} (p {added['p']:.2g})" in part


@pytest.mark.parametrize("ablate", [False, True])
def test_terms_that_ruin_a_run_are_reported_while_it_runs(ablate: bool, corpus: Path, tmp_path: Path) -> None:
    lines: dict[str, list[str]] = {}
    for name, overrides in {
        "harmless": {"alpha": 1e-6},
        "ruinous": {"alpha": 1e4},
    }.items():
        output = io.StringIO()
        train_command(
            corpus / "data",
            recipe=str(corpus / "tiny.toml"),
            text_encoder=str(corpus / "encoder"),
            output=tmp_path / name,
            device="cpu",
            ablate=ablate,
            overrides={"beta": 0.0, "batch_size": 4, "lr_main": 5e-2, "schedule": "constant", **overrides},
            console=Console(file=output, width=400),
        )
        lines[name] = output.getvalue().splitlines()
    assert not [line for line in lines["harmless"] if line.startswith("warning")]
    warnings = [i for i, line in enumerate(lines["ruinous"]) if line.startswith("warning")]
    assert len(warnings) == (4 if ablate else 1)  # one for each arm with terms
    assert "the mutual-information terms make validation worse" in lines["ruinous"][warnings[0]]
    assert "epoch 3" in lines["ruinous"][-1]  # it went on
    assert warnings[0] < len(lines["ruinous"]) - 1


def test_user_errors_are_reported(corpus: Path, trained: Path, tmp_path: Path) -> None:
    recipe = str(corpus / "tiny.toml")
    with pytest.raises(ConfigError, match="--data"):
        train_command(None, recipe=recipe)
    with pytest.raises(ConfigError, match="missing recipe"):
        train_command(corpus / "data")
    with pytest.raises(ConfigError, match="seeds"):
        train_command(corpus / "data", recipe=recipe, seeds=(1, 1), output=tmp_path / "a")
    with pytest.raises(ConfigError, match="alpha"):
        train_command(
            corpus / "data",
            recipe=recipe,
            text_encoder=str(corpus / "encoder"),
            overrides={"alpha": -1},
            output=tmp_path / "b",
        )
    with pytest.raises(ConfigError, match=r"--set unknown option 'epocs': did you mean epochs\?"):
        train_command(corpus / "data", recipe=recipe, overrides={"epocs": 3}, output=tmp_path / "b", console=quiet())
    with pytest.raises(ConfigError, match="--set unknown option 'qqqq': choose from alpha, ba"):
        train_command(corpus / "data", recipe=recipe, overrides={"qqqq": 3}, output=tmp_path / "b", console=quiet())
    with pytest.raises(AssetError, match="--text-encoder"):
        train_command(corpus / "data", recipe=recipe, text_encoder=str(tmp_path), output=tmp_path / "c")
    with pytest.raises(ConfigError, match=r"lacks run\.json"):
        train_command(None, resume=tmp_path)
    data = write_data(tmp_path / "data", test=False)
    with pytest.raises(DataError, match="holds no"):
        evaluate_command(trained / "checkpoint", "mosi-utterance", data)


def test_classes_are_predicted_from_text_alone(corpus: Path, tmp_path: Path) -> None:
    data = tmp_path / "meld"
    data.mkdir()
    header = "Utterance,Speaker,Emotion,Sentiment,Dialogue_ID,Utterance_ID"
    rows = [("a good film", "joy", "positive"), ("a bad plot", "anger", "negative"), ("the film", "neutral", "neutral")]
    for name, count in (("train", 30), ("dev", 12), ("test", 12)):
        lines = [f"{rows[i % 3][0]},X,{rows[i % 3][1]},{rows[i % 3][2]},{i},0" for i in range(count)]
        (data / f"{name}_sent_emo.csv").write_text("\n".join([header, *lines]))
    folder = tmp_path / "run"
    train_command(
        data,
        dataset="meld",
        text_encoder=str(corpus / "encoder"),
        output=folder,
        device="cpu",
        overrides={"epochs": 2},
        console=quiet(),
    )
    metrics = json.loads((folder / "metrics.json").read_text())
    found = json.loads(evaluate_command(folder / "checkpoint", "meld", data, missing=True, as_json=True))
    assert set(found["figures"]) == {"war", "uar", "f1", "count"}
    assert found["figures"]["war"] == pytest.approx(metrics["runs"][0]["test"]["war"], abs=0.1)
    assert list(found["modalities_missing"]) == ["text", "mean"]
    assert "war" in (folder / "report.md").read_text()
    with pytest.raises(DataError, match="has no classes"):
        evaluate_command(folder / "checkpoint", "mosi-utterance", corpus / "data")


def test_a_checkpoint_of_three_modalities_scores_a_table_of_words_alone(trained: Path, tmp_path: Path) -> None:
    rows = ["video_id,clip_id,text,label,mode"]
    rows += [
        f"a,{i},the film was {word},{label},test" for i, (word, label) in enumerate([("good", 2), ("bad", -1)] * 3)
    ]
    (tmp_path / "label.csv").write_text("\n".join([*rows, "a,9,a plot,,test"]))
    text = evaluate_command(trained / "checkpoint", "clips", tmp_path / "label.csv")
    heads, values = ([cell.strip() for cell in text.splitlines()[i].split("|")] for i in (2, 4))
    assert heads[heads.index("r") + 1] == "n"
    assert values[heads.index("n")] == "6"  # of seven, one is not labeled
    by_modality = json.loads(
        evaluate_command(trained / "checkpoint", "clips", tmp_path / "label.csv", missing=True, as_json=True)
    )["modalities_missing"]
    assert by_modality["text"] == by_modality["text+voice+face"]  # there was nothing else to leave out


@pytest.mark.parametrize(
    ("modes", "message"),
    [
        (["train", "train"], "no valid split, which training needs: give some samples a label and the mode valid"),
        (["valid", "valid"], "no train split"),
        (["train", ""], "no labeled sample in the valid split"),
    ],
)
def test_a_split_without_labels_is_reported_before_training(modes: list[str], message: str, tmp_path: Path) -> None:
    rows = [f"a,{i},a film,{1 if mode else ''},{mode or 'valid'}" for i, mode in enumerate(modes)]
    (tmp_path / "label.csv").write_text("\n".join(["video_id,clip_id,text,label,mode", *rows]))
    with pytest.raises(DataError, match=message):
        train_command(tmp_path / "label.csv", dataset="clips", output=tmp_path / "run", console=quiet())
