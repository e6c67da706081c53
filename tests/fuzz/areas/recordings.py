"""Folders of recorded sessions."""

from __future__ import annotations

import json
import tempfile
from pathlib import Path

from mmim_live.capture.files.media_file import MediaFile
from mmim_live.recording.folder import EVENTS, MEDIA, SETTINGS
from mmim_live.recording.reader import open_recorded, recorded_settings
from mmim_live.settings import load_settings
from tests.capture.media import Sound, make
from tests.fuzz.area import Area, Files
from tests.fuzz.areas.checkpoints import change_field
from tests.fuzz.areas.events import change_time, event_lines, write_everywhere

_FACTS = {
    "complete": True,
    "listen_every_s": 0.7,
    "models": {"speech": "whisper-base", "checkpoint": "minilm-en"},
    "settings": {"checkpoint": "minilm-en", "asr_model": "auto", "hop": 0.5, "window": 6.0, "language": "en"},
}


def seeds() -> list[Files]:
    with tempfile.TemporaryDirectory() as folder:
        sound = Sound(rate=16_000, layout="mono", parts=((0.0, 0.3),))
        media = make(Path(folder) / MEDIA, sound).read_bytes()
    return [{MEDIA: media, EVENTS: event_lines(), SETTINGS: json.dumps(_FACTS, indent=2).encode()}]


def read(folder: Path) -> None:
    recorded = open_recorded(folder)
    for notice in recorded.notices:
        assert len(notice.message.splitlines()) == 1, "a notice of several lines"
    write_everywhere(recorded.events)
    write_everywhere(recorded.marks)
    load_settings(None, {}, recorded=recorded_settings(folder))
    with MediaFile(recorded.media) as file:
        for _ in range(50):
            file.read()


AREA = Area("recordings", seeds, read, {".json": (change_field,), ".jsonl": (change_time,)})
