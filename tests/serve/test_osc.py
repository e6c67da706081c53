"""--osc with a real OSC server on the loopback address."""

import threading
from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mmim_live.errors import OutputError
from mmim_live.events import Mark, Notice
from mmim_live.serve.osc import MAX_TEXT_BYTES, OscPublisher, osc_messages
from mmim_live.types import Agreement, Contributions
from tests.capture.conftest import wait_until
from tests.tui.scripted import SESSION, SUMMARY, reading, utterance, word_heard

pytest.importorskip("pythonosc")


class Receiver:
    """A server that keeps what it receives."""

    def __init__(self) -> None:
        from pythonosc.dispatcher import Dispatcher
        from pythonosc.osc_server import BlockingOSCUDPServer

        self.heard: list[tuple[Any, ...]] = []
        dispatcher = Dispatcher()
        dispatcher.set_default_handler(lambda *message: self.heard.append(message))
        self.server = BlockingOSCUDPServer(("127.0.0.1", 0), dispatcher)
        self.thread = threading.Thread(target=self.server.serve_forever, args=(0.05,))
        self.thread.start()

    @property
    def port(self) -> int:
        return int(self.server.server_address[1])

    def stop(self) -> None:
        self.server.shutdown()
        self.thread.join()
        self.server.server_close()

    def wait_for(self, address: str) -> dict[str, tuple[Any, ...]]:
        """Everything heard by address, once a message to this one has come."""
        assert wait_until(lambda: any(message[0] == address for message in self.heard), 5.0), self.heard
        return {message[0]: message[1:] for message in self.heard}


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    receiver = Receiver()
    yield receiver
    receiver.stop()


def test_a_server_receives_a_session(receiver: Receiver) -> None:
    publisher = OscPublisher(str(receiver.port))
    words = "größer 😀"
    for event in (SESSION, word_heard(words, 1.0, 1.5, 2.0, "provisional"), reading(6.0, 1.5)):
        publisher.write(event)
    publisher.write(utterance(1.0, 4.0, words, -0.5, low=-1.0, high=0.25))
    publisher.write(Mark(2.5, "here"))
    publisher.write(Notice(3.0, "too_quiet", "speech is quiet"))
    publisher.write(SUMMARY)
    heard = receiver.wait_for("/mmim/mean")
    assert heard["/mmim/session"] == ("0.1.0", "mosi-small")
    assert heard["/mmim/word"] == (words, 1.0, 1.5, 0)
    assert heard["/mmim/reading/time"] == (0.0, 6.0)
    assert heard["/mmim/reading/committed"] == (1,)
    assert heard["/mmim/reading/known"] == (1,)
    assert heard["/mmim/reading/score"] == (1.5,)
    assert heard["/mmim/reading/interval"] == pytest.approx((0.7, 2.3))
    assert heard["/mmim/reading/contributions/text"] == pytest.approx((1.05,))
    assert heard["/mmim/reading/agreement/voice"] == pytest.approx((0.42,))
    assert heard["/mmim/reading/present/face"] == (1,)
    assert heard["/mmim/utterance/text"] == (words,)
    assert heard["/mmim/utterance/interval"] == (-1.0, 0.25)
    assert heard["/mmim/mark"] == (2.5, "here")
    assert heard["/mmim/notice"] == ("too_quiet", "speech is quiet")
    assert heard["/mmim/end"] == (60.0,)
    assert publisher.failed == 0
    publisher.close()


def test_what_is_not_known_is_not_sent() -> None:
    sent = dict(osc_messages(reading(6.0, None, face_agreement=None)))
    assert sent["/mmim/reading/known"] == (0,)
    assert not [
        address for address in sent if "score" in address or "contributions" in address or "relative" in address
    ]
    assert "/mmim/reading/agreement/face" not in sent
    empty = utterance(0, 1, "", None, agreement=Agreement(), contributions=Contributions())
    assert "/mmim/utterance/interval" not in dict(osc_messages(empty))


@given(st.text(max_size=200), st.integers(0, 5))
def test_any_text_fits_into_a_datagram_and_ends_where_osc_ends_it(text: str, repeated: int) -> None:
    (message,) = osc_messages(Mark(0.0, text * 10**repeated if len(text) < 20 else text))
    sent = message[1][1]
    assert isinstance(sent, str)
    assert "\0" not in sent
    assert len(sent.encode()) <= MAX_TEXT_BYTES


def test_nobody_listening_is_no_error() -> None:
    receiver = Receiver()
    port = receiver.port
    receiver.stop()
    publisher = OscPublisher(str(port))
    for _ in range(3):
        publisher.write(SESSION)
    publisher.close()


@pytest.mark.parametrize("target", ["", "x", "0", "70000", ":9000", "host:", "nobody.invalid:9000", "1:2:3", "a b:1"])
def test_a_wrong_target_is_one_line(target: str) -> None:
    with pytest.raises(OutputError, match=r"^--osc ") as error:
        OscPublisher(target)
    assert "\n" not in str(error.value)


@pytest.mark.parametrize(
    ("target", "address"), [("localhost:9000", "127.0.0.1:9000"), ("[::1]:9000", "::1:9000"), ("9", "127.0.0.1:9")]
)
def test_a_host_may_be_given(target: str, address: str) -> None:
    publisher = OscPublisher(target)
    assert publisher.address == address
    publisher.close()
