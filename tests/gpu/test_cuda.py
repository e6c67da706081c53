"""What a GPU computes is what the CPU computes: pytest -m gpu, on a machine with CUDA."""

from __future__ import annotations

import gc
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from mmim_live import assets
from mmim_live.features.contract import CONTRACT
from mmim_live.model.checkpoint import load_checkpoint
from mmim_live.model.predictor import Predictor
from mmim_live.session.loading import _whisper as load_with_fallback
from mmim_live.session.loading import asr_folder
from mmim_live.settings import DEFAULT_CHECKPOINT
from mmim_live.speech.recognizer import SpeechRecognizer
from mmim_live.speech.whisper import load_whisper
from mmim_live.types import AudioBlock, FaceRow, Prediction, VoiceRow, Window, Word
from mmim_train.training.distributed import World
from mmim_train.training.options import Precision, TrainOptions
from mmim_train.training.train_step import TrainStep
from mmim_train.training.trainer import train
from tests.train.synthetic import CPU, MOSI, Synthetic, no_dropout, small_model

pytestmark = [
    pytest.mark.gpu,
    pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device"),
]
CUDA = torch.device("cuda")
TINY = "whisper-tiny.en"


def window(seed: int, *, text: str = "well that was really good", voice: int = 60, face: int = 45) -> Window:
    draw = np.random.default_rng(seed)
    widths = len(CONTRACT.voice.names), len(CONTRACT.face.names)
    return Window(
        start_s=0.0,
        end_s=6.0,
        kind="rolling",
        status="committed",
        revision=0,
        words=tuple(Word(word, i, i + 0.5, 0.9, "committed", 6.0) for i, word in enumerate(text.split())),
        voice=tuple(VoiceRow(i / 20, draw.standard_normal(widths[0], np.float32)) for i in range(voice)),
        face=tuple(FaceRow(i / 15, draw.random(widths[1], np.float32)) for i in range(face)),
    )


def numbers(prediction: Prediction) -> list[float]:
    c, a = prediction.contributions, prediction.agreement
    found = (prediction.score, prediction.low, prediction.high, c.text, c.voice, c.face, a.voice, a.face)
    return [float("nan") if value is None else value for value in found]


def test_the_shipped_checkpoint_predicts_the_same() -> None:
    windows = [window(0), window(1, text=""), window(2, voice=0), window(3, face=0), window(4, voice=0, face=0)]
    made = []
    for device in (CPU, CUDA):
        checkpoint = load_checkpoint(assets.checkpoint_folder(DEFAULT_CHECKPOINT), CONTRACT)
        made.append([numbers(each) for each in Predictor(checkpoint, device).predict(windows)])
    on_cpu, on_gpu = np.array(made[0]), np.array(made[1])
    assert (np.isnan(on_cpu) == np.isnan(on_gpu)).all()  # abstentions and missing modalities are the same
    assert np.nanmax(np.abs(on_cpu - on_gpu)) < 0.02  # of scores from -3 to 3, and of percentiles in 0..1


def stepped(device: torch.device, precision: Precision, objective: str) -> tuple[dict[str, float], dict[str, Tensor]]:
    """The parts of the loss, and the gradients, of the first step of stage 1."""
    options = TrainOptions(
        objective=objective,  # type: ignore[arg-type]
        batch_size=24,
        precision=precision,
        tokens_in_flight=64,  # several micro-batches
    )
    step = TrainStep(small_model(**no_dropout()), options, 1, device, World())
    parts = step.stage1(Synthetic(24, absent=0.2), range(24), (1, 2, 3), 1.0)
    return parts, gradients(step.model)


def gradients(model: nn.Module) -> dict[str, Tensor]:
    return {name: p.grad.cpu().flatten() for name, p in model.named_parameters() if p.grad is not None}


@pytest.mark.parametrize("objective", ["corrected", "published", "none"])
@pytest.mark.parametrize(("precision", "loss_tolerance", "cosine"), [("float32", 1e-2, 0.999), ("bfloat16", 0.1, 0.97)])
def test_a_training_step_is_that_of_the_cpu(
    objective: str, precision: Precision, loss_tolerance: float, cosine: float
) -> None:
    (parts, expected), (parts_gpu, found) = stepped(CPU, "float32", objective), stepped(CUDA, precision, objective)
    assert parts_gpu.keys() == parts.keys()
    for name, value in parts.items():
        assert parts_gpu[name] == pytest.approx(value, rel=loss_tolerance, abs=loss_tolerance), name
    assert found.keys() == expected.keys()
    ours, theirs = torch.cat(list(expected.values())), torch.cat([found[name] for name in expected])
    assert torch.isfinite(theirs).all()
    assert float(torch.cosine_similarity(ours, theirs, dim=0)) > cosine
    assert float(theirs.norm()) == pytest.approx(float(ours.norm()), rel=10 * (1 - cosine) + 0.01)


@pytest.mark.parametrize("precision", ["float32", "bfloat16"])
def test_training_learns_and_its_memory_does_not_grow(precision: Precision) -> None:
    peaks: list[int] = []

    def observe(record: object) -> None:
        if type(record).__name__ == "EpochRecord":
            peaks.append(torch.cuda.max_memory_allocated())
            torch.cuda.reset_peak_memory_stats()

    model = small_model(**no_dropout())
    split = Synthetic(60)
    options = TrainOptions(
        epochs=12, patience=12, batch_size=20, lr_text=3e-3, lr_main=2e-2, precision=precision, save_every_s=1e9
    )
    result = train(model, split, split, options, seed=1, device=CUDA, measure=MOSI, observe=observe)
    first, best = result.epochs[0], result.epochs[result.best_epoch]
    assert best.valid["mae"] < 0.5 * first.valid["mae"]
    assert peaks[-1] <= 1.05 * peaks[2]  # the first epochs allocate optimizer states and the memory bank


def test_nothing_is_left_on_the_device() -> None:
    gc.collect()
    before = torch.cuda.memory_allocated()
    checkpoint = load_checkpoint(assets.checkpoint_folder(DEFAULT_CHECKPOINT), CONTRACT)
    predictor = Predictor(checkpoint, CUDA)
    predictor.predict([window(0)])
    assert torch.cuda.memory_allocated() - before < 400e6
    del predictor, checkpoint
    gc.collect()
    assert torch.cuda.memory_allocated() == before


@pytest.mark.skipif(assets.find(TINY) is None, reason=f"needs {TINY}")
def test_whisper_on_the_gpu_or_its_fallback_hears_the_words_of_the_cpu(shared_data: Path) -> None:
    from mmim_live.benchmark.speech import read_audio

    audio = read_audio(shared_data / "clips" / "jfk.flac")
    _, folder = asr_folder(TINY, "en")
    reports: list[str] = []
    heard = []
    for whisper in (load_whisper(folder, "cpu"), load_with_fallback(folder, CUDA, True, reports.append)):
        recognizer = SpeechRecognizer(whisper, "en")
        updates = [*recognizer.push(AudioBlock(0.0, audio)), *recognizer.flush()]
        heard.append([word.text.lower().strip(",. ") for update in updates for word in update.committed])
    assert reports in ([], ["loading speech recognition on the CPU, since it cannot use this GPU"])
    assert len(heard[0]) > 15
    agreed = sum(a == b for a, b in zip(*heard, strict=False))
    assert agreed >= 0.85 * len(heard[0])
