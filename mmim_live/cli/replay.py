"""`mmim-live replay`: a media file, or a recorded session."""

from __future__ import annotations

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
from mmim_live.settings import Speed, load_keys, parse_speed, user_file


def replay(
    file: Annotated[
        Path,
        typer.Argument(help='Video or audio file, or the folder of a recorded session; "sample" is the bundled clip.'),
    ],
    headless: Headless = False,
    speed: Annotated[
        Speed | None,
        typer.Option(
            parser=parse_speed, metavar="1.0|max", help="1.0 is real time; default: 1.0 in the app, max headless."
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
    from mmim_live.session.runner import replay_runner

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
        recorded=recorded_settings(file),
    )
    outputs = build_outputs(output)
    for source in (file, *(file.iterdir() if is_folder(file) else ())):
        check_distinct(source, outputs)
    in_app = not headless and sys.stdin.isatty() and sys.stdout.isatty()
    with publishing(settings) as published, serving(settings) as server:
        sinks = [*published, server] if server is not None else published
        pace = speed or ("1.0" if in_app else "max")
        runner = replay_runner(file, settings, pace, outputs=outputs, sinks=sinks)
        if in_app:
            keys = load_keys(config, user_file())
            run_app(runner, title=file.name, ascii_only=ascii_only, keys=keys, server=server)
        else:
            run_replay_headless(runner, outputs, server)
