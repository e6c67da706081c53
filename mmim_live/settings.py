"""The settings of a session, and the only place for their defaults. Unknown keys and values out of range raise
ConfigError.
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

import platformdirs
from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator, model_validator

from mmim_live.assets import current_checkpoint_name
from mmim_live.errors import ConfigError
from mmim_live.untrusted import read_toml

DEFAULT_CHECKPOINT = "minilm-en"
KEYS = "keys"  # the table of a settings file with key bindings

SERVE_TOKEN_VARIABLE = "MMIM_LIVE_SERVE_TOKEN"  # noqa: S105 (the name of an environment variable)
TOKEN_RULE = "must be 16 to 200 letters, digits or any of . _ ~ - (it is part of a URL)"  # noqa: S105 (no token)
_UNESCAPED = r"[A-Za-z0-9._~-]{16,200}"  # in a URL


def is_token(text: str) -> bool:
    """Whether clients can be asked for this token."""
    return re.fullmatch(_UNESCAPED, text) is not None


class Settings(BaseModel):
    """What a user can set, in a TOML file or by options of the same names."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    checkpoint: str = Field(default=DEFAULT_CHECKPOINT, description="name of a shipped checkpoint, or a folder")
    asr_model: str = Field(default="auto", description="auto, whisper-tiny.en, whisper-base, or a CTranslate2 folder")
    language: str = Field(
        default="auto", pattern=r"^(auto|[a-z]{2,3})$", description="auto, or an ISO 639 code such as en"
    )
    hotwords: str = Field(
        default="",
        max_length=1000,
        description='names and terms that speech recognition should expect, such as "Poria, MMIM"',
    )
    window: float = Field(default=6.0, ge=1.0, le=30.0, description="length of the rolling window, seconds")
    hop: float = Field(default=0.5, ge=0.1, le=10.0, description="media time between two readings, seconds")
    face: bool = Field(default=True, description="analyze the face")
    speech: bool = Field(default=True, description="recognize speech")
    device: str = Field(default="auto", pattern=r"^(auto|cpu|cuda(:\d+)?|mps)$", description="auto, cpu, cuda or mps")
    # Publishing has no influence on the results, and the token is a secret: neither is part of the session event.
    serve: int | None = Field(
        default=None,
        ge=0,
        le=65535,
        exclude=True,
        description="serve events on this port of 127.0.0.1; 0: any free port",
    )
    serve_token: str | None = Field(
        default=None, exclude=True, repr=False, description="access token for clients; random if not set"
    )

    osc: str | None = Field(
        default=None, exclude=True, description="send OSC messages to this UDP port, as PORT or HOST:PORT"
    )
    lsl: bool = Field(default=False, exclude=True, description="publish Lab Streaming Layer streams")

    @field_validator("serve_token")
    @classmethod
    def _hard_to_guess(cls, token: str | None) -> str | None:
        if token is not None and not is_token(token):
            raise ValueError(TOKEN_RULE)
        return token

    record_to: str = Field(
        default="", description="folder for live recordings; empty: the documents folder, or the current one"
    )

    @field_validator("checkpoint")
    @classmethod
    def _by_its_current_name(cls, name: str) -> str:
        return current_checkpoint_name(name)

    @model_validator(mode="after")
    def _hop_within_window(self) -> Settings:
        if self.hop > self.window:
            raise ValueError(f"hop ({self.hop:g} s) must not be longer than window ({self.window:g} s)")
        return self


Speed = Literal["1.0", "max"]


def parse_speed(text: str) -> Speed:
    """The speed of a replay, from "max" or any spelling of 1. Raises ValueError."""
    if text == "max":
        return "max"
    if re.fullmatch(r"1(\.0*)?", text):
        return "1.0"
    raise ValueError(f"speed must be 'max' or '1.0', not {text!r}")


SLOWEST, FASTEST = 0.5, 4.0


def parse_player_speed(text: str) -> float:
    """The speed at which the app plays a replay, from a number or "max", infinity. Raises ValueError."""
    if text == "max":
        return math.inf
    try:
        speed = float(text)
    except ValueError:
        speed = math.nan
    if SLOWEST <= speed <= FASTEST:
        return speed
    raise ValueError(f"speed must be 'max' or from {SLOWEST:g} to {FASTEST:g}, not {text!r}")


def config_folder() -> Path:
    """The folder of the user's own settings."""
    return platformdirs.user_config_path("mmim-live", appauthor=False)


def user_file() -> Path | None:
    """The user's own settings file, if there is one. Settings files and options given explicitly override it."""
    path = config_folder() / "settings.toml"
    return path if path.is_file() else None


def load_settings(
    path: Path | None,
    overrides: dict[str, Any],
    user: Path | None = None,
    recorded: dict[str, Any] | None = None,
    *,
    environment: Mapping[str, str] | None = None,
) -> Settings:
    """The defaults, overridden by the TOML file `user`, the settings of the recording being replayed, the TOML file at
    `path`, and those `overrides` that are not None, in this order. Where events are served
    and none of these has a token, it comes from the `environment`.

    Raises:
        ConfigError: one line that names the file and the key.
    """
    values: dict[str, Any] = {}
    origins: dict[str, str] = {}
    read = [(str(file), _read(file)) if file else ("", {}) for file in (user, path)]
    for origin, table in (read[0], ("the recording", dict(recorded or {})), read[1]):
        table.pop(KEYS, None)
        values |= table
        origins |= dict.fromkeys(table, origin)
    given = {key: value for key, value in overrides.items() if value is not None}
    values |= given
    origins |= dict.fromkeys(given, "options")
    token = (environment or {}).get(SERVE_TOKEN_VARIABLE)
    if token and values.get("serve") is not None and values.get("serve_token") is None:
        values["serve_token"] = token
        origins["serve_token"] = f"environment variable {SERVE_TOKEN_VARIABLE}"
    try:
        return Settings(**values)
    except ValidationError as error:
        place = error.errors()[0]["loc"]
        origin = origins[str(place[0])] if place else str(path or user or "options")
        raise ConfigError(_one_line(error, origin)) from error


@dataclass(frozen=True, slots=True)
class KeyOverrides:
    """Key bindings that the user changed."""

    keys: dict[str, str] = field(default_factory=dict)  # by action: one key, or several separated by commas
    origin: str = ""  # the files they come from


def load_keys(path: Path | None, user: Path | None = None) -> KeyOverrides:
    """The table `[keys]` of the file `user`, overridden by that of the file at `path`. A value is a key, or a list.

    Raises:
        ConfigError: one line that names the file and what is wrong with it.
    """
    keys: dict[str, str] = {}
    origins: list[str] = []
    for file in filter(None, (user, path)):
        table = _read(file).get(KEYS, {})
        if not isinstance(table, dict):
            raise ConfigError(f"{file}: [{KEYS}] must be a table of actions and their keys, such as quit = 'q'")
        for action, value in table.items():
            wanted = value if isinstance(value, list) else [value]
            if not wanted or not all(isinstance(key, str) and key for key in wanted):
                raise ConfigError(f"{file}: [{KEYS}] {action}: give a key such as 'p', or a list of keys")
            keys[action] = ",".join("comma" if key == "," else key for key in wanted)
        origins += [str(file)] if table else []
    return KeyOverrides(keys, " and ".join(origins))


def _read(path: Path) -> dict[str, Any]:
    try:
        return read_toml(path)
    except OSError as error:
        raise ConfigError(f"cannot read settings file {path}: {error.strerror}") from error
    except ValueError as error:
        raise ConfigError(f"{path} is not a valid TOML file: {error}") from error


def _one_line(error: ValidationError, origin: str) -> str:
    """The first problem of a validation error, as one line."""
    first = error.errors()[0]
    key = ".".join(str(part) for part in first["loc"])
    if first["type"] == "extra_forbidden":
        return f"{origin}: unknown setting {key!r}: choose from {', '.join(Settings.model_fields)}"
    what = f"setting {key!r}: " if key else ""
    got = "" if key in {"", "serve_token"} else f" (got {first['input']!r})"
    return f"{origin}: {what}{first['msg'].removeprefix('Value error, ')}{got}"
