"""The closing line of a session that came to its end."""

from textual.app import RenderResult
from textual.content import Content

from mmim_live.events import Summary
from mmim_live.tui.bindings import key_of
from mmim_live.tui.state import SessionState
from mmim_live.tui.widgets.state_widget import StateWidget
from mmim_live.wording import clock, comparison_sentence, score_words, sign, signed


class SummaryBar(StateWidget):
    """Hidden until there is a summary."""

    HEIGHT_FOLLOWS = True

    def __init__(self, state: SessionState, *, ascii_only: bool) -> None:
        super().__init__()
        self._state = state
        self._ascii_only = ascii_only

    def shown(self) -> object:
        """What there is at the end."""
        return self._state.summary, self._state.comparison

    def render(self) -> RenderResult:
        """What was seen, and what can be done now."""
        summary = self._state.summary
        if summary is None:
            return Content("")
        return Content.assemble(
            ("Finished. ", "bold"),
            self._told(summary),
            self._compared(),
            (f" {key_of(self, 'back')} scrolls back, {key_of(self, 'quit')} leaves.", "$foreground-muted"),
        )

    def _compared(self) -> str:
        comparison = self._state.comparison
        return "" if comparison is None else f" {comparison_sentence(comparison)}"

    def _told(self, summary: Summary) -> str:
        parts = [clock(summary.duration_s)]
        if summary.mean_score is not None:
            mark = sign(summary.mean_score, self._ascii_only)
            parts.append(f"mean {mark} {signed(summary.mean_score)} ({score_words(summary.mean_score)})")
        parts += [f"{summary.counts[name]} {name}" for name in ("utterances", "words") if name in summary.counts]
        dropped = sum(summary.drops.values())
        parts += [f"{dropped} dropped"] if dropped else []
        parts += [" ".join(summary.languages)] if summary.languages else []
        parts.append(f"{summary.real_time_factor:.2f} x real time")
        return ", ".join(parts) + "."
