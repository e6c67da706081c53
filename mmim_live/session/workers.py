"""The threads of a session: each takes items from one channel and passes its results to the next.

A worker that fails reports its error instead of dying silently.
"""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable, Iterable

from mmim_live.events import Notice
from mmim_live.features.extractors import OtherFace, OtherVoice
from mmim_live.features.face import FaceExtractor
from mmim_live.features.voice import VoiceExtractor
from mmim_live.session.messages import FaceRows, Finished, Inbox, NoFrame, VoiceRows
from mmim_live.session.preview import PreviewMaker
from mmim_live.speech.engine import OtherRecognizer
from mmim_live.speech.recognizer import SpeechRecognizer
from mmim_live.types import AudioBlock, VideoFrame

SECOND_FACE_REMINDER_S = 30.0
TOO_QUIET_DBFS = -50.0  # softer speech is amplified, but words may be lost
RESTARTS = 3  # of one worker
RESTARTS_WITHIN_S = 60.0

Job = Callable[[], None]


class Worker(threading.Thread):
    """A named thread with one job. If the job raises, `failed` receives the error and returns whether to restart."""

    def __init__(self, name: str, job: Job, failed: Callable[[str, Exception], bool]) -> None:
        super().__init__(name=f"mmim-{name}", daemon=True)
        self._job = job
        self._failed = failed

    def run(self) -> None:
        """Run the job to its end."""
        restart = True
        while restart:
            try:
                self._job()
                restart = False
            except Exception as error:  # noqa: BLE001 (the session must learn of any error)
                restart = self._failed(self.name, error)


class Restarts:
    """Limits how often a failing worker is restarted: a few times per minute."""

    def __init__(self) -> None:
        self._failures: dict[str, deque[float]] = {}

    def allows(self, worker: str, now_s: float) -> bool:
        """Record a failure at `now_s`; return whether the worker may be restarted."""
        failures = self._failures.setdefault(worker, deque())
        while failures and failures[0] < now_s - RESTARTS_WITHIN_S:
            failures.popleft()
        failures.append(now_s)
        return len(failures) <= RESTARTS


def extract_faces(
    extractor: FaceExtractor | OtherFace, frames: Iterable[VideoFrame | NoFrame], inbox: Inbox, previews: PreviewMaker
) -> None:
    """Frames -> face rows, and previews. Ends early once `inbox` is closed.

    A notice reports a second face when it appears, and then at most every half minute.
    """
    noted_s: float | None = None
    for frame in frames:
        if isinstance(frame, NoFrame):
            inbox.put(frame)
            continue
        row = extractor.push(frame)
        if extractor.faces_in_frame > 1 and (noted_s is None or frame.time_s - noted_s >= SECOND_FACE_REMINDER_S):
            noted_s = frame.time_s
            inbox.put(Notice(frame.time_s, "second_face", "more than one face: using the largest"))
        if not inbox.put(FaceRows(() if row is None else (row,), frame.time_s)):
            return
        previews.offer(frame, extractor.outline)
    inbox.put(Finished("face"))


def extract_voice(extractor: VoiceExtractor | OtherVoice, audio: Iterable[AudioBlock], inbox: Inbox) -> None:
    """Audio -> voice rows."""
    for block in audio:
        rows = extractor.push(block)
        inbox.put(VoiceRows(tuple(rows), extractor.until_s))
    inbox.put(VoiceRows(tuple(extractor.flush()), extractor.until_s))
    inbox.put(Finished("voice"))


def recognize_speech(
    recognizer: SpeechRecognizer | OtherRecognizer,
    audio: Iterable[AudioBlock],
    inbox: Inbox,
    more: Callable[[], bool] = lambda: False,
) -> None:
    """Audio -> words. `more`: whether more audio is waiting, which is better decoded together with this block.

    One notice reports speech that is too quiet.
    """
    noted = False
    for block in audio:
        for update in recognizer.push(block, more=more()):
            inbox.put(update)
        level_dbfs = recognizer.softest_dbfs
        if not noted and level_dbfs is not None and level_dbfs < TOO_QUIET_DBFS:
            noted = True
            message = (
                f"speech is too quiet ({level_dbfs:.0f} dB): move closer to the microphone, or raise its input level"
            )
            inbox.put(Notice(block.end_s, "too_quiet", message))
    for update in recognizer.flush():
        inbox.put(update)
    inbox.put(Finished("speech"))
