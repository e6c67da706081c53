"""Tracks which language is spoken: follows the evidence without flickering.

Bayes' rule, with the recognizer's language probabilities as likelihoods and a prior that favors the current language
(at first the one the caller expects).
"""

from __future__ import annotations

from collections.abc import Mapping

__all__ = ["LanguageTracker"]

_PRIOR_ODDS = 10.0  # of the current language against any other
_KNOWN_POSTERIOR = 0.8  # a language counts as known from this posterior on
_MIN_EVIDENCE_S = 1.0  # less speech than this says nothing about the language
_REVIEW_S = 2.0  # a known language is checked once more in each stretch of speech, when it is this long


class LanguageTracker:
    """The language of one speaker, ISO 639-1. With `fixed`, no evidence is needed."""

    def __init__(self, fixed: str | None = None, prior: str | None = None) -> None:
        self._fixed = fixed is not None
        self._expected = fixed or prior
        self._known = self._fixed
        self._guess = self._expected

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
        return not self._fixed and (not self._known or before_s < _REVIEW_S <= now_s)

    def update(self, likelihood: Mapping[str, float], seconds: float) -> None:
        """Take the language probabilities of `seconds` of speech."""
        if self._fixed or not likelihood:
            return
        posterior = self._posterior(likelihood)
        best = max(posterior, key=lambda language: (posterior[language], language))
        if seconds >= _MIN_EVIDENCE_S or self._guess is None:
            self._guess = best
        if seconds >= _MIN_EVIDENCE_S and posterior[best] >= _KNOWN_POSTERIOR:
            self._known, self._expected = True, best

    def _posterior(self, likelihood: Mapping[str, float]) -> dict[str, float]:
        if self._expected is None:
            return dict(likelihood)
        weighted = {
            language: value * (_PRIOR_ODDS if language == self._expected else 1.0)
            for language, value in likelihood.items()
        }
        total = sum(weighted.values())
        return {language: value / total for language, value in weighted.items()} if total > 0 else dict(likelihood)
