"""How MMIM is trained, apart from the data and the architecture. Knows no files."""

from __future__ import annotations

from typing import Literal

from pydantic import BaseModel, ConfigDict, Field

from mmim_live.types import MODALITIES, Modality
from mmim_train.training.lr_schedule import Schedule

ObjectiveName = Literal["corrected", "published", "none"]
Precision = Literal["auto", "float32", "bfloat16"]


class TrainOptions(BaseModel):
    """The settings of one training. An unknown key is an error."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)

    objective: ObjectiveName = "corrected"
    alpha: float = Field(default=0.1, ge=0)  # weight of CPC
    beta: float = Field(default=0.1, ge=0)  # weight of the Barber-Agakov bound
    cpc: tuple[Modality, ...] = MODALITIES  # the terms I(Z; h_m)
    ba: tuple[Modality, ...] = ("voice", "face")  # the terms I(h_t; h_m)
    memory: int = Field(default=256, gt=0)  # representations kept for the entropy, in samples

    epochs: int = Field(default=40, gt=0)
    patience: int = Field(default=8, gt=0)  # epochs without improvement on validation before stopping
    batch_size: int = Field(default=32, gt=0)  # of an optimizer's step, over all processes
    # Padded tokens that the text encoder holds a graph of at once; 0 for no limit. Fewer save memory and cost a second
    # forward pass, the step is the same. None: 512 on the CPU, no limit elsewhere.
    tokens_in_flight: int | None = Field(default=None, ge=0)
    q_passes: int = Field(default=1, gt=0)  # of stage 0 over the encodings, which are computed once

    lr_text: float = Field(default=5e-5, ge=0)
    lr_main: float = Field(default=1e-3, gt=0)
    lr_q: float = Field(default=1e-3, gt=0)
    weight_decay: float = Field(default=1e-4, ge=0)  # decoupled; not on biases and norms
    decay_q: float = Field(default=1e-4, ge=0)  # the same for the q networks
    dropout_q: float = Field(default=0.0, ge=0, lt=1)  # of h_t, where the q networks of "corrected" learn from it
    clip_text: float = Field(default=1.0, gt=0)  # largest norm of the gradient, each group by itself
    clip_main: float = Field(default=1.0, gt=0)
    clip_q: float = Field(default=1.0, gt=0)
    schedule: Schedule = "linear"
    warmup: float = Field(default=0.1, ge=0, le=1)  # share of all steps

    precision: Precision = "auto"  # of the encoders; fusion and losses are always float32
    save_every_s: float = Field(default=120.0, ge=0)  # 0 saves after every step
