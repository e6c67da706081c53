"""config.json of a checkpoint: everything needed to use the weights."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, Any, Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import AfterValidator, AliasChoices, BaseModel, ConfigDict, Field, model_validator

from mmim_live.model.mmim import MMIMConfig
from mmim_live.types import MODALITIES, SCORE_LIMIT, FeatureContract, Modality, ModalityContract

NORMALIZED_LIMIT = 8.0  # standard deviations; anything beyond is a measurement error, not an expression


class _Part(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)


class ModalityContractConfig(_Part):
    """The feature contract of one modality, and its hash."""

    names: tuple[str, ...]
    rate_hz: float
    revision: int
    source: str
    hash: str

    @model_validator(mode="after")
    def _check(self) -> ModalityContractConfig:
        if self.hash != self.contract.hash:
            raise ValueError("the hash does not match the contract")
        return self

    @property
    def contract(self) -> ModalityContract:
        """The contract without its hash."""
        return ModalityContract(self.names, self.rate_hz, self.revision, self.source)


class ContractConfig(_Part):
    """The feature contract that the weights were trained with."""

    text: ModalityContractConfig
    voice: ModalityContractConfig
    face: ModalityContractConfig

    @classmethod
    def of(cls, contract: FeatureContract) -> ContractConfig:
        """The contract, with a hash for each modality."""
        return cls(
            text=_modality_config(contract.text),
            voice=_modality_config(contract.voice),
            face=_modality_config(contract.face),
        )

    @property
    def contract(self) -> FeatureContract:
        """The contract without its hash."""
        return FeatureContract(self.text.contract, self.voice.contract, self.face.contract)


class Normalization(_Part):
    """Mean and standard deviation of each column over the training rows."""

    mean: tuple[float, ...]
    std: tuple[float, ...]

    @model_validator(mode="after")
    def _check(self) -> Normalization:
        if len(self.mean) != len(self.std):
            raise ValueError("mean and std differ in length")
        if any(value <= 0 for value in self.std):
            raise ValueError("each std must be positive")
        return self

    def apply(self, rows: NDArray[np.float32]) -> NDArray[np.float32]:
        """Rows [n, d] -> (rows - mean) / std, clipped to +-NORMALIZED_LIMIT; non-finite values become the mean, 0."""
        with np.errstate(invalid="ignore", over="ignore"):
            scaled = (rows - np.asarray(self.mean, np.float32)) / np.asarray(self.std, np.float32)
        scaled[~np.isfinite(rows)] = 0.0
        return np.clip(scaled, -NORMALIZED_LIMIT, NORMALIZED_LIMIT).astype(np.float32)


def _check_coalitions(value: dict[str, float]) -> dict[str, float]:
    unknown = set(value) - COALITION_NAMES
    if unknown:
        raise ValueError(f"unknown coalition {sorted(unknown)[0]!r}")
    if any(number < 0 for number in value.values()):
        raise ValueError("values must not be negative")
    return value


ByCoalition = Annotated[dict[str, float], AfterValidator(_check_coalitions)]  # keys such as "text+voice"


class Conformal(_Part):
    """Split conformal intervals: score +- half_width covers the label of a `level` share of validation utterances."""

    level: float = Field(gt=0, lt=1)
    half_width: ByCoalition  # in units of the score


class Mixture(_Part):
    """The marginal density of a representation, over all texts: equally weighted diagonal Gaussians."""

    means: tuple[tuple[float, ...], ...]
    log_variances: tuple[tuple[float, ...], ...]

    @model_validator(mode="after")
    def _check(self) -> Mixture:
        widths = {len(values) for values in (*self.means, *self.log_variances)}
        if len(widths) != 1 or len(self.means) != len(self.log_variances):
            raise ValueError("a mixture needs as many means as variances, all of the same width")
        return self


class Abstention(_Part):
    """When a reading abstains: its score is less than `threshold` away from the score with nothing present.

    That close, validation readings were no better than a constant prediction. A coalition that is not listed never
    abstains.
    """

    # In units of the score. Files call it "nearer".
    threshold: ByCoalition = Field(validation_alias=AliasChoices("nearer", "threshold"), serialization_alias="nearer")
    share: ByCoalition = {}  # of validation readings that abstain
    error: ByCoalition = {}  # mean absolute error of all validation readings
    error_kept: ByCoalition = {}  # of those that do not abstain
    same_kept: ByCoalition = {}  # of a constant prediction on the same readings


class CheckpointConfig(_Part):
    """The whole config.json. An unknown key is an error."""

    format: Literal[1] = 1
    architecture: MMIMConfig
    contract: ContractConfig
    voice_normalisation: Normalization | None = None  # required if voice is used
    face_normalisation: Normalization | None = None  # required if face is used
    max_tokens: int = Field(default=128, gt=2)  # longer texts lose their beginning
    pad_token_id: int = Field(default=0, ge=0)
    languages: tuple[str, ...] = ("en",)  # that the text encoder understands, ISO 639-1
    label_scale: tuple[float, float] = (-SCORE_LIMIT, SCORE_LIMIT)  # mapped linearly to -3 .. 3
    class_scores: tuple[float, ...] | None = None  # for a classification head: the score of each class, -3 .. 3
    conformal: Conformal | None = None
    abstention: Abstention | None = None
    prior: dict[Literal["voice", "face"], Mixture] = {}  # p(h); without it agreement is log q(h | words) alone
    agreement: dict[Literal["voice", "face"], tuple[float, ...]] = {}  # ascending quantiles of it on validation data
    metrics: dict[str, Any] = {}
    provenance: dict[str, Any] = {}

    @model_validator(mode="after")
    def _check(self) -> CheckpointConfig:
        architecture = self.architecture
        for name, width, normalization in (
            ("voice", architecture.voice_dim, self.voice_normalisation),
            ("face", architecture.face_dim, self.face_normalisation),
        ):
            if name in architecture.modalities and (normalization is None or len(normalization.mean) != width):
                raise ValueError(f"{name}_normalisation must have the {width} columns of {name}_dim")
        if not self.label_scale[0] < self.label_scale[1]:
            raise ValueError("label_scale must ascend")
        if self.class_scores is not None and len(self.class_scores) != len(architecture.head.names):
            raise ValueError("class_scores must have one value per class")
        if any(len(mixture.means[0]) != architecture.d_prj for mixture in self.prior.values()):
            raise ValueError("a prior must have the width of d_prj")
        if any(len(table) < 2 or list(table) != sorted(table) for table in self.agreement.values()):
            raise ValueError("an agreement table must have at least two ascending quantiles")
        return self


def coalition_name(present: Sequence[bool]) -> str:
    """The key of a set of modalities, such as "text+voice"; "" for none. `present` is in the order of MODALITIES."""
    return "+".join(name for name, included in zip(MODALITIES, present, strict=True) if included)


COALITION_NAMES = frozenset(
    coalition_name((text, voice, face)) for text in (False, True) for voice in (False, True) for face in (False, True)
) - {""}


def contract_difference(trained: FeatureContract, offered: FeatureContract, modality: Modality) -> str | None:
    """How two contracts of a modality differ, in a few words; None if they are equal."""
    ours: ModalityContract = getattr(trained, modality)
    theirs: ModalityContract = getattr(offered, modality)
    if ours.hash == theirs.hash:
        return None
    if ours.source != theirs.source:
        return f"trained with {ours.source!r}, read with {theirs.source!r}"
    if ours.revision != theirs.revision:
        return f"trained with revision {ours.revision}, read with revision {theirs.revision}"
    if ours.rate_hz != theirs.rate_hz:
        return f"trained at {ours.rate_hz:g} rows per second, read at {theirs.rate_hz:g}"
    return f"trained with {len(ours.names)} columns, read with {len(theirs.names)} that differ in name or order"


def _modality_config(contract: ModalityContract) -> ModalityContractConfig:
    return ModalityContractConfig(
        names=contract.names,
        rate_hz=contract.rate_hz,
        revision=contract.revision,
        source=contract.source,
        hash=contract.hash,
    )
