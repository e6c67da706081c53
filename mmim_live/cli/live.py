"""`mmim-live live`: camera and microphone."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from mmim_live.cli.options import (
    Ascii,
    AsrModel,
    CheckpointName,
    ComputeDevice,
    ConfigFile,
    Headless,
    Hop,
    Language,
    NoSpeech,
    Outputs,
    ServePort,
    ServeToken,
    WindowLength,
    build_outputs,
    build_settings,
)
from mmim_live.cli.replay import show, summary_lines, utterance_line
from mmim_live.cli.serving import announce, build_sinks, health_reporting, serving
from mmim_live.events import Notice, Summary, Utterance
from mmim_live.settings import Settings, load_keys, user_file

if TYPE_CHECKING:
    from mmim_live.serve.server import EventServer
    from mmim_live.session.open_live import Devices


def live(
    camera: Annotated[str, typer.Option(help="An index, a path, or an address (http, rtsp).")] = "0",
    no_camera: Annotated[bool, typer.Option("--no-camera", help="Do without a camera.")] = False,
    microphone: Annotated[
        str | None, typer.Option(help="A name, part of one, or an index; the default device if left out.")
    ] = None,
    no_microphone: Annotated[bool, typer.Option("--no-microphone", help="Do without a microphone.")] = False,
    headless: Headless = False,
    output: Outputs = None,
    record: Annotated[
        Path | None, typer.Option(help="Record from the start into this new folder: media, events, settings.")
    ] = None,
    record_to: Annotated[
        str | None, typer.Option(help="Where the recordings go that are begun in the app.", metavar="DIR")
    ] = None,
    checkpoint: CheckpointName = None,
    asr_model: AsrModel = None,
    language: Language = None,
    window: WindowLength = None,
    hop: Hop = None,
    no_speech: NoSpeech = False,
    device: ComputeDevice = None,
    config: ConfigFile = None,
    ascii_only: Ascii = False,
    serve: ServePort = None,
    serve_token: ServeToken = None,
) -> None:
    """Watch and listen, and show a sentiment that rolls with the speaker. Also what `mmim-live` alone does."""
    from mmim_live.session.open_live import Devices

    settings = build_settings(
        config,
        checkpoint,
        asr_model,
        language,
        window,
        hop,
        no_camera,
        no_speech,
        device,
        serve,
        serve_token,
        record_to,
    )
    outputs = build_outputs(output)
    devices = Devices(None if no_camera else camera, _number(microphone), not no_microphone)
    with serving(settings) as broadcast:
        if headless or not (sys.stdin.isatty() and sys.stdout.isatty()):
            _live_headless(devices, settings, outputs, broadcast, record)
        else:
            from mmim_live.session.runner import LiveFeed
            from mmim_live.tui.first_run import acknowledged

            keys, feed = load_keys(config, user_file()), LiveFeed(devices, settings, outputs, broadcast, record)
            show(feed, "live", ascii_only, keys, broadcast, welcome=not acknowledged())


def _number(text: str | None) -> int | str | None:
    return int(text) if text is not None and text.isdecimal() else text


def _live_headless(
    devices: Devices, settings: Settings, outputs: list[Path], broadcast: EventServer | None, record: Path | None
) -> None:
    """Utterances on standard output, notices on standard error, until a signal ends it with the summary."""
    from mmim_live.native_stderr import native_stderr_to_log
    from mmim_live.session.open_live import open_live
    from mmim_live.session.runner import write_events
    from mmim_live.session.signals import finishing_on_signals

    with native_stderr_to_log() as terminal:
        announce(broadcast, terminal)
        session = open_live(devices, settings, lambda what: print(f"{what} ...", file=terminal, flush=True), record)
        with finishing_on_signals(session), health_reporting(broadcast, session, settings):
            for event in write_events(session.events(), build_sinks(outputs, broadcast)):
                match event:
                    case Notice():
                        print(f"{event.time_s:7.1f} s  note: {event.message}", file=terminal, flush=True)
                    case Utterance():
                        print(utterance_line(event), flush=True)
                    case Summary():
                        print(summary_lines(event, outputs), flush=True)
                    case _:
                        pass
