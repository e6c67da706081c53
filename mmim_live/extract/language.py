"""Which language is spoken: a belief that evidence moves, and that does not flicker.

Bayes' rule with the recogniser's language probabilities as likelihoods and a prior that favours the language believed
so far (at first: the one the caller expects). Knows no sound.
"""

from __future__ import annotations

from collections.abc import Mapping

__all__ = ["LanguageBelief"]

_LOYALTY = 10.0  # prior odds of the language believed so far against any other
_SURE = 0.8  # posterior from which on a language counts as known
_LEAST_S = 1.0  # less speech than this says nothing on the language
_ENOUGH_S = 4.0  # more speech of the same stretch changes nothing any more


class LanguageBelief:
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

    def wants(self, seconds: float) -> bool:
        """Whether evidence from so many seconds of a stretch of speech is of use."""
        return not self._fixed and (self._guess is None or _LEAST_S <= seconds <= _ENOUGH_S or not self._known)

    def weigh(self, likelihood: Mapping[str, float], seconds: float) -> None:
        """Take the probabilities that `seconds` of speech give to the languages."""
        if self._fixed or not likelihood:
            return
        posterior = self._posterior(likelihood)
        best = max(posterior, key=lambda language: (posterior[language], language))
        if seconds >= _LEAST_S or self._guess is None:
            self._guess = best
        if seconds >= _LEAST_S and posterior[best] >= _SURE:
            self._known, self._expected = True, best

    def _posterior(self, likelihood: Mapping[str, float]) -> dict[str, float]:
        if self._expected is None:
            return dict(likelihood)
        weighted = {
            language: value * (_LOYALTY if language == self._expected else 1.0)
            for language, value in likelihood.items()
        }
        total = sum(weighted.values())
        return {language: value / total for language, value in weighted.items()} if total > 0 else dict(likelihood)
