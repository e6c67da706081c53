"""Why the score is what it is: contributions to the latest reading, and the consistency of the latest sentence.

A sentence has all its words, so its consistency, unlike that of a rolling window, is steady.
"""

from textual.app import RenderResult
from textual.content import Content

from mmim_live.events import Reading, Utterance
from mmim_live.tui.render.glyphs import signed_bar
from mmim_live.tui.state import SessionState
from mmim_live.tui.widgets.score import TONE_STYLES
from mmim_live.tui.widgets.state_widget import StateWidget
from mmim_live.types import MODALITIES, Modality
from mmim_live.wording import agreement_sentence, misfits, signed

NAMES: dict[Modality, str] = {"text": "words", "voice": "voice", "face": "face"}
BAR_LIMIT = 2.0  # a single modality rarely contributes more; longer bars are clipped, the number is not


class ContributionsPanel(StateWidget):
    """Contributions of the latest reading, consistency of the latest sentence."""

    def __init__(self, state: SessionState, *, ascii_only: bool) -> None:
        super().__init__(classes="panel")
        self.border_title = "Why"
        self._state = state
        self._ascii_only = ascii_only

    def shown(self) -> object:
        """The latest reading and sentence."""
        return self._state.transcript.reading, self._state.utterance

    def render(self) -> RenderResult:
        """Three bars, then the agreement."""
        reading = self._state.transcript.reading
        if reading is None:
            return Content("")
        bars = [self._bar(reading, name) for name in MODALITIES]
        return Content("\n").join([*bars, Content(""), *self._consistency()])

    def _bar(self, reading: Reading, name: Modality) -> Content:
        label = f"{NAMES[name]:<6}"
        value: float | None = getattr(reading.contributions, name)
        if not getattr(reading.present, name):
            return Content.assemble(label, ("absent", "italic $foreground-muted"))
        if value is None:
            return Content.assemble(label, ("contribution unknown", "$foreground-muted"))
        room = max(4, self.size.width - len(label) - 6)
        left, right = signed_bar(value, BAR_LIMIT, room, ascii_only=self._ascii_only)
        return Content.assemble(
            label,
            (left, TONE_STYLES["negative"]),
            ("|" if self._ascii_only else "│", "$border"),
            (right, TONE_STYLES["positive"]),
            (signed(value).rjust(5), ""),
        )

    def _consistency(self) -> list[Content]:
        utterance = self._state.utterance
        title = Content.assemble(("consistency (sentence)", "$foreground-muted"))
        if utterance is None:
            return [title, Content.assemble(("no sentence yet", "$foreground-muted"))]
        sentence = agreement_sentence(utterance.agreement, utterance.present)
        if utterance.present.text and misfits(utterance.agreement):
            mark = "! " if self._ascii_only else "≠ "
            line = Content.assemble((mark, "bold $text-accent"), sentence)
        else:
            line = Content.assemble((sentence, "$foreground" if _percentiles(utterance) else "$foreground-muted"))
        numbers = _percentiles(utterance)
        return [title, line, *([Content.assemble((numbers, "$foreground-muted"))] if numbers else [])]


def _percentiles(utterance: Utterance) -> str:
    """From 0 to 1, as in the output files."""
    agreement = utterance.agreement
    known = (("voice", agreement.voice), ("face", agreement.face))
    return ", ".join(f"{name} {value:.2f}" for name, value in known if value is not None)
