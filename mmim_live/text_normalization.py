"""Normalization of case and punctuation: the one place where recognized and training text are made alike.

MOSI's transcripts are upper case without punctuation ("IT COULDVE BEEN BETTER"), Whisper's are neither. Training and
live code pass all text through `normalize_text` before tokenization.
"""

import re
import unicodedata

FOLDING_REVISION = 1

_APOSTROPHES = re.compile(r"(?<=\w)['’`´](?=\w)")
_NOT_WORD = re.compile(r"[^\w\s]|_")


def normalize_text(text: str) -> str:
    """Lower-case the text, keep accents, remove apostrophes inside words, turn other punctuation into single spaces.

    >>> normalize_text("It could've been BETTER -- really!")
    'it couldve been better really'
    """
    text = unicodedata.normalize("NFKC", text).lower()
    text = _APOSTROPHES.sub("", text)
    return " ".join(_NOT_WORD.sub(" ", text).split())
