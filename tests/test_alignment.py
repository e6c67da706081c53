import itertools
import math
import random
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mmim_live.alignment import Aligned, Aligner
from mmim_live.events import Mark, Notice
from mmim_live.types import FaceRow, SpeechSegment, SpeechUpdate, VoiceRow, Window, Word

WINDOW_S, HOP_S = 2.0, 0.5
STEP_S = 0.5  # of the recognizer in these tests


def face_rows(times: list[float]) -> list[FaceRow]:
    return [FaceRow(time_s, np.array([time_s], np.float32)) for time_s in times]


def voice_rows(times: list[float]) -> list[VoiceRow]:
    return [VoiceRow(time_s, np.array([time_s], np.float32)) for time_s in times]


def word(index: int, start_s: float, end_s: float, heard_s: float, committed: bool) -> Word:
    return Word(f"w{index}", start_s, end_s, 0.9, "committed" if committed else "provisional", heard_s, "en")


def updates_for(spoken: list[tuple[float, float]], duration_s: float) -> list[SpeechUpdate]:
    """A scripted recognizer: a word is provisional one step after its end and committed two steps later."""
    updates, done, steps = [], 0, math.ceil(duration_s / STEP_S - 1e-9)
    for step in range(1, steps + 1):
        now_s = min(step * STEP_S, duration_s)
        last = step == steps
        committed = [i for i, (_, end_s) in enumerate(spoken) if end_s + 2 * STEP_S <= now_s or last]
        heard = [i for i, (_, end_s) in enumerate(spoken) if end_s <= now_s]
        fresh = [i for i in committed if i >= done]
        waiting = [i for i in heard if i not in committed]
        done = max(done, len(committed))
        until_s = duration_s if last else (spoken[done][0] if done < len(spoken) else now_s)
        updates.append(
            SpeechUpdate(
                now_s,
                tuple(word(i, *spoken[i], now_s, True) for i in fresh),
                tuple(word(i, *spoken[i], now_s, False) for i in waiting),
                min(until_s, now_s),
                (SpeechSegment(spoken[0][0], spoken[-1][1]),) if last and spoken else (),
                "en",
            )
        )
    return updates


Scene = tuple[float, list[float], list[float], list[tuple[float, float]]]  # duration, face rows, voice rows, words


def run(scene: Scene, seed: int, wait_for_speech: bool = True) -> list[Aligned]:
    """Push the three streams in pieces and an interleaving drawn from the seed; take after every push."""
    duration_s, faces, voices, spoken = scene
    rng = random.Random(seed)
    aligner = Aligner(WINDOW_S, HOP_S, ["face", "voice", "speech"], wait_for_speech=wait_for_speech)
    pieces: dict[str, list[Any]] = {
        "face": [(face_rows([t]), t) for t in faces],
        "voice": [],
        "speech": list(updates_for(spoken, duration_s)),
    }
    rest = list(voices)
    while rest:
        count = rng.randint(1, 7)
        chunk, rest = rest[:count], rest[count:]
        pieces["voice"].append((voice_rows(chunk), rest[0] if rest else chunk[-1] + 1e-3))
    for name in pieces:
        pieces[name].append(None)
    pieces["end"] = [duration_s]
    taken: list[Aligned] = []
    while any(pieces.values()):
        name = rng.choice([key for key, left in pieces.items() if left])
        piece = pieces[name].pop(0)
        if name == "end":
            aligner.end(piece)
        elif piece is None:
            aligner.finish(name)  # type: ignore[arg-type]
        elif name == "face":
            aligner.push_face(*piece)
        elif name == "voice":
            aligner.push_voice(*piece)
        else:
            aligner.push_speech(piece)
        taken += aligner.take()
    assert aligner.finished
    return taken


@st.composite
def scenes(draw):
    duration_s = draw(st.floats(0.2, 12.0))
    times = st.lists(st.floats(0.0, duration_s - 0.01), max_size=40, unique=True).map(sorted)
    gaps = draw(st.lists(st.floats(0.05, 1.5), max_size=10))
    spoken, at_s = [], 0.0
    for gap in gaps:
        if at_s + gap + 0.3 > duration_s:
            break
        spoken.append((at_s + gap, at_s + gap + 0.25))
        at_s += gap + 0.25
    return duration_s, draw(times), draw(times), spoken


def times_of(window: Window) -> list[float]:
    """Of all its rows."""
    return [row.time_s for row in window.face] + [row.time_s for row in window.voice]


def content(window: Window) -> tuple[object, ...]:
    """What a window says, whenever and however often it was said."""
    return window.kind, window.start_s, window.end_s, window.status, window.words, times_of(window)


@given(scenes(), st.integers(0, 1000), st.integers(0, 1000))
def test_the_output_is_the_same_for_any_chunking_and_interleaving(scene, first, second):
    def output(items: list[Aligned]) -> list[object]:
        return [(content(item), item.revision) if isinstance(item, Window) else item for item in items]

    assert output(run(scene, first)) == output(run(scene, second))


@given(scenes(), st.integers(0, 1000), st.integers(0, 1000))
def test_committed_windows_and_words_are_the_same_whether_or_not_readings_wait_for_speech(scene, first, second):
    def committed_windows(items: list[Aligned]) -> list[object]:
        windows = [item for item in items if isinstance(item, Window) and item.status == "committed"]
        return [[content(window) for window in windows if window.kind == kind] for kind in ("rolling", "utterance")]

    waited, live = run(scene, first), run(scene, second, wait_for_speech=False)
    assert committed_windows(live) == committed_windows(waited)
    committed = [item for item in live if isinstance(item, Word) and item.status == "committed"]
    assert committed == [item for item in waited if isinstance(item, Word) and item.status == "committed"]


@given(scenes(), st.integers(0, 1000))
def test_revisions_of_a_live_window_count_up_and_end_with_its_commitment(scene, seed):
    duration_s = scene[0]
    live = [item for item in run(scene, seed, wait_for_speech=False) if isinstance(item, Window)]
    rolling = [window for window in live if window.kind == "rolling"]
    given_first = [window.end_s for window in rolling if window.revision == 0]
    assert given_first == pytest.approx([k * HOP_S for k in range(1, math.ceil(duration_s / HOP_S - 1e-9) + 1)])
    for end_s in given_first:
        versions = [window for window in rolling if window.end_s == end_s]
        assert [window.revision for window in versions] == list(range(len(versions)))
        assert [window.status for window in versions] == ["provisional"] * (len(versions) - 1) + ["committed"]
        for before, after in itertools.pairwise(versions[:-1]):
            assert [said.text for said in before.words] != [said.text for said in after.words]
    newest = 0.0
    for window in rolling:  # only the newest window is revised before its time
        newest = max(newest, window.end_s)
        assert window.status == "committed" or window.end_s == newest


def live_aligner() -> Aligner:
    return Aligner(WINDOW_S, HOP_S, ["face", "voice", "speech"], wait_for_speech=False)


def test_a_live_window_does_not_wait_for_speech_and_is_revised_when_its_words_arrive():
    aligner = live_aligner()
    aligner.push_face(face_rows([0.1]), 0.6)
    aligner.push_voice(voice_rows([0.2]), 0.5)
    (window,) = aligner.take()
    assert isinstance(window, Window)
    assert (window.end_s, window.status, window.revision, window.words) == (0.5, "provisional", 0, ())
    said = word(0, 0.1, 0.4, 0.5, committed=False)
    aligner.push_speech(SpeechUpdate(0.5, provisional=(said,)))
    heard, revised = aligner.take()
    assert heard == said
    assert isinstance(revised, Window)
    assert (revised.end_s, revised.status, revised.revision, revised.words) == (0.5, "provisional", 1, (said,))
    aligner.push_speech(SpeechUpdate(1.0, provisional=(said,)))
    assert list(aligner.take()) == []  # it is not due yet, and nothing in it is new


def test_an_utterance_waits_for_its_rows_where_speech_is_ahead():
    aligner = live_aligner()
    said = word(0, 0.1, 0.4, 1.0, committed=True)
    aligner.push_speech(SpeechUpdate(1.0, (said,), (), 0.9, (SpeechSegment(0.0, 0.9),)))
    aligner.push_voice(voice_rows([0.2]), 0.5)
    aligner.push_face([], 1.0)
    assert [type(item) for item in aligner.take()] == [Window]
    aligner.push_voice(voice_rows([0.7]), 1.0)
    utterances = [item for item in aligner.take() if isinstance(item, Window) and item.kind == "utterance"]
    assert [row.time_s for row in utterances[0].voice] == [0.2, 0.7]


def test_windows_are_committed_when_a_live_recognizer_ends_for_good():
    aligner = live_aligner()
    aligner.push_voice(voice_rows([0.2]), 0.6)
    aligner.push_face([], 0.6)
    assert [item.status for item in aligner.take() if isinstance(item, Window)] == ["provisional"]
    aligner.finish("speech")
    assert [item.status for item in aligner.take() if isinstance(item, Window)] == ["committed"]
    aligner.push_voice([], 1.1)
    aligner.push_face([], 1.1)
    assert [item.status for item in aligner.take() if isinstance(item, Window)] == ["committed"]


@given(scenes(), st.integers(0, 1000))
def test_nothing_is_outside_its_window_and_nothing_is_lost(scene, seed):
    _, faces, voices, spoken = scene
    windows = [item for item in run(scene, seed) if isinstance(item, Window)]
    for window in windows:
        for time_s in times_of(window):
            assert window.start_s <= time_s < window.end_s
        for heard in window.words:
            assert window.start_s <= (heard.start_s + heard.end_s) / 2 < window.end_s
    final = [window for window in windows if window.kind == "rolling" and window.status == "committed"]
    assert {row.time_s for window in final for row in window.face} == set(faces)
    assert {row.time_s for window in final for row in window.voice} == set(voices)
    assert {heard.text for window in final for heard in window.words} == {f"w{i}" for i in range(len(spoken))}


@given(scenes(), st.integers(0, 1000))
def test_windows_lie_on_the_grid_and_each_is_committed_once(scene, seed):
    duration_s, *_ = scene
    rolling = [item for item in run(scene, seed) if isinstance(item, Window) and item.kind == "rolling"]
    ends = [k * HOP_S for k in range(1, math.ceil(duration_s / HOP_S - 1e-9) + 1)]
    committed = [window.end_s for window in rolling if window.status == "committed"]
    assert committed == pytest.approx(ends)
    first = [window.end_s for window in rolling if window.revision == 0]
    assert first == pytest.approx(ends)
    for window in rolling:
        assert window.start_s == pytest.approx(max(0.0, window.end_s - WINDOW_S))
        assert window.revision == (0 if window.status == "provisional" else window.revision)


@given(scenes(), st.integers(0, 1000))
def test_committed_words_come_once_and_in_order(scene, seed):
    committed = [item for item in run(scene, seed) if isinstance(item, Word) and item.status == "committed"]
    assert [item.text for item in committed] == [f"w{i}" for i in range(len(scene[3]))]


def test_a_window_waits_for_every_stream():
    aligner = Aligner(WINDOW_S, HOP_S, ["face", "voice"])
    aligner.push_face(face_rows([0.1]), 0.6)
    assert list(aligner.take()) == []
    aligner.push_voice(voice_rows([0.2]), 0.5)
    (window,) = aligner.take()
    assert isinstance(window, Window)
    assert (window.start_s, window.end_s, window.status) == (0.0, 0.5, "committed")
    assert len(window.face) == len(window.voice) == 1


def test_without_any_stream_windows_are_emitted_once_the_end_is_known():
    aligner = Aligner(WINDOW_S, HOP_S, [])
    assert list(aligner.take()) == []
    aligner.end(1.2)
    assert [item.end_s for item in aligner.take() if isinstance(item, Window)] == [0.5, 1.0, 1.5]
    assert list(aligner.take()) == []


def test_an_utterance_holds_its_words_and_rows():
    spoken = [(1.0, 1.25), (1.5, 1.75)]
    items = run((4.0, [0.5, 1.1, 1.6, 3.0], [1.2], spoken), 0)
    (utterance,) = [item for item in items if isinstance(item, Window) and item.kind == "utterance"]
    assert (utterance.start_s, utterance.end_s, utterance.text) == (1.0, 1.75, "w0 w1")
    assert [row.time_s for row in utterance.face] == [1.1, 1.6]


def test_a_provisional_tail_is_emitted_only_when_it_changes():
    aligner = Aligner(WINDOW_S, HOP_S, ["speech"])
    for now_s in (0.5, 1.0, 1.5):
        aligner.push_speech(SpeechUpdate(now_s, provisional=(word(0, 0.1, 0.4, now_s, False),)))
    assert sum(isinstance(item, Word) for item in aligner.take()) == 1


def test_after_the_audio_has_ended_windows_of_the_video_are_committed_at_once():
    aligner = Aligner(WINDOW_S, HOP_S, ["face", "speech"])
    aligner.push_speech(SpeechUpdate(0.5, committed_until_s=0.5))
    aligner.push_speech(SpeechUpdate(0.7, committed_until_s=0.7))
    aligner.finish("speech")
    aligner.push_face(face_rows([0.2, 1.4]), 2.0)
    windows = [item for item in aligner.take() if isinstance(item, Window)]
    assert [(window.end_s, window.status) for window in windows] == [(k / 2, "committed") for k in (1, 2, 3, 4)]


def test_marks_are_emitted_at_their_time_and_late_ones_at_once():
    aligner = Aligner(WINDOW_S, HOP_S, ["face"])
    aligner.push_remark(Mark(0.7, "b"))
    aligner.push_remark(Notice(0.7, "c", ""))
    aligner.push_face([], 1.0)
    assert [item.type if isinstance(item, Notice | Mark) else "" for item in aligner.take()] == [
        "",
        "mark",
        "notice",
        "",
    ]
    aligner.push_remark(Mark(0.2, "typed slowly"))
    aligner.push_face([], 1.5)
    assert next(aligner.take()) == Mark(0.2, "typed slowly")
    aligner.push_remark(Mark(9.0))
    aligner.end(1.5)
    aligner.finish("face")
    assert list(aligner.take()) == [Mark(9.0)]


def test_notices_are_emitted_at_their_time():
    aligner = Aligner(WINDOW_S, HOP_S, ["face"])
    aligner.push_remark(Notice(0.7, "b", "later"))
    aligner.push_remark(Notice(0.2, "a", "sooner"))
    aligner.push_face([], 1.0)
    kinds = [item.code if isinstance(item, Notice) else "window" for item in aligner.take()]
    assert kinds == ["a", "window", "b", "window"]


def test_windows_are_built_one_by_one():
    aligner = Aligner(WINDOW_S, HOP_S, ["face"])
    aligner.push_face([], 1e12)
    items = aligner.take()
    assert [next(items).end_s for _ in range(3)] == [0.5, 1.0, 1.5]  # type: ignore[union-attr]
    aligner.push_remark(Mark(1.6))
    assert [type(item) for item in itertools.islice(aligner.take(), 2)] == [Mark, Window]  # it goes on from there
