"""Why the score is what it is: contributions of words, voice and face, and whether they match."""

from textual.app import RenderResult
from textual.content import Content

from mmim_live.events import Reading
from mmim_live.tui.render.glyphs import signed_bar
from mmim_live.tui.state import SessionState
from mmim_live.tui.widgets.score import TONE_STYLES
from mmim_live.tui.widgets.state_widget import StateWidget
from mmim_live.types import MODALITIES, Agreement, Modality
from mmim_live.wording import agreement_sentence, misfits, signed

NAMES: dict[Modality, str] = {"text": "words", "voice": "voice", "face": "face"}
BAR_LIMIT = 2.0  # a single modality rarely contributes more; longer bars are clipped, the number is not


class ContributionsPanel(StateWidget):
    """Shows the latest reading."""

    def __init__(self, state: SessionState, *, ascii_only: bool) -> None:
        super().__init__(classes="panel")
        self.border_title = "Why"
        self._state = state
        self._ascii_only = ascii_only

    def shown(self) -> object:
        """The latest reading."""
        return self._state.transcript.reading

    def render(self) -> RenderResult:
        """Three bars, then the agreement."""
        reading = self._state.transcript.reading
        if reading is None:
            return Content("")
        bars = [self._bar(reading, name) for name in MODALITIES]
        return Content("\n").join([*bars, Content(""), *self._agreement(reading)])

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

    def _agreement(self, reading: Reading) -> list[Content]:
        agreement = reading.agreement
        sentence = agreement_sentence(agreement, reading.present)
        odd = misfits(agreement) if reading.present.text else ()
        known = agreement.voice is not None or agreement.face is not None
        lines = [
            Content.assemble(("! " if self._ascii_only else "≠ ", "bold $text-accent"), sentence)
            if odd
            else Content.assemble((sentence, "$foreground" if known else "$foreground-muted"))
        ]
        numbers = _percentiles(agreement)
        if numbers:
            lines.append(Content.assemble((numbers, "$foreground-muted")))
        return lines


def _percentiles(agreement: Agreement) -> str:
    known = (("voice", agreement.voice), ("face", agreement.face))
    return ", ".join(f"{name} {value:.0%}" for name, value in known if value is not None)
