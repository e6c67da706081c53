"""Writes events to files: JSON lines, CSV, subtitles."""

from mmim_live.output.jsonl import read_events
from mmim_live.output.sink import Sink, check_writable, open_sink

__all__ = ["Sink", "check_writable", "open_sink", "read_events"]
