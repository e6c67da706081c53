"""The model card of a checkpoint, as HTML: what a reader of results must know, and all of it."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from markupsafe import Markup, escape

from mmim_live import assets
from mmim_live.errors import MmimLiveError
from mmim_live.text_normalization import one_line
from mmim_live.untrusted import read_json_object, read_text

if TYPE_CHECKING:
    from markdown_it import MarkdownIt
    from markdown_it.token import Token

MAX_BYTES = 2**18  # of a card
# The sections of our cards that say what a model learned from and what it is not for.
_ESSENTIAL = re.compile(r"trained on|data and licen[cs]es|not for|out-of-scope", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class ModelCard:
    """HTML of a card whose headings begin at level 3. `level`: of the intervals, a share from 0 to 1."""

    name: str
    level: float | None
    short: Markup
    full: Markup


def model_card(checkpoint: str) -> ModelCard | None:
    """The card of a checkpoint, by name or folder; None if it is not on this machine, or has none."""
    try:
        folder = assets.checkpoint_folder(checkpoint)
        config = read_json_object(folder / "config.json")
        text = read_text(folder / "README.md", MAX_BYTES)
    except (MmimLiveError, OSError, ValueError):
        return None
    if "architecture" not in config:
        return None
    return ModelCard(one_line(Path(checkpoint).name), _level(config), *render_card(text))


def render_card(text: str) -> tuple[Markup, Markup]:
    """The essential sections of a card in Markdown, and all of them, without the title."""
    markdown = _markdown()
    tokens = markdown.parse(text)
    sections: list[list[Token]] = [[]]
    for token in tokens:
        if token.type == "heading_open" and token.tag == "h2":
            sections.append([])
        sections[-1].append(token)
    title_end = next((place for place, token in enumerate(tokens) if token.type == "heading_close"), -1)
    if sections[0][:1] and sections[0][0].tag == "h1":
        del sections[0][: title_end + 1]
    essential = [sections[0], *(each for each in sections[1:] if _ESSENTIAL.search(each[1].content))]
    return _render(markdown, essential), _render(markdown, sections)


def _render(markdown: MarkdownIt, sections: Sequence[Sequence[Token]]) -> Markup:
    return Markup(markdown.renderer.render([each for section in sections for each in section], markdown.options, {}))  # noqa: S704 (it escapes, and HTML in the text is off)


def _markdown() -> MarkdownIt:
    """CommonMark with tables, without HTML and pictures. Headings are a level lower, tables have captions."""
    from markdown_it import MarkdownIt

    markdown = MarkdownIt("commonmark", {"html": False}).enable("table").disable("image")
    for kind in ("heading_open", "heading_close"):
        markdown.add_render_rule(kind, _heading)
    markdown.add_render_rule("table_open", _table_open)
    markdown.add_render_rule("table_close", lambda *_: "</table></div>\n")
    for kind in ("th_open", "td_open", "th_close", "td_close"):
        markdown.add_render_rule(kind, _cell)
    return markdown


def _heading(_: object, tokens: Sequence[Token], place: int, *__: object) -> str:
    token = tokens[place]
    return f"<{'/' * (token.nesting < 0)}h{min(int(token.tag[1:]) + 1, 6)}>" + "\n" * (token.nesting < 0)


def _table_open(_: object, tokens: Sequence[Token], place: int, *__: object) -> str:
    headings = [tokens[at + 1].content for at in range(place) if tokens[at].type == "heading_open"]
    caption = escape(headings[-1] if headings else "Table")
    return f'<div class="scroll" tabindex="0" role="group" aria-label="{caption}"><table><caption>{caption}</caption>\n'


def _cell(_: object, tokens: Sequence[Token], place: int, *__: object) -> str:
    """Without the alignment, which would be a style; a header without text is none."""
    token = tokens[place]
    content = tokens[place + (1 if token.nesting > 0 else -1)].content
    tag = token.tag if content else "td"
    return f"<{'/' * (token.nesting < 0)}{tag}>"


def _level(config: dict[str, Any]) -> float | None:
    conformal = config.get("conformal")
    level = conformal.get("level") if isinstance(conformal, dict) else None
    return float(level) if isinstance(level, int | float) and 0 < level < 1 else None
