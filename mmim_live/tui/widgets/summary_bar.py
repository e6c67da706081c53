"""The summary line of a finished session."""

from textual.app import RenderResult
from textual.content import Content

from mmim_live.events import Summary
from mmim_live.highlights import highlights_sentence
from mmim_live.tui.bindings import key_of
from mmim_live.tui.state import SessionState
from mmim_live.tui.widgets.state_widget import StateWidget
from mmim_live.wording import clock, comparison_sentence, counted, real_time, signed


class SummaryBar(StateWidget):
    """Hidden until there is a summary."""

    HEIGHT_FOLLOWS = True

    def __init__(self, state: SessionState, *, replay: bool) -> None:
        super().__init__()
        self._replay = replay
        self._state = state

    def shown(self) -> object:
        """The summary and the comparison."""
        return self._state.summary, self._state.comparison

    def render(self) -> RenderResult:
        """The summary and the keys that matter now."""
        summary = self._state.summary
        if summary is None:
            return Content("")
        return Content.assemble(
            ("Finished. ", "bold"),
            self._summary_text(summary),
            self._highlights(),
            self._compared(),
            (f" {self._keys()}.", "$foreground-muted"),
        )

    def _highlights(self) -> str:
        sentence = highlights_sentence(self._state.transcript.utterances)
        return f" {sentence}" if sentence else ""

    def _keys(self) -> str:
        keys = {"restart": "restarts", "export": "exports", "open": "opens another"} if self._replay else {}
        keys |= {"back": "goes back" if self._replay else "scrolls back", "quit": "quits"}
        return ", ".join(f"{key_of(self, action)} {does}" for action, does in keys.items())

    def _compared(self) -> str:
        comparison = self._state.comparison
        return "" if comparison is None else f" {comparison_sentence(comparison)}"

    def _summary_text(self, summary: Summary) -> str:
        parts = [clock(summary.duration_s)]
        if summary.mean_score is not None:
            parts.append(f"mean {signed(summary.mean_score)}")
        names = {"utterances": "sentence", "words": "word"}
        parts += [counted(summary.counts[key], name) for key, name in names.items() if key in summary.counts]
        dropped = sum(summary.drops.values())
        parts += [f"{dropped} dropped"] if dropped else []
        parts += [" ".join(summary.languages)] if summary.languages else []
        parts.append(real_time(summary.real_time_factor))
        return ", ".join(parts) + "."
