"""The moments of a session that stand out."""

from __future__ import annotations

from collections.abc import Sequence

from mmim_live.events import Utterance
from mmim_live.wording import shown_tone


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
