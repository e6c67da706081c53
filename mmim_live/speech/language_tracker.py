"""Tracks which language is spoken: settles early, and then changes only on strong evidence.

Bayes' rule, with the recognizer's language probabilities as likelihoods. The prior favors the language that the caller
expects. Once a language is known, evidence for another one adds up over several looks at the audio before it takes
over, since a look at a short or noisy stretch is often wrong and a wrong language garbles the words.
"""

from __future__ import annotations

import math
from collections.abc import Mapping

__all__ = ["LanguageTracker"]

_PRIOR_ODDS = 10.0  # of the expected language against any other
_KNOWN_POSTERIOR = 0.8  # a language counts as known from this posterior on
_MIN_EVIDENCE_S = 1.0  # less speech than this says nothing about the language
_REVIEW_S = 2.0  # a known language is checked once more in each stretch of speech, when it is this long
_RIVAL_REVIEW_S = 1.0  # and every so often while there is evidence for another
_UNLOCK_ODDS = 1000.0  # for another language, to replace one that the audio itself has shown
_WEAK_UNLOCK_ODDS = 40.0  # to replace one that is known only because it was expected
_RIVAL_ODDS = 10.0  # in a single look, to be a rival at all
_LOOK_ODDS = 100.0  # that a single look can give at most


class LanguageTracker:
    """The language of one speaker, ISO 639-1. With `fixed`, no evidence is needed."""

    def __init__(self, fixed: str | None = None, prior: str | None = None) -> None:
        self._fixed = fixed is not None
        self._expected = fixed or prior
        self._known = self._fixed
        self._guess = self._expected
        self._shown = False  # the audio itself favors the known language, not the expectation alone
        self._rival: str | None = None  # that may replace the known language
        self._rival_log_odds = 0.0

    @property
    def known(self) -> str | None:
        """The language, once there is enough evidence."""
        return self._guess if self._known else None

    @property
    def guess(self) -> str | None:
        """The best guess so far, possibly from the prior alone."""
        return self._guess

    def needs_evidence(self, before_s: float, now_s: float) -> bool:
        """Whether evidence helps now that a stretch of speech has grown from `before_s` to `now_s`."""
        if self._fixed or not self._known:
            return not self._fixed
        if self._rival is not None:
            return math.floor(now_s / _RIVAL_REVIEW_S) > math.floor(before_s / _RIVAL_REVIEW_S)
        return before_s < _REVIEW_S <= now_s

    def update(self, likelihood: Mapping[str, float], seconds: float) -> None:
        """Take the language probabilities of `seconds` of speech."""
        if self._fixed or not likelihood:
            return
        if self._known:
            if seconds >= _MIN_EVIDENCE_S:
                self._review(likelihood)
            return
        posterior = self._posterior(likelihood)
        best = max(posterior, key=lambda language: (posterior[language], language))
        if seconds >= _MIN_EVIDENCE_S or self._guess is None:
            self._guess = best
        if seconds >= _MIN_EVIDENCE_S and posterior[best] >= _KNOWN_POSTERIOR:
            self._known = True
            self._shown = likelihood[best] >= _KNOWN_POSTERIOR

    def _review(self, likelihood: Mapping[str, float]) -> None:
        best = max(likelihood, key=lambda language: (likelihood[language], language))
        if best == self._guess:
            self._rival, self._shown = None, True
            return
        odds = likelihood[best] / max(likelihood.get(self._guess or "", 0.0), 1e-9)
        if odds < _RIVAL_ODDS:
            return
        if best != self._rival:
            self._rival, self._rival_log_odds = best, 0.0
        self._rival_log_odds += math.log(min(odds, _LOOK_ODDS))
        if self._rival_log_odds >= math.log(_UNLOCK_ODDS if self._shown else _WEAK_UNLOCK_ODDS):
            self._guess, self._rival, self._shown = best, None, True

    def _posterior(self, likelihood: Mapping[str, float]) -> dict[str, float]:
        if self._expected is None:
            return dict(likelihood)
        weighted = {
            language: value * (_PRIOR_ODDS if language == self._expected else 1.0)
            for language, value in likelihood.items()
        }
        total = sum(weighted.values())
        return {language: value / total for language, value in weighted.items()} if total > 0 else dict(likelihood)
