"""The sentiment of emotions, from -3 to 3: the pleasure norms of Russell and Mehrabian (1977) times three.

"Evidence for a three-factor theory of emotions", Journal of Research in Personality 11, 273-294: mean ratings of
pleasure from -1 to 1 for terms of emotion. "Neutral" is the origin of their space. "Calm" is 0 as well: RAVDESS has it
as a second baseline beside neutral, and its listeners could hardly tell the two apart (Livingstone and Russo 2018, PLoS
ONE 13(5) e0196391). Contempt (CK+, 18 people) has no rating of its own there and is left out.

What an actor shows is taken for what a speaker means; a face or voice alone is weaker evidence than these numbers
suggest.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal

Emotion = Literal["neutral", "happy", "sad", "angry", "fearful", "disgusted", "surprised", "bored"]

_PLEASURE: Mapping[Emotion, float] = {
    "neutral": 0.0,
    "happy": 0.81,
    "sad": -0.63,
    "angry": -0.51,
    "fearful": -0.64,
    "disgusted": -0.60,
    "surprised": 0.40,
    "bored": -0.65,
}

SENTIMENT: Mapping[Emotion, float] = {emotion: 3.0 * pleasure for emotion, pleasure in _PLEASURE.items()}
"""The sentiment of each emotion, -3 to 3."""

RAVDESS: Mapping[str, Emotion] = {
    "01": "neutral", "02": "neutral", "03": "happy", "04": "sad",
    "05": "angry", "06": "fearful", "07": "disgusted", "08": "surprised",
}  # fmt: skip
"""The third part of a file's name."""

EMODB: Mapping[str, Emotion] = {
    "W": "angry", "L": "bored", "E": "disgusted", "A": "fearful", "F": "happy", "T": "sad", "N": "neutral",
}  # fmt: skip
"""The sixth letter of a file's name."""

CKPLUS: Mapping[str, Emotion] = {
    "anger": "angry", "disgust": "disgusted", "fear": "fearful", "happy": "happy", "sadness": "sad",
    "surprise": "surprised",
}  # fmt: skip
"""The class names of CK+."""
