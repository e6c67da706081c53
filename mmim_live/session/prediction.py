"""The prediction stage: messages from the workers -> aligned windows -> events.

This is where the three streams meet; the aligner puts them in an order that depends on the media alone.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Iterator

from mmim_live.alignment import Aligned, Aligner
from mmim_live.events import Event, Mark, Notice
from mmim_live.session.inference import Inference, drop_superseded
from mmim_live.session.messages import BaselineToggled, FaceRows, Finished, MediaEnded, Message, NoFrame, VoiceRows
from mmim_live.types import SpeechUpdate


class PredictionStage:
    """Its state outlives a failed call, so that the predictor can be restarted."""

    def __init__(self, aligner: Aligner, inference: Inference, *, skips_superseded: bool) -> None:
        self.inference = inference
        self.superseded = 0  # windows skipped because a newer one was waiting
        self._aligner = aligner
        self._skips_superseded = skips_superseded
        self._pending: deque[Aligned] = deque()
        self._duration_s = 0.0

    @property
    def finished(self) -> bool:
        """Whether all streams have ended and all windows have been predicted."""
        return self._aligner.finished and not self._pending

    def process(self, messages: Iterable[Message]) -> Iterator[Event]:
        """Take messages; yield the events that are now complete, in order of media time."""
        for message in messages:
            self._push(message)
        for item in self._ready():
            yield from self.inference.read(item)

    def _ready(self) -> Iterator[Aligned]:
        """Each item is given once: a failure loses the item at hand, and those after it come at the next call."""
        taken = self._aligner.take()
        if self._skips_superseded:
            ready = [*self._pending, *taken]
            kept = drop_superseded(ready)
            self.superseded += len(ready) - len(kept)
            self._pending, taken = deque(kept), iter(())
        while self._pending:
            yield self._pending.popleft()
        yield from taken

    def end(self, wall_s: float, drops: dict[str, int]) -> list[Event]:
        """The last events. `wall_s`: the duration of the session in wall time."""
        notices = self.inference.baseline.end(self._duration_s)
        return [*notices, self.inference.summary(self._duration_s, wall_s, drops)]

    def _push(self, message: Message) -> None:
        match message:
            case FaceRows():
                self.inference.count("frames")
                self.inference.count("face_rows", len(message.rows))
                self._aligner.push_face(message.rows, message.until_s)
            case NoFrame():
                self._aligner.push_face((), message.until_s)
            case VoiceRows():
                self.inference.count("voice_rows", len(message.rows))
                self._aligner.push_voice(message.rows, message.until_s)
            case SpeechUpdate():
                self._aligner.push_speech(message)
            case Notice() | Mark():
                self._aligner.push_remark(message)
            case BaselineToggled(time_s):
                self._aligner.push_remark(self.inference.baseline.toggle(time_s))
            case Finished(stream):
                self._aligner.finish(stream)
            case MediaEnded(duration_s):
                self._duration_s = duration_s
                self._aligner.end(duration_s)
