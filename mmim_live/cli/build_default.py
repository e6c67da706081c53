"""`mmim-live build-default`: make the shipped checkpoint from its development data."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

import typer


def build_default(
    data: Annotated[
        Path, typer.Option(help="Folder of the development data: text/, labels/, speech/, faces/, clips/.")
    ],
    output: Annotated[Path, typer.Option(help="Checkpoint folder to write; replaced if it exists.")] = Path(
        "runs/minilm-en"
    ),
    cache: Annotated[
        Path | None, typer.Option(help="Folder for intermediate results; default: a hidden folder beside the output.")
    ] = None,
    text_from: Annotated[
        str | None, typer.Option(help="Checkpoint whose text encoder is kept; default: tune a new one.")
    ] = None,
) -> None:
    """Build the shipped checkpoint from its source data sets; an interrupted build resumes."""
    from mmim_live.assets import checkpoint_folder
    from mmim_train.default_checkpoint.build import build_default_checkpoint

    build_default_checkpoint(
        data,
        output,
        cache=cache,
        text_from=None if text_from is None else checkpoint_folder(text_from),
        log=lambda line: print(line, file=sys.stderr, flush=True),
    )
    print(f"{output}: checkpoint written; see README.md for its figures")
