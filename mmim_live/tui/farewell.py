"""What stays in the terminal after the app: a few lines on the session, and where its files are."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from mmim_live.highlights import strongest
from mmim_live.tui.state import SessionState
from mmim_live.wording import clock, counted, signed

MAX_TEXT = 60  # characters of a sentence


def farewell(title: str, state: SessionState, outputs: Sequence[Path]) -> list[str]:
    """At most five lines; none if the session had not begun."""
    if state.session is None:
        return []
    length_s = state.summary.duration_s if state.summary else state.now_s
    lines = [f"{title}: {clock(length_s)} analyzed" + ("" if state.summary else ", stopped before the end")]
    if (scores := state.utterance_scores()) is not None:
        count, mean = scores
        lines.append(f"{counted(count, 'sentence')}, mean sentiment {signed(mean)} (from -3 to 3)")
        for name, said in strongest(state.transcript.utterances):
            text = said.text if len(said.text) <= MAX_TEXT else said.text[: MAX_TEXT - 3] + "..."
            lines.append(f'most {name}: {signed(said.score or 0.0)} at {clock(said.start_s)} "{text}"')
    else:
        lines.append("no sentence with a score")
    recorded = [each.message for each in state.transcript.notices if each.code == "recording_saved"]
    lines.append("; ".join([f"written: {', '.join(map(str, outputs))}" if outputs else "no files written", *recorded]))
    return lines
