"""Reads the token of `--serve` from a file: options of a command are seen by every user of the machine."""

from __future__ import annotations

import os
import stat
import sys
from pathlib import Path

from mmim_live.errors import ConfigError
from mmim_live.settings import TOKEN_RULE, is_token
from mmim_live.untrusted import read_text

_MAX_BYTES = 4096
_OTHERS = stat.S_IRGRP | stat.S_IROTH


def read_token(path: Path) -> str:
    """The token that the file holds, without the white space around it. Notes if others can read the file.

    Raises:
        ConfigError: one line that names the file, and never the token.
    """
    try:
        token = read_text(path, _MAX_BYTES).strip()
    except OSError as error:
        raise ConfigError(f"cannot read token file {path}: {error.strerror}") from error
    except ValueError as error:
        raise ConfigError(f"cannot read token file {path}: {error}") from error
    if not is_token(token):
        raise ConfigError(f"{path}: the token {TOKEN_RULE}")
    note_if_others_can_read(path)
    return token


def note_if_others_can_read(path: Path) -> None:
    """Print a line if the group or everybody can read the file."""
    if os.name == "posix" and path.stat().st_mode & _OTHERS:
        sys.stderr.write(f"mmim-live: others can read {path}: chmod 600 it\n")
