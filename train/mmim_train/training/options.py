"""Training options: everything but the data and the architecture."""

from __future__ import annotations

from typing import Literal

from pydantic import BaseModel, ConfigDict, Field

from mmim_live.types import MODALITIES, Modality
from mmim_train.training.lr_schedule import Schedule

ObjectiveName = Literal["corrected", "published", "none"]
Precision = Literal["auto", "float32", "bfloat16"]


class TrainOptions(BaseModel):
    """The options of one training run. Unknown keys are rejected."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)

    objective: ObjectiveName = "corrected"
    alpha: float = Field(default=0.1, ge=0)  # weight of CPC
    beta: float = Field(default=0.1, ge=0)  # weight of the Barber-Agakov bound
    cpc: tuple[Modality, ...] = MODALITIES  # m of the terms I(Z; h_m)
    ba: tuple[Modality, ...] = ("voice", "face")  # m of the terms I(h_t; h_m)
    # The share of the gradient of I(h_t; h_m) that reaches the text encoder ("corrected" only). With 0 the terms train
    # the encoders of voice and face alone: whole, they pull the text encoder away from the task (train/RESULTS.md).
    text_gradient: float = Field(default=0.0, ge=0, le=1)
    memory: int = Field(default=256, gt=0)  # samples kept in the memory bank for the entropy

    epochs: int = Field(default=40, gt=0)
    patience: int = Field(default=8, gt=0)  # epochs without a better validation loss before stopping
    batch_size: int = Field(default=32, gt=0)  # per optimizer step, over all processes
    # Padded tokens for which the text encoder holds a graph at once; 0 is no limit. A lower limit saves memory at the
    # cost of a second forward pass; the step is the same. None: 512 on the CPU, no limit elsewhere.
    tokens_in_flight: int | None = Field(default=None, ge=0)
    q_passes: int = Field(default=1, gt=0)  # passes of stage 0 over the encodings, which are computed once per stage
    # When q is trained ("corrected" only): "epoch" is stage 0 before every epoch, with a pass of the encoders for it
    # alone; "step" is stage 0 before the first epoch, then one step of q on the encodings of every batch of stage 1.
    q_refresh: Literal["epoch", "step"] = "step"

    lr_text: float = Field(default=5e-5, ge=0)
    lr_main: float = Field(default=1e-3, gt=0)
    lr_q: float = Field(default=1e-3, gt=0)
    weight_decay: float = Field(default=1e-4, ge=0)  # decoupled; not applied to biases and norms
    decay_q: float = Field(default=1e-4, ge=0)  # weight decay of the q networks
    dropout_q: float = Field(default=0.0, ge=0, lt=1)  # on h_t, the input of the q networks of "corrected" in stage 0
    clip_text: float = Field(default=1.0, gt=0)  # maximum gradient norm, for each group separately
    clip_main: float = Field(default=1.0, gt=0)
    clip_q: float = Field(default=1.0, gt=0)
    schedule: Schedule = "linear"
    warmup: float = Field(default=0.1, ge=0, le=1)  # fraction of all steps

    # Also train one epoch of the task alone, and warn if the mutual-information terms are far behind it.
    safeguard: bool = True

    precision: Precision = "auto"  # of the encoders; fusion and losses are always float32
    save_every_s: float = Field(default=120.0, ge=0)  # 0 saves after every step
