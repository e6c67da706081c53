"""`mmim-live live`: camera and microphone."""

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
from mmim_live.cli.presentation import run_app, run_live_headless
from mmim_live.cli.serving import publishing, serving
from mmim_live.settings import load_keys, user_file


def live(
    camera: Annotated[str, typer.Option(help="Camera index, device path, or URL (http, rtsp).")] = "0",
    no_camera: Annotated[bool, typer.Option("--no-camera", help="Disable the camera.")] = False,
    microphone: Annotated[
        str | None, typer.Option(help="Microphone index or (partial) name; default: the system's.")
    ] = None,
    no_microphone: Annotated[bool, typer.Option("--no-microphone", help="Disable the microphone.")] = False,
    headless: Headless = False,
    output: Outputs = None,
    record: Annotated[
        Path | None, typer.Option(help="Record from the start into this new folder: media, events, settings.")
    ] = None,
    record_to: Annotated[
        str | None, typer.Option(help="Where to put recordings that are started in the app.", metavar="DIR")
    ] = None,
    checkpoint: CheckpointName = None,
    asr_model: AsrModel = None,
    language: Language = None,
    hotwords: Hotwords = None,
    window: WindowLength = None,
    hop: Hop = None,
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
    """Analyze camera and microphone in real time (the default command)."""
    from mmim_live.session.open_live import Devices
    from mmim_live.session.runner import live_runner

    settings = build_settings(
        config=config,
        checkpoint=checkpoint,
        asr_model=asr_model,
        language=language,
        hotwords=hotwords,
        window=window,
        hop=hop,
        no_face=no_camera,
        no_speech=no_speech,
        device=device,
        serve=serve,
        serve_token=serve_token,
        serve_token_file=serve_token_file,
        osc=osc,
        lsl=lsl,
        record_to=record_to,
    )
    outputs = build_outputs(output)
    devices = Devices(None if no_camera else camera, microphone, not no_microphone)
    in_app = not headless and sys.stdin.isatty() and sys.stdout.isatty()
    with publishing(settings) as published, serving(settings) as server:
        sinks = [*published, server] if server is not None else published
        runner = live_runner(devices, settings, record=record, outputs=outputs, sinks=sinks, waits_for_device=in_app)
        if not in_app:
            run_live_headless(runner, outputs, server)
            return
        from mmim_live.tui.first_run import acknowledged

        keys = load_keys(config, user_file())
        opened = run_app(
            runner,
            title="live",
            ascii_only=ascii_only,
            keys=keys,
            server=server,
            welcome=not acknowledged(),
            outputs=outputs,
        )
    if opened is not None:
        from mmim_live.cli.replay import replay

        replay(
            opened,
            checkpoint=checkpoint,
            asr_model=asr_model,
            language=language,
            hotwords=hotwords,
            window=window,
            hop=hop,
            no_speech=no_speech,
            device=device,
            config=config,
            ascii_only=ascii_only,
            serve=serve,
            serve_token=serve_token,
            serve_token_file=serve_token_file,
            osc=osc,
            lsl=lsl,
        )
