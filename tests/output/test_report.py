"""The HTML report: it says what the app says, whatever a recording says it stays a page of ours, and it is small."""

from __future__ import annotations

import dataclasses
import json
import re
from collections.abc import Iterator
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from mmim_live import assets
from mmim_live.errors import OutputError
from mmim_live.events import Event, Mark, Notice, Reading, SessionStarted, Summary, Utterance
from mmim_live.mean_score import MeanScore
from mmim_live.output import check_writable, read_events
from mmim_live.output.report.content import content_of
from mmim_live.output.report.model_card import model_card, render_card
from mmim_live.output.report.page import media_links
from mmim_live.output.sink import write_file
from mmim_live.text_normalization import one_line
from mmim_live.wording import headline, unclear
from mmim_train.reporting.model_card import model_card as card_of_training
from tests.conftest import REPOSITORY
from tests.output.test_output import events
from tests.tui.scripted import SESSION, SUMMARY, reading, utterance

SAMPLE = REPOSITORY / "docs" / "pictures" / "sample.jsonl"
HOSTILE = (
    "<script>window.pwned = 1</script>",
    '"><img src=x onerror="window.pwned = 1">',
    "</title></style></script><svg onload=window.pwned=1>",
    "' onmouseover='window.pwned = 1",
    "javascript:window.pwned=1",
    "{{ 7 * 7 }}{% raw %}",
    "<!--",
    "]]><iframe srcdoc='<script>parent.pwned = 1</script>'>",
    "\u202e\x1b[2J\x00\ud800",
    "//example.com/x.mp4",
)


class Page(HTMLParser):
    """Elements with their attributes, and the text of those that are shown."""

    def __init__(self, path: Path) -> None:
        super().__init__()
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self.texts: list[str] = []
        self._inside: list[str] = []
        self.feed(path.read_text(encoding="utf-8"))

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attrs)))
        if tag in {"script", "style"}:
            self._inside.append(tag)

    def handle_endtag(self, tag: str) -> None:
        if self._inside[-1:] == [tag]:
            self._inside.pop()

    def handle_data(self, data: str) -> None:
        if not self._inside:
            self.texts.append(" ".join(data.split()))

    def found(self, tag: str, kind: str = "") -> list[dict[str, str | None]]:
        classes = [
            (attributes, (attributes.get("class") or "").split()) for name, attributes in self.elements if name == tag
        ]
        return [attributes for attributes, names in classes if not kind or kind in names]

    @property
    def text(self) -> str:
        return " ".join(each for each in self.texts if each)


def report(folder: Path, of: list[Event], **options: Any) -> Page:
    write_file(folder / "talk.html", of, **options)
    return Page(folder / "talk.html")


def hostile_session(text: str) -> list[Event]:
    """A session that says this wherever it can say something."""
    session = dataclasses.replace(
        SESSION, source=text, version=text, checkpoint=text, started_at=text, contract_hash=text,
        models={text: text}, settings={text: text, "window": text},
    )  # fmt: skip
    summary = dataclasses.replace(SUMMARY, counts={text: 1}, drops={text: 1}, languages=(text,))
    said = [utterance(each, each + 1.0, text, score, language=text) for each, score in ((1.0, 2.0), (3.0, None))]
    return [session, Notice(0.0, text, text), *said, reading(2.0, 1.0), Mark(2.5, text), summary]


def assert_ours(page: Page) -> None:
    """Nothing in the page runs, loads or draws but what we wrote."""
    names = [name for name, _ in page.elements]
    assert names.count("script") == 2
    assert names.count("style") == 1
    assert not {"iframe", "img", "object", "embed", "base", "form"} & set(names)
    for _, attributes in page.elements:
        assert not [name for name in attributes if name.startswith("on") or name == "style"]
        assert (attributes.get("href") or "#").startswith(("#", "data:,", "https://"))
        assert (attributes.get("src") or "./").startswith("./")
        assert "http-equiv" not in attributes or "default-src 'none'" in (attributes["content"] or "")


@pytest.mark.parametrize("text", HOSTILE)
def test_markup_in_a_recording_is_shown_and_does_nothing(tmp_path: Path, text: str) -> None:
    page = report(tmp_path, hostile_session(text))
    assert_ours(page)
    assert page.text.count(one_line(text)) >= 5


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(events, min_size=1, max_size=8), st.text())
def test_any_events_make_a_report(tmp_path: Path, given_events: list[Event], text: str) -> None:
    assert_ours(report(tmp_path, given_events))
    assert_ours(report(tmp_path, hostile_session(text)))


def test_the_timeline_holds_no_text_of_the_recording(tmp_path: Path) -> None:
    page = (tmp_path / "talk.html", report(tmp_path, hostile_session("UNHEARD-OF")))[0].read_text(encoding="utf-8")
    (drawing,) = re.findall(r'<svg viewBox="0 0 1000.*?</svg>', page, re.DOTALL)
    assert "UNHEARD-OF" in page
    assert "UNHEARD-OF" not in drawing


def test_it_says_what_the_app_says(tmp_path: Path) -> None:
    of = list(read_events(SAMPLE))
    page = report(tmp_path, of)
    said = [each for each in of if isinstance(each, Utterance)]
    summary = of[-1]
    assert isinstance(summary, Summary)
    assert summary.mean_score is not None
    assert f"{summary.mean_score:+.1f} from −3 to +3" in page.text
    for each in said:
        assert each.score is not None
        assert each.text in page.texts
        assert f"{abs(each.score):.1f} {headline(each.score, each.low, each.high)[0]}" in page.text
    assert "0:22 of media" in page.text
    assert len(page.found("tr")) > len(said)  # with those of the strongest moments


def a_spread() -> list[Event]:
    """Sentences of each look; the mean of the summary is that of the sentences, weighted by duration."""
    spoken = [
        utterance(0, 4, "wonderful", 2.0, low=0.5, high=3.0),
        utterance(5, 6, "awful", -2.0, low=-3.0, high=-0.5),
        utterance(7, 8, "perhaps", 0.9, low=-0.6, high=2.4),
        utterance(9, 10, "a train", 0.1, low=-0.3, high=0.4),
        utterance(11, 12, "what", None),
    ]
    mean = MeanScore()
    for each in spoken:
        mean.add(each)
    return [SESSION, *spoken, dataclasses.replace(SUMMARY, duration_s=12.0, mean_score=mean.value)]


def test_what_is_unclear_is_called_so_and_color_is_never_alone(tmp_path: Path) -> None:
    content = content_of(a_spread())
    assert [each.look for each in content.sentences] == ["positive", "negative", "unclear", "neutral", "none"]
    for each in content.sentences:
        assert (each.words == "unclear") == unclear(each.low, each.high)
        assert each.words
        assert bool(each.sign) == (each.score is not None)
    assert len({each.sign for each in content.sentences}) == 5
    assert content.looks == tuple((look, sign, 1) for look, sign in zip(
        ("positive", "neutral", "negative", "unclear", "none"), ("▲", "●", "▼", "?", "–"), strict=True
    ))  # fmt: skip
    assert [(name, each.text) for name, each in content.strongest] == [("positive", "wonderful"), ("negative", "awful")]
    page = report(tmp_path, a_spread())
    assert "? +0.9 unclear leans positive" in page.text
    assert content.mean == "+1.0"  # (2 * 4 - 2 + 0.9 + 0.1) / 7


def test_a_run_that_was_cut_short_has_the_same_mean_and_says_so(tmp_path: Path) -> None:
    cut = a_spread()[:-1]
    assert content_of(cut).mean == "+1.0"
    assert "The session ended early" in report(tmp_path, cut).text


def test_only_what_is_committed_is_reported() -> None:
    said = utterance(0, 1, "maybe", 1.0, status="provisional")
    content = content_of([SESSION, said, reading(1.0, 2.0, status="provisional"), reading(2.0, 1.0)])
    assert content.sentences == ()
    assert [each.end_s for each in content.readings] == [2.0]


def test_nothing_said_and_nothing_seen_is_a_report_too(tmp_path: Path) -> None:
    page = report(tmp_path, [SESSION])
    assert "No words were recognized." in page.text
    assert "unknown no sentence with a score" in page.text


def long_session(hours: float) -> Iterator[Event]:
    text = "and then we talked about the film again, which was neither good nor bad, as far as i can remember it now"
    yield SESSION
    for number in range(int(hours * 3600 / 6)):
        yield utterance(6 * number, 6 * number + 5.5, text, (number % 7 - 3) * 0.9, low=-2.0, high=2.0)
    for step in range(1, int(hours * 7200)):
        yield reading(step / 2, (step % 61 - 30) / 10)
    yield dataclasses.replace(SUMMARY, duration_s=hours * 3600)


def test_two_hours_stay_below_the_size_of_a_picture(tmp_path: Path) -> None:
    page = report(tmp_path, list(long_session(2.0)))
    assert (tmp_path / "talk.html").stat().st_size < 1_500_000
    assert (
        len(page.found("li", "positive")) + len(page.found("li", "negative")) + len(page.found("li", "unclear")) > 1000
    )
    (numbers,) = re.findall(r'id="numbers">(.*?)</script>', (tmp_path / "talk.html").read_text(encoding="utf-8"))
    assert 600 < len(json.loads(numbers)["points"]) <= 1300


def test_a_gap_is_not_drawn_over(tmp_path: Path) -> None:
    steps = [*range(1, 21), *range(61, 81)]
    of: list[Event] = [
        SESSION,
        *(reading(each / 2, 1.0) for each in steps),
        dataclasses.replace(SUMMARY, duration_s=40.0),
    ]
    report(tmp_path, of)
    drawn = (tmp_path / "talk.html").read_text(encoding="utf-8")
    lines = re.findall(r'<path class="band" d="M([\d.]+) [^"]*"', drawn)
    assert len(lines) == 2


def test_the_recording_is_looked_for_beside_the_report_and_where_it_was(tmp_path: Path) -> None:
    assert media_links("a talk.mp4", tmp_path, None) == ["./a%20talk.mp4"]
    assert media_links("talk.mp4", tmp_path, tmp_path / "in" / "talk.mp4") == ["./talk.mp4", "./in/talk.mp4"]
    assert media_links("talk.mp4", tmp_path / "out", tmp_path / "talk.mp4") == ["./talk.mp4", "./../talk.mp4"]
    assert media_links("2026-session", tmp_path, tmp_path / "2026-session" / "media.mkv") == [
        "./2026-session/media.mkv"
    ]
    assert media_links("camera 0 and default", tmp_path, None) == []  # live: there is none
    for name in ("http://example.com/x.mp4", "//example.com/x.mp4", "javascript:alert(1).mp4", "../../x.mp4"):
        (link,) = media_links(name, tmp_path, None)
        assert re.fullmatch(r"\./[^/:\\]+", link)


@pytest.mark.parametrize("name", assets.shipped_checkpoint_names())
def test_the_card_in_short_says_what_a_shipped_model_learned_from_and_is_not_for(name: str, tmp_path: Path) -> None:
    card = model_card(name)
    assert card is not None
    assert card.level
    assert "not for commercial use" in card.short
    assert "do not come from the same moments" in card.short.replace("\n", " ")
    assert "not a person's feelings" in card.short.replace("&#39;", "'")
    assert len(card.short) < len(card.full)
    assert_ours(report(tmp_path, [dataclasses.replace(SESSION, checkpoint=name)]))


def test_the_card_in_short_of_a_model_of_ones_own() -> None:
    facts = {
        "title": "CMU-MOSI", "objective": "corrected", "version": "1", "text_encoder": "", "predicts": "A score",
        "modalities": ["text"], "language": "en", "data": {"layout": "mmsa", "counts": {"train": 3}},
    }  # fmt: skip
    short, full = render_card(card_of_training("mine", facts, {"valid": {"mae": 0.7}}))
    for expected in ("trained on CMU-MOSI", "Data and licenses", "Do not use it to judge people"):
        assert expected in short
    assert "<caption>Results</caption>" in full
    assert "<h1" not in full


@settings(max_examples=60, deadline=None)
@given(
    st.text()
    | st.sampled_from(HOSTILE)
    | st.from_regex(r"(#{1,3} [ab]?\n|\n|\|a\|\n\|-\|\n|\[x\]\(javascript:y\)|!\[\]\(http://x\)){0,9}")
)
def test_no_card_breaks_the_page(text: str) -> None:
    for html in render_card(text):
        page = HTMLParser()
        page.feed(html)
        assert "<script" not in html
        assert "<img" not in html
        assert not re.search(r"<[^>]*javascript:", html)


def test_a_checkpoint_without_a_card_or_no_checkpoint_at_all_is_no_problem(tmp_path: Path) -> None:
    (tmp_path / "README.md").write_text("# secret\n\nof somebody")
    assert model_card(str(tmp_path)) is None  # no checkpoint: nothing of it is shown
    (tmp_path / "config.json").write_text("{}")
    assert model_card(str(tmp_path)) is None
    assert "not at hand" in report(tmp_path, [dataclasses.replace(SESSION, checkpoint=str(tmp_path))]).text


def test_a_report_needs_no_extra(tmp_path: Path) -> None:
    check_writable(tmp_path / "talk.html")
    with pytest.raises(OutputError):
        check_writable(tmp_path / "talk.htm")


def test_readings_without_a_score_are_left_out() -> None:
    assert [each.score for each in content_of([SESSION, reading(1.0, None), reading(2.0, float("nan"))]).readings] == [
        None,
        None,
    ]


def test_the_session_event_may_be_missing(tmp_path: Path) -> None:
    of: list[Event] = [each for each in a_spread() if not isinstance(each, SessionStarted | Reading)]
    assert "wonderful" in report(tmp_path, of).text


def test_the_timeline_of_a_part_begins_where_the_part_does(tmp_path: Path) -> None:
    session = dataclasses.replace(SESSION, settings={"start_s": 63.0, "end_s": 90.0})
    spoken: list[Event] = [
        utterance(64, 70, "wonderful", 2.0, low=0.5, high=3.0),
        reading(63.5, 1.0),
        reading(89.5, 1.0),
    ]
    of: list[Event] = [session, *spoken, dataclasses.replace(SUMMARY, duration_s=90.0)]
    content = content_of(of)
    assert (content.duration, content.stretch) == ("0:27", "from 1:03 to 1:30")
    report(tmp_path, of)
    drawn = (tmp_path / "talk.html").read_text(encoding="utf-8")
    assert re.findall(r'text-anchor="\w+">(\d+:\d\d)</text>', drawn) == ["1:05", "1:10", "1:15", "1:20", "1:25", "1:30"]
    (block,) = re.findall(r'class="block positive"><rect x="([\d.]+)"', drawn)
    assert float(block) == pytest.approx(58 + 930 / 27, abs=0.1)
