"""How scores, times and judgments are put into words and signs, for the screen, the overlay and the command line.

Color is never the only cue: each tone has a sign and a word as well.
"""

from collections.abc import Sequence
from typing import Literal

from mmim_live.events import Comparison, Reading
from mmim_live.types import Agreement, Present

Tone = Literal["positive", "neutral", "negative"]

NEUTRAL_BELOW = 0.5  # |score| that rounds to 0, "neutral" on the seven-step scale of CMU-MOSI
MISFIT_BELOW = 0.1  # percentile: one validation window in ten matches the words this badly

# The names of CMU-MOSI's scale, from 0 to 3.
_DEGREES = ("neutral", "weakly ", "", "strongly ")
_SIGNS: dict[Tone, tuple[str, str]] = {"positive": ("▲", "+"), "neutral": ("●", "o"), "negative": ("▼", "-")}


def tone(score: float) -> Tone:
    """Which of the three tones a score has."""
    if abs(score) < NEUTRAL_BELOW:
        return "neutral"
    return "positive" if score > 0 else "negative"


def sign(score: float, ascii_only: bool) -> str:
    """A one-cell sign for the tone."""
    return _SIGNS[tone(score)][ascii_only]


def score_words(score: float) -> str:
    """The name of the nearest step of the scale.

    >>> score_words(-2.7), score_words(1.0), score_words(0.2)
    ('strongly negative', 'weakly positive', 'neutral')
    """
    kind = tone(score)
    if kind == "neutral":
        return "neutral"
    step = min(3, max(1, int(abs(score) + 0.5)))
    return _DEGREES[step] + kind


def unclear(low: float | None, high: float | None) -> bool:
    """Whether the interval leaves open if the score is positive or negative; one within neutral does not."""
    if low is None or high is None:
        return False
    return low <= 0 <= high and not (low > -NEUTRAL_BELOW and high < NEUTRAL_BELOW)


def headline(score: float, low: float | None, high: float | None) -> tuple[str, str]:
    """What is known of a score, and which way it leans if that is unclear.

    >>> headline(1.2, 0.3, 2.1), headline(1.2, -0.4, 2.1)
    (('weakly positive', ''), ('unclear', 'leans positive'))
    """
    if not unclear(low, high):
        return score_words(score), ""
    kind = tone(score)
    return "unclear", "near zero" if kind == "neutral" else f"leans {kind}"


def shown_tone(score: float, low: float | None, high: float | None) -> Tone:
    """The tone to draw a score in: neutral while it is unclear."""
    return "neutral" if unclear(low, high) else tone(score)


def shown_sign(score: float, low: float | None, high: float | None, ascii_only: bool) -> str:
    """A one-cell sign for what is known of a score."""
    return "?" if unclear(low, high) else sign(score, ascii_only)


def signed(value: float) -> str:
    """One decimal, always with a sign; zero is positive."""
    text = f"{value:+.1f}"
    return "+0.0" if text == "-0.0" else text


def clock(time_s: float) -> str:
    """Minutes and seconds, with hours if there are any.

    >>> clock(62.9), clock(3600)
    ('1:02', '1:00:00')
    """
    seconds = max(0, int(time_s))
    hours, minutes = seconds // 3600, seconds // 60 % 60
    return f"{hours}:{minutes:02}:{seconds % 60:02}" if hours else f"{minutes}:{seconds % 60:02}"


def counted(count: int, name: str) -> str:
    """A count with its noun.

    >>> counted(1, "utterance"), counted(2, "utterance")
    ('1 utterance', '2 utterances')
    """
    return f"{count} {name}" if count == 1 else f"{count} {name}s"


def real_time(factor: float) -> str:
    """How long a run took, from wall seconds per media second.

    >>> real_time(0.312)
    '0.31 x real time'
    """
    return f"{factor:.2f} x real time"


def misfits(agreement: Agreement) -> tuple[str, ...]:
    """Which of voice and face do not match the words."""
    known = (("voice", agreement.voice), ("face", agreement.face))
    return tuple(name for name, value in known if value is not None and value < MISFIT_BELOW)


def agreement_sentence(agreement: Agreement, present: Present) -> str:
    """A plain sentence on whether voice and face match the words."""
    if not present.text:
        return "No words to compare with."
    known = [name for name in ("voice", "face") if getattr(agreement, name) is not None]
    if not known:
        return "Unknown whether voice and face match the words."
    odd = misfits(agreement)
    return f"{_subject(odd)} not match the words." if odd else f"{_subject(known, 'match', 'matches')} the words."


def relative_to(baseline: float, reading: Reading | None) -> str:
    """The reading relative to the user's baseline, which is always named."""
    named = f"your baseline of {baseline:+.2f}"
    if reading is None or reading.relative is None:
        return named
    return f"{reading.relative:+.2f} relative to {named}"


def above(relative: float, baseline: float) -> str:
    """How a score differs from the user's baseline.

    >>> above(0.6, 0.42), above(-0.6, 0.42)
    ('+0.60 above your baseline of +0.42', '-0.60 below your baseline of +0.42')
    """
    where = "below" if relative < 0 else "above"
    return f"{relative:+.2f} {where} your baseline of {baseline:+.2f}"


def comparison_sentence(comparison: Comparison) -> str:
    """How a replay differs from the live session."""
    each = comparison
    if each.score_mean_difference is None or each.score_largest_difference is None:
        return "Nothing to compare with the live session."
    parts = [
        f"the score differs from the live one by {each.score_mean_difference:.2f} on average and by at most "
        f"{each.score_largest_difference:.2f} ({each.readings_matched} of {each.readings} readings)"
    ]
    if each.words_same is not None:
        parts.append(f"{each.words_same:.0%} of {each.words} words are the same")
    if each.utterances:
        parts.append(f"{each.utterances_matched} of {counted(each.utterances, 'utterance')} have the same boundaries")
    text = "; ".join(parts)
    return f"{text[0].upper()}{text[1:]}."


def _subject(names: Sequence[str], plural: str = "do", singular: str = "does") -> str:
    subject = " and ".join(names).capitalize()
    return f"{subject} {plural}" if len(names) > 1 else f"The {names[0]} {singular}"
