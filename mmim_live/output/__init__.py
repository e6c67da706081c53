"""What a session says, written to files: JSON lines, a table, subtitles. Knows events, not where they come from."""

from mmim_live.output.jsonl import read_events
from mmim_live.output.sink import Sink, check_writable, open_sink

__all__ = ["Sink", "check_writable", "open_sink", "read_events"]
