"""Small drawings in characters: large digits, signed bars, a gauge."""

from mmim_live.types import SCORE_LIMIT

_GLYPHS = {  # five rows of pixels
    "0": ("###", "# #", "# #", "# #", "###"),
    "1": (" # ", "## ", " # ", " # ", "###"),
    "2": ("###", "  #", "###", "#  ", "###"),
    "3": ("###", "  #", "###", "  #", "###"),
    "4": ("# #", "# #", "###", "  #", "  #"),
    "5": ("###", "#  ", "###", "  #", "###"),
    "6": ("###", "#  ", "###", "# #", "###"),
    "7": ("###", "  #", "  #", "  #", "  #"),
    "8": ("###", "# #", "###", "# #", "###"),
    "9": ("###", "# #", "###", "  #", "###"),
    "+": ("   ", " # ", "###", " # ", "   "),
    "-": ("   ", "   ", "###", "   ", "   "),
    ".": (" ", " ", " ", " ", "#"),
    " ": (" ", " ", " ", " ", " "),
}
_HALF_BLOCKS = {(False, False): " ", (True, False): "▀", (False, True): "▄", (True, True): "█"}


def large_text(text: str, *, large: bool, ascii_only: bool) -> list[str]:
    """Digits, signs and points as lines of blocks.

    Large: 5 lines, two cells per pixel. Small: 3 lines of half blocks, or, in ASCII, 5 lines with one cell per pixel.
    """
    rows = [" ".join(_GLYPHS[character][row] for character in text) for row in range(5)]
    if large or ascii_only:
        ink, cells = ("#" if ascii_only else "█"), (2 if large else 1)
        return [row.replace("#", ink).replace(" ", " " * cells).replace(ink, ink * cells) for row in rows]
    rows.append(" " * len(rows[0]))
    return [
        "".join(_HALF_BLOCKS[upper == "#", lower == "#"] for upper, lower in zip(*pair, strict=True))
        for pair in (rows[0:2], rows[2:4], rows[4:6])
    ]


def signed_bar(value: float, limit: float, width: int, *, ascii_only: bool) -> tuple[str, str]:
    """The left (negative) and right (positive) side of a bar from the middle, `width` cells together.

    A value beyond ±limit fills its side. Half a cell is the smallest step.
    """
    side = width // 2
    halves = min(2 * side, round(abs(value) / limit * 2 * side))
    full, half = divmod(halves, 2)
    if ascii_only:
        bar = ("+" if value > 0 else "-") * (full + half)
    elif value > 0:
        bar = "█" * full + "▌" * half
    else:
        bar = "▐" * half + "█" * full
    return ("".rjust(side), bar.ljust(side)) if value > 0 else (bar.rjust(side), "".ljust(side))


def level_bar(value: float, peak: float, width: int, *, ascii_only: bool) -> str:
    """A bar from the left for `value`, and a mark at `peak`, both from 0 to 1; `width` cells."""
    full, half = divmod(round(value * 2 * width), 2)
    cells = (["#"] * (full + half) if ascii_only else ["█"] * full + ["▌"] * half)[:width]
    cells += ["." if ascii_only else "·"] * (width - len(cells))
    if peak > 0:
        place = min(width - 1, int(peak * width))
        if place >= full:
            cells[place] = "|" if ascii_only else "▐"
    return "".join(cells)


def gauge(score: float, low: float | None, high: float | None, width: int, *, ascii_only: bool) -> str:
    """The score (a mark) with its interval (a thick stretch) on a scale from -3 to 3 with its zero, in one line."""
    line_ink, span_ink, zero_ink, mark = "-=|#" if ascii_only else "─━┼◆"
    cells = [line_ink] * width
    if low is not None and high is not None:
        for cell in range(_place(low, width), _place(high, width) + 1):
            cells[cell] = span_ink
    cells[_place(0.0, width)] = zero_ink
    cells[_place(score, width)] = mark
    return "".join(cells)


def _place(value: float, width: int) -> int:
    share = (min(SCORE_LIMIT, max(-SCORE_LIMIT, value)) + SCORE_LIMIT) / (2 * SCORE_LIMIT)
    return round(share * (width - 1))
