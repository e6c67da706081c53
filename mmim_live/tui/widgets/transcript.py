"""What was said: finished utterances with their scores, and below them the words since then."""

from bisect import bisect_right
from typing import ClassVar

from rich.style import Style
from rich.table import Table
from rich.text import Text
from textual import events
from textual.app import ComposeResult, RenderResult
from textual.binding import Binding
from textual.containers import Vertical
from textual.content import Content
from textual.message import Message
from textual.widgets import RichLog

from mmim_live.events import Utterance
from mmim_live.text_normalization import plain
from mmim_live.transcript import LogEntry, entry_start_s
from mmim_live.tui.state import SessionState
from mmim_live.tui.widgets.state_widget import StateWidget
from mmim_live.wording import clock, shown_sign, shown_tone, signed

MAX_LINES = 5_000  # of the log; more than the entries that the state keeps take in a narrow terminal


class Picked(Message):
    """The user clicked on what was said then."""

    def __init__(self, time_s: float) -> None:
        super().__init__()
        self.time_s = time_s


class UtteranceLog(RichLog, inherit_bindings=False):
    """Utterances and marks, scrollable; stays at the end unless it was scrolled up."""

    BINDINGS: ClassVar = [
        Binding("up", "scroll_up", "Scroll up", show=False),
        Binding("down", "scroll_down", "Scroll down", show=False),
        Binding("pageup", "page_up", "Page up", show=False),
        Binding("pagedown", "page_down", "Page down", show=False),
    ]
    COMPONENT_CLASSES: ClassVar = {f"log--{name}" for name in ("positive", "neutral", "negative", "time", "mark")}

    def __init__(self, state: SessionState, *, ascii_only: bool) -> None:
        super().__init__(wrap=True, min_width=0, max_lines=MAX_LINES)
        self._state = state
        self._ascii_only = ascii_only
        self._written = 0  # entries, including those that the transcript has forgotten
        self._rewrites = 0
        self._written_width = 0
        self._starts: list[tuple[int, float]] = []  # the first line of each entry, and its time
        self._follows = True  # the end; where it is changes with the height, so that the position alone is not enough

    def sync(self) -> None:
        """Write what is new; rewrite everything when an entry or the width has changed."""
        width = self.scrollable_content_region.width
        if width <= 0:
            return
        transcript = self._state.transcript
        entries = transcript.forgotten + len(transcript.log)
        so_far = (transcript.rewrites, width, entries)
        if so_far == (self._rewrites, self._written_width, self._written):
            return
        follows = self._follows
        if (self._rewrites, self._written_width) != (transcript.rewrites, width):
            self.clear()
            self._starts.clear()
            self._written = 0
        for entry in transcript.log[max(0, self._written - transcript.forgotten) :]:
            self._starts.append((self._start_line + len(self.lines), entry_start_s(entry)))
            self.write(self._line(entry), width=width, scroll_end=follows)
        self._follows = follows
        self._written = entries
        self._rewrites, self._written_width = transcript.rewrites, width

    def on_click(self, event: events.Click) -> None:
        """A click on an entry picks its time."""
        offset = event.get_content_offset(self)
        if offset is not None and offset.y + self.scroll_offset.y < len(self.lines):
            line = self._start_line + self.scroll_offset.y + offset.y
            place = bisect_right(self._starts, line, key=lambda start: start[0])
            if place:
                self.post_message(Picked(self._starts[place - 1][1]))

    def on_resize(self, _event: events.Resize) -> None:
        """Wrap for the new width once RichLog has it; stay at the end in the new height."""
        self.call_after_refresh(self.sync)
        if self._follows:
            self.scroll_end(animate=False, immediate=False, x_axis=False)

    def release_anchor(self) -> None:
        """The user scrolls."""
        super().release_anchor()
        self._follows = False

    def watch_scroll_y(self, old_value: float, new_value: float) -> None:
        """Follow again once scrolled to the end."""
        super().watch_scroll_y(old_value, new_value)
        if new_value >= self.max_scroll_y:
            self._follows = True

    def notify_style_update(self) -> None:
        """The theme has changed: rewrite everything in its colors."""
        super().notify_style_update()
        self._written_width = 0
        if self.is_mounted:
            self.call_after_refresh(self.sync)

    def _line(self, entry: LogEntry) -> Table:
        row = Table.grid(padding=(0, 1, 0, 0))
        row.add_column(no_wrap=True, justify="right", min_width=5)
        row.add_column(no_wrap=True, min_width=6)
        row.add_column(overflow="fold", ratio=1)
        time = Text(clock(entry_start_s(entry)), self._ink("time"))
        if isinstance(entry, Utterance):
            row.add_row(time, self._score(entry), self._text(entry))
        else:
            ink, sign = self._ink("mark"), "!" if self._ascii_only else "◆"
            row.add_row(time, Text(f"{sign} mark", ink), Text(plain(entry.label), ink))
        return row

    def _text(self, utterance: Utterance) -> Text:
        text = Text(plain(utterance.text))
        if utterance.relative is not None:
            text.append(f"  ({utterance.relative:+.2f} relative to your baseline)", self._ink("time"))
        return text

    def _score(self, utterance: Utterance) -> Text:
        if utterance.score is None:
            return Text("none", self._ink("time"))
        mark = "" if utterance.status == "committed" else "~" if self._ascii_only else "…"
        known = utterance.score, utterance.low, utterance.high
        label = f"{shown_sign(*known, self._ascii_only)} {signed(utterance.score)}{mark}"
        return Text(label, self._ink(shown_tone(*known)) + Style(bold=True))

    def _ink(self, name: str) -> Style:
        return self.get_component_rich_style(f"log--{name}", partial=True)


class LiveWords(StateWidget):
    """The words since the last utterance: committed ones, a divider, then those that may still change."""

    def __init__(self, state: SessionState, *, ascii_only: bool) -> None:
        super().__init__()
        self._state = state
        self._ascii_only = ascii_only

    def shown(self) -> object:
        """The words themselves, and whether more will come."""
        transcript = self._state.transcript
        words = [[word.text for word in each] for each in (transcript.committed, transcript.provisional)]
        return words, self._state.summary is not None

    def render(self) -> RenderResult:
        """The newest words that fit."""
        committed, provisional = self._state.transcript.committed, self._state.transcript.provisional
        words = [(plain(word.text), "") for word in committed]
        if provisional:
            words.append(("|" if self._ascii_only else "┊", "bold $accent"))
            words += [(plain(word.text), "italic $foreground-muted") for word in provisional]
        if not words:
            finished = self._state.summary is not None
            return Content("" if finished else "(no words right now)").stylize("$foreground-muted")
        # Wrapping wastes some cells of each line: leave room for half a word in each.
        room = self.size.height * (self.size.width - 5)
        shown: list[Content] = [Content("..." if self._ascii_only else "…")] if provisional else []
        for text, style in reversed(words):
            word = Content.assemble((text, style))
            room -= word.cell_length + 1
            if room < 0 and shown:
                shown.insert(0, Content("..." if self._ascii_only else "…"))
                break
            shown.insert(0, word)
        return Content(" ").join(shown)


class Transcript(Vertical):
    """The panel with both."""

    def __init__(self, state: SessionState, *, ascii_only: bool) -> None:
        super().__init__(classes="panel")
        self.border_title = "Transcript"
        self._utterances = UtteranceLog(state, ascii_only=ascii_only)
        self._words = LiveWords(state, ascii_only=ascii_only)

    def compose(self) -> ComposeResult:
        """The log above, the live words below."""
        yield self._utterances
        yield self._words

    def redraw(self) -> None:
        """Redraw from the state."""
        self._utterances.sync()
        self._words.redraw()
