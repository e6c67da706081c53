"""An output format: utterances as timed lyrics (.lrc), `[01:02.50][+1.8] that was good`."""

from mmim_live.events import Event, Utterance
from mmim_live.output.format import OutputFormat


def line(event: Event) -> str:
    """The record of an event; "" for all but utterances."""
    if not isinstance(event, Utterance):
        return ""
    minutes, seconds = divmod(event.start_s, 60)
    score = "" if event.score is None else f"[{event.score:+.1f}] "
    return f"[{int(minutes):02}:{seconds:05.2f}]{score}{event.text}\n"


LRC = OutputFormat(make_formatter=lambda: line, header="[re:mmim-live]\n")
