"""The pictures of the README show the app as it is, and a session as it goes."""

import math
import re
from html import unescape
from xml.etree import ElementTree

import pytest

from docs.animation import HOLD, animate
from docs.make_pictures import EVENTS, PICTURES, pictures
from docs.svg import cells
from mmim_live import assets
from mmim_live.events import Event, Reading, Summary, Utterance, WordHeard
from mmim_live.output import read_events
from mmim_live.session.open_replay import open_replay
from mmim_live.settings import Settings


def texts(svg: str) -> set[str]:
    """What is written in a picture, at any time."""
    return {unescape(text).replace("\xa0", " ").strip() for text in re.findall(r"<text [^>]*>([^<]+)</text>", svg)}


@pytest.mark.slow
def test_the_pictures_are_what_the_app_draws() -> None:
    for name, made in pictures().items():
        stored = (PICTURES / name).read_text(encoding="utf-8")
        remedy = f"{name} is not what the app draws now: run `python -m docs.make_pictures`"
        if "animated" in name:
            assert texts(stored) == texts(made), remedy
            assert len(stored) < 400_000
        elif name in ("pipeline.svg", "sample-timeline.svg"):
            assert stored == made, remedy
        else:
            assert cells(stored) == cells(made), remedy
        assert "http" not in re.sub(r'xmlns="[^"]*"|<!--.*?-->', "", stored)  # nothing is fetched when it is viewed


@pytest.mark.slow
def test_a_run_still_gives_the_events_that_the_pictures_show() -> None:
    stored = list(read_events(EVENTS))
    if assets.find("whisper-base") is None:
        pytest.skip("needs whisper-base, which the pictures were made with")
    settings = Settings(asr_model="whisper-base")
    made = list(open_replay(assets.BUNDLED_FOLDER / "sample.mp4", settings, "max").events())
    remedy = "the pictures show another run: see docs/make_pictures.py"
    assert _spoken(made) == _spoken(stored), remedy
    for now, then in zip(_scores(made), _scores(stored), strict=True):
        assert math.isclose(now, then, abs_tol=0.1), remedy
    means = [event.mean_score for event in (*made, *stored) if isinstance(event, Summary)]
    assert means == [pytest.approx(means[0], abs=0.1)] * 2, remedy


def _spoken(events: list[Event]) -> list[str]:
    words = [event.text for event in events if isinstance(event, WordHeard) and event.status == "committed"]
    return [*words, *(event.text for event in events if isinstance(event, Utterance))]


def _scores(events: list[Event]) -> list[float]:
    scored = (event for event in events if isinstance(event, Reading | Utterance) and event.status == "committed")
    return [event.score for event in scored if event.score is not None]


def screenshot(*texts: str) -> str:
    """As `compact` makes them, in short."""
    lines = "".join(f'<text class="r{i}" x="0" y="{i}">{text}</text>\n' for i, text in enumerate(texts, 1))
    rules = "".join(f".r{i} {{ fill: #00000{i} }}\n" for i in range(1, len(texts) + 1))
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg">\n<style>\n{rules}</style>\n<g transform="translate(0, 0)">\n'
        f'<rect fill="#fff" x="0" y="0" width="1" height="1"/>\n<g class="screen-matrix">\n{lines}</g>\n</g>\n</svg>\n'
    )


def test_an_animation_shows_each_element_in_its_frames_only() -> None:
    svg = animate([screenshot("same", "first"), screenshot("same", "then"), screenshot("same", "then", "last")], 0.5)
    elements = {each.text: each for each in ElementTree.fromstring(svg).iter("{http://www.w3.org/2000/svg}text")}
    assert list(elements) == ["same", "first", "then", "last"]
    assert "style" not in elements["same"].attrib
    assert elements["first"].attrib["opacity"] == "0"  # without motion, the last frame stands
    assert "opacity" not in elements["last"].attrib
    total = 2 + HOLD
    (name,) = re.findall(r"animation-name:(\w+)", elements["first"].attrib["style"])
    (steps,) = re.findall(rf"@keyframes {name}\{{(.*)\}}\n", svg)
    assert steps.startswith("0%{opacity:1}")
    assert f"{100 / total:.3f}%{{opacity:0}}" in steps
    assert f"animation-duration: {total * 0.5:g}s" in svg
    assert len(svg.split("<rect")) == 2  # stored once
    with pytest.raises(ValueError, match="no screenshot"):
        animate(["<svg></svg>"], 1.0)
