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


def test_a_known_language_yields_only_to_evidence_from_several_looks() -> None:
    tracker = LanguageTracker(prior="en")
    tracker.update({"en": 0.9, "es": 0.1}, 1.5)
    tracker.update({"es": 0.999, "en": 0.001}, 2.0)
    assert tracker.known == "en"
    assert tracker.needs_evidence(2.0, 3.1)  # there is a rival now
    assert not tracker.needs_evidence(2.0, 2.5)
    tracker.update({"es": 0.999, "en": 0.001}, 3.0)
    assert tracker.known == "es"


def test_evidence_for_the_known_language_refutes_a_rival() -> None:
    tracker = LanguageTracker(prior="en")
    tracker.update({"en": 0.9, "cy": 0.1}, 1.5)
    for _ in range(5):
        tracker.update({"cy": 0.99, "en": 0.01}, 2.0)
        tracker.update({"en": 0.6, "cy": 0.4}, 3.0)
        assert tracker.known == "en"
    assert not tracker.needs_evidence(2.0, 3.1)
