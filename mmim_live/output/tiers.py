"""Results as tiers of annotations, for ELAN (.eaf) and Praat (.TextGrid), by pympi.

The tiers: words, utterances, the score of each utterance with its interval, the score of the rolling window by steps,
and marks. Within a tier annotations do not overlap, as both programs demand.
"""

from __future__ import annotations

import itertools
import math
import re
import xml.etree.ElementTree as ElementTree
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from mmim_live.events import Event, Mark, Reading, Scored, SessionStarted, Utterance, WordHeard
from mmim_live.output.media_link import link_beside, relative_link
from mmim_live.output.subtitles import MAX_S

MARK_MS = 100  # how long a mark lasts, since an annotation needs a length
# Of the media that ELAN plays.
_MIME_TYPES = {".mp4": "video/mp4", ".mov": "video/quicktime", ".mpg": "video/mpeg", ".wav": "audio/x-wav"}
# What XML 1.0 cannot hold.
_NO_XML = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


@dataclass(frozen=True, slots=True)
class Annotation:
    """A stretch of media time, milliseconds, and what is said of it."""

    start_ms: int
    end_ms: int
    value: str


def tiers(events: Sequence[Event]) -> dict[str, list[Annotation]]:
    """The annotations of the committed events by tier, in order."""
    words = [event for event in events if isinstance(event, WordHeard) and event.status == "committed"]
    utterances = [event for event in events if isinstance(event, Utterance) and event.status == "committed"]
    readings = [event for event in events if isinstance(event, Reading) and event.status == "committed"]
    marks = [event for event in events if isinstance(event, Mark)]
    readings.sort(key=lambda reading: reading.end_s)
    steps = [
        (before.end_s, reading.end_s, f"{reading.score:+.2f}")
        for before, reading in itertools.pairwise(readings)
        if reading.score is not None
    ]
    return {
        "words": _disjoint((word.start_s, word.end_s, word.text) for word in words),
        "utterances": _disjoint((each.start_s, each.end_s, each.text) for each in utterances),
        "utterance scores": _disjoint((each.start_s, each.end_s, _score(each)) for each in utterances),
        "window scores": _disjoint(steps),
        "marks": _disjoint((mark.time_s, mark.time_s + MARK_MS / 1000, mark.label or "mark") for mark in marks),
    }


def write_eaf(path: Path, events: Sequence[Event], media: Path | None = None) -> None:
    """Write an ELAN annotation document (EAF 2.8), which ELAN opens with the recording.

    ELAN looks for it at `media`, and for a file of its name beside the document.
    """
    from pympi.Elan import Eaf, to_adocument

    document = Eaf(author="mmim-live")
    session = next((event for event in events if isinstance(event, SessionStarted)), None)
    name = "" if session is None else Path(session.source).name
    if (kind := _MIME_TYPES.get(Path(name).suffix.lower())) is not None:
        link = link_beside(name)
        seen = None if media is None else relative_link(media, path.parent)
        document.add_linked_file(f"file:///{link.removeprefix('./')}", relpath=seen or link, mimetype=kind)
    for name, spans in tiers(events).items():
        document.add_tier(name)
        for each in spans:
            document.add_annotation(name, each.start_ms, each.end_ms, each.value)
    document.remove_tier("default")
    tree = ElementTree.ElementTree(to_adocument(document, True))  # its own function would rename an existing file
    tree.write(path, xml_declaration=True, encoding="UTF-8")


def write_textgrid(path: Path, events: Sequence[Event], _media: Path | None = None) -> None:
    """Write a TextGrid in Praat's long text format; marks are a tier of points."""
    from pympi.Praat import TextGrid

    found = tiers(events)
    last_ms = max((each.end_ms for spans in found.values() for each in spans), default=0)
    last_s = max(last_ms / 1000, 0.001, *(min(event.time_s, MAX_S) for event in events))
    last_s = last_s if math.isfinite(last_s) else max(last_ms / 1000, 0.001)
    grid = TextGrid(xmin=0.0, xmax=last_s)
    for name, spans in found.items():
        tier = grid.add_tier(name, tier_type="TextTier" if name == "marks" else "IntervalTier")
        for each in spans:
            # They are known not to overlap; the library's check takes time in the square of their number.
            if name == "marks":
                tier.add_point(each.start_ms / 1000, each.value, check=False)
            else:
                tier.add_interval(each.start_ms / 1000, each.end_ms / 1000, each.value, check=False)
    grid.to_file(str(path))


def _score(event: Scored) -> str:
    if event.score is None:
        return "no score"
    if event.low is None or event.high is None:
        return f"{event.score:+.2f}"
    return f"{event.score:+.2f} [{event.low:+.2f}, {event.high:+.2f}]"


def _disjoint(spans: Iterable[tuple[float, float, str]]) -> list[Annotation]:
    """Annotations of at least 1 ms, each after the one before."""
    annotations: list[Annotation] = []
    floor_ms = 0
    for start_s, end_s, value in sorted(spans, key=lambda span: span[0]):
        if not (math.isfinite(start_s) and math.isfinite(end_s)):
            continue
        start_ms = max(round(min(start_s, MAX_S) * 1000), floor_ms)
        floor_ms = max(round(min(end_s, MAX_S) * 1000), start_ms + 1)
        annotations.append(Annotation(start_ms, floor_ms, " ".join(_NO_XML.sub("", value).split())))
    return annotations
