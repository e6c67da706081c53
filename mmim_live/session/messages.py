"""The messages from the workers to the predictor."""

from __future__ import annotations

from dataclasses import dataclass

from mmim_live.alignment import Stream
from mmim_live.events import Mark, Notice
from mmim_live.session.channel import Channel
from mmim_live.types import FaceRow, SpeechUpdate, VoiceRow


@dataclass(frozen=True, slots=True)
class FaceRows:
    """The rows of one frame; no row before `until_s` will follow."""

    rows: tuple[FaceRow, ...]
    until_s: float


@dataclass(frozen=True, slots=True)
class NoFrame:
    """There was no frame; none before `until_s` will follow."""

    until_s: float


@dataclass(frozen=True, slots=True)
class VoiceRows:
    """The rows of one block of audio; no row before `until_s` will follow."""

    rows: tuple[VoiceRow, ...]
    until_s: float


@dataclass(frozen=True, slots=True)
class Finished:
    """This stream has ended."""

    stream: Stream


@dataclass(frozen=True, slots=True)
class MediaEnded:
    """The media have ended."""

    duration_s: float


@dataclass(frozen=True, slots=True)
class BaselineToggled:
    """The user started or removed a baseline."""

    time_s: float


Message = FaceRows | NoFrame | VoiceRows | SpeechUpdate | Finished | MediaEnded | BaselineToggled | Notice | Mark
Inbox = Channel[Message]
