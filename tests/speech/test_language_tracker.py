"""Tracking the language from made-up evidence."""

from mmim_live.speech.language_tracker import LanguageTracker


def test_weak_evidence_yields_to_the_prior_and_strong_evidence_does_not() -> None:
    tracker = LanguageTracker(prior="en")
    tracker.update({"en": 0.3, "cy": 0.6, "de": 0.1}, 1.5)
    assert tracker.guess == "en"
    tracker.update({"en": 0.01, "es": 0.98, "de": 0.01}, 1.5)
    assert tracker.known == "es"


def test_a_known_language_does_not_flicker() -> None:
    tracker = LanguageTracker()
    assert tracker.needs_evidence(0.0, 0.7)
    tracker.update({"es": 0.95, "en": 0.05}, 2.0)
    assert tracker.known == "es"
    tracker.update({"es": 0.3, "gl": 0.7}, 2.0)
    assert tracker.known == "es"
    assert tracker.needs_evidence(1.5, 2.5)
    assert not tracker.needs_evidence(2.5, 3.5)


def test_a_fixed_language_needs_no_evidence() -> None:
    tracker = LanguageTracker("zh")
    tracker.update({"en": 1.0}, 9.0)
    assert (tracker.known, tracker.needs_evidence(0.0, 9.0)) == ("zh", False)
