"""Folding of casing and punctuation: the one place where recognised and training text become alike.

MOSI's transcripts are upper case without punctuation ("IT COULDVE BEEN BETTER"), Whisper's are neither. Both sides of
the project, training and live, pass every text through `normalize_text` before tokenising.
"""

import re
import unicodedata

FOLDING_REVISION = 1

_APOSTROPHES = re.compile(r"(?<=\w)['’`´](?=\w)")
_NOT_WORD = re.compile(r"[^\w\s]|_")


def normalize_text(text: str) -> str:
    """Lower case, no accents lost, apostrophes inside words removed, other punctuation turned into single spaces.

    >>> normalize_text("It could've been BETTER -- really!")
    'it couldve been better really'
    """
    text = unicodedata.normalize("NFKC", text).lower()
    text = _APOSTROPHES.sub("", text)
    return " ".join(_NOT_WORD.sub(" ", text).split())
