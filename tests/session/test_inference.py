"""Inference with a scripted predictor: languages, counts, latency."""

from collections.abc import Sequence

import numpy as np

from mmim_live.events import Notice, Reading, Utterance, WordHeard
from mmim_live.session.baseline import Baseline
from mmim_live.session.inference import Inference
from mmim_live.types import Prediction, Present, VoiceRow, Window, Word


class ScriptedPredictor:
    """The score is the number of words; keeps the windows it was given."""

    def __init__(self) -> None:
        self.windows: list[Window] = []

    def predict(self, windows: Sequence[Window]) -> list[Prediction]:
        self.windows += windows
        return [Prediction(float(len(w.words)), present=Present(text=bool(w.words))) for w in windows]


def make_inference(languages: tuple[str, ...] = ("en",)) -> tuple[Inference, ScriptedPredictor]:
    predictor = ScriptedPredictor()
    return Inference(predictor, "toy", languages, lambda media_s: 0.0, Baseline(1.0, 0.5)), predictor  # type: ignore[arg-type]


def word(text: str, language: str | None) -> Word:
    return Word(text, 0.0, 0.5, 0.9, "committed", 1.0, language)


def window(*words: Word, kind: str = "rolling", status: str = "committed") -> Window:
    rows = (VoiceRow(0.1, np.zeros(2, np.float32)),)
    return Window(0.0, 1.0, kind, status, 0, tuple(words), rows, ())  # type: ignore[arg-type]


def test_words_in_an_unsupported_language_are_passed_on_with_one_notice_and_do_not_count():
    inference, predictor = make_inference()
    events = inference.read(word("hola", "es")) + inference.read(word("adiós", "es"))
    assert [type(event) for event in events] == [Notice, WordHeard, WordHeard]
    assert "'es'" in events[0].message  # type: ignore[union-attr]
    (utterance,) = inference.read(window(word("hola", "es"), word("yes", "en"), kind="utterance"))
    assert isinstance(utterance, Utterance)
    assert utterance.text == "hola yes"
    assert [word.text for word in predictor.windows[-1].words] == ["yes"]


def test_words_count_if_their_language_is_unknown_or_the_checkpoint_supports_any():
    inference, predictor = make_inference()
    inference.read(window(word("fine", None)))
    assert len(predictor.windows[-1].words) == 1
    inference, predictor = make_inference(languages=())
    assert [type(event) for event in inference.read(word("hola", "es"))] == [WordHeard]
    inference.read(window(word("hola", "es")))
    assert len(predictor.windows[-1].words) == 1


def test_readings_and_utterances_are_relative_to_the_baseline_while_there_is_one():
    inference, _ = make_inference()
    said = word("fine", "en")
    inference.baseline.toggle(0.0)
    events = [event for _ in range(40) for event in inference.read(window(said))]
    assert {event.relative for event in events if isinstance(event, Reading)} == {None}
    inference.baseline.score = 0.25
    relative = [inference.read(window(said, kind=kind))[0].relative for kind in ("rolling", "utterance")]  # type: ignore[union-attr]
    assert relative == [0.75, 0.75]


def test_a_stretch_of_voice_without_words_is_not_an_utterance():
    inference, _ = make_inference()
    assert inference.read(window(kind="utterance")) == []


def test_chinese_is_written_without_spaces():
    inference, _ = make_inference(languages=("zh",))
    (utterance,) = inference.read(window(word("很", "zh"), word("好", "zh"), kind="utterance"))
    assert isinstance(utterance, Utterance)
    assert (utterance.text, utterance.language) == ("很好", "zh")


def test_the_summary_counts_committed_readings_and_words():
    inference, _ = make_inference()
    for status in ("provisional", "committed"):
        (reading,) = inference.read(window(word("good", "en"), status=status))
        assert isinstance(reading, Reading)
    inference.read(word("good", "en"))
    inference.read(window(word("good", "en"), kind="utterance"))
    summary = inference.summary(10.0, 2.5, {"packets": 0})
    assert (summary.counts["readings"], summary.counts["words"], summary.mean_score) == (1, 1, 1.0)
    assert inference.word_delay_ms() is not None
    assert (summary.real_time_factor, summary.languages) == (0.25, ("en",))
    assert inference.lags_ms() is not None
