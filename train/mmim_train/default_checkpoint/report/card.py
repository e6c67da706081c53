"""The model card of the checkpoint that ships. Knows words and figures only."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

USEFUL_AUC = 0.75  # from which on agreement is shown

_CARD = """# {name}

MMIM (Han, Chen, Poria, EMNLP 2021) with the corrected objective: sentiment from -3 to 3 of an utterance, from English
words, a voice and a face, or from any of them alone. Text encoder: all-MiniLM-L6-v2 (Apache-2.0), tuned.

## It was composed, not recorded

There is no free set of clips of talking people with rated sentiment. The words and their ratings are real, the voices
are real and the faces are real, each measured by the very extractors of the live path, **but they do not come from the
same moments.** Around the rating of a sentence a voice and a face were drawn by the pleasure norm of the emotion they
show (Russell and Mehrabian 1977, times three), with noise of {spread}; {regardless:.0%} of voices and faces were drawn
regardless of the words, and {against:.0%} of the triples contradict themselves on purpose. The fusion learned from what
voice and face encoders said of people they did not know ({folds} encoders each, every one without a part of the
people; together they are the encoder that ships). What the model knows of
*how* words, voice and face go together is what this recipe says, not what people do. Faces were stills: their
movement, blinking and talking were added by the recipe.

| what | used | licence |
|---|---|---|
| CMU-MOSI transcripts, train (1284 sentences) | words | research, non-commercial |
| Stanford Sentiment Treebank; VADER's rated texts; EmoBank | words | research; MIT; CC BY-SA 4.0 |
| RAVDESS, speech, actors 1-16 | voices | CC BY-NC-SA 4.0 |
| EmoDB (German), all speakers but two | voices | free for research |
| FER2013, seven of eight pictures; CK+, four of five people | faces | research, non-commercial |
| GRID, four clips | movement of talking, neutral faces | CC BY 4.0 |

So: **for research, not for commerce.**

## How good it is, on validation data

Nothing here is a test figure. The validation sentences also chose settings and the widths of the intervals.

### Words alone: MOSI's {words_count} validation sentences
{words}

With words lost or replaced at random:
{errors}

{transcripts}

### Voice alone and face alone
{voice_count} recordings of speakers it never heard, {face_count} stills of people it never saw (FER2013 names nobody).

{emotions}

{loudness}

{identity}

### Composed triples: validation sentences, unseen speakers, unseen faces ({triples_count})
These say how well the model learned what was composed, and no more.
{triples}

### Abstention
Without words a reading abstains when it is hardly other than what the model says of nothing at all: so near, the
readings of these triples erred nearly as much as saying always the same.
{abstention}

### Agreement
How well voice and face go with the words is log q(h | words) - log p(h), with the q of MMIM, which was fitted once more
to what goes together (InfoNCE with q for its critic). AUC with which it tells voices and faces joined with their words
from those joined against them, of {contested} triples of which half contradict themselves; "both" is by the sum of the
two, of triples in which both were joined against the words, "any" of those in which at least one was:
{agreement}

The other lines are ceilings: what a reader would reach who saw the emotion that was drawn, with the true rating of the
words, or with the words as they are read here. What is left is lost by reading an emotion off a stranger's voice or
face. Below {useful:.2f} a checkpoint carries no agreement table, and its readings say null: an indicator hardly better
than chance would mislead. This one carries: {carried}.

## What it is not for

It guesses an expression in an utterance, not a person's feeling, character or intention, and it is wrong often: look
at the width of the intervals. Actors and posed pictures overstate; people who show little, speak other languages, are
old, very young or ill, or look unlike those of the data sets above, may be read worse, and nobody has measured how
much. Do not use it to judge, rank, hire, teach, treat or watch people. In the European Union, inferring emotions at
work or in education is forbidden (AI Act, article 5(1)(f)), and people must be told when such a system looks at them
(article 50).

## To make it again

`mmim-live build-default --data DATA --output FOLDER` with seed {seed}, mmim-live {version}.
"""


def default_card(name: str, figures: Mapping[str, Any], recipe: Any, version: str) -> str:
    """The card; `figures` as `live_report.figures` gives them, `recipe` a DefaultRecipe."""
    triples = figures["triples"]
    return _CARD.format(
        name=name,
        spread=recipe.synthetic_triples.spread,
        regardless=recipe.synthetic_triples.independent,
        against=recipe.synthetic_triples.incongruent,
        words_count=figures["words"]["count"],
        words=_table({"words": figures["words"]}, ("mae", "r", "acc2_has0", "acc2_non0", "f1_non0", "acc7")),
        errors=_table(figures["words_with_errors"], ("mae", "r", "acc2_non0"), "share"),
        voice_count=figures["voice"]["count"],
        face_count=figures["face"]["count"],
        emotions=_emotions(figures),
        loudness=_loudness(figures["loudness"]),
        triples_count=figures["triples_count"],
        contested=figures["contested_count"],
        triples=_table(
            {
                name: values | {"coverage": figures["coverage"][name], "half_width": figures["half_width"][name]}
                for name, values in triples.items()
            },
            ("mae", "r", "acc2_non0", "half_width", "coverage"),
            "present",
        ),
        identity=_identity(figures["identity"]),
        transcripts=_transcripts(figures["transcripts"], figures["words"]),
        abstention=_abstention(figures["abstention"]),
        agreement=_table(figures["agreement_auc"], ("voice", "face", "both", "any")),
        useful=USEFUL_AUC,
        carried=", ".join(n for n in ("voice", "face") if figures["agreement_auc"]["reached"][n] >= USEFUL_AUC)
        or "none",
        folds=recipe.voice.folds,
        seed=recipe.seed,
        version=version,
    )


def _emotions(figures: Mapping[str, Any]) -> str:
    names = sorted({*figures["voice"]["mean_by_emotion"], *figures["face"]["mean_by_emotion"]})
    lines = [f"| | r | {' | '.join(f'mean of {name}' for name in names)} |", "|---" * (len(names) + 2) + "|"]
    for kind in ("voice", "face"):
        found = figures[kind]
        means = " | ".join(str(found["mean_by_emotion"].get(name, "")) for name in names)
        lines.append(f"| {kind} | {found['r']:.2f} | {means} |")
    by_source = ", ".join(
        f"{source} {r:.2f}" for kind in ("voice", "face") for source, r in figures[kind]["by_source"].items()
    )
    return "\n".join([*lines, "", f"r by source: {by_source}."])


def _loudness(moved: Mapping[str, float]) -> str:
    return (
        f"Making a recording 12 dB quieter or 6 dB louder moves its reading by {moved['mean']:.3f} on average, "
        f"{moved['max']:.3f} at most; {moved['below_tenth']:.0%} of the readings move by less than 0.1."
    )


def _identity(found: Mapping[str, Any]) -> str:
    return (
        f"Neutral faces of people it never saw ({found['neutral_count']}, one picture each) read "
        f"{found['neutral_mean']:+.2f} on average, {found['neutral_within_half']:.0%} of them within 0.5 of zero. "
        f"CK+ has no neutral pictures here; over the expressions that its {found['people']} people do show, a person "
        f"lies {found['offset_mean']:.2f} from the mean of all on average, {found['offset_within_half']:.0%} of them "
        "within 0.5."
    )


def _transcripts(found: Mapping[str, Any] | None, words: Mapping[str, Any]) -> str:
    if found is None:
        return "What is lost with recognised words was not measured: no synthetic voice was installed."
    rows = {"given words": words, f"heard by {found['recogniser']}": found}
    return (
        "Spoken by a **synthetic** voice (espeak-ng, since the sound of these sentences is not free) and recognised by "
        f"the live recogniser, with {found['error_rate']:.1%} of the words wrong:\n"
        + _table(rows, ("mae", "r", "acc2_non0"), "words")
    )


def _abstention(found: Mapping[str, Mapping[str, float]]) -> str:
    rows = {
        name: {
            "threshold": threshold,
            "share": found["share"][name],
            "error of all": found["error"][name],
            "error of the others": found["error_kept"][name],
            "saying the same there": found["same_kept"][name],
        }
        for name, threshold in found["nearer"].items()
    }
    return _table(
        rows, ("threshold", "share", "error of all", "error of the others", "saying the same there"), "present"
    )


def _table(rows: Mapping[str, Mapping[str, Any]], columns: tuple[str, ...], first: str = "") -> str:
    lines = [f"| {first} | {' | '.join(columns)} |", "|---" * (len(columns) + 1) + "|"]
    for name, values in rows.items():
        lines.append(f"| {name} | {' | '.join(f'{values[column]:.3f}' for column in columns)} |")
    return "\n".join(lines)
