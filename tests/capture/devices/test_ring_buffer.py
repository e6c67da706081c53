import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from mmim_live.capture.devices.ring_buffer import RingBuffer

CAPACITY = 10


@given(st.lists(st.one_of(st.integers(0, 14), st.none()), max_size=40))
def test_frames_come_out_in_order_and_those_that_do_not_fit_are_counted(steps: list[int | None]) -> None:
    ring = RingBuffer(CAPACITY, 2)
    inside: list[float] = []
    number = lost = 0
    for step in steps:
        if step is None:
            taken = ring.take()
            assert taken.shape == (len(inside), 2)
            assert taken[:, 0].tolist() == inside
            inside = []
        else:
            frames = np.repeat(np.arange(number, number + step, dtype=np.float32)[:, None], 2, axis=1)
            number += step
            ring.write(frames)
            kept = min(step, CAPACITY - len(inside))
            inside += frames[:kept, 0].tolist()
            lost += step - kept
        assert len(ring) == len(inside)
        assert ring.lost == lost
        assert ring.written == number - lost


def test_taken_frames_do_not_change_when_the_buffer_is_written_again() -> None:
    ring = RingBuffer(4, 1)
    ring.write(np.ones((3, 1), np.float32))
    taken = ring.take()
    ring.write(np.zeros((4, 1), np.float32))
    assert taken[:, 0].tolist() == [1.0, 1.0, 1.0]
