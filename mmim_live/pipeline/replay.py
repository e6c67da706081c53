"""Opens a session over a recording. The file is opened first, so that a bad one is told before models load."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from mmim_live import assets
from mmim_live.capture.recording import Recording
from mmim_live.config import Settings, Speed

if TYPE_CHECKING:
    from mmim_live.pipeline.session import Session

SAMPLE = "sample"  # stands for the clip that comes with the project


def open_replay(
    path: Path, settings: Settings, speed: Speed, report: Callable[[str], None] = lambda _: None
) -> Session:
    """A session ready to run; `report` is told what is being loaded.

    Raises:
        MmimLiveError: whatever is wrong with the file, the settings, the checkpoint or the model files.
    """
    if str(path) == SAMPLE and not path.exists():
        path = assets.BUNDLED_FOLDER / "sample.mp4"
    source = Recording(path, video=settings.face)
    # These import torch, which takes seconds: not before the file is known to be good.
    from mmim_live.pipeline.from_file import FileIntake
    from mmim_live.pipeline.models import load_models
    from mmim_live.pipeline.session import Session

    try:
        models = load_models(settings, report, video=source.has_video, audio=source.has_audio)
        intake = FileIntake(source, pictures=models.face is not None, real_time=speed == "1.0")
        return Session(intake, models, settings)
    except BaseException:
        source.close()
        raise
