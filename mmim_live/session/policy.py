"""What happens if one stage of a session is slower than the one before it.

A replay waits for the slowest stage, so it loses nothing and is exactly repeatable. Devices cannot wait: late data is
dropped and counted, and a worker that fails must not end the session.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class FlowPolicy:
    """Chosen once per session: `REPLAY` or `LIVE`."""

    audio_depth: int  # blocks that may wait for an extractor before the source waits; 0: unbounded
    inbox_depth: int  # messages that may wait for inference before the extractors wait; 0: unbounded
    waits_for_speech: bool  # a reading is held back until the recognizer has got that far
    skips_superseded: bool  # windows that are already outdated are not predicted
    governs_speech: bool  # the recognizer does less when it falls behind
    restarts_workers: bool  # a worker that fails is restarted, and later given up; otherwise its error ends the session


REPLAY = FlowPolicy(
    audio_depth=20,  # about two seconds
    inbox_depth=256,
    waits_for_speech=True,
    skips_superseded=False,
    governs_speech=False,
    restarts_workers=False,
)
LIVE = FlowPolicy(
    audio_depth=0,  # only the speech governor skips audio, and it counts what it skips
    inbox_depth=0,
    waits_for_speech=False,
    skips_superseded=True,
    governs_speech=True,
    restarts_workers=True,
)
