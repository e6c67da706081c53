"""Opens a session over a media file or the folder of a recorded session. Light to import.

The media are opened first, so that a bad file is reported before any model loads.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from mmim_live import assets
from mmim_live.capture.files.excerpt import WHOLE, Excerpt
from mmim_live.capture.files.media_file import MAX_FPS, MediaFile
from mmim_live.recording.folder import MEDIA
from mmim_live.recording.reader import is_folder, open_recorded
from mmim_live.settings import Settings, Speed

if TYPE_CHECKING:
    from mmim_live.session.loading import ModelStore
    from mmim_live.session.session import Session

SAMPLE = "sample"  # the bundled clip


def media_path(path: Path) -> Path:
    """The path of what a user named: "sample" is the bundled clip, unless there is such a file."""
    return assets.BUNDLED_FOLDER / "sample.mp4" if str(path) == SAMPLE and not path.exists() else path


def recording_of(path: Path) -> Path:
    """The media file of what a user named: of a recorded session it lies in its folder."""
    return path / MEDIA if is_folder(path) else media_path(path)


def open_replay(
    path: Path,
    settings: Settings,
    speed: Speed,
    report: Callable[[str], None] = lambda _: None,
    *,
    excerpt: Excerpt = WHOLE,
    store: ModelStore | None = None,
) -> Session:
    """A session ready to run; `report` receives what is being loaded.

    `excerpt` is the part to analyze. `store` keeps models for the next session; by default they go with this one.

    Raises:
        MmimLiveError: there is a problem with the file, the settings, the checkpoint or the model files.
    """
    path = media_path(path)
    recorded = open_recorded(path) if is_folder(path) else None
    # The frame rate of a recorded session was limited live; limiting it again would drop frames that came a bit early.
    fps = MAX_FPS if recorded is None else math.inf
    media = MediaFile(path if recorded is None else recorded.media, video=settings.face, max_fps=fps, excerpt=excerpt)
    # These import torch, which takes seconds: not before the file is known to be readable.
    from mmim_live.recording.comparison import Comparer
    from mmim_live.session.file_source import FileSource
    from mmim_live.session.loading import load_models
    from mmim_live.session.policy import REPLAY
    from mmim_live.session.session import Session
    from mmim_live.speech.segment_decoder import SegmentSettings

    try:
        interval_s = recorded.decode_interval_s if recorded else None
        segments = SegmentSettings(decode_interval_s=interval_s) if interval_s else None
        models = load_models(
            settings, report, video=media.has_video, audio=media.has_audio, segments=segments, store=store
        )
        marks = [mark for mark in recorded.marks if excerpt.holds(mark.time_s)] if recorded else []
        source = FileSource(
            media,
            video=models.face is not None,
            real_time=speed == "1.0",
            name=recorded.folder.name if recorded else None,
            notices=recorded.notices if recorded else (),
            marks=[replace(mark, time_s=mark.time_s - excerpt.start_s) for mark in marks],
        )
        # A part cannot be compared with the whole.
        comparer = Comparer(recorded.events) if recorded and recorded.has_readings and excerpt.is_whole else None
        return Session(source, models, settings, REPLAY, comparer=comparer, excerpt=excerpt)
    except BaseException:
        media.close()
        raise
