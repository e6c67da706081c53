"""Reads the folder of a recorded session, complete or damaged."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from mmim_live import assets
from mmim_live.errors import DataError, MediaError
from mmim_live.events import Event, Mark, Notice, Reading
from mmim_live.output.jsonl import read_events
from mmim_live.recording.folder import EVENTS, MEDIA, SETTINGS
from mmim_live.settings import Settings
from mmim_live.untrusted import read_json_object

# Specific to the machine, or irrelevant to a replay.
_NOT_TAKEN_OVER = ("device", "record_to", "serve", "serve_token")
# A recording may come from a stranger, so it may choose among our models, but not have other files loaded as models.
_MODEL_OPTIONS = {"checkpoint": "--checkpoint", "asr_model": "--asr-model"}
_IS_NAME = {"checkpoint": assets.is_checkpoint_name, "asr_model": assets.is_model_name}
_INTERVAL_RANGE_S = (0.1, 60.0)


@dataclass(frozen=True, slots=True)
class Recorded:
    """What was recorded, and what a person should know about it. Times count from the beginning of the media."""

    folder: Path
    events: tuple[Event, ...]
    decode_interval_s: float | None  # how often speech was transcribed
    notices: tuple[Notice, ...]

    @property
    def media(self) -> Path:
        """Video and audio."""
        return self.folder / MEDIA

    @property
    def has_readings(self) -> bool:
        """Whether there is anything to compare with."""
        return any(isinstance(event, Reading) for event in self.events)

    @property
    def marks(self) -> tuple[Mark, ...]:
        """The moments that were marked."""
        return tuple(event for event in self.events if isinstance(event, Mark))


def is_folder(path: Path) -> bool:
    """Whether this is a folder. What cannot be the name of a file, for its length or content, is none."""
    try:
        return path.is_dir()
    except (OSError, ValueError):
        return False


def open_recorded(folder: Path) -> Recorded:
    """The recording in a folder. Any damage except to the media is reported in notices.

    Raises:
        MediaError: there are no media in it.
    """
    if not (folder / MEDIA).is_file():
        raise MediaError(
            f"{folder}: is a folder without a {MEDIA}, so no recorded session; name one that mmim-live recorded, or a "
            "video or sound file"
        )
    notices: list[Notice] = []
    events = _events(folder, notices)
    facts = _facts(folder)
    if not facts:
        notices.append(
            Notice(0.0, "no_settings", f"{SETTINGS} is missing or damaged: replayed with the current settings")
        )
    elif not facts.get("complete"):
        notices.append(Notice(0.0, "recording_cut_short", "the recording was cut short: replayed as far as it goes"))
    notices += [
        Notice(0.0, "model_not_loaded", f"the recording names a {key} by path ({value!r}); to load it, pass {option}")
        for key, option in _MODEL_OPTIONS.items()
        if _is_path(key, value := _settings(facts).get(key))
    ]
    return Recorded(folder, events, _interval_s(facts), tuple(notices))


def recorded_settings(path: Path) -> dict[str, Any]:
    """What the session in this folder ran with, except models named by path; empty for other paths and if damaged."""
    facts = _facts(path) if is_folder(path) else {}
    known = {
        key: value
        for key, value in _settings(facts).items()
        if key in Settings.model_fields and key not in _NOT_TAKEN_OVER
        if not _is_path(key, value)
    }
    models = facts.get("models")
    heard_with = models.get("speech") if isinstance(models, dict) else None
    if known.get("asr_model") == "auto" and isinstance(heard_with, str) and heard_with in assets.ASSETS:
        known["asr_model"] = heard_with  # what another machine would choose need not be what this one chose
    try:
        Settings(**known)
    except ValidationError:
        return {}
    return known


def _settings(facts: dict[str, Any]) -> dict[str, Any]:
    found = facts.get("settings")
    return found if isinstance(found, dict) else {}


def _is_path(key: str, value: object) -> bool:
    return key in _IS_NAME and isinstance(value, str) and value != "auto" and not _IS_NAME[key](value)


def _interval_s(facts: dict[str, Any]) -> float | None:
    value = facts.get("listen_every_s")
    low, high = _INTERVAL_RANGE_S
    return float(value) if isinstance(value, int | float) and low <= value <= high else None


def _facts(folder: Path) -> dict[str, Any]:
    try:
        return read_json_object(folder / SETTINGS)
    except (OSError, ValueError):
        return {}


def _events(folder: Path, notices: list[Notice]) -> tuple[Event, ...]:
    """As many as can be read: the last line of a killed session may be cut off."""
    events: list[Event] = []
    problem = ""
    try:
        for event in read_events(folder / EVENTS):
            events.append(event)  # noqa: PERF402 (those before the damage are kept)
    except DataError as error:
        problem = str(error)
    if not any(isinstance(event, Reading) for event in events):
        why = f" ({problem})" if problem else ""
        notices.append(Notice(0.0, "no_comparison", f"{EVENTS} holds no readings{why}; nothing to compare with"))
    elif problem:
        notices.append(Notice(0.0, "events_damaged", f"{problem}; comparing only what precedes it"))
    return tuple(events)
