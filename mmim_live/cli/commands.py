"""The command line: all commands, and errors in one line."""

from __future__ import annotations

import sys
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Annotated, TextIO

import typer

from mmim_live.cli.analyze import analyze
from mmim_live.cli.benchmark import bench_app
from mmim_live.cli.build_default import build_default
from mmim_live.cli.diagnostics import devices, doctor, models
from mmim_live.cli.failures import BUG, explained, shows_tracebacks
from mmim_live.cli.live import live
from mmim_live.cli.replay import replay
from mmim_live.cli.serving import expand_serve_flag
from mmim_live.cli.standard_streams import write_error
from mmim_live.cli.training import evaluate, extract, train, tune
from mmim_live.errors import RenamedWarning

app = typer.Typer(
    name="mmim-live",
    help="Real-time sentiment from face, voice and words.",
    add_completion=False,
    pretty_exceptions_enable=False,
)


@app.callback()
def _root(
    version: Annotated[bool, typer.Option("--version", help="Show the version and exit.")] = False,
) -> None:
    """`cli.main` answers --version itself, so that it needs no heavy import; here it stands in the help."""


for command in (live, replay, analyze, devices, models, doctor, train, evaluate, tune, extract, build_default):
    app.command()(command)
app.add_typer(bench_app, name="bench")


def run(arguments: list[str]) -> None:
    """Run a command; every error becomes one line."""
    try:
        with renames_in_one_line():
            app(expand_serve_flag(with_default_command(arguments)))
    except BrokenPipeError:
        sys.exit(1)
    except Exception as error:
        message, code = explained(error)
        if code == BUG and shows_tracebacks():
            raise
        write_error(message)
        sys.exit(code)


@contextmanager
def renames_in_one_line() -> Iterator[None]:
    """Print a RenamedWarning as one line on standard error, without the line of code that Python would add."""
    show = warnings.showwarning

    def show_one_line(
        message: Warning | str,
        category: type[Warning],
        filename: str,
        lineno: int,
        file: TextIO | None = None,
        line: str | None = None,
    ) -> None:
        if issubclass(category, RenamedWarning):
            write_error(str(message))
        else:
            show(message, category, filename, lineno, file=file, line=line)

    warnings.showwarning = show_one_line
    try:
        yield
    finally:
        warnings.showwarning = show


def with_default_command(arguments: list[str]) -> list[str]:
    """`live` is the default command: added where only options are given."""
    named = arguments and (not arguments[0].startswith("-") or arguments[0] == "--help")
    return arguments if named else ["live", *arguments]
