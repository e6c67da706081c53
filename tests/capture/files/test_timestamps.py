"""Gaps, overlaps, faults of the clock, and the grid of pictures: properties."""

import itertools

from hypothesis import given
from hypothesis import strategies as st

from mmim_live.capture.files.timestamps import (
    MAX_GAP_S,
    MAX_GAPS_S,
    RESTART_S,
    TOLERANCE_S,
    AudioTimeline,
    FrameClock,
    FrameGrid,
    GapLimiter,
)
from mmim_live.types import SAMPLE_RATE_HZ

HALF_SAMPLE_S = 0.51 / SAMPLE_RATE_HZ

pieces = st.lists(
    st.tuples(st.floats(-0.9, 5.0), st.integers(0, 4000)),  # distance from where the last one ended, samples
    max_size=40,
)
stamps = st.lists(st.none() | st.floats(-1e5, 1e5) | st.integers(-3, 3).map(float), min_size=1, max_size=60)


@given(pieces)
def test_every_sample_lies_within_the_tolerance_of_its_timestamp(given_pieces: list[tuple[float, int]]) -> None:
    timeline, end_s = AudioTimeline(max_jump_s=100.0), 0.0
    for distance_s, count in given_pieces:
        before, time_s = timeline.count, max(end_s + distance_s, timeline.count / SAMPLE_RATE_HZ - 0.9 * RESTART_S)
        silence, skip = timeline.place(time_s, count)
        assert silence >= 0
        assert 0 <= skip <= count
        assert timeline.count == before + silence + count - skip
        assert silence == 0 or skip == 0
        if skip < count:
            first_kept_s = time_s + skip / SAMPLE_RATE_HZ
            placed_s = (before + silence) / SAMPLE_RATE_HZ
            assert abs(first_kept_s - placed_s) <= TOLERANCE_S + HALF_SAMPLE_S
        end_s = time_s + count / SAMPLE_RATE_HZ


@given(st.floats(0.0, 50.0), st.integers(1, 4000))
def test_the_first_piece_is_placed_to_the_sample(start_s: float, count: int) -> None:
    silence, skip = AudioTimeline().place(start_s, count)
    assert (silence, skip) == (round(start_s * SAMPLE_RATE_HZ), 0)


@given(st.lists(st.tuples(st.none() | st.floats(-1e6, 1e6), st.integers(1, 4000)), max_size=40))
def test_faulty_timestamps_never_add_more_than_the_largest_jump(given_pieces: list[tuple[float | None, int]]) -> None:
    timeline = AudioTimeline(max_jump_s=2.0)
    for time_s, count in given_pieces:
        silence, _ = timeline.place(time_s, count)
        assert silence <= 2.0 * SAMPLE_RATE_HZ


def test_small_gaps_add_up_until_they_are_filled() -> None:
    timeline = AudioTimeline()
    placed = [timeline.place(i * 0.112, 1600) for i in range(12)]  # 12 ms are missing after every piece
    assert [silence for silence, _ in placed] == [0, 0, 0, 0, 0, 960, 0, 0, 0, 0, 960, 0]


def test_audio_continues_where_two_recordings_were_joined() -> None:
    timeline = AudioTimeline()
    stamps_s = [0.0, 1.0, 2.0, 0.0, 1.0, 2.5]
    assert [timeline.place(s, SAMPLE_RATE_HZ) for s in stamps_s] == [(0, 0)] * 5 + [(8000, 0)]


@given(stamps, st.floats(0.001, 1.0))
def test_frame_times_increase_strictly_whatever_the_timestamps(given_stamps: list[float | None], step_s: float) -> None:
    clock = FrameClock(step_s, max_jump_s=60.0)
    times = [clock.time(stamp) for stamp in given_stamps]
    assert times[0] >= 0
    assert all(a < b for a, b in itertools.pairwise(times))
    assert all(b - a <= 60.0 + 1e-6 for a, b in itertools.pairwise(times))


@given(st.lists(st.floats(0.001, 2.0), min_size=1, max_size=50))
def test_good_timestamps_are_kept(distances: list[float]) -> None:
    good = list(itertools.accumulate(distances))
    clock = FrameClock(0.04)
    assert [clock.time(stamp) for stamp in good] == good


def test_bad_timestamps_among_good_ones_shift_nothing() -> None:
    clock = FrameClock(0.04)
    times = [clock.time(stamp) for stamp in [0.0, 0.04, 0.04, 0.02, 0.12, None, 0.2]]
    assert times[:2] == [0.0, 0.04]
    assert 0.04 < times[2] < times[3] < 0.08
    assert times[4:] == [0.12, 0.16, 0.2]


def test_frames_continue_at_the_nominal_rate_when_the_timestamps_stall() -> None:
    clock = FrameClock(0.04)
    times = [clock.time(0.0) for _ in range(100)]
    assert 3.8 < times[-1] < 4.0


@given(st.lists(st.floats(0.0001, 1.0), min_size=1, max_size=200), st.sampled_from([5.0, 15.0, 29.97]))
def test_the_grid_selects_the_first_frame_of_each_slot(distances: list[float], rate_hz: float) -> None:
    times = list(itertools.accumulate(distances))
    grid = FrameGrid(rate_hz)
    taken = [time_s for time_s in times if grid.accepts(time_s)]
    assert taken[0] == times[0]
    for start_s in taken:  # no stretch of a second holds more than a second's pictures and one
        assert sum(start_s <= t < start_s + 1 for t in taken) <= rate_hz + 2
    for a, b in itertools.pairwise(taken):  # nothing is left out for longer than a slot
        skipped = [t for t in times if a < t < b]
        assert not skipped or skipped[-1] - a <= 1 / rate_hz + 1e-6


def test_the_grid_keeps_every_frame_at_its_own_rate_rounded_to_milliseconds() -> None:
    grid = FrameGrid(15.0)
    assert all(grid.accepts(round(i / 15, 3)) for i in range(1000))


def test_short_gaps_and_a_few_long_ones_are_kept() -> None:
    gaps = GapLimiter()
    assert gaps.leave_out(0.0, MAX_GAP_S) == 0
    assert gaps.leave_out(50.0, 50.0 + MAX_GAPS_S / 2) == 0
    assert gaps.leave_out(51.0, 50.0 + MAX_GAPS_S / 2) == 0  # on the way through the same gap
    assert gaps.leave_out(5000.0, 5000.0 + MAX_GAPS_S / 2) == 0
    assert (gaps.skipped, gaps.first_cut) == (0, None)


def test_a_gap_beyond_the_allowance_is_cut_to_the_longest_that_is_free() -> None:
    gaps = GapLimiter()
    for at_s in (1.0, 2e7, 3e7):
        cut = gaps.leave_out(at_s, at_s + 1e6)
        assert cut == round((1e6 - MAX_GAP_S) * SAMPLE_RATE_HZ)
        assert gaps.leave_out(at_s + cut / SAMPLE_RATE_HZ, at_s + 1e6) == 0
    assert gaps.skipped == 3 * cut
    assert gaps.first_cut == (1.0, 1e6)


@given(st.lists(st.tuples(st.floats(0.0, 1e7), st.floats(0.0, 20.0)), max_size=60))
def test_media_are_never_longer_than_their_content_the_short_gaps_and_the_allowance(
    steps: list[tuple[float, float]],
) -> None:
    gaps, at_s, bound_s = GapLimiter(), 0.0, MAX_GAPS_S
    for gap_s, content_s in steps:
        gaps.leave_out(at_s, at_s + gap_s)
        at_s += gap_s + content_s
        bound_s += min(gap_s, MAX_GAP_S) + content_s
    assert at_s - gaps.skipped / SAMPLE_RATE_HZ <= bound_s + 0.001
