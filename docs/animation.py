"""Joins screenshots of the app into one animated SVG, which plays wherever an image is shown, without a script.

What several screenshots share is stored once; everything else is visible in its own frames only. Where motion is
unwanted (prefers-reduced-motion), the last screenshot stands.
"""

import re
from collections.abc import Sequence

_SCREEN = re.compile(
    r"(?P<head>.*?)<style>(?P<style>.*?)</style>(?P<frame>.*<g transform=\"translate\([^\n]*\n)"
    r"(?P<rects>.*?)<g class=\"screen-matrix\">(?P<texts>.*?)</g>",
    re.DOTALL,
)
_RULE = re.compile(r"\.(?:[\w-]*\b)?(r\d+) \{([^}]*)\}\n?")
_CLASS = re.compile(r'class="[\w-]*\b(r\d+)"')
_DRAWN = re.compile(r"<rect [^>]*/>|<text [^>]*>(?!(?:&#160;)*<)[^<]*</text>")  # not texts of spaces alone
HOLD = 4  # times as long as the others the last frame is shown


def animate(screenshots: Sequence[str], frame_s: float) -> str:
    """One SVG from screenshots of one size (as `docs.svg.compact` makes them), each shown for `frame_s`."""
    rules: dict[str, str] = {}  # the name of each style
    visible: dict[str, list[int]] = {}  # the frames of each element, in the order of drawing
    for number, screenshot in enumerate(screenshots):
        for element in _elements(screenshot, rules):
            visible.setdefault(element, []).append(number)
    timelines: dict[tuple[int, ...], str] = {}
    drawn: dict[str, list[str]] = {"<rect": [], "<text": []}
    for element, frames in visible.items():
        kind = element[:5]
        if len(frames) < len(screenshots):
            name = timelines.setdefault(tuple(frames), f"t{len(timelines)}")
            hidden = "" if len(screenshots) - 1 in frames else ' opacity="0"'
            element = f'{kind} style="animation-name:{name}"{hidden}{element[5:]}'
        drawn[kind].append(element)
    last = _parts(screenshots[-1])
    style = [
        _RULE.sub("", last["style"]).strip(),
        *(f".{name} {{{rule}}}" for rule, name in rules.items()),
        f"[style] {{ animation-duration: {(len(screenshots) + HOLD - 1) * frame_s:g}s; "
        "animation-iteration-count: infinite }",
        "@media (prefers-reduced-motion: reduce) { [style] { animation-iteration-count: 0 } }",
        *(f"@keyframes {name}{{{_steps(set(frames), len(screenshots))}}}" for frames, name in timelines.items()),
    ]
    return "\n".join(
        [
            f"{last['head']}<style>",
            *style,
            f"</style>{last['frame'].rstrip()}",
            *drawn["<rect"],
            '<g class="screen-matrix">',
            *drawn["<text"],
            "</g>\n</g>\n</svg>\n",
        ]
    )


def _parts(screenshot: str) -> dict[str, str]:
    found = _SCREEN.match(screenshot)
    if found is None:
        raise ValueError("this is no screenshot of the app")
    return found.groupdict()


def _elements(screenshot: str, rules: dict[str, str]) -> list[str]:
    """The elements of a screenshot; its styles get the names they have in the whole, since each numbers its own."""
    parts = _parts(screenshot)
    names = {name: rules.setdefault(rule.strip(), f"s{len(rules)}") for name, rule in _RULE.findall(parts["style"])}
    lines = (*parts["rects"].splitlines(), *parts["texts"].splitlines())
    return [_CLASS.sub(lambda found: f'class="{names[found[1]]}"', line) for line in lines if _DRAWN.fullmatch(line)]


def _steps(frames: set[int], count: int) -> str:
    """Keyframes that jump from frame to frame."""
    total = count + HOLD - 1
    shown = [int(min(position, count - 1) in frames) for position in range(total)]
    steps = [f"0%{{opacity:{shown[0]}}}"]
    for position in range(1, total):
        if shown[position] != shown[position - 1]:
            share = 100 * position / total
            steps.append(
                f"{share - 0.001:.3f}%{{opacity:{shown[position - 1]}}}{share:.3f}%{{opacity:{shown[position]}}}"
            )
    return "".join((*steps, f"100%{{opacity:{shown[-1]}}}"))
