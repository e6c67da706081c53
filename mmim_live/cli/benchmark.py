"""`mmim-live bench`: how fast this machine is."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from mmim_live.cli.options import AsrModel, CheckpointName

if TYPE_CHECKING:
    from mmim_live.benchmark.engines import EngineMetrics
    from mmim_live.benchmark.fault_injection import FaultOutcome
    from mmim_live.benchmark.metrics import LiveMetrics
    from mmim_live.benchmark.periods import Period
    from mmim_live.benchmark.replay import ReplayMetrics

bench_app = typer.Typer(help="Benchmark this machine.", no_args_is_help=True)


@bench_app.command("replay")
def bench_replay(
    files: Annotated[list[Path], typer.Argument(help='Video or audio files; "sample" is the bundled clip.')],
    minutes: Annotated[
        float | None, typer.Option(min=0.1, help="Repeat the media of each file to this length, as one long file.")
    ] = None,
    checkpoint: CheckpointName = None,
    asr_model: AsrModel = None,
) -> None:
    """Replay at full speed: time to the first reading, real-time factor, CPU, memory, latency.

    For a long replay, memory, open files, threads and lag are printed every five minutes.
    """
    from mmim_live.benchmark.replay import measure_replay

    given = {"checkpoint": checkpoint, "asr_model": asr_model}
    settings = {key: value for key, value in given.items() if value is not None}
    figures = []
    for file in files:
        print_period = _period_printer(file.name)
        figures.append(measure_replay(file, settings, minutes=minutes, on_period=print_period))
    _print_metrics("Replay at full speed", figures)


@bench_app.command("live")
def bench_live(
    speech: Annotated[list[Path], typer.Argument(help="Recordings of speech, played in a loop.")],
    camera: Annotated[str, typer.Option(help="Camera, or a video of a face.")] = "0",
    minutes: Annotated[float, typer.Option(min=0.1, help="Length of the session.")] = 10.0,
    checkpoint: CheckpointName = None,
    asr_model: AsrModel = None,
    save: Annotated[Path | None, typer.Option(help="Write the metrics to this .json file.")] = None,
    against: Annotated[
        Path | None, typer.Option(metavar="FILE.json", help="Compare with the metrics that an earlier run saved.")
    ] = None,
    app: Annotated[bool, typer.Option("--app", help="Run the app too, without a terminal.")] = False,
    cpu_share: Annotated[
        float, typer.Option(min=0.05, max=1.0, help="Share of all cores that the session may use (cpulimit).")
    ] = 1.0,
    faults: Annotated[
        bool,
        typer.Option(
            "--faults",
            help="Break things while it runs: camera and sound server go away and return, workers fail, a disk fills "
            "up, the clock is set, the CPU gets scarce. For this, --camera is a video.",
        ),
    ] = False,
) -> None:
    """Live session on speech played to a PulseAudio null sink: rates, word latency, CPU, memory, losses.

    Memory, open files, threads and lag are printed every five minutes, and what came of each fault as it is over.
    """
    from mmim_live.benchmark.live import measure_live
    from mmim_live.benchmark.saved_metrics import read_numbers, save_metrics

    before = None if against is None else read_numbers(against)
    given = {"checkpoint": checkpoint, "asr_model": asr_model}
    settings = {key: value for key, value in given.items() if value is not None}
    report = measure_live(
        minutes,
        camera,
        speech,
        settings,
        app=app,
        cpu_share=cpu_share,
        faults=faults,
        on_period=_period_printer("live"),
        on_fault=lambda outcome: print(_fault_line(outcome), flush=True),
    )
    if save is not None:
        save_metrics(save, report.metrics)
    _print_metrics("Live", [report.metrics], before)
    if faults:
        run = [outcome for outcome in report.faults if not outcome.not_run]
        print(f"faults: {len(run)} of {len(report.faults)} run, {sum(each.survived for each in run)} survived")


@bench_app.command("speech")
def bench_speech(
    files: Annotated[
        list[Path], typer.Argument(help="Recordings; a .txt or .stm of the same name is the reference transcript.")
    ],
    asr_model: Annotated[
        list[str] | None,
        typer.Option(help="auto, whisper-tiny.en, whisper-base, or a CTranslate2 folder; may be repeated."),
    ] = None,
    policy: Annotated[
        list[str] | None, typer.Option(help="local-agreement or alignatt; may be repeated. Both by default.")
    ] = None,
    language: Annotated[str, typer.Option(help="auto, or an ISO 639 code such as en.")] = "auto",
    level: Annotated[
        float | None,
        typer.Option(min=-80, max=0, help="Bring each recording to this level first, dB of full scale (RMS)."),
    ] = None,
) -> None:
    """Streaming speech recognition by model and commit policy: word errors, latency, flicker, cost.

    Latencies are those of a live session with a core to itself: from the end of a word until it is shown, and until it
    is final. Flicker is the share of the words shown that change later.
    """
    from rich import box
    from rich.console import Console
    from rich.table import Table

    from mmim_live.benchmark.speech import AT_ONCE, by_policy, measure_speech, row

    without_reference: set[str] = set()
    for model in asr_model or ["auto"]:
        runs = list(measure_speech(files, model, policy or (), language=language, level_dbfs=level))
        without_reference |= {run.file for run in runs if run.reference == AT_ONCE}
        for own in by_policy(runs):
            rows = [row(run) for run in own]
            table = Table(title=f"{own[0].model}, {own[0].policy}", box=box.SIMPLE_HEAD, padding=(0, 1, 0, 0))
            for heading in rows[0]:
                table.add_column(heading, overflow="fold", justify="left" if heading == "file" else "right")
            for each in rows:
                table.add_row(*each.values())
            Console().print(table)
    print("shown, final: seconds from the end of a word, median/95th percentile; CPU, RTF: seconds per second of audio")
    if without_reference:
        print(
            f"{len(without_reference)} of {len(files)} recordings have no transcript beside them: their words are "
            "compared with what the same model makes of the whole file at once."
        )


@bench_app.command("engines")
def bench_engines(
    engine: Annotated[
        list[str] | None, typer.Option(help="processes or ray; may be repeated. Both by default.")
    ] = None,
    workers: Annotated[list[int] | None, typer.Option(min=1, help="May be repeated; 1 and 2 by default.")] = None,
    items: Annotated[int, typer.Option(min=10, help="Items of work, such as clips.")] = 1000,
    seconds: Annotated[float, typer.Option(min=0, help="How long a worker sleeps on each.")] = 0.02,
) -> None:
    """What workers cost in time and memory, by engine: start, items per second, overhead per item."""
    from mmim_live.benchmark.engines import measure_engines

    rows = list(measure_engines(engine or ["processes", "ray"], workers or [1, 2], items, seconds))
    _print_metrics(f"Engines, {seconds:g} s of work per item", rows)


def _period_printer(title: str) -> Callable[[Period], None]:
    """Prints the row of a period as it ends, under a heading."""
    from mmim_live.benchmark.periods import HEADER, row

    printed = False

    def show(period: Period) -> None:
        nonlocal printed
        if not printed:
            print(f"{title}, by five minutes", HEADER, sep="\n")
            printed = True
        print(row(period), flush=True)

    return show


def _fault_line(outcome: FaultOutcome) -> str:
    at = f"minute {outcome.at_s / 60:.1f}: {outcome.name}"
    if outcome.not_run:
        return f"{at}: not run: {outcome.not_run}"
    again = "no readings again" if outcome.recovered_s is None else f"readings again after {outcome.recovered_s:.1f} s"
    lasted = f" for {outcome.lasted_s:.0f} s" if outcome.lasted_s else ""
    lost = (
        f"lost {outcome.readings_missing} readings, {outcome.audio_lost_s:.1f} s of audio, "
        f"{outcome.video_lost_s:.1f} s of video"
    )
    notices = f"notices: {', '.join(outcome.notices) or 'none'}"
    return "; ".join(part for part in (f"{at}{lasted}: {again}", lost, outcome.finding, notices) if part)


def _print_metrics(
    title: str,
    figures: Sequence[ReplayMetrics] | Sequence[LiveMetrics] | Sequence[EngineMetrics],
    before: dict[str, float] | None = None,
) -> None:
    """One column per file, one row per metric; `before`: numbers of an earlier run, in a column of their own."""
    from rich.console import Console
    from rich.table import Table

    table = Table(title=title)
    table.add_column("metric", no_wrap=True)
    columns = [dataclasses.asdict(one) for one in figures]
    if before is not None:
        table.add_column("before", no_wrap=True)
    for column in columns:
        table.add_column(str(column["file"]), overflow="fold")
    for name in columns[0]:
        if name != "file":
            values = [column[name] for column in columns]
            cells = [f"{value:.2f}" if isinstance(value, float) else str(value) for value in values]
            if before is not None:
                cells.insert(0, f"{before[name]:.2f}" if name in before else "")
            table.add_row(name, *cells)
    Console().print(table)
