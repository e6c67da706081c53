"""`mmim-live replay`: a media file, or a recorded session."""

from __future__ import annotations

import math
import sys
from pathlib import Path
from typing import Annotated

import typer

from mmim_live.cli.options import (
    Ascii,
    AsrModel,
    CheckpointName,
    ComputeDevice,
    ConfigFile,
    Headless,
    Hop,
    Hotwords,
    Language,
    Lsl,
    NoFace,
    NoSpeech,
    Osc,
    Outputs,
    ServePort,
    ServeToken,
    ServeTokenFile,
    WindowLength,
    build_outputs,
    build_settings,
)
from mmim_live.cli.presentation import run_app, run_replay_headless
from mmim_live.cli.serving import publishing, serving
from mmim_live.errors import ConfigError
from mmim_live.settings import KeyOverrides, Settings, Speed, load_keys, parse_player_speed, user_file


def replay(
    file: Annotated[
        Path,
        typer.Argument(help='Video or audio file, or the folder of a recorded session; "sample" is the bundled clip.'),
    ],
    headless: Headless = False,
    speed: Annotated[
        float | None,
        typer.Option(
            parser=parse_player_speed,
            metavar="0.5..4|max",
            help="1.0 is real time; default: 1.0 in the app, max headless, which knows only these two.",
        ),
    ] = None,
    output: Outputs = None,
    checkpoint: CheckpointName = None,
    asr_model: AsrModel = None,
    language: Language = None,
    hotwords: Hotwords = None,
    window: WindowLength = None,
    hop: Hop = None,
    no_face: NoFace = False,
    no_speech: NoSpeech = False,
    device: ComputeDevice = None,
    config: ConfigFile = None,
    ascii_only: Ascii = False,
    serve: ServePort = None,
    serve_token: ServeToken = None,
    serve_token_file: ServeTokenFile = None,
    osc: Osc = None,
    lsl: Lsl = False,
) -> None:
    """Analyze a file or a recorded session, in the app or headless."""
    from mmim_live.output.sink import check_distinct
    from mmim_live.recording.reader import is_folder, recorded_settings

    in_app = not headless and sys.stdin.isatty() and sys.stdout.isatty()
    if not in_app and speed not in {None, 1.0, math.inf}:
        raise ConfigError(f"--speed {speed} is for the app; headless, choose 1.0 or max")
    outputs = build_outputs(output)
    another: Path | None = file
    while another is not None:
        settings = build_settings(
            config=config,
            checkpoint=checkpoint,
            asr_model=asr_model,
            language=language,
            hotwords=hotwords,
            window=window,
            hop=hop,
            no_face=no_face,
            no_speech=no_speech,
            device=device,
            serve=serve,
            serve_token=serve_token,
            serve_token_file=serve_token_file,
            osc=osc,
            lsl=lsl,
            recorded=recorded_settings(another),
        )
        for source in (another, *(another.iterdir() if is_folder(another) else ())):
            check_distinct(source, outputs)
        if in_app:
            keys = load_keys(config, user_file())
            another = _in_app(another, settings, speed or 1.0, ascii_only=ascii_only, keys=keys, outputs=outputs)
            outputs = []  # they are written, and hold the first recording
        else:
            _headless(another, settings, "1.0" if speed == 1.0 else "max", outputs)
            another = None


def _in_app(
    file: Path, settings: Settings, speed: float, *, ascii_only: bool, keys: KeyOverrides, outputs: list[Path]
) -> Path | None:
    """Play in the app; return what the user wants to see next. The analysis runs ahead, unless there are listeners."""
    from mmim_live.session.open_replay import recording_of
    from mmim_live.session.runner import replay_runner

    with publishing(settings) as published, serving(settings) as server:
        sinks = [*published, server] if server is not None else published
        runner = replay_runner(file, settings, "1.0" if sinks else "max", outputs=outputs, sinks=sinks)
        return run_app(
            runner,
            title=file.name,
            ascii_only=ascii_only,
            keys=keys,
            server=server,
            outputs=outputs,
            speed=None if speed == math.inf else speed,
            media=recording_of(file),
        )


def _headless(file: Path, settings: Settings, speed: Speed, outputs: list[Path]) -> None:
    from mmim_live.session.runner import replay_runner

    with publishing(settings) as published, serving(settings) as server:
        sinks = [*published, server] if server is not None else published
        run_replay_headless(replay_runner(file, settings, speed, outputs=outputs, sinks=sinks), outputs, server)
