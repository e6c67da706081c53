"""`mmim-live bench`: how fast this machine is."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from mmim_live.cli.options import AsrModel, CheckpointName

if TYPE_CHECKING:
    from mmim_live.benchmark.metrics import LiveMetrics
    from mmim_live.benchmark.replay import ReplayMetrics, SpeechMetrics

bench_app = typer.Typer(help="Benchmark this machine.", no_args_is_help=True)


@bench_app.command("replay")
def bench_replay(
    files: Annotated[list[Path], typer.Argument(help='Video or audio files; "sample" is the bundled clip.')],
    checkpoint: CheckpointName = None,
    asr_model: AsrModel = None,
) -> None:
    """Replay at full speed: time to the first reading, real-time factor, CPU, memory, latency."""
    from mmim_live.benchmark.replay import measure_replay

    given = {"checkpoint": checkpoint, "asr_model": asr_model}
    settings = {key: value for key, value in given.items() if value is not None}
    _print_metrics("Replay at full speed", [measure_replay(file, settings) for file in files])


@bench_app.command("live")
def bench_live(
    speech: Annotated[list[Path], typer.Argument(help="Recordings of speech, played in a loop.")],
    camera: Annotated[str, typer.Option(help="Camera, or a video of a face.")] = "0",
    minutes: Annotated[float, typer.Option(min=0.1, help="Length of the session.")] = 10.0,
    checkpoint: CheckpointName = None,
    asr_model: AsrModel = None,
    app: Annotated[bool, typer.Option("--app", help="Run the app too, without a terminal.")] = False,
    cpu_share: Annotated[
        float, typer.Option(min=0.05, max=1.0, help="Share of all cores that the session may use (cpulimit).")
    ] = 1.0,
) -> None:
    """Live session on speech played to a PulseAudio null sink: rates, word latency, CPU, memory, losses."""
    from mmim_live.benchmark.live import measure_live

    given = {"checkpoint": checkpoint, "asr_model": asr_model}
    settings = {key: value for key, value in given.items() if value is not None}
    _print_metrics("Live", [measure_live(minutes, camera, speech, settings, app=app, cpu_share=cpu_share)])


@bench_app.command("speech")
def bench_speech(
    files: Annotated[
        list[Path], typer.Argument(help="Recordings; a .txt of the same name is the reference transcript.")
    ],
    asr_model: Annotated[
        str, typer.Option(help="auto, whisper-tiny.en, whisper-base, or a CTranslate2 folder.")
    ] = "auto",
    language: Annotated[str, typer.Option(help="auto, or an ISO 639 code such as en.")] = "auto",
) -> None:
    """Speech recognition, streaming and of the whole file: word errors, CPU, word latency."""
    from mmim_live.benchmark.replay import measure_speech

    figures = [measure_speech(file, asr_model, language) for file in files]
    _print_metrics("Speech, streaming and whole file", figures)
    known = [one for one in figures if one.streaming_errors is not None and one.whole_errors is not None]
    if known:
        words = sum(one.words for one in known)
        streaming = sum(one.streaming_errors or 0 for one in known)
        whole = sum(one.whole_errors or 0 for one in known)
        print(f"word error rate: streaming {streaming / words:.1%}, whole file {whole / words:.1%}, of {words} words")


def _print_metrics(
    title: str, figures: Sequence[ReplayMetrics] | Sequence[SpeechMetrics] | Sequence[LiveMetrics]
) -> None:
    """One column per file, one row per metric."""
    from rich.console import Console
    from rich.table import Table

    table = Table(title=title)
    table.add_column("metric", no_wrap=True)
    columns = [dataclasses.asdict(one) for one in figures]
    for column in columns:
        table.add_column(str(column["file"]), overflow="fold")
    for name in columns[0]:
        if name != "file":
            values = [column[name] for column in columns]
            table.add_row(name, *(f"{value:.2f}" if isinstance(value, float) else str(value) for value in values))
    Console().print(table)
