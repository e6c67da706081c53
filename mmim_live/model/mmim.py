"""MMIM (Han, Chen, Poria, EMNLP 2021, arXiv 2109.00412): three encoders, a fusion network and a head.

Notation of the paper: t is text, v vision (here `face`), a acoustics (here `voice`). Masks over modalities are always
in the order of `types.MODALITIES`: text, voice, face. The losses belong to training, the mutual-information estimators
to `mutual_information`.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any, Literal, NamedTuple

import torch
from pydantic import BaseModel, ConfigDict, Field, field_validator, model_validator
from torch import Tensor, nn

from mmim_live.model.backbone_limits import checked_backbone_config
from mmim_live.model.encoders import ModalityEncoder, SequenceEncoder, TextEncoder, build_text_backbone
from mmim_live.model.mutual_information.gaussian import ConditionalGaussian
from mmim_live.types import MODALITIES, Modality


class HeadConfig(BaseModel):
    """What the model predicts: an intensity, several numbers (valence, arousal), or one of several classes."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    kind: Literal["intensity", "regressions", "classes"] = "intensity"
    names: tuple[str, ...] = ("sentiment",)

    @model_validator(mode="after")
    def _check(self) -> HeadConfig:
        if self.kind == "intensity" and len(self.names) != 1:
            raise ValueError("an intensity head has exactly one name")
        if len(self.names) < (2 if self.kind == "classes" else 1) or len(set(self.names)) != len(self.names):
            raise ValueError("a head needs distinct names, at least two for classes")
        return self


class MMIMConfig(BaseModel):
    """The architecture. A modality that is not in `modalities` has no encoder, and its width may be 0."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    modalities: tuple[Modality, ...] = MODALITIES
    text_encoder: dict[str, Any] | None = None  # a Hugging Face configuration, with model_type
    text_pooling: Literal["cls", "mean"] = "cls"
    voice_dim: int = Field(default=0, ge=0)  # columns of a voice row
    face_dim: int = Field(default=0, ge=0)  # columns of a face row
    voice_hidden: int = Field(default=16, gt=0)
    face_hidden: int = Field(default=16, gt=0)
    bidirectional: bool = False
    d_prj: int = Field(default=16, gt=0)  # width of h_v and h_a
    q_hidden: int = Field(default=64, gt=0)  # hidden width of the networks in q(voice | text) and q(face | text)
    q_rank: int = Field(default=0, ge=0)  # principal components of h_t that they use; 0: h_t itself
    fusion: int = Field(default=128, gt=0)  # width of Z
    dropout: float = Field(default=0.1, ge=0, lt=1)
    modality_dropout: float = Field(default=0.0, ge=0, le=1)  # share of training samples reduced to a random coalition
    head: HeadConfig = HeadConfig()

    @field_validator("text_encoder")
    @classmethod
    def _known_text_encoder(cls, config: dict[str, Any] | None) -> dict[str, Any] | None:
        if config is not None:
            checked_backbone_config(config)
        return config

    @model_validator(mode="after")
    def _check(self) -> MMIMConfig:
        if not self.modalities or tuple(m for m in MODALITIES if m in self.modalities) != self.modalities:
            raise ValueError("modalities must be some of text, voice, face, in this order")
        if "text" in self.modalities and self.text_encoder is None:
            raise ValueError("text is used, so text_encoder is required")
        for name, width in (("voice", self.voice_dim), ("face", self.face_dim)):
            if name in self.modalities and width == 0:
                raise ValueError(f"{name} is used, so {name}_dim must be positive")
        return self


@dataclass(frozen=True, slots=True, eq=False)
class Batch:
    """B utterances. Rows beyond a length are padding and never used; nor is a modality that is not `present`."""

    token_ids: Tensor  # [B, L] int64; L may be 0
    token_mask: Tensor  # [B, L] bool
    voice: Tensor  # [B, Tv, voice_dim]
    voice_lengths: Tensor  # [B] int64
    face: Tensor  # [B, Tf, face_dim]
    face_lengths: Tensor  # [B] int64
    present: Tensor  # [B, 3] bool: text, voice, face

    @classmethod
    def of(
        cls,
        *,
        text: tuple[Tensor, Tensor] | None = None,
        voice: tuple[Tensor, Tensor] | None = None,
        face: tuple[Tensor, Tensor] | None = None,
        present: Tensor | None = None,
    ) -> Batch:
        """A batch on the CPU; a modality that is not given, or is empty for an utterance, counts as absent.

        Args:
            text: token ids [B, L] int64 and their mask [B, L] bool.
            voice: rows [B, Tv, voice_dim] and their true lengths [B] int64.
            face: rows [B, Tf, face_dim] and their true lengths [B] int64.
            present: [B, 3] bool, to hide modalities that are not empty.

        Raises:
            ValueError: no modality is given.
        """
        given = next((part for part in (text, voice, face) if part is not None), None)
        if given is None:
            raise ValueError("a batch needs at least one modality")
        count = len(given[0])
        token_ids, token_mask = text or (torch.zeros(count, 0, dtype=torch.long), torch.zeros(count, 0).bool())
        no_rows = torch.zeros(count, 0, 0), torch.zeros(count, dtype=torch.long)
        (voice_rows, voice_lengths), (face_rows, face_lengths) = voice or no_rows, face or no_rows
        nonempty = torch.stack((token_mask.any(dim=1), voice_lengths > 0, face_lengths > 0), dim=1)
        return cls(
            token_ids=token_ids,
            token_mask=token_mask,
            voice=voice_rows,
            voice_lengths=voice_lengths,
            face=face_rows,
            face_lengths=face_lengths,
            present=nonempty if present is None else present & nonempty,
        )

    def rows(self, indices: range) -> Batch:
        """Consecutive utterances, without the padding common to all of them."""
        part = slice(indices.start, indices.stop)
        mask = self.token_mask[part]
        voice_lengths, face_lengths = self.voice_lengths[part], self.face_lengths[part]
        longest = (int(n.max()) if len(n) else 0 for n in (mask.sum(dim=1), voice_lengths, face_lengths))
        tokens, voice, face = longest
        return Batch.of(
            text=(self.token_ids[part, :tokens], mask[:, :tokens]),
            voice=(self.voice[part, :voice], voice_lengths),
            face=(self.face[part, :face], face_lengths),
            present=self.present[part],
        )

    def to(self, device: torch.device) -> Batch:
        """The same on another device. Lengths stay on the CPU, where packing needs them."""
        return replace(
            self,
            token_ids=self.token_ids.to(device),
            token_mask=self.token_mask.to(device),
            voice=self.voice.to(device),
            face=self.face.to(device),
            present=self.present.to(device),
        )


class Encodings(NamedTuple):
    """Output of the encoders. An absent modality holds its learned vector; an unused one has width 0."""

    h_t: Tensor  # [B, width of the text encoder]
    h_a: Tensor  # [B, d_prj], voice
    h_v: Tensor  # [B, d_prj], face
    present: Tensor  # [B, 3] bool: present, used by the model and not empty


class Fused(NamedTuple):
    """Output of the fusion network and the head."""

    prediction: Tensor  # [B, number of head names]: numbers, or class logits
    z: Tensor  # [B, fusion]


class MMIMOutput(NamedTuple):
    """One forward pass; `seen` are the modalities passed to the fusion, `present` those that the input had."""

    prediction: Tensor  # [B, number of head names]
    z: Tensor  # [B, fusion]
    h_t: Tensor
    h_a: Tensor
    h_v: Tensor
    present: Tensor  # [B, 3] bool
    seen: Tensor  # [B, 3] bool


class MMIM(nn.Module):
    """The whole model. `backbone` is a pretrained text encoder; without it, the text encoder's weights are random."""

    def __init__(self, config: MMIMConfig, backbone: nn.Module | None = None) -> None:
        super().__init__()
        self.config = config
        d_prj = config.d_prj
        self.text_encoder: ModalityEncoder | None = None
        self.voice_encoder: ModalityEncoder | None = None
        self.face_encoder: ModalityEncoder | None = None
        widths: dict[Modality, int] = dict.fromkeys(MODALITIES, 0) | dict.fromkeys(config.modalities, d_prj)
        if "text" in config.modalities:
            self.text_encoder = TextEncoder(
                backbone or build_text_backbone(config.text_encoder or {}), config.text_pooling
            )
            widths["text"] = self.text_encoder.width
        if "voice" in config.modalities:
            self.voice_encoder = SequenceEncoder(config.voice_dim, config.voice_hidden, d_prj, config.bidirectional)
        if "face" in config.modalities:
            self.face_encoder = SequenceEncoder(config.face_dim, config.face_hidden, d_prj, config.bidirectional)
        # q(voice | text) and q(face | text): trained by the Barber-Agakov term, kept for the agreement in a reading.
        pairs = [m for m in config.modalities if m != "text"] if self.text_encoder is not None else []
        self.q = nn.ModuleDict(
            {m: ConditionalGaussian(widths["text"], d_prj, config.q_hidden, config.q_rank) for m in pairs}
        )
        self.fusion = nn.Sequential(
            nn.Dropout(config.dropout),
            nn.Linear(sum(widths.values()), config.fusion),
            nn.Tanh(),
            nn.Linear(config.fusion, config.fusion),
            nn.Tanh(),
        )
        self.head = nn.Linear(config.fusion, len(config.head.names))
        self.register_buffer("_used", torch.tensor([m in config.modalities for m in MODALITIES]), persistent=False)

    def forward(self, batch: Batch, generator: torch.Generator | None = None) -> MMIMOutput:
        """Encode and fuse. In training, `generator` (on the CPU) draws which modalities the fusion sees."""
        h_t, h_a, h_v, present = self.encode(batch)
        seen = present
        if self.training and self.config.modality_dropout > 0:
            if generator is None:
                raise ValueError("modality dropout in training needs a generator")
            seen = drop_modalities(present, self.config.modality_dropout, generator)
        prediction, z = self.fuse(h_t, h_a, h_v, seen)
        return MMIMOutput(prediction, z, h_t=h_t, h_a=h_a, h_v=h_v, present=present, seen=seen)

    def encode(self, batch: Batch) -> Encodings:
        """Run each encoder in use once, on what is present."""
        usable = batch.present & self._used_mask()
        text = usable[:, 0] & batch.token_mask.any(dim=1)
        lengths = usable.cpu()[:, 1:] * torch.stack((batch.voice_lengths, batch.face_lengths), dim=1).cpu()
        h_t = h_a = h_v = batch.voice.new_zeros(len(usable), 0)
        if self.text_encoder is not None:
            h_t = self.text_encoder(batch.token_ids, batch.token_mask & text.unsqueeze(1))
        if self.voice_encoder is not None:
            h_a = self.voice_encoder(batch.voice, lengths[:, 0])
        if self.face_encoder is not None:
            h_v = self.face_encoder(batch.face, lengths[:, 1])
        present = torch.cat((text.unsqueeze(1), (lengths > 0).to(usable.device)), dim=1)
        return Encodings(h_t, h_a, h_v, present)

    def fuse(self, h_t: Tensor, h_a: Tensor, h_v: Tensor, present: Tensor) -> Fused:
        """Prediction and Z; a modality that is not `present` [B, 3] is replaced by its learned vector."""
        encoders = (self.text_encoder, self.voice_encoder, self.face_encoder)
        inputs = [
            h if encoder is None else torch.where(present[:, i : i + 1], h, encoder.absent)
            for i, (h, encoder) in enumerate(zip((h_t, h_a, h_v), encoders, strict=True))
        ]
        z = self.fusion(torch.cat((inputs[0], inputs[1], inputs[2]), dim=1))
        return Fused(self.head(z), z)

    def log_likelihoods(self, h_t: Tensor, h_a: Tensor, h_v: Tensor) -> dict[Modality, Tensor]:
        """Return log q(h_a | h_t) and log q(h_v | h_t), each [B] in nats, for the pairs that the model has."""
        others: tuple[tuple[Modality, Tensor], ...] = (("voice", h_a), ("face", h_v))
        result: dict[Modality, Tensor] = {}
        for name, h in others:
            if name in self.q:
                result[name] = self.conditional(name).log_prob(h_t, h)
        return result

    def conditional(self, modality: Modality) -> ConditionalGaussian:
        """q(h_m | h_t) of voice or face. Raises KeyError if the model has none."""
        q = self.q[modality]
        assert isinstance(q, ConditionalGaussian)
        return q

    def _used_mask(self) -> Tensor:
        assert isinstance(self._used, Tensor)
        return self._used


def drop_modalities(present: Tensor, share: float, generator: torch.Generator) -> Tensor:
    """Present [B, 3] -> the same, except that a `share` of the rows keep only a random coalition of what they have.

    All eight coalitions are equally likely, including the empty one: the Shapley values of a reading evaluate the model
    on each of them, so each must have been trained.
    """
    chosen = torch.rand(len(present), 1, generator=generator) < share
    coalition = torch.rand(len(present), 3, generator=generator) < 0.5
    return present & (coalition | ~chosen).to(present.device)
