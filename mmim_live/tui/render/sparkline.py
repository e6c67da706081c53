"""The whole session in one line: a bar for each stretch of time, as high as its mean score."""

from collections.abc import Sequence
from itertools import pairwise

from mmim_live.events import Reading
from mmim_live.tui.render.plot import MAX_GAP_S
from mmim_live.types import SCORE_LIMIT

_BARS, _BARS_ASCII = "▁▂▃▄▅▆▇█", "_.-~=*^#"


def bin_scores(readings: Sequence[Reading], duration_s: float, bins: int) -> list[float | None]:
    """The mean score of each of `bins` equal stretches from 0 to `duration_s`; None where there is no score."""
    totals, counts = [0.0] * bins, [0] * bins
    for reading in readings:
        if reading.score is not None and duration_s > 0:
            place = min(bins - 1, int(reading.end_s / duration_s * bins))
            totals[place] += reading.score
            counts[place] += 1
    means = [total / count if count else None for total, count in zip(totals, counts, strict=True)]
    known = [place for place, mean in enumerate(means) if mean is not None]
    for before, after in pairwise(known):  # with more stretches than readings, a short gap is no pause
        left, right = means[before], means[after]
        if left is not None and right is not None and (after - before) * duration_s / bins <= MAX_GAP_S:
            for place in range(before + 1, after):
                means[place] = left + (right - left) * (place - before) / (after - before)
    return means


def bar(score: float | None, *, ascii_only: bool) -> str:
    """One character: the lowest for -3, the highest for 3, a space for None."""
    if score is None:
        return " "
    bars = _BARS_ASCII if ascii_only else _BARS
    share = (min(SCORE_LIMIT, max(-SCORE_LIMIT, score)) + SCORE_LIMIT) / (2 * SCORE_LIMIT)
    return bars[min(len(bars) - 1, int(share * len(bars)))]
