"""How much a replay differs from the live session that was recorded. Pure: events in, metrics out.

The two are bound to differ: a live session drops frames, has heard what came before the recording, and normalizes the
voice by it; the recording quantizes audio to 16 bits and encodes frames. Readings whose window starts before the
recording are left out.
"""

from __future__ import annotations

import statistics
from collections.abc import Iterable, Sequence

from mmim_live.events import Comparison, Event, Reading, Utterance, WordHeard
from mmim_live.speech.wer import word_errors
from mmim_live.transcript import Transcript

SAME_S = 0.5  # by how much the boundaries of one utterance may differ
_ROUNDING_S = 0.002  # of times in files


class Comparer:
    """Collects the events of a replay; `result` compares them with what was recorded."""

    def __init__(self, recorded: Sequence[Event]) -> None:
        self._recorded = recorded
        self._replayed: list[Event] = []

    def take(self, event: Event) -> None:
        """One event of the replay."""
        if isinstance(event, Reading | Utterance | WordHeard) and _committed(event):
            self._replayed.append(event)

    def result(self) -> Comparison:
        """The comparison so far."""
        return compare(self._recorded, self._replayed)


def compare(recorded: Iterable[Event], replayed: Iterable[Event]) -> Comparison:
    """Compare what is committed in both, up to the end of the shorter one."""
    live, again = list(filter(_committed, recorded)), list(filter(_committed, replayed))
    until_s = min(_until_s(live), _until_s(again)) + _ROUNDING_S
    live = [event for event in live if _begin_s(event) >= -_ROUNDING_S and _end_s(event) <= until_s]
    again = [event for event in again if _end_s(event) <= until_s]
    live_transcript, replayed_transcript = Transcript.of(live), Transcript.of(again)
    readings = _scores(live_transcript)
    others = _scores(replayed_transcript)
    pairs = [(score, others[key]) for key, score in readings.items() if key in others]
    differences = [abs(one - other) for one, other in pairs if one is not None and other is not None]
    errors, words = word_errors(_text(live), _text(again))
    utterances = live_transcript.utterances
    spans = [(each.start_s, each.end_s) for each in replayed_transcript.utterances]
    return Comparison(
        readings=len(readings),
        readings_matched=len(differences),
        score_mean_difference=statistics.fmean(differences) if differences else None,
        score_largest_difference=max(differences, default=None),
        words=words,
        words_same=max(0.0, 1 - errors / words) if words else None,
        utterances=len(utterances),
        utterances_matched=sum(
            any(abs(each.start_s - start_s) <= SAME_S and abs(each.end_s - end_s) <= SAME_S for start_s, end_s in spans)
            for each in utterances
        ),
    )


def _committed(event: Event) -> bool:
    return isinstance(event, Reading | Utterance | WordHeard) and event.status == "committed"


def _begin_s(event: Event) -> float:
    return event.start_s if isinstance(event, Reading | Utterance | WordHeard) else 0.0


def _end_s(event: Event) -> float:
    return event.end_s if isinstance(event, Reading | Utterance | WordHeard) else 0.0


def _until_s(events: Iterable[Event]) -> float:
    return max((event.end_s for event in events if isinstance(event, Reading)), default=0.0)


def _scores(transcript: Transcript) -> dict[int, float | None]:
    """By the end of the window in milliseconds."""
    return {round(1000 * reading.end_s): reading.score for reading in transcript.readings}


def _text(events: Iterable[Event]) -> str:
    return " ".join(event.text for event in events if isinstance(event, WordHeard))
