"""What runs and how much it has seen, where there is room for it."""

from textual.app import RenderResult
from textual.content import Content
from textual.widget import Widget

from mmim_live.tui.state import SessionState
from mmim_live.tui.wording import clock, signed


class AboutPanel(Widget):
    """Names and counts, one a line."""

    def __init__(self, state: SessionState) -> None:
        super().__init__(classes="panel")
        self.border_title = "Session"
        self._state = state

    def render(self) -> RenderResult:
        """As many lines as there are facts."""
        lines = [Content.assemble((f"{label:<11}", "$foreground-muted"), value) for label, value in self._facts()]
        return Content("\n").join(lines)

    def _facts(self) -> list[tuple[str, str]]:
        state = self._state
        session, health = state.session, state.health
        facts = [("media time", clock(state.now_s)), ("readings", str(len(state.readings)))]
        scores = [each.score for each in state.utterances if each.score is not None]
        if scores:
            facts.append(("utterances", f"{len(scores)}, mean {signed(sum(scores) / len(scores))}"))
        if session is not None:
            facts += [("model", session.checkpoint), ("features", session.contract_hash)]
            facts += [(name, model) for name, model in session.models.items()]
        if health is not None and health.device:
            facts.append(("device", health.device))
        return facts
