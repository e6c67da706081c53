"""Draws the figures of "How it works" as SVG: the way from devices to a score, and the sample's readings over time."""

from collections.abc import Sequence
from html import escape

from mmim_live.events import Event, Reading, Utterance
from mmim_live.features.contract import CONTRACT
from mmim_live.types import SCORE_LIMIT

_INK, _PALE, _TEAL, _ORANGE, _VIOLET, _GREY = "#24323d", "#e6eef2", "#0b7285", "#c2410c", "#6d28d9", "#6b7280"
_SERIES = (("text", "words", _TEAL), ("voice", "voice", _ORANGE), ("face", "face", _VIOLET))


def _svg(width: int, height: int, body: Sequence[str], title: str) -> str:
    return "\n".join(
        [
            f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" role="img" '
            'font-family="system-ui, sans-serif" font-size="14">',
            f"<title>{escape(title)}</title>",
            f'<rect width="{width}" height="{height}" rx="8" fill="#ffffff"/>',
            *body,
            "</svg>\n",
        ]
    )


def _text(x: float, y: float, text: str, color: str = _INK, *, anchor: str = "middle", size: int = 14) -> str:
    return f'<text x="{x:g}" y="{y:g}" fill="{color}" text-anchor="{anchor}" font-size="{size}">{escape(text)}</text>'


def _box(x: float, y: float, width: float, lines: Sequence[str], color: str = _INK) -> list[str]:
    height = 22 * len(lines) + 14
    shape = f'<rect x="{x}" y="{y}" width="{width}" height="{height}" rx="6" fill="{_PALE}" stroke="{color}"/>'
    return [shape, *(_text(x + width / 2, y + 25 + 21 * i, line, color) for i, line in enumerate(lines))]


def _signed(value: float) -> str:
    return f"{value:+g}" if value else "0"


def _arrow(*points: tuple[float, float]) -> str:
    path = " ".join(f"{x:g},{y:g}" for x, y in points)
    return f'<polyline points="{path}" fill="none" stroke="{_GREY}" stroke-width="1.6" marker-end="url(#head)"/>'


def pipeline() -> str:
    """From camera and microphone to a score, with the sizes of the features."""
    face, voice = CONTRACT.face, CONTRACT.voice
    body = [
        '<defs><marker id="head" markerWidth="9" markerHeight="9" refX="8" refY="4.5" orient="auto">'
        f'<path d="M0,0 L9,4.5 L0,9 z" fill="{_GREY}"/></marker></defs>',
        *_box(20, 40, 120, ["camera", "or file"]),
        *_box(20, 190, 120, ["microphone", "or file"]),
        *_box(190, 40, 190, ["face landmarker", f"{len(face.names)} numbers a frame"], _VIOLET),
        *_box(190, 150, 190, ["pitch and spectrum", f"{len(voice.names)} numbers, {voice.rate_hz:g} Hz"], _ORANGE),
        *_box(190, 250, 190, ["Whisper", "words with times"], _TEAL),
        *_box(430, 51, 120, ["LSTM"], _VIOLET),
        *_box(430, 161, 120, ["LSTM"], _ORANGE),
        *_box(430, 261, 120, ["transformer"], _TEAL),
        *_box(610, 150, 110, ["fusion", "network"]),
        *_box(770, 128, 210, ["score, -3 to 3", "interval: low .. high", "contributions", "consistency"]),
        _arrow((140, 69), (190, 69)),
        _arrow((140, 219), (165, 219), (165, 179), (190, 179)),
        _arrow((140, 219), (165, 219), (165, 279), (190, 279)),
        _arrow((380, 69), (430, 69)),
        _arrow((380, 179), (430, 179)),
        _arrow((380, 279), (430, 279)),
        _arrow((550, 69), (580, 69), (580, 170), (610, 170)),
        _arrow((550, 179), (610, 179)),
        _arrow((550, 279), (580, 279), (580, 190), (610, 190)),
        _arrow((720, 179), (770, 179)),
        _text(405, 20, "windows of six seconds, and utterances", _GREY),
        f'<line x1="405" y1="26" x2="405" y2="320" stroke="{_GREY}" stroke-dasharray="4 4"/>',
    ]
    return _svg(1000, 330, body, "From camera and microphone over features and encoders to a score")


def timeline(events: Sequence[Event]) -> str:
    """Committed readings over time: score with interval, and below it the contributions; utterances as text."""
    readings = [event for event in events if isinstance(event, Reading) and event.status == "committed"]
    utterances = [event for event in events if isinstance(event, Utterance) and event.status == "committed"]
    end_s = max(reading.end_s for reading in readings)

    def x(time_s: float) -> float:
        return 60 + 900 * time_s / end_s

    def y(score: float) -> float:
        return 140 - 40 * score

    def low(value: float) -> float:
        return 400 - 25 * value

    scored = [each for each in readings if each.score is not None and each.low is not None and each.high is not None]
    band = [f"{x(each.end_s):.1f},{y(each.high or 0):.1f}" for each in scored]
    band += [f"{x(each.end_s):.1f},{y(each.low or 0):.1f}" for each in reversed(scored)]
    line = " ".join(f"{x(each.end_s):.1f},{y(each.score or 0):.1f}" for each in scored)
    body = [
        f'<polygon points="{" ".join(band)}" fill="#dbe7ee"/>',
        *(f'<line x1="60" x2="960" y1="{y(v)}" y2="{y(v)}" stroke="#c9d3da"/>' for v in (-SCORE_LIMIT, 0, SCORE_LIMIT)),
        *(_text(50, y(v) + 5, _signed(v), _GREY, anchor="end") for v in (-SCORE_LIMIT, 0, SCORE_LIMIT)),
        f'<polyline points="{line}" fill="none" stroke="{_INK}" stroke-width="2.5"/>',
        _text(60, 12, "score, with its 90% interval", _GREY, anchor="start", size=12),
        _text(60, 315, "contributions", _GREY, anchor="start", size=12),
        *(f'<line x1="60" x2="960" y1="{low(v)}" y2="{low(v)}" stroke="#c9d3da"/>' for v in (-2, 0, 2)),
        *(_text(50, low(v) + 5, _signed(v), _GREY, anchor="end") for v in (-2, 0, 2)),
    ]
    for row, utterance in enumerate(utterances):
        left, right = x(utterance.start_s), x(utterance.end_s)
        body.append(f'<line x1="{left:.1f}" x2="{right:.1f}" y1="276" y2="276" stroke="{_INK}" stroke-width="3"/>')
        score = "" if utterance.score is None else f" {utterance.score:+.1f}"
        body.append(_text((left + right) / 2, 292, f"{row + 1}:{score}", size=12))
    for name, label, color in _SERIES:
        points = [(each.end_s, getattr(each.contributions, name)) for each in readings]
        path = " ".join(f"{x(time_s):.1f},{low(value):.1f}" for time_s, value in points if value is not None)
        body.append(f'<polyline points="{path}" fill="none" stroke="{color}" stroke-width="2"/>')
        last = [value for _, value in points if value is not None][-1]
        offset = {"text": 5, "voice": 14, "face": -4}[name]
        body.append(_text(966, low(last) + offset, label, color, anchor="start", size=12))
    body += [_text(x(second), 478, f"{second} s", _GREY, size=12) for second in range(0, int(end_s) + 1, 5)]
    body += [
        _text(60, 502 + 19 * row, f"{row + 1}: {utterance.text}", anchor="start", size=13)
        for row, utterance in enumerate(utterances)
    ]
    return _svg(1010, 500 + 19 * len(utterances), body, "The bundled clip: sentiment and contributions over time")
