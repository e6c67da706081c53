"""The text encoder before MMIM: a small transformer learns the sentiment of sentences, of many sources, then of MOSI.

Stage one reads SST, VADER and EmoBank together; each source has its own gain and offset on one shared head, since "3"
does not mean the same to all raters. Stage two reads MOSI's training sentences, from several seeds; the weights of the
last epochs of all seeds are averaged (Izmailov et al. 2018, arXiv 1803.05407; Wortsman et al. 2022, arXiv 2203.05482),
which costs nothing when reading: 1284 sentences are soon known by heart. L1 loss throughout, as in MMIM.

Knows nothing of voices and faces. The same seeds on the same machine give the same weights.
"""

from __future__ import annotations

import hashlib
import json
import math
import random
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Literal, cast

import numpy as np
import torch
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict
from torch import Tensor, nn

from mmim_live.model.encoders import TextEncoder, load_text_backbone
from mmim_live.model.tokenizer import TextTokenizer, load_pretrained_tokenizer
from mmim_train.default_checkpoint.text.sentences import SOURCES, Sentence
from mmim_train.evaluation.metrics import mosi_metrics

Log = Callable[[str], None]
# A processor without instructions for bfloat16 emulates it: a step of MiniLM takes sixteen times as long as in float32.
BFLOAT16 = torch.cpu._is_avx512_bf16_supported() or torch.cpu._is_amx_tile_supported()


class TextStageConfig(BaseModel):
    """The settings of both stages."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    pooling: Literal["cls", "mean"] = "mean"
    max_tokens: int = 64
    batch: int = 32
    dropout: float = 0.2  # before the head; that of the transformer is its own
    clip: float = 1.0
    weight_decay: float = 0.01
    head_lr: float = 1e-3
    layer_decay: float = 0.9  # each layer nearer to the words learns this much slower than the one above it
    pretraining_dropout: float = 0.1  # `dropout` of stage one, which has thirty times the sentences
    pretraining_layer_decay: float = 1.0  # `layer_decay` of stage one
    pretraining_lr: float = 5e-5
    pretraining_epochs: int = 2
    finetuning_lr: float = 2.5e-5
    finetune_word_embeddings: bool = True  # whether stage two also moves the vectors of words
    replay_ratio: float = 1.0  # sentences of stage one beside each of MOSI's, drawn anew by each seed
    finetuning_epochs: int = 5
    averaged_epochs: int = 3  # the last ones of each seed
    seeds: tuple[int, ...] = (1, 2)


# The other settings of TextStageConfig are those of stage one.
_FINETUNING_ONLY = {
    "dropout",
    "layer_decay",
    "finetuning_lr",
    "finetune_word_embeddings",
    "replay_ratio",
    "finetuning_epochs",
    "averaged_epochs",
    "seeds",
}


class SentenceModel(nn.Module):
    """A text encoder and a linear head."""

    def __init__(self, backbone: nn.Module, config: TextStageConfig) -> None:
        super().__init__()
        self.encoder = TextEncoder(backbone, config.pooling)
        self.dropout = nn.Dropout(config.dropout)
        self.head = nn.Linear(self.encoder.width, 1)
        self.gain = nn.Parameter(torch.ones(len(SOURCES)))
        self.offset = nn.Parameter(torch.zeros(len(SOURCES)))

    def forward(self, token_ids: Tensor, mask: Tensor, source: Tensor) -> Tensor:
        """[B, L], [B, L] bool, [B] indices into SOURCES -> scores [B]."""
        with torch.autocast("cpu", dtype=torch.bfloat16, enabled=BFLOAT16 and token_ids.device.type == "cpu"):
            h = self.encoder(token_ids, mask).float()
        score: Tensor = self.head(self.dropout(h).float())[:, 0]
        return score * self.gain[source] + self.offset[source]


@dataclass(frozen=True, slots=True, eq=False)
class Tokens:
    """Tokenised sentences, ragged."""

    ids: list[list[int]]
    scores: NDArray[np.float32]  # [N]
    sources: NDArray[np.int64]  # [N], indices into SOURCES


def tokenise(sentences: Sequence[Sentence], tokenizer: TextTokenizer) -> Tokens:
    """Fold and tokenise."""
    return Tokens(
        [tokenizer.ids(sentence.text) for sentence in sentences],
        np.array([sentence.score for sentence in sentences], np.float32),
        np.array([SOURCES.index(sentence.source) for sentence in sentences], np.int64),
    )


def build(folder: Path, config: TextStageConfig) -> tuple[SentenceModel, TextTokenizer]:
    """A fresh sentence model on the pretrained transformer in `folder`."""
    backbone = load_text_backbone(str(folder), local_only=True)
    # The vectors of words stay as they are in stage one: half of the step is saved, and what is learned is no worse.
    model = SentenceModel(backbone, config)
    _words(model).requires_grad_(False)
    return model, load_pretrained_tokenizer(str(folder), config.max_tokens, local_only=True)


def learn(
    model: SentenceModel,
    tokens: Tokens,
    config: TextStageConfig,
    rate: float,
    epochs: int,
    seed: int,
    after: Callable[[int], None],
    log: Log,
) -> None:
    """Minimise the L1 loss for some epochs; `after(epoch)` is called at the end of each, counted from 1."""
    torch.manual_seed(seed)
    draw = random.Random(seed)
    optimizer = torch.optim.AdamW(_groups(model, rate, config), fused=True)
    steps = epochs * math.ceil(len(tokens.ids) / config.batch)
    schedule = torch.optim.lr_scheduler.LambdaLR(optimizer, lambda step: _warm_then_linear(step, steps))
    trained = [p for p in model.parameters() if p.requires_grad]
    for epoch in range(1, epochs + 1):
        model.train()
        total = 0.0
        for count, chosen in enumerate(_batches(tokens, config.batch, draw), start=1):
            loss = (model(*pad_tokens(tokens, chosen)) - torch.from_numpy(tokens.scores[chosen])).abs().mean()
            optimizer.zero_grad(set_to_none=True)
            loss.backward()
            nn.utils.clip_grad_norm_(trained, config.clip)
            optimizer.step()
            schedule.step()
            total += float(loss.detach())
            if count % 100 == 0:
                log(f"epoch {epoch}, batch {count}: L1 {total / count:.3f}")
        after(epoch)


def score_predictions(model: SentenceModel, tokens: Tokens, batch: int = 64) -> dict[str, float]:
    """The metrics of MOSI on tokenised sentences."""
    predictions = predict(model, tokens, batch)
    return {name: float(value) for name, value in asdict(mosi_metrics(tokens.scores, predictions)).items()}


@torch.inference_mode()
def predict(model: SentenceModel, tokens: Tokens, batch: int = 64) -> NDArray[np.float32]:
    """Scores [N], not clipped."""
    model.eval()
    order = sorted(range(len(tokens.ids)), key=lambda index: len(tokens.ids[index]))
    scores = np.zeros(len(order), np.float32)
    for start in range(0, len(order), batch):
        chosen = np.array(order[start : start + batch])
        scores[chosen] = model(*pad_tokens(tokens, chosen)).numpy()
    return scores


class Average:
    """The running mean of the weights of several models of one shape."""

    def __init__(self) -> None:
        self.count = 0
        self._mean: dict[str, Tensor] = {}

    def add(self, model: nn.Module) -> None:
        """Take the weights as they are now."""
        self.count += 1
        for name, value in model.state_dict().items():
            if self.count == 1:
                self._mean[name] = value.detach().clone()
            elif value.is_floating_point():
                self._mean[name] += (value - self._mean[name]) / self.count

    def give(self, model: nn.Module) -> None:
        """Put the mean into a model."""
        model.load_state_dict(self._mean)


def save(model: SentenceModel, tokenizer: TextTokenizer, folder: Path, notes: dict[str, object]) -> None:
    """Write the transformer as a folder that transformers reads, with the head and a note of how it was made."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "text_stage.json").unlink(missing_ok=True)  # written last: without it, the folder is not whole
    model.encoder.backbone.save_pretrained(folder)  # type: ignore[operator]
    tokenizer.save(folder / "tokenizer.json")
    head = {name: value for name, value in model.state_dict().items() if "backbone" not in name}
    torch.save(head, folder / "head.pt")
    (folder / "text_stage.json").write_text(json.dumps(notes, indent=1), encoding="utf-8")


def pretrain(source: Path, sentences: Sequence[Sentence], config: TextStageConfig, output: Path, log: Log) -> None:
    """Tune the transformer in `source` on all that is not MOSI, into `output`."""
    torch.manual_seed(0)  # the head is drawn before `learn` sets its seed
    own = config.model_copy(
        update={"dropout": config.pretraining_dropout, "layer_decay": config.pretraining_layer_decay}
    )
    model, tokenizer = build(source, own)
    scores: dict[str, dict[str, float]] = {}
    fit = tokenise([s for s in sentences if s.part == "fit" and s.source != "mosi"], tokenizer)
    kept = {
        name: tokenise([s for s in sentences if s.part == "kept" and s.source == name], tokenizer)
        for name in ("sst", "vader", "emobank")
    }

    def after(epoch: int) -> None:
        scores.update({name: score_predictions(model, tokens) for name, tokens in kept.items()})
        log(f"epoch {epoch}: " + ", ".join(f"{k} MAE {v['mae']:.3f} r {v['r']:.3f}" for k, v in scores.items()))

    learn(model, fit, own, config.pretraining_lr, config.pretraining_epochs, 0, after, log)
    save(model, tokenizer, output, {"key": pretraining_key(sentences, config), "kept": scores})


def finetune(
    tuned: Path, sentences: Sequence[Sentence], config: TextStageConfig, output: Path, log: Log
) -> dict[str, float]:
    """Tune on MOSI from every seed, average, judge on MOSI's validation sentences, write to `output`."""
    average = Average()
    singles: list[dict[str, float]] = []
    for seed in config.seeds:
        model, tokenizer = load(tuned, config)
        _words(model).requires_grad_(config.finetune_word_embeddings)
        fit = tokenise(_with_replay(sentences, config.replay_ratio, seed), tokenizer)
        valid = tokenise([s for s in sentences if s.part == "valid"], tokenizer)

        def after(epoch: int, model: SentenceModel = model, valid: Tokens = valid, seed: int = seed) -> None:
            if epoch > config.finetuning_epochs - config.averaged_epochs:
                average.add(model)
            log(f"seed {seed} epoch {epoch}: {_line(score_predictions(model, valid))}")

        learn(model, fit, config, config.finetuning_lr, config.finetuning_epochs, seed, after, lambda _: None)
        singles.append(score_predictions(model, valid))
    average.give(model)
    result = score_predictions(model, valid)
    log(f"mean of {average.count}: {_line(result)}")
    notes: dict[str, object] = {"key": finetuning_key(sentences, config), "mosi_valid": result, "singles": singles}
    save(model, tokenizer, output, notes)
    return result


def pretraining_key(sentences: Sequence[Sentence], config: TextStageConfig) -> str:
    """Names what stage one depends on: its settings and the sentences that are not MOSI's."""
    return _key(config.model_dump_json(exclude=_FINETUNING_ONLY), [s for s in sentences if s.source != "mosi"])


def finetuning_key(sentences: Sequence[Sentence], config: TextStageConfig) -> str:
    """Names what stage two depends on: all settings and all sentences."""
    return _key(config.model_dump_json(), sentences)


def is_made(folder: Path, key: str) -> bool:
    """Whether `save` finished in this folder, and what it wrote depends on what `key` names."""
    try:
        notes = json.loads((folder / "text_stage.json").read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return False
    return isinstance(notes, dict) and notes.get("key") == key


def load(folder: Path, config: TextStageConfig) -> tuple[SentenceModel, TextTokenizer]:
    """What `save` wrote, ready to be tuned further."""
    model, tokenizer = build(folder, config)
    head = torch.load(folder / "head.pt", weights_only=True)
    model.load_state_dict({**model.state_dict(), **head})
    return model, tokenizer


def _key(settings: str, sentences: Sequence[Sentence]) -> str:
    return hashlib.sha256("\n".join((settings, *map(repr, sentences))).encode()).hexdigest()


def _with_replay(sentences: Sequence[Sentence], share: float, seed: int) -> list[Sentence]:
    """MOSI's training sentences, and some reviews and posts so that what was learned of them is not lost."""
    mosi = [s for s in sentences if s.part == "fit" and s.source == "mosi"]
    others = [s for s in sentences if s.part == "fit" and s.source in ("sst", "vader")]
    return mosi + random.Random(seed).sample(others, round(share * len(mosi)))


def _words(model: SentenceModel) -> nn.Parameter:
    weight: nn.Parameter = cast(Any, model.encoder.backbone).get_input_embeddings().weight
    return weight


def _groups(model: SentenceModel, rate: float, config: TextStageConfig) -> list[dict[str, object]]:
    """One parameter group a layer, slower the nearer it is to the words; no decay of biases and norms."""
    depth = int(model.encoder.backbone.config.num_hidden_layers)  # type: ignore[union-attr, arg-type]
    groups: dict[tuple[float, bool], list[nn.Parameter]] = {}
    for name, parameter in model.named_parameters():
        if not parameter.requires_grad:
            continue
        if "backbone" not in name:
            speed = config.head_lr
        else:
            layer = int(name.split(".layer.")[1].split(".")[0]) + 1 if ".layer." in name else 0
            speed = rate * config.layer_decay ** (depth - layer)
        groups.setdefault((speed, parameter.ndim > 1), []).append(parameter)
    return [
        {"params": parameters, "lr": speed, "weight_decay": config.weight_decay if decays else 0.0}
        for (speed, decays), parameters in groups.items()
    ]


def _warm_then_linear(step: int, steps: int, warm: float = 0.06, last: float = 0.05) -> float:
    begin = max(1.0, warm * steps)
    if step < begin:
        return (step + 1) / begin
    return last + (1 - last) * max(0.0, (steps - step) / max(1.0, steps - begin))


def _batches(tokens: Tokens, size: int, draw: random.Random) -> Iterator[NDArray[np.int64]]:
    """Random batches of sentences of like length: a pool of 50 batches is sorted, cut and shuffled."""
    order = list(range(len(tokens.ids)))
    draw.shuffle(order)
    batches: list[list[int]] = []
    for start in range(0, len(order), 50 * size):
        pool = sorted(order[start : start + 50 * size], key=lambda index: len(tokens.ids[index]))
        batches += [pool[at : at + size] for at in range(0, len(pool), size)]
    draw.shuffle(batches)
    return (np.array(batch) for batch in batches)


def pad_tokens(tokens: Tokens, chosen: NDArray[np.int64]) -> tuple[Tensor, Tensor, Tensor]:
    """Token ids [B, L], mask [B, L] bool, sources [B]."""
    rows = [tokens.ids[index] for index in chosen]
    ids = torch.zeros(len(rows), max(map(len, rows)), dtype=torch.long)
    mask = torch.zeros(ids.shape, dtype=torch.bool)
    for index, row in enumerate(rows):
        ids[index, : len(row)] = torch.tensor(row)
        mask[index, : len(row)] = True
    return ids, mask, torch.from_numpy(tokens.sources[chosen])


def _line(metrics: dict[str, float]) -> str:
    return ", ".join(f"{name} {value:.4f}" for name, value in metrics.items())
