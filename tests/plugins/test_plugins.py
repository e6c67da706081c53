"""The example plug-in, installed as a package and used; and packages that are broken."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

import mmim_live
from mmim_live import assets, plugins
from mmim_live.errors import AssetError, CheckpointError, ConfigError, DataError, OutputError, PluginError
from mmim_live.features.contract import CONTRACT
from mmim_live.features.extractors import Extractors
from mmim_live.model.checkpoint import save_checkpoint
from mmim_live.model.checkpoint_config import ContractConfig
from mmim_live.output.sink import check_writable, open_sink
from mmim_live.parallel.processes import Processes
from mmim_live.session.loading import asr_folder
from mmim_live.speech.engine import asr_engine
from mmim_train.data.loader import open_dataset
from mmim_train.data.registry import dataset_spec
from mmim_train.data.store.reader import read_store
from mmim_train.features.extract import extract
from tests.conftest import REPOSITORY
from tests.model.small import checkpoint_config, normalization, small_model, small_tokenizer

TINY = "whisper-tiny.en"
needs_tiny = pytest.mark.skipif(assets.find(TINY) is None, reason=f"needs {TINY}")


@pytest.fixture(scope="session")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the example as pip installs it, and no network."""
    target, source = tmp_path_factory.mktemp("site"), tmp_path_factory.mktemp("source") / "plugin"
    shutil.copytree(REPOSITORY / "examples" / "plugin", source)
    options = ["--no-deps", "--no-build-isolation", "--no-index", "--quiet", "--target", str(target)]
    subprocess.run([sys.executable, "-m", "pip", "install", *options, str(source)], check=True)
    return target


@pytest.fixture
def example(site: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """It is installed during a test."""
    yield from _installed(site, monkeypatch)


def _installed(folder: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    monkeypatch.syspath_prepend(folder)
    plugins._entry_points.cache_clear()
    yield folder
    monkeypatch.undo()
    plugins._entry_points.cache_clear()


def package(folder: Path, name: str, entries: str, code: str = "") -> None:
    """What is left of an installed package: a module and its metadata."""
    (folder / f"{name}.py").write_text(code)
    metadata = folder / f"{name}-2.1.dist-info"
    metadata.mkdir()
    (metadata / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: 2.1\n")
    (metadata / "entry_points.txt").write_text(entries)


def run(*arguments: str, path: Path) -> subprocess.CompletedProcess[str]:
    environment = os.environ | {"PYTHONPATH": os.pathsep.join([str(path), *sys.path])}
    command = [sys.executable, "-m", "mmim_live.cli", *arguments]
    return subprocess.run(command, env=environment, capture_output=True, text=True, check=False, timeout=240)


@needs_tiny
@pytest.mark.slow
def test_a_replay_with_a_recognizer_and_a_format_of_the_example(site: Path, shared_data: Path, tmp_path: Path) -> None:
    speech, lyrics = shared_data / "clips" / "jfk.flac", tmp_path / "jfk.lrc"
    done = run("replay", str(speech), "--headless", "--asr-model", "at-pauses", "--output", str(lyrics), path=site)
    assert done.returncode == 0, done.stderr
    lines = lyrics.read_text().splitlines()
    assert lines[0] == "[re:mmim-live]"
    assert all(line.startswith("[00:") for line in lines[1:])
    assert "what your country can do for you" in " ".join(lines).lower()


@needs_tiny
@pytest.mark.slow
def test_clips_are_transcribed_by_the_recognizer_of_the_example(
    example: Path, shared_data: Path, tmp_path: Path
) -> None:
    (tmp_path / "clips").mkdir()
    shutil.copy(shared_data / "clips" / "jfk.flac", tmp_path / "clips")
    extract(tmp_path / "clips", tmp_path / "store", asr_model="at-pauses", engine=Processes(0))
    sample = json.loads((tmp_path / "store" / "samples.jsonl").read_text())
    assert "country" in sample["text"]
    assert sample["text_from"] == "at-pauses"
    with pytest.raises(AssetError, match="at-pauses knows en, not 'de'"):
        asr_engine("at-pauses", "de")
    with pytest.raises(AssetError, match=r"nosuch.*at-pauses"):
        asr_folder("nosuch", "auto")


def test_a_data_set_of_the_example(example: Path, tmp_path: Path) -> None:
    rows = [("a", "how good", 2.0, "train"), ("b", "so bad", -2.0, "train"), ("c", "well", 0.5, "valid")]
    keys = ("id", "text", "score", "split")
    file = tmp_path / "ratings.jsonl"
    file.write_text("\n".join(json.dumps(dict(zip(keys, row, strict=True))) for row in rows))
    data = open_dataset("ratings", file)
    assert data.split("train").texts == ("how good", "so bad")
    assert data.split("valid").scores["M"] == [0.5]
    file.write_text("no json")
    with pytest.raises(DataError, match="line 1: expected id"):
        open_dataset("ratings", file)
    with pytest.raises(DataError, match="no such file"):
        open_dataset("ratings", tmp_path / "nowhere")
    with pytest.raises(DataError, match=r"unknown data set .other..*ratings"):
        dataset_spec("other")


def test_a_format_of_the_example_is_named_with_the_others(example: Path, tmp_path: Path) -> None:
    open_sink(tmp_path / "talk.LRC")
    with pytest.raises(OutputError, match=r"\.lrc"):
        check_writable(tmp_path / "talk.xyz")


def test_features_of_the_example_from_clips_to_predictions(
    example: Path, shared_data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "clips").mkdir()
    clip = tmp_path / "clips" / "clip.mpg"
    shutil.copy(shared_data / "clips" / "grid_sbwe5n.mpg", clip)
    extract(tmp_path / "clips", tmp_path / "store", face="face-motion", voice="loudness", engine=Processes(0))
    store = read_store(tmp_path / "store")
    extractors = Extractors.named("face-motion", "loudness")
    assert store.contract == extractors.contract != CONTRACT
    sample = store.split("train")[0]
    assert sample.face.shape[1] == sample.voice.shape[1] == 2
    assert min(len(sample.face), len(sample.voice)) > 5

    # A checkpoint of these features finds the extractors by itself, and predicts from the same rows.
    model = small_model(voice_dim=2, face_dim=2)
    config = checkpoint_config(
        model,
        contract=ContractConfig.of(extractors.contract),
        voice_normalisation=normalization(2),
        face_normalisation=normalization(2),
    )
    save_checkpoint(tmp_path / "small", model, config, small_tokenizer(), "# A model card\n")
    prediction = mmim_live.load(tmp_path / "small").predict(audio=clip, video=clip)
    assert prediction.present.voice
    assert prediction.present.face
    with mmim_live.load(tmp_path / "small").stream(speech=False) as stream:
        assert stream._models.contract == extractors.contract

    monkeypatch.setattr(plugins, "entry_points", lambda group: ())
    plugins._entry_points.cache_clear()
    with pytest.raises(CheckpointError, match="was trained on other voice features"):
        mmim_live.load(tmp_path / "small")
    with pytest.raises(ConfigError, match="no package provides the extractor 'loudness'"):
        Extractors.named(None, "loudness")


def test_rows_that_break_the_contract_are_refused(example: Path) -> None:
    loudness = Extractors.named(None, "loudness").open_voice()
    face = Extractors.named("face-motion", None)
    assert loudness.until_s == 0
    from mmim_live.features.extractors import OtherFace
    from mmim_live.types import FaceRow, VideoFrame

    class Wrong:
        def push(self, frame: VideoFrame) -> FaceRow:
            return FaceRow(frame.time_s, np.zeros(3, np.float32))

        def close(self) -> None: ...

    wrong = OtherFace(Wrong(), face.face.contract)
    with pytest.raises(PluginError, match=r"made a row of float32 \(3,\); its contract wants \(2,\)"):
        wrong.push(VideoFrame(0.0, np.zeros((2, 2, 3), np.uint8)))


@pytest.mark.parametrize(
    ("code", "found"),
    [
        ("import nosuchmodule", "cannot be loaded (ModuleNotFoundError: No module named 'nosuchmodule')"),
        ("raise SystemError('a\\nb')", "cannot be loaded (SystemError: a b)"),
        ("FORMAT = 3", "is int, not an OutputFormat (broken:FORMAT)"),
        ("", "cannot be loaded (AttributeError: module 'broken' has no attribute 'FORMAT')"),
    ],
)
def test_a_broken_package_ends_in_one_line_for_those_who_want_it(
    code: str, found: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    package(tmp_path, "broken", '[mmim_live.output_formats]\n".x" = broken:FORMAT\n'.replace('"', ""), code)
    sys.modules.pop("broken", None)
    for _ in _installed(tmp_path, monkeypatch):
        check_writable(tmp_path / "talk.jsonl")
        with pytest.raises(PluginError) as caught:
            check_writable(tmp_path / "talk.x")
        assert str(caught.value) == f"plug-in '.x' of broken 2.1 {found}; update or uninstall that package"
    sys.modules.pop("broken", None)


def test_two_packages_of_one_name_are_both_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("one", "two"):
        package(tmp_path, name, f"[mmim_live.asr_engines]\nmine = {name}:ENGINE\n")
    for _ in _installed(tmp_path, monkeypatch):
        with pytest.raises(PluginError, match=r"'mine' is provided by one 2\.1 and by two 2\.1: uninstall all but one"):
            asr_engine("mine", "auto")


def test_a_broken_package_in_the_command_line(tmp_path: Path) -> None:
    package(tmp_path, "broken", "[mmim_live.output_formats]\n.x = broken:FORMAT\n", "import nosuchmodule")
    done = run("replay", "sample", "--headless", "--output", str(tmp_path / "talk.x"), path=tmp_path)
    assert (done.returncode, done.stdout) == (1, "")
    (line,) = done.stderr.splitlines()
    assert "plug-in '.x' of broken 2.1 cannot be loaded" in line
