from hypothesis import given
from hypothesis import strategies as st

from mmim_live.speech.endpointing import Endpointer, EndpointSettings, Span

CHUNK = 512
VOICE, SILENCE = 0.9, 0.05
SETTINGS = EndpointSettings()

probabilities = st.lists(
    st.tuples(st.sampled_from([0.0, 0.2, 0.4, 0.6, 1.0]), st.integers(1, 40)).map(lambda run: [run[0]] * run[1]),
    max_size=20,
).map(lambda runs: [value for run in runs for value in run])


def spans(values: list[float]) -> list[Span]:
    endpointer = Endpointer()
    found = endpointer.push(values)
    last = endpointer.flush()
    return found + ([last] if last else [])


def test_a_pause_ends_a_stretch_and_padding_surrounds_it() -> None:
    values = [SILENCE] * 30 + [VOICE] * 40 + [SILENCE] * 40
    (span,) = Endpointer().push(values)
    assert span.start == 30 * CHUNK - 4800
    assert span.end == 70 * CHUNK + 3200


def test_a_short_pause_does_not_end_it() -> None:
    assert len(spans([VOICE] * 20 + [SILENCE] * 15 + [VOICE] * 20 + [SILENCE] * 30)) == 1


def test_a_click_is_not_speech() -> None:
    assert spans([SILENCE] * 20 + [VOICE] * 4 + [SILENCE] * 60) == []


def test_a_wavering_voice_is_one_stretch() -> None:
    assert len(spans([VOICE] * 5 + [0.4] * 60 + [SILENCE] * 30)) == 1
    assert spans([0.4] * 90) == []


@given(probabilities, st.integers(0, 200))
def test_how_probabilities_are_batched_makes_no_difference(values: list[float], at: int) -> None:
    endpointer = Endpointer()
    found = endpointer.push(values[:at]) + endpointer.push(values[at:])
    last = endpointer.flush()
    assert found + ([last] if last else []) == spans(values)


@given(probabilities)
def test_spans_do_not_overlap_and_lie_within_the_stream(values: list[float]) -> None:
    found = spans(values)
    edges = [edge for span in found for edge in (span.start, span.end)]
    assert edges == sorted(edges)
    assert all(0 <= edge <= len(values) * CHUNK for edge in edges)
    assert all(span.end - span.start >= SETTINGS.min_speech_s * 16_000 for span in found)


@given(probabilities)
def test_no_span_starts_before_the_promised_time(values: list[float]) -> None:
    endpointer = Endpointer()
    for value in values:
        promised = endpointer.earliest
        for span in endpointer.push([value]):
            assert span.start >= promised
        assert endpointer.earliest >= promised


def test_the_pause_is_noticed_before_it_ends_the_stretch() -> None:
    endpointer = Endpointer()
    endpointer.push([VOICE] * 20)
    speaking = endpointer.paused
    endpointer.push([SILENCE] * 8)
    assert (speaking, endpointer.paused) == (False, True)
    before = endpointer.open_span
    (span,) = endpointer.push([SILENCE] * 12)
    assert span == before
