"""The settings of a session: the only home of defaults. An unknown key or a value out of range is a ConfigError.

Knows the names and ranges of settings, nothing of what they do.
"""

from __future__ import annotations

import tomllib
from pathlib import Path
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from mmim_live.errors import ConfigError

DEFAULT_CHECKPOINT = "live"


class Settings(BaseModel):
    """What a user can set, by a TOML file or by options of the same names."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    checkpoint: str = Field(default=DEFAULT_CHECKPOINT, description="name of a shipped checkpoint, or a folder")
    asr_model: str = Field(default="auto", description="auto, whisper-tiny.en, whisper-base, or a CTranslate2 folder")
    language: str = Field(default="auto", pattern=r"^(auto|[a-z]{2,3})$", description="auto, or an ISO 639 code as en")
    window: float = Field(default=6.0, ge=1.0, le=30.0, description="length of the rolling window, seconds")
    hop: float = Field(default=0.5, ge=0.1, le=10.0, description="media time between two readings, seconds")
    face: bool = Field(default=True, description="read the face")
    speech: bool = Field(default=True, description="recognise words")
    device: str = Field(default="auto", pattern=r"^(auto|cpu|cuda(:\d+)?|mps)$", description="auto, cpu, cuda or mps")

    @model_validator(mode="after")
    def _hop_within_window(self) -> Settings:
        if self.hop > self.window:
            raise ValueError(f"hop ({self.hop:g} s) must not be longer than window ({self.window:g} s)")
        return self


Speed = Literal["1.0", "max"]


def load_settings(path: Path | None, overrides: dict[str, Any]) -> Settings:
    """The defaults, changed by the TOML file at `path` (if any), changed by those overrides that are not None.

    Raises:
        ConfigError: one line that names the file and the key.
    """
    values: dict[str, Any] = {}
    origin = "options"
    if path is not None:
        origin = str(path)
        try:
            values = tomllib.loads(path.read_text(encoding="utf-8"))
        except OSError as error:
            raise ConfigError(f"cannot read the settings in {path}: {error.strerror}") from error
        except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
            raise ConfigError(f"{path} is not a valid TOML file: {error}") from error
    values |= {key: value for key, value in overrides.items() if value is not None}
    try:
        return Settings(**values)
    except ValidationError as error:
        raise ConfigError(_one_line(error, origin)) from error


def _one_line(error: ValidationError, origin: str) -> str:
    """The first problem of a validation error, as one line."""
    first = error.errors()[0]
    key = ".".join(str(part) for part in first["loc"])
    if first["type"] == "extra_forbidden":
        return f"{origin}: setting {key!r} is not known: choose from {', '.join(Settings.model_fields)}"
    what = f"setting {key!r}: " if key else ""
    got = "" if not key else f" (got {first['input']!r})"
    return f"{origin}: {what}{first['msg'].removeprefix('Value error, ')}{got}"
