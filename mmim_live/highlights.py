"""The moments of a session that stand out."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

from mmim_live.events import Utterance
from mmim_live.wording import clock, shown_tone, signed

MAX_TURNS = 3  # that are named in a sentence


def strongest(utterances: Sequence[Utterance], count: int = 1) -> list[tuple[str, Utterance]]:
    """The `count` most positive sentences, then the most negative ones, of the committed ones that are clearly so.

    Each comes with "positive" or "negative". Of equal scores the earlier sentence comes first.
    """
    found = []
    for name, sign in (("positive", 1), ("negative", -1)):
        known = [
            (sign * each.score, each)
            for each in utterances
            if each.status == "committed" and each.score is not None
            if shown_tone(each.score, each.low, each.high) == name
        ]
        known.sort(key=lambda pair: -pair[0])
        found += [(name, each) for _, each in known[:count]]
    return found


def turns(utterances: Sequence[Utterance]) -> list[Utterance]:
    """Committed sentences that are clearly positive after a clearly negative one, or the other way round.

    What lies between the two, neutral or unclear, does not count.
    """
    known = [
        (shown_tone(each.score, each.low, each.high), each)
        for each in utterances
        if each.status == "committed" and each.score is not None
    ]
    clear = [(name, each) for name, each in known if name != "neutral"]
    return [each for (before, _), (name, each) in pairwise(clear) if name != before]


def highlights_sentence(utterances: Sequence[Utterance]) -> str:
    """The strongest sentences and the turns with their times, in one sentence; empty without any."""
    parts = [
        f"most {name} {signed(each.score or 0.0)} at {clock(each.start_s)}" for name, each in strongest(utterances)
    ]
    if found := turns(utterances):
        more = f" and {len(found) - MAX_TURNS} more" if len(found) > MAX_TURNS else ""
        times = ", ".join(clock(each.start_s) for each in found[:MAX_TURNS])
        parts.append(f"{'turn' if len(found) == 1 else 'turns'} at {times}{more}")
    text = "; ".join(parts)
    return f"{text[0].upper()}{text[1:]}." if text else ""
