"""Options that several commands share, and what becomes of them."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from mmim_live.errors import ConfigError
from mmim_live.settings import Settings, load_settings, user_file

Headless = Annotated[bool, typer.Option("--headless", help="No app: lines as they come, and a closing summary.")]
Outputs = Annotated[
    list[Path] | None, typer.Option("--output", "-o", help=".jsonl, .csv, .srt or .vtt; may be given repeatedly.")
]
CheckpointName = Annotated[str | None, typer.Option(help="A shipped checkpoint's name, or a folder.")]
AsrModel = Annotated[str | None, typer.Option(help="auto, whisper-tiny.en, whisper-base, or a CTranslate2 folder.")]
Language = Annotated[str | None, typer.Option(help="auto, or an ISO 639 code such as en.")]
WindowLength = Annotated[float | None, typer.Option(help="Length of the rolling window, seconds.")]
Hop = Annotated[float | None, typer.Option(help="Seconds of media between two readings.")]
NoFace = Annotated[bool, typer.Option("--no-face", help="Leave the face out.")]
NoSpeech = Annotated[bool, typer.Option("--no-speech", help="Recognise no words.")]
ComputeDevice = Annotated[str | None, typer.Option(help="auto, cpu, cuda or mps.")]
ConfigFile = Annotated[Path | None, typer.Option(help="A TOML file of settings; options win over it.")]
Ascii = Annotated[bool, typer.Option("--ascii", help="Draw the app in plain characters.")]

ServePort = Annotated[
    int | None,
    typer.Option(
        "--serve",
        metavar="[PORT]",
        help="Publish events for OBS and scripts: a page and a WebSocket on 127.0.0.1. A free port if none is given.",
    ),
]
ServeToken = Annotated[
    str | None, typer.Option(help="What listeners must know; a new random one for each run if not given.")
]


def build_settings(
    config: Path | None,
    checkpoint: str | None,
    asr_model: str | None,
    language: str | None,
    window: float | None,
    hop: float | None,
    no_face: bool,
    no_speech: bool,
    device: str | None,
    serve: int | None = None,
    serve_token: str | None = None,
    record_to: str | None = None,
    recorded: dict[str, Any] | None = None,
) -> Settings:
    """The settings of the user's own file and the given one, changed by the options that were given."""
    overrides: dict[str, Any] = {
        "checkpoint": checkpoint,
        "asr_model": asr_model,
        "language": language,
        "window": window,
        "hop": hop,
        "face": False if no_face else None,
        "speech": False if no_speech else None,
        "device": device,
        "serve": serve,
        "serve_token": serve_token,
        "record_to": record_to,
    }
    settings = load_settings(config, overrides, user_file(), recorded)
    if serve_token is not None and settings.serve is None:
        raise ConfigError("--serve-token does nothing without --serve")
    return settings


def build_outputs(paths: list[Path] | None) -> list[Path]:
    """The paths, each of which can be written."""
    from mmim_live.output.sink import check_writable

    for path in paths or []:
        check_writable(path)
    return paths or []
