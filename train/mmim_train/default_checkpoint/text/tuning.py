"""Pretraining and finetuning of the text encoder.

Pretraining uses SST, VADER and EmoBank together; each source has its own gain and offset on one shared head, since "3"
does not mean the same to all raters. Finetuning uses MOSI's training sentences, from several seeds; the weights of the
last epochs of all seeds are averaged (`weight_average`), since 1284 sentences are soon memorized. L1 loss throughout,
as in MMIM. The same seeds on the same machine give the same weights.
"""

from __future__ import annotations

import math
import random
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from mmim_train.default_checkpoint.log import Log
from mmim_train.default_checkpoint.text.encoder import (
    SentenceModel,
    TextStageConfig,
    Tokens,
    TunedText,
    load_tuned,
    open_pretrained,
    pad_tokens,
    predict,
    tokenize,
)
from mmim_train.default_checkpoint.text.sentences import Sentence
from mmim_train.default_checkpoint.weight_average import WeightAverage
from mmim_train.evaluation.metrics import mosi_metrics


def pretrain(base: Path, sentences: Sequence[Sentence], config: TextStageConfig, log: Log) -> TunedText:
    """Tune the transformer in the folder `base` on everything except MOSI."""
    torch.manual_seed(0)  # the head is initialized before `_fit` sets its seed
    own = config.model_copy(
        update={"dropout": config.pretraining_dropout, "layer_decay": config.pretraining_layer_decay}
    )
    text = open_pretrained(base, own)
    fit = tokenize([s for s in sentences if s.part == "fit" and s.source != "mosi"], text.tokenizer)
    held_out = {
        name: tokenize([s for s in sentences if s.part == "kept" and s.source == name], text.tokenizer)
        for name in ("sst", "vader", "emobank")
    }

    def after_epoch(epoch: int) -> None:
        scores = {name: metrics_of(text.model, tokens) for name, tokens in held_out.items()}
        log(f"epoch {epoch}: " + ", ".join(f"{k} MAE {v['mae']:.3f} r {v['r']:.3f}" for k, v in scores.items()))

    _fit(
        text.model,
        fit,
        own,
        lr=config.pretraining_lr,
        epochs=config.pretraining_epochs,
        seed=0,
        after_epoch=after_epoch,
        log=log,
    )
    return text


def finetune(pretrained: Path, sentences: Sequence[Sentence], config: TextStageConfig, log: Log) -> TunedText:
    """Tune on MOSI from every seed, starting with what `save_tuned` wrote to `pretrained`; the mean of the weights."""
    average = WeightAverage()
    for seed in config.seeds:
        text = load_tuned(pretrained, config)
        text.model.word_embeddings.requires_grad_(config.finetune_word_embeddings)
        fit = tokenize(_with_replay(sentences, config.replay_ratio, seed), text.tokenizer)
        valid = tokenize([s for s in sentences if s.part == "valid"], text.tokenizer)

        def after_epoch(epoch: int, text: TunedText = text, valid: Tokens = valid, seed: int = seed) -> None:
            if epoch > config.finetuning_epochs - config.averaged_epochs:
                average.add(text.model)
            log(f"seed {seed} epoch {epoch}: {_line(metrics_of(text.model, valid))}")

        _fit(
            text.model,
            fit,
            config,
            lr=config.finetuning_lr,
            epochs=config.finetuning_epochs,
            seed=seed,
            after_epoch=after_epoch,
            log=lambda _: None,
        )
    average.copy_to(text.model)
    log(f"mean of {average.count}: {_line(metrics_of(text.model, valid))}")
    return text


def metrics_of(model: SentenceModel, tokens: Tokens) -> dict[str, float]:
    """The metrics of MOSI on tokenized sentences."""
    return {name: float(value) for name, value in asdict(mosi_metrics(tokens.scores, predict(model, tokens))).items()}


def _fit(
    model: SentenceModel,
    tokens: Tokens,
    config: TextStageConfig,
    *,
    lr: float,
    epochs: int,
    seed: int,
    after_epoch: Callable[[int], None],
    log: Log,
) -> None:
    """Minimize the L1 loss; `after_epoch(epoch)` is called at the end of each epoch, counted from 1."""
    torch.manual_seed(seed)
    draw = random.Random(seed)
    optimizer = torch.optim.AdamW(_parameter_groups(model, lr, config), fused=True)
    steps = epochs * math.ceil(len(tokens.ids) / config.batch)
    schedule = torch.optim.lr_scheduler.LambdaLR(optimizer, lambda step: _warmup_then_linear(step, steps))
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
        after_epoch(epoch)


def _with_replay(sentences: Sequence[Sentence], ratio: float, seed: int) -> list[Sentence]:
    """MOSI's training sentences, and some reviews and posts so that what was learned from them is not forgotten."""
    mosi = [s for s in sentences if s.part == "fit" and s.source == "mosi"]
    others = [s for s in sentences if s.part == "fit" and s.source in ("sst", "vader")]
    return mosi + random.Random(seed).sample(others, round(ratio * len(mosi)))


def _parameter_groups(model: SentenceModel, lr: float, config: TextStageConfig) -> list[dict[str, object]]:
    """Groups by learning rate, which falls layer by layer towards the input; biases and norms do not decay."""
    depth = int(model.encoder.backbone.config.num_hidden_layers)  # type: ignore[union-attr, arg-type]
    groups: dict[tuple[float, bool], list[nn.Parameter]] = {}
    for name, parameter in model.named_parameters():
        if not parameter.requires_grad:
            continue
        if "backbone" not in name:
            own_lr = config.head_lr
        else:
            layer = int(name.split(".layer.")[1].split(".")[0]) + 1 if ".layer." in name else 0
            own_lr = lr * config.layer_decay ** (depth - layer)
        groups.setdefault((own_lr, parameter.ndim > 1), []).append(parameter)
    return [
        {"params": parameters, "lr": own_lr, "weight_decay": config.weight_decay if decays else 0.0}
        for (own_lr, decays), parameters in groups.items()
    ]


def _warmup_then_linear(step: int, steps: int, warmup: float = 0.06, last: float = 0.05) -> float:
    begin = max(1.0, warmup * steps)
    if step < begin:
        return (step + 1) / begin
    return last + (1 - last) * max(0.0, (steps - step) / max(1.0, steps - begin))


def _batches(tokens: Tokens, size: int, draw: random.Random) -> Iterator[NDArray[np.int64]]:
    """Random batches of sentences of similar length: pools of 50 batches are sorted, cut and shuffled."""
    order = list(range(len(tokens.ids)))
    draw.shuffle(order)
    batches: list[list[int]] = []
    for start in range(0, len(order), 50 * size):
        pool = sorted(order[start : start + 50 * size], key=lambda index: len(tokens.ids[index]))
        batches += [pool[at : at + size] for at in range(0, len(pool), size)]
    draw.shuffle(batches)
    return (np.array(batch) for batch in batches)


def _line(metrics: dict[str, float]) -> str:
    return ", ".join(f"{name} {value:.4f}" for name, value in metrics.items())
