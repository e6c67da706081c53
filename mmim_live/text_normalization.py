"""Normalization of text: of case and punctuation for the model, of control characters for the screen.

`normalize_text` is the one place where recognized and training text are made alike. MOSI's transcripts are upper case
without punctuation ("IT COULDVE BEEN BETTER"), Whisper's are neither. Training and live code pass all text through it
before tokenization.
"""

import re
import unicodedata

FOLDING_REVISION = 1

_APOSTROPHES = re.compile(r"(?<=\w)['’`´](?=\w)")
_JOINER = "\u200d"
_NOT_WORD = re.compile(r"[^\w\s]|_")


def normalize_text(text: str) -> str:
    """Lower-case the text, keep accents, remove apostrophes inside words, turn other punctuation into single spaces.

    >>> normalize_text("It could've been BETTER -- really!")
    'it couldve been better really'
    """
    text = unicodedata.normalize("NFKC", text).lower()
    text = _APOSTROPHES.sub("", text)
    return " ".join(_NOT_WORD.sub(" ", text).split())


def plain(text: str) -> str:
    """The text without anything that moves the cursor or changes the writing direction; joined emoji stay joined."""
    return "".join(
        " " if unicodedata.category(each) in ("Cc", "Cf", "Cs") and each != _JOINER else each for each in text
    )


def one_line(text: str) -> str:
    r"""The text without line breaks and anything else that moves the cursor, for messages.

    >>> one_line("a\n  file \x1b[2J")
    'a file [2J'
    """
    return " ".join(plain(text).split())
