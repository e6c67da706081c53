"""Options that several commands share, and the settings that they make."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer

from mmim_live.cli.token_file import note_if_others_can_read, read_token
from mmim_live.errors import ConfigError
from mmim_live.settings import Settings, load_settings, user_file

if TYPE_CHECKING:
    from mmim_live.parallel.engine import Engine

Headless = Annotated[bool, typer.Option("--headless", help="Print lines and a summary instead of running the app.")]
Outputs = Annotated[
    list[Path] | None,
    typer.Option(
        "--output",
        "-o",
        help="Write a .html report, or a .jsonl, .csv, .parquet, .srt, .vtt, .eaf or .TextGrid file; repeatable.",
    ),
]
CheckpointName = Annotated[str | None, typer.Option(help="Name of a shipped checkpoint, or a folder.")]
AsrModel = Annotated[str | None, typer.Option(help="auto, whisper-tiny.en, whisper-base, or a CTranslate2 folder.")]
Language = Annotated[str | None, typer.Option(help="Spoken language: auto, or an ISO 639 code such as en.")]
Hotwords = Annotated[
    str | None, typer.Option(help='Names and terms that speech recognition should expect, such as "Poria, MMIM".')
]
WindowLength = Annotated[float | None, typer.Option(help="Length of the rolling window in seconds.")]
Hop = Annotated[float | None, typer.Option(help="Seconds of media between two readings.")]
NoFace = Annotated[bool, typer.Option("--no-face", help="Ignore the face.")]
NoSpeech = Annotated[bool, typer.Option("--no-speech", help="Disable speech recognition.")]
ComputeDevice = Annotated[str | None, typer.Option(help="auto, cpu, cuda or mps.")]
ConfigFile = Annotated[Path | None, typer.Option(help="TOML settings file; options take precedence.")]
Ascii = Annotated[bool, typer.Option("--ascii", help="Draw the app in ASCII.")]

ServePort = Annotated[
    int | None,
    typer.Option(
        "--serve",
        metavar="[PORT]",
        help="Serve events on 127.0.0.1: an overlay page for OBS and a WebSocket; default: a free port.",
    ),
]
ServeToken = Annotated[
    str | None,
    typer.Option(
        help="Access token for clients; default: random, new for each run. Other users of this machine can see it "
        "here, but not in a token file or MMIM_LIVE_SERVE_TOKEN."
    ),
]
ServeTokenFile = Annotated[
    Path | None, typer.Option(metavar="PATH", help="File with the access token and nothing else.")
]
Osc = Annotated[
    str | None,
    typer.Option(metavar="[HOST:]PORT", help="Send OSC messages to this UDP port; without HOST, of this machine."),
]
Lsl = Annotated[bool, typer.Option("--lsl", help="Publish Lab Streaming Layer streams on this machine.")]
EngineName = Annotated[
    Literal["processes", "ray"], typer.Option(help="What runs the workers: processes of this machine, or Ray.")
]
ClusterAddress = Annotated[
    str | None, typer.Option(metavar="auto|HOST:PORT", help="Use this Ray cluster; default: Ray on this machine.")
]


def build_settings(
    *,
    config: Path | None = None,
    checkpoint: str | None = None,
    asr_model: str | None = None,
    language: str | None = None,
    hotwords: str | None = None,
    window: float | None = None,
    hop: float | None = None,
    no_face: bool = False,
    no_speech: bool = False,
    device: str | None = None,
    serve: int | None = None,
    serve_token: str | None = None,
    serve_token_file: Path | None = None,
    osc: str | None = None,
    lsl: bool = False,
    record_to: str | None = None,
    recorded: dict[str, Any] | None = None,
) -> Settings:
    """The user's own settings file, changed by a recording's settings, by `config`, and by the options given.

    Raises:
        ConfigError: one line that names the file or option at fault.
    """
    overrides: dict[str, Any] = {
        "checkpoint": checkpoint,
        "asr_model": asr_model,
        "language": language,
        "hotwords": hotwords,
        "window": window,
        "hop": hop,
        "face": False if no_face else None,
        "speech": False if no_speech else None,
        "device": device,
        "serve": serve,
        "serve_token": serve_token,
        "osc": osc,
        "lsl": True if lsl else None,
        "record_to": record_to,
    }
    user = user_file()
    settings = load_settings(config, overrides, user, recorded, environment=os.environ)
    for option, value in (("--serve-token", serve_token), ("--serve-token-file", serve_token_file)):
        if value is not None and settings.serve is None:
            raise ConfigError(f"{option} has no effect without --serve")
    if serve_token is None and serve_token_file is not None:
        return settings.model_copy(update={"serve_token": read_token(serve_token_file)})
    if serve_token is None and settings.serve is not None:
        for file in filter(None, (user, config)):
            if file.is_file() and "serve_token" in file.read_text(encoding="utf-8"):
                note_if_others_can_read(file)
    return settings


def build_outputs(paths: list[Path] | None) -> list[Path]:
    """The paths to write. Raises OutputError if one cannot be written."""
    from mmim_live.output.sink import check_writable

    for path in paths or []:
        check_writable(path)
    return paths or []


def build_engine(name: Literal["processes", "ray"], workers: int | None, address: str | None) -> Engine:
    """Where workers run. Raises ConfigError if the options do not go together."""
    if name == "processes":
        if address is not None:
            raise ConfigError("--address is that of a Ray cluster: add --engine ray")
        from mmim_live.parallel.processes import Processes

        return Processes(workers)
    if workers == 0:
        raise ConfigError("--workers 0 works in this process, which --engine ray does not: name at least 1")
    from mmim_live.parallel.ray_actors import RayActors

    return RayActors(workers, address)
