"""Publishes a session as two Lab Streaming Layer streams, for recording beside EEG, eye tracking and other signals.

`mmim-live` has a sample of float32 per reading, `mmim-live-events` every event as a line of JSON. docs/lsl.md describes
both. Without a configuration file of the user's own, they are announced on this machine only.
"""

from __future__ import annotations

import math
import os
import uuid
from pathlib import Path

from mmim_live.errors import OutputError
from mmim_live.events import Event, Reading, Scored
from mmim_live.output.jsonl import jsonl_formatter

__all__ = ["CHANNELS", "EVENT_STREAM", "LOCAL_CONFIGURATION", "READING_STREAM", "LslPublisher", "reading_sample"]

READING_STREAM, EVENT_STREAM = "mmim-live", "mmim-live-events"
CHANNELS = (
    "score",
    "low",
    "high",
    "contribution_text",
    "contribution_voice",
    "contribution_face",
    "agreement_voice",
    "agreement_face",
    "relative",
    "committed",
)
# liblsl listens on all interfaces, whatever its configuration; this keeps the streams from being announced there.
LOCAL_CONFIGURATION = """
[ports]
IPv6 = disable
[multicast]
ResolveScope = machine
AddressesOverride = {127.0.0.1}
ListenAddress = 127.0.0.1
[log]
level = -3
"""


class LslPublisher:
    """A `Sink` whose inlets come and go.

    A sample's timestamp is the moment, on LSL's clock, at which what it describes was captured.

    Raises:
        OutputError: pylsl, or the liblsl that it needs, is not installed.
    """

    def __init__(self) -> None:
        try:
            import pylsl
        except (ImportError, RuntimeError, OSError) as error:  # pylsl raises RuntimeError without liblsl
            reason = " ".join(str(error).split())[:120]
            raise OutputError(f'--lsl needs pylsl and liblsl ({reason}): run `pip install ".[lsl]"`') from error
        if not _user_configuration():
            pylsl.util.set_config_content(LOCAL_CONFIGURATION)  # has no effect once anything else was called
        identity = uuid.uuid4().hex
        readings = pylsl.StreamInfo(
            name=READING_STREAM,
            type="Sentiment",
            channel_count=len(CHANNELS),
            nominal_srate=pylsl.IRREGULAR_RATE,
            channel_format=pylsl.cf_float32,
            source_id=f"{identity}-readings",
        )
        readings.set_channel_labels(list(CHANNELS))
        events = pylsl.StreamInfo(
            name=EVENT_STREAM,
            type="Markers",
            channel_count=1,
            nominal_srate=pylsl.IRREGULAR_RATE,
            channel_format=pylsl.cf_string,
            source_id=f"{identity}-events",
        )
        self._now = pylsl.local_clock
        self._readings = pylsl.StreamOutlet(readings)
        self._events = pylsl.StreamOutlet(events)
        self._format = jsonl_formatter()

    def write(self, event: Event) -> None:
        """Push the event; liblsl queues it for each inlet and drops the oldest of one that is slow."""
        age_s = event.latency_ms / 1000 if isinstance(event, Scored) else 0.0
        captured_s = self._now() - age_s
        if isinstance(event, Reading):
            self._readings.push_sample(reading_sample(event), captured_s)
        self._events.push_sample([self._format(event).rstrip("\n")], captured_s)

    def close(self) -> None:
        """The session is over; the streams end with the process."""

    def discard(self) -> None:
        """What was pushed cannot be taken back."""


def reading_sample(reading: Reading) -> list[float]:
    """The values of `CHANNELS`; NaN is unknown."""
    values = (
        reading.score,
        reading.low,
        reading.high,
        reading.contributions.text,
        reading.contributions.voice,
        reading.contributions.face,
        reading.agreement.voice,
        reading.agreement.face,
        reading.relative,
        float(reading.status == "committed"),
    )
    return [math.nan if value is None else value for value in values]


def _user_configuration() -> bool:
    """Whether the user has a configuration of liblsl, where liblsl looks for one."""
    if os.environ.get("LSLAPICFG"):
        return True
    places = (Path("lsl_api.cfg"), Path.home() / "lsl_api" / "lsl_api.cfg", Path("/etc/lsl_api/lsl_api.cfg"))
    return any(place.is_file() for place in places)
