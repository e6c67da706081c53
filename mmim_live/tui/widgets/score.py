"""The current score, large, with its word, its interval and whether it may still change."""

from textual.app import RenderResult
from textual.content import Content

from mmim_live.events import Reading, Utterance
from mmim_live.tui.render.glyphs import gauge, large_text
from mmim_live.tui.state import SessionState
from mmim_live.tui.widgets.state_widget import StateWidget
from mmim_live.wording import above, clock, headline, shown_sign, shown_tone, signed

TONE_STYLES = {"positive": "$text-primary", "neutral": "$foreground", "negative": "$text-warning"}
_LARGE_HEIGHT, _LARGE_WIDTH = 12, 26  # what all lines except the relative score need with large digits


class ScorePanel(StateWidget):
    """Shows the latest reading, and below it the latest sentence."""

    def __init__(self, state: SessionState, *, ascii_only: bool) -> None:
        super().__init__(classes="panel")
        self.border_title = "Sentiment"
        self._state = state
        self._ascii_only = ascii_only

    def redraw(self) -> None:
        """Follow the state; taller by a line while there is a baseline."""
        reading = self._state.transcript.reading
        self.set_class(reading is not None and reading.relative is not None, "-relative")
        window_s = self._state.window_s
        title = "Sentiment" if window_s is None else f"Sentiment, last {window_s:g} s"
        if title != self.border_title:  # setting it draws everything
            self.border_title = title
        super().redraw()

    def shown(self) -> object:
        """The latest reading and sentence."""
        return self._state.transcript.reading, self._state.utterance

    def render(self) -> RenderResult:
        """The lines of the panel."""
        reading = self._state.transcript.reading
        if reading is None:
            return Content.assemble(
                ("No reading yet.\n\n", "bold"), ("The first one takes a few seconds.", "$foreground-muted")
            )
        if reading.score is None:
            return self._abstention(reading)
        return self._score(reading, reading.score)

    def _abstention(self, reading: Reading) -> Content:
        present = reading.present
        anything = present.text or present.voice or present.face
        why = "Not enough input for a reading." if anything else "No words, voice or face."
        return Content.assemble(("No reading\n\n", "bold"), (f"{why}\n{self._when(reading)}", "$foreground-muted"))

    def _score(self, reading: Reading, score: float) -> Content:
        known = score, reading.low, reading.high
        style = TONE_STYLES[shown_tone(*known)]
        words, leaning = headline(*known)
        relative = self._relative(reading, score)
        large = self.size.height >= _LARGE_HEIGHT + len(relative) and self.size.width >= _LARGE_WIDTH
        lines = large_text(signed(score), large=large, ascii_only=self._ascii_only)
        width = max(7, self.size.width)
        drawn = gauge(score, reading.low, reading.high, width, ascii_only=self._ascii_only)
        return Content.assemble(
            ("\n".join(lines) + "\n", f"bold {style}"),
            ("\n" if large else "", ""),
            (f"{shown_sign(*known, self._ascii_only)} {words}", f"bold {style}"),
            (f" {leaning}\n", "$foreground-muted"),
            *((f"{line}\n", "$accent") for line in relative),
            (drawn + "\n", style),
            ("-3" + "0".center(width - 4) + "+3\n", "$foreground-muted"),
            (self._interval(reading) + "\n", "$foreground"),
            (self._when(reading) + "\n", "$foreground-muted"),
            *_sentence(self._state.utterance, width, self._ascii_only),
        )

    def _relative(self, reading: Reading, score: float) -> list[str]:
        """One line while there is a baseline, with its value if there is room; the banner shows it anyway."""
        if reading.relative is None:
            return []
        line = above(reading.relative, score - reading.relative)
        return [line if len(line) <= self.size.width else line.replace(" your ", " ").partition(" of ")[0]]

    def _interval(self, reading: Reading) -> str:
        if reading.low is None or reading.high is None:
            return "interval unknown"
        return f"between {signed(reading.low)} and {signed(reading.high)}"

    def _when(self, reading: Reading) -> str:
        mark = "" if self._ascii_only else "✓ " if reading.status == "committed" else "… "
        return f"{mark}{reading.status} at {clock(reading.end_s)}"


def _sentence(utterance: Utterance | None, width: int, ascii_only: bool) -> list[tuple[str, str]]:
    """The latest sentence in one line, apart from the rolling window above it."""
    label = ("sentence ", "$foreground-muted")
    if utterance is None:
        return [label, ("none finished yet", "$foreground-muted")]
    if utterance.score is None:
        return [label, ("no reading", "$foreground-muted")]
    known = utterance.score, utterance.low, utterance.high
    number = f"{shown_sign(*known, ascii_only)} {signed(utterance.score)}"
    text = f"{number} {headline(*known)[0]}"
    return [label, (text if len(label[0] + text) <= width else number, TONE_STYLES[shown_tone(*known)])]
