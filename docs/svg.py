"""Screenshots of the app as SVG: made smaller, and read back cell by cell.

Textual's screenshots reference web fonts and repeat a lot for each word. `compact` removes everything invisible;
`cells` returns the visible content, independent of fonts, sizes and the names that a version of Textual uses.
"""

import re
from html import unescape

CELL_WIDTH, CELL_HEIGHT = 12.2, 24.4  # as rich draws them

_WEB_FONT = re.compile(r"@font-face\s*\{.*?\}\s*", re.DOTALL)  # would be fetched whenever the image is viewed
_LINE_CLIP = re.compile(r'<clipPath id="[^"]*-line-\d+">.*?</clipPath>\s*', re.DOTALL)
_RECT = re.compile(r'<rect fill="(#\w+)" x="([\d.]+)" y="([\d.]+)" width="([\d.]+)" height="([\d.]+)"[^>]*/>')
_RULE = re.compile(r"\.[\w-]*\b(r\d+) \{([^}]*)\}")
_TEXT = re.compile(r'<text class="[\w-]*\b(r\d+)" x="([\d.]+)" y="([\d.]+)"[^>]*>([^<]*)</text>')


def compact(svg: str) -> str:
    """The same image at a third of the size, with reproducible names."""
    svg = _LINE_CLIP.sub("", _WEB_FONT.sub("", svg))
    svg = re.sub(r"terminal-\d+-(r\d+)\b", r"\1", svg)
    svg = re.sub(r"terminal-\d+-", "screen-", svg)
    svg = re.sub(r' clip-path="url\(#screen-line-\d+\)"', "", svg)
    svg = re.sub(r"(?:<rect fill=\"#\w+\" x=[^>]*/>)+", lambda run: _joined(run.group()), svg)
    svg = svg.replace("</style>", "rect { shape-rendering: crispEdges }\n</style>")
    svg = svg.replace("</text>", "</text>\n")
    return re.sub(r"\s*\n\s*", "\n", svg).strip() + "\n"


def _joined(rects: str) -> str:
    """Merge adjacent rectangles of the same color."""
    joined: list[list[float | str]] = []
    for fill, *numbers in _RECT.findall(rects):
        x, y, width, height = map(float, numbers)
        if joined and joined[-1][0] == fill and joined[-1][2] == y and abs(_end(joined[-1]) - x) < 0.1:
            joined[-1][3] = x + width - float(joined[-1][1])
        else:
            joined.append([fill, x, y, width, height])
    return "\n".join(
        f'<rect fill="{fill}" x="{x:g}" y="{y:g}" width="{width:.7g}" height="{height:g}"/>'
        for fill, x, y, width, height in joined
    )


def _end(rect: list[float | str]) -> float:
    return float(rect[1]) + float(rect[3])


def cells(svg: str) -> list[str]:
    """The visible content: runs of characters of one style and runs of one background, with row and column."""
    rules = {name: " ".join(rule.split()) for name, rule in _RULE.findall(svg)}
    shown = [
        f"{round(float(y) / CELL_HEIGHT):3} {round(float(x) / CELL_WIDTH):3} {unescape(text)!r} {rules[name]}"
        for name, x, y, text in _TEXT.findall(svg)
    ]
    for fill, x, y, width, _ in _RECT.findall(svg):
        row, column, count = round(float(y) / CELL_HEIGHT) + 1, round(float(x) / CELL_WIDTH), float(width) / CELL_WIDTH
        shown.append(f"{row:3} {column:3} {round(count)} cells {fill}")
    return sorted(shown)
