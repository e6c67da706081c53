"""The model card of the checkpoint that ships."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from mmim_live.model.checkpoint_config import Abstention
from mmim_train.default_checkpoint.config import DefaultRecipe
from mmim_train.default_checkpoint.report.evaluation import USEFUL_AUC, Evaluation

_CARD = """# {name}

MMIM (Han, Chen, Poria, EMNLP 2021) with the corrected objective{terms}: the
sentiment of an utterance, from -3 to 3, from English text, a voice and a face, or from any of them alone. Text encoder:
all-MiniLM-L6-v2 (Apache-2.0), tuned{kept}. Of a face it reads blendshapes, the
pose of the head, and what a small network sees in the aligned grey picture: the logarithms of the shares of raters who
would call it neutral, happy, surprised, sad, angry, disgusted or fearful.

## Trained on synthetic triples, not on recordings

No free data set has clips of talking people with rated sentiment. The sentences and their ratings are real, the voices
are real and the faces are real, each measured by the same extractors as in a live session, **but they do not come from
the same moments.** Each sentence was paired with a voice and a face whose emotion has a pleasure norm (Russell and
Mehrabian 1977, times three) near the sentence's rating, with noise of {spread}; {independent:.0%} of voices and faces
were drawn independently of the text, and {incongruent:.0%} of the triples contradict themselves on purpose. The fusion
was trained on what voice and face encoders predict for people they were not trained on ({folds} encoders per modality,
each trained without one part of the people; together they are the encoder that ships). What the model knows about *how*
text, voice and face go together is what this recipe says, not what people do. The faces were stills: their movement,
blinking and talking were added by the recipe. The expression network has seen none of the faces that the face encoder
and the fusion learned from, nor any that are evaluated below.

| data | used for | license |
|---|---|---|
| CMU-MOSI transcripts, train (1284 sentences) | text | research, non-commercial |
| Stanford Sentiment Treebank; VADER's rated texts; EmoBank | text | research; MIT; CC BY-SA 4.0 |
| RAVDESS, speech, actors 1-16 | voices | CC BY-NC-SA 4.0 |
| EmoDB (German), all speakers but two | voices | free for research |
| FER2013 with FER+ votes, six of eight pictures; CK+, three of five people | expression network | research |
| FER2013 with FER+ votes, one of eight pictures; CK+, one of five people | faces | research |
| GRID, four clips | talking movement, neutral faces | CC BY 4.0 |

Therefore: **for research, not for commercial use.**

## How good it is, on validation data

None of these are test results: the validation sentences also chose settings and the widths of the intervals.

### Text alone: MOSI's {words_count} validation sentences
{words}

With words deleted or substituted at random:
{errors}

{transcripts}

### Voice alone and face alone
{voice_count} recordings of held-out speakers, {face_count} stills of held-out people (FER2013 names nobody).

{emotions}

{below_zero}

{loudness}

{identity}

### Synthetic triples: validation sentences, held-out speakers and faces ({triples_count})
These show how well the model learned the synthetic pairing, and no more.
{triples}

### Abstention
Without text, a reading abstains if its score is within a threshold of the score for no input at all: that close, the
scores of these triples were hardly better than a constant prediction.
{abstention}

### Consistency
How well voice and face go with the text is log q(h | text) - log p(h), with MMIM's q fitted again to congruent triples
(InfoNCE with q as the critic). AUC of congruent against incongruent voices and faces, on {contested} triples of which
half contradict themselves; "both" and "any" go by the sum of the two: "both" against triples in which voice and face
are incongruent, "any" against those in which at least one is:
{agreement}

The other rows are ceilings: what an observer would reach who sees the emotion that was drawn, with the true rating of
the text, or with the text as the model reads it. The rest is lost in recognizing the emotion of a stranger's voice or
face. Below {useful:.2f} a checkpoint has no consistency table for that modality, and its readings report null: an
indicator hardly better than chance would mislead. This checkpoint has: {carried}.

## What it is not for

It estimates how an utterance comes across, not a person's feelings, character or intentions, and it is often wrong:
mind the width of the intervals. Actors and posed pictures exaggerate; people who show little, speak other languages,
are old, very young or ill, or look unlike those in the data sets above may be scored worse, and nobody has measured how
much. Do not use it to judge, rank, hire, teach, treat or monitor people. In the European Union, inferring emotions in
the workplace or in education is prohibited (AI Act, article 5(1)(f)), and people must be informed when they are exposed
to such a system (article 50).

## How to build it

`mmim-live build-default --data DATA --output FOLDER{option}`, seed {seed}, mmim-live {version}.
"""


def default_card(
    name: str, evaluation: Evaluation, recipe: DefaultRecipe, version: str, text_from: str | None = None
) -> str:
    """The card, in Markdown; `text_from` is the SHA-256 of the weights whose text encoder was kept."""
    metrics = evaluation.metrics
    triples = recipe.synthetic_triples
    return _CARD.format(
        name=name,
        terms="" if recipe.train.beta else ", without its terms between text and voice or face",
        kept="" if text_from is None else f" (kept unchanged from the checkpoint with weights {text_from[:16]})",
        option="" if text_from is None else " --text-from THAT_CHECKPOINT",
        spread=triples.spread,
        independent=triples.independent,
        incongruent=triples.incongruent,
        folds=recipe.voice.folds,
        words_count=metrics["words"]["count"],
        words=_table({"words": metrics["words"]}, ("mae", "r", "acc2_has0", "acc2_non0", "f1_non0", "acc7")),
        errors=_table(metrics["words_with_errors"], ("mae", "r", "acc2_non0"), "share"),
        transcripts=_transcripts(metrics["transcripts"], metrics["words"]),
        voice_count=metrics["voice"]["count"],
        face_count=metrics["face"]["count"],
        emotions=_emotions(metrics),
        below_zero=_below_zero(metrics),
        loudness=_loudness(metrics["loudness"]),
        identity=_identity(metrics["identity"]),
        triples_count=metrics["triples_count"],
        triples=_triples(metrics),
        abstention=_abstention(evaluation.abstention),
        contested=metrics["contested_count"],
        agreement=_table(metrics["agreement_auc"], ("voice", "face", "both", "any")),
        useful=USEFUL_AUC,
        carried=", ".join(evaluation.consistency) or "none",
        seed=recipe.seed,
        version=version,
    )


def _triples(metrics: Mapping[str, Any]) -> str:
    rows = {
        name: values | {"coverage": metrics["coverage"][name], "half_width": metrics["half_width"][name]}
        for name, values in metrics["triples"].items()
    }
    return _table(rows, ("mae", "r", "acc2_non0", "half_width", "coverage"), "present")


def _emotions(metrics: Mapping[str, Any]) -> str:
    names = sorted({*metrics["voice"]["mean_by_emotion"], *metrics["face"]["mean_by_emotion"]})
    lines = [f"| | r | {' | '.join(f'mean of {name}' for name in names)} |", "|---" * (len(names) + 2) + "|"]
    for kind in ("voice", "face"):
        found = metrics[kind]
        means = " | ".join(str(found["mean_by_emotion"].get(name, "")) for name in names)
        lines.append(f"| {kind} | {found['r']:.2f} | {means} |")
    by_source = ", ".join(
        f"{source} {r:.2f}" for kind in ("voice", "face") for source, r in metrics[kind]["by_source"].items()
    )
    return "\n".join([*lines, "", f"r by source: {by_source}."])


def _below_zero(metrics: Mapping[str, Any]) -> str:
    voice, face = (metrics[kind]["angry_or_sad_below_zero"] for kind in ("voice", "face"))
    return f"Angry or sad ones that score below zero: {voice:.0%} of the voices, {face:.0%} of the faces."


def _loudness(moved: Mapping[str, float]) -> str:
    return (
        f"Making a recording 12 dB quieter or 6 dB louder moves its score by {moved['mean']:.3f} on average, "
        f"{moved['max']:.3f} at most; {moved['below_tenth']:.0%} of the scores move by less than 0.1."
    )


def _identity(found: Mapping[str, Any]) -> str:
    return (
        f"Neutral faces of held-out people ({found['neutral_count']}, one picture each) score "
        f"{found['neutral_mean']:+.2f} on average, {found['neutral_within_half']:.0%} of them within 0.5 of zero. "
        f"CK+ has no neutral pictures here; over the expressions that its {found['people']} people do show, a person "
        f"deviates by {found['offset_mean']:.2f} from the mean of all on average, {found['offset_within_half']:.0%} of "
        "them by no more than 0.5."
    )


def _transcripts(found: Mapping[str, Any] | None, words: Mapping[str, Any]) -> str:
    if found is None:
        return "The loss from recognized text was not measured: no synthetic voice was installed."
    rows = {"as given": words, f"recognized by {found['recogniser']}": found}
    return (
        "Spoken by a **synthetic** voice (espeak-ng, since the audio of these sentences is not free) and transcribed "
        f"by the live recognizer, with {found['error_rate']:.1%} of the words wrong:\n"
        + _table(rows, ("mae", "r", "acc2_non0"), "text")
    )


def _abstention(found: Abstention) -> str:
    rows = {
        name: {
            "threshold": threshold,
            "share": found.share[name],
            "MAE, all": found.error[name],
            "MAE, not abstaining": found.error_kept[name],
            "MAE of a constant there": found.same_kept[name],
        }
        for name, threshold in found.threshold.items()
    }
    columns = ("threshold", "share", "MAE, all", "MAE, not abstaining", "MAE of a constant there")
    return _table(rows, columns, "present")


def _table(rows: Mapping[str, Mapping[str, Any]], columns: tuple[str, ...], first: str = "") -> str:
    lines = [f"| {first} | {' | '.join(columns)} |", "|---" * (len(columns) + 1) + "|"]
    for name, values in rows.items():
        lines.append(f"| {name} | {' | '.join(f'{values[column]:.3f}' for column in columns)} |")
    return "\n".join(lines)
