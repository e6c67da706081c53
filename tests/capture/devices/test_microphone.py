import math
import signal
import sys
import threading
import time
from collections.abc import Iterator

import numpy as np
import pytest
from numpy.typing import NDArray

from mmim_live.capture.clock import SessionClock
from mmim_live.capture.devices import microphone
from mmim_live.capture.devices.listing import list_devices
from mmim_live.capture.devices.microphone import Microphone
from mmim_live.capture.devices.portaudio import list_microphones
from mmim_live.capture.source import Source
from mmim_live.errors import DeviceError
from mmim_live.session_types import DeviceChange
from mmim_live.types import SAMPLE_RATE_HZ, AudioBlock
from tests.capture.conftest import RATE_HZ, SoundServer, wait_until

DEVICE = "pulse"  # the default may be another sound server on a developer's machine
PLAYER_S = 0.4  # that the player accepts to start, and the server to pass the sound on


class Listener:
    """Reads a microphone to its end, as a session does."""

    def __init__(self, clock: SessionClock, rate_hz: int | None = None) -> None:
        self.clock = clock
        self.changes: list[DeviceChange] = []
        self.blocks: list[AudioBlock] = []
        self.ages_s: list[float] = []
        self.microphone = Microphone(clock, DEVICE, rate_hz=rate_hz, report=self.changes.append)
        self.awake = threading.Event()
        self.awake.set()
        self._thread = threading.Thread(target=self._listen)
        self.microphone.start()
        self._thread.start()

    def _listen(self) -> None:
        source: Source = self.microphone
        while (block := source.read()) is not None:
            assert isinstance(block, AudioBlock)
            self.awake.wait()
            self.blocks.append(block)
            self.ages_s.append(self.clock.now_s() - block.end_s)

    def wait_for(self, *changes: str) -> bool:
        return wait_until(lambda: [change.change for change in self.changes] == list(changes), 5.0)

    def stop(self) -> bool:
        self.awake.set()
        self.microphone.close()
        self._thread.join(2.0)
        assert not self._thread.is_alive()
        return not self.microphone.hung

    def sound(self) -> NDArray[np.float32]:
        for i, block in enumerate(self.blocks):
            assert block.start_s == pytest.approx(i / 10)
            assert len(block.samples) == SAMPLE_RATE_HZ // 10
        return np.concatenate([block.samples for block in self.blocks])


@pytest.fixture
def listeners() -> Iterator[list[Listener]]:
    """Whoever is put in is stopped, also where the test fails."""
    listening: list[Listener] = []
    yield listening
    for listener in listening:
        listener.stop()


def at_16_khz(speech: NDArray[np.int16]) -> NDArray[np.float32]:
    """By the Fourier transform, so that it owes nothing to the code under test."""
    spectrum = np.fft.rfft(speech / 32768)
    count = len(speech) * SAMPLE_RATE_HZ // RATE_HZ
    return (np.fft.irfft(spectrum[: count // 2 + 1], count) * SAMPLE_RATE_HZ / RATE_HZ).astype(np.float32)


def find(sound: NDArray[np.float32], spoken: NDArray[np.float32]) -> tuple[float, list[float]]:
    """Where in the sound what was spoken is, in seconds, and the correlation of each half second."""
    size = 1 << math.ceil(math.log2(len(sound) + len(spoken)))
    match = np.fft.irfft(np.fft.rfft(sound, size) * np.conj(np.fft.rfft(spoken, size)), size)
    at = int(match[: len(sound) - len(spoken)].argmax())
    halves = zip(
        np.array_split(sound[at : at + len(spoken)], len(spoken) // 8000),
        np.array_split(spoken, len(spoken) // 8000),
        strict=True,
    )
    return at / SAMPLE_RATE_HZ, [
        float(heard @ said / (np.linalg.norm(heard) * np.linalg.norm(said))) for heard, said in halves
    ]


def test_speech_arrives_complete_and_at_the_right_time(
    room: SoundServer, speech: NDArray[np.int16], listeners: list[Listener]
) -> None:
    clock = SessionClock()
    listeners += [Listener(clock), Listener(clock, 16_000)]
    assert all(listener.wait_for("opened") for listener in listeners)
    spoken_s = clock.now_s()
    room.speak(speech)
    assert wait_until(lambda: all(listener.blocks[-1].end_s > spoken_s + 3.5 for listener in listeners), 3.0)
    for listener, rate_hz in zip(listeners, (44_100, 16_000), strict=True):
        health = listener.microphone.health()
        assert (health.state, health.rate_hz, health.drops, health.lost_s) == ("open", rate_hz, 0, 0.0)
        at_s, correlations = find(listener.sound(), at_16_khz(speech))
        assert spoken_s - 0.02 < at_s < spoken_s + PLAYER_S
        assert min(correlations) > 0.95, correlations


@pytest.mark.slow
def test_audio_continues_as_silence_while_the_sound_server_is_down_and_returns_with_it(
    sound_server: SoundServer, speech: NDArray[np.int16], listeners: list[Listener]
) -> None:
    clock = SessionClock()
    listener = Listener(clock)
    listeners.append(listener)
    assert listener.wait_for("lost")  # it was not there to begin with
    assert wait_until(lambda: len(listener.blocks) > 0, 2.0)
    try:
        sound_server.start()
        assert listener.wait_for("lost", "opened")
        sound_server.kill()
        assert listener.wait_for("lost", "opened", "lost")
        time.sleep(1.0)
        assert clock.now_s() - listener.blocks[-1].end_s < 1.0  # silence, but the time goes on
        sound_server.start()
        assert listener.wait_for("lost", "opened", "lost", "returned")
        assert wait_until(lambda: clock.now_s() - listener.blocks[-1].end_s < 0.2, 2.0)
        spoken_s = clock.now_s()
        room_is_quiet = listener.microphone.health()
        sound_server.speak(speech[: 2 * RATE_HZ])
        assert wait_until(lambda: listener.blocks[-1].end_s > spoken_s + 3.0, 3.0)
    finally:
        sound_server.kill()
    assert room_is_quiet.lost_s is not None
    assert 1.0 < room_is_quiet.lost_s < 5.0
    assert listener.microphone.health().lost_s == room_is_quiet.lost_s
    at_s, correlations = find(listener.sound(), at_16_khz(speech[: 2 * RATE_HZ]))
    assert spoken_s - 0.02 < at_s < spoken_s + PLAYER_S
    assert min(correlations) > 0.95, correlations


@pytest.mark.slow
def test_a_hung_sound_server_does_not_block_closing(room: SoundServer, listeners: list[Listener]) -> None:
    listener = Listener(SessionClock())
    listeners.append(listener)
    assert listener.wait_for("opened")
    room.signal(signal.SIGSTOP)
    try:
        assert listener.wait_for("opened", "lost")
        began_s = time.monotonic()
        stopped = listener.stop()
        assert time.monotonic() - began_s < 2.0
        assert not stopped
        with pytest.raises(DeviceError, match="does not respond"):
            list_microphones()
    finally:
        room.signal(signal.SIGCONT)
    assert wait_until(lambda: all(thread.name != "mmim-microphone" for thread in threading.enumerate()), 5.0)


@pytest.mark.slow
def test_what_a_slow_reader_loses_is_counted_and_times_stay_correct(
    room: SoundServer, listeners: list[Listener], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(microphone, "BUFFER_S", 0.5)
    clock = SessionClock()
    listener = Listener(clock)
    listeners.append(listener)
    assert listener.wait_for("opened")
    assert wait_until(lambda: len(listener.blocks) > 0 and clock.now_s() - listener.blocks[-1].end_s < 0.2, 5.0)
    listener.awake.clear()
    time.sleep(2.0)
    listener.awake.set()
    assert wait_until(lambda: (listener.microphone.health().lost_s or 0.0) > 0.0, 6.0)
    assert wait_until(lambda: clock.now_s() - listener.blocks[-1].end_s < 0.2, 2.0)
    health = listener.microphone.health()
    assert health.drops > 0
    assert health.lost_s == pytest.approx(1.5, abs=0.3)


def test_the_list_of_devices_names_the_sound_servers_default(room: SoundServer) -> None:
    microphones = list_devices().microphones
    assert DEVICE in {microphone.name for microphone in microphones}
    assert sum(microphone.default for microphone in microphones) == 1
    assert all(microphone.rate_hz > 0 and microphone.channels > 0 for microphone in microphones)


def test_without_portaudio_the_error_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "sounddevice", None)
    with pytest.raises(DeviceError, match=r"need PortAudio, which is missing.*install") as caught:
        Microphone(SessionClock())
    assert "\n" not in str(caught.value)
    assert list_devices().problems[-1] == str(caught.value)
