import threading

from hypothesis import given
from hypothesis import strategies as st

from mmim_live.session.channel import Channel


@given(st.lists(st.integers(), max_size=200), st.integers(1, 5))
def test_items_arrive_in_order_and_the_depth_is_never_exceeded(items, depth):
    channel: Channel[int] = Channel(depth)
    deepest: list[int] = [0]

    def send() -> None:
        for item in items:
            assert channel.put(item)
            deepest.append(len(channel))
        channel.close()

    sender = threading.Thread(target=send)
    sender.start()
    received = list(channel)
    sender.join()
    assert received == items
    assert max(deepest) <= depth


def test_abandoning_wakes_a_waiting_sender_and_a_waiting_receiver():
    full: Channel[int] = Channel(1)
    full.put(1)
    empty: Channel[int] = Channel(1)
    taken: list[bool | list[int]] = []
    threads = [
        threading.Thread(target=lambda: taken.append(full.put(2))),
        threading.Thread(target=lambda: taken.append(list(empty))),
    ]
    for thread in threads:
        thread.start()
    full.abandon()
    empty.abandon()
    for thread in threads:
        thread.join(5)
        assert not thread.is_alive()
    assert sorted(map(str, taken)) == ["False", "[]"]
    assert list(full) == []
    assert not full.put(3)
