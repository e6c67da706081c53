"""What the workers tell the predictor. Knows the aligner's streams, nothing of threads."""

from __future__ import annotations

from dataclasses import dataclass

from mmim_live.alignment import Stream
from mmim_live.events import Mark, Notice
from mmim_live.session.channel import Channel
from mmim_live.types import FaceRow, SpeechUpdate, VoiceRow


@dataclass(frozen=True, slots=True)
class FaceRows:
    """What one frame gave; no row before `until_s` is to come."""

    rows: tuple[FaceRow, ...]
    until_s: float


@dataclass(frozen=True, slots=True)
class NoFrame:
    """The camera gives nothing; no frame before `until_s` is to come."""

    until_s: float


@dataclass(frozen=True, slots=True)
class VoiceRows:
    """What one block of sound gave; no row before `until_s` is to come."""

    rows: tuple[VoiceRow, ...]
    until_s: float


@dataclass(frozen=True, slots=True)
class Finished:
    """Nothing more will come of this stream."""

    stream: Stream


@dataclass(frozen=True, slots=True)
class MediaEnded:
    """The source is exhausted."""

    duration_s: float


@dataclass(frozen=True, slots=True)
class BaselineToggled:
    """The user began to take a baseline, or wants to be rid of it."""

    time_s: float


Message = FaceRows | NoFrame | VoiceRows | SpeechUpdate | Finished | MediaEnded | BaselineToggled | Notice | Mark
Inbox = Channel[Message]
