"""Writes a report: one HTML file with its styles, its script and its drawings inside.

The page loads nothing from elsewhere, and its content security policy holds the browser to that. Only the recording
itself is played from its own file, if it is beside the report or where it was.
"""

from __future__ import annotations

import base64
import hashlib
import re
from collections.abc import Sequence
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

from markupsafe import Markup

from mmim_live.events import Event
from mmim_live.output.media_link import link_beside, relative_link
from mmim_live.output.report import timeline
from mmim_live.output.report.content import Content, content_of
from mmim_live.output.report.model_card import model_card

if TYPE_CHECKING:
    from jinja2 import Environment

_FOLDER = Path(__file__).parent
_FILE = re.compile(r"\.\w{2,4}$")  # the source of a live session is named after its devices
_POLICY = (
    "default-src 'none'; script-src '{script}'; style-src '{style}'; img-src data:; media-src 'self' file: blob:; "
    "base-uri 'none'; form-action 'none'"
)


def write_report(path: Path, events: Sequence[Event], media: Path | None = None) -> None:
    """Write the report of a session. `media` is its recording, which is played if the report still finds it there."""
    content = content_of(events)
    path.write_text(render(content, media_links(content.source, path.parent, media)), encoding="utf-8", newline="\n")


def render(content: Content, media: Sequence[str]) -> str:
    """The page; `media` are the addresses to play the recording from, relative to the page, the best one first."""
    style = Markup((_FOLDER / "report.css").read_text(encoding="utf-8"))  # noqa: S704 (our own)
    script = Markup((_FOLDER / "report.js").read_text(encoding="utf-8"))  # noqa: S704
    stretches = timeline.points_of(content.readings)
    return (
        _environment()
        .get_template("report.html")
        .render(
            content=content,
            media=media,
            card=model_card(content.session.checkpoint) if content.session else None,
            timeline=timeline,
            drawing=timeline.timeline(content, stretches),
            numbers={
                "begin": round(content.begins_s, 3),
                "end": round(content.ends_s, 3),
                "left": timeline.LEFT,
                "right": timeline.WIDTH - timeline.RIGHT,
                "width": timeline.WIDTH,
                "points": [
                    [_rounded(value) for value in (each.time_s, each.score, each.low, each.high)]
                    for stretch in stretches
                    for each in stretch
                ],
            },
            style=style,
            script=script,
            policy=_POLICY.format(script=_hash(script), style=_hash(style)),
        )
    )


def media_links(source: str, folder: Path, media: Path | None) -> list[str]:
    """Where the recording may be, as relative addresses: beside the page, then where it is now.

    A recorded session is a folder, in which the media are a file. An address from a name cannot lead elsewhere.
    """
    named = media.name == source if media is not None else _FILE.search(source) is not None
    links = [link_beside(source)] if named else []
    if media is not None and (link := relative_link(media, folder)) is not None:
        links.append(link)
    return list(dict.fromkeys(links))


@cache
def _environment() -> Environment:
    from jinja2 import Environment, FileSystemLoader, StrictUndefined

    return Environment(
        loader=FileSystemLoader(_FOLDER),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )


def _hash(text: str) -> str:
    return f"sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()}"


def _rounded(value: float | None) -> float | None:
    return None if value is None else round(value, 2) + 0.0
