"""Which language is spoken: a belief that evidence moves, and that does not flicker.

Bayes' rule with the recogniser's language probabilities as likelihoods and a prior that favours the language believed
so far (at first: the one the caller expects). Knows no sound.
"""

from __future__ import annotations

from collections.abc import Mapping

__all__ = ["LanguageTracker"]

_PRIOR_ODDS = 10.0  # prior odds of the language believed so far against any other
_KNOWN_POSTERIOR = 0.8  # posterior from which on a language counts as known
_MIN_EVIDENCE_S = 1.0  # less speech than this says nothing on the language
_REVIEW_S = 2.0  # a known language is looked at once more in each stretch of speech, when it is this long


class LanguageTracker:
    """The language of one speaker. With `fixed`, no evidence is asked for."""

    def __init__(self, fixed: str | None = None, prior: str | None = None) -> None:
        self._fixed = fixed is not None
        self._expected = fixed or prior
        self._known = self._fixed
        self._guess = self._expected

    @property
    def known(self) -> str | None:
        """The language, once it is sure."""
        return self._guess if self._known else None

    @property
    def guess(self) -> str | None:
        """The best guess so far, which may rest on the prior alone."""
        return self._guess

    def needs_evidence(self, before_s: float, now_s: float) -> bool:
        """Whether evidence is of use when a stretch of speech has grown from `before_s` to `now_s`."""
        return not self._fixed and (not self._known or before_s < _REVIEW_S <= now_s)

    def update(self, likelihood: Mapping[str, float], seconds: float) -> None:
        """Take the probabilities that `seconds` of speech give to the languages."""
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
