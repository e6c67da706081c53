"""A checkpoint for programs: predictions of single inputs, and streams."""

from __future__ import annotations

import itertools
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar, overload

from mmim_live import assets
from mmim_live.api.inputs import AudioInput, VideoInput, audio_blocks, video_frames
from mmim_live.errors import DataError
from mmim_live.settings import DEFAULT_CHECKPOINT, load_settings
from mmim_live.types import FaceRow, Prediction, VoiceRow, Window, Word

if TYPE_CHECKING:
    from mmim_live.api.stream import Stream
    from mmim_live.features.extractors import Extractors
    from mmim_live.model.predictor import Predictor

DEFAULT = "default"

_Input = TypeVar("_Input")


def load(checkpoint: str | Path = DEFAULT, *, device: str = "auto") -> Model:
    """Load a checkpoint.

    Args:
        checkpoint: "default", the name of a shipped checkpoint, or a folder.
        device: auto, cpu, cuda or mps.

    Raises:
        MmimLiveError: there is no such checkpoint, it is damaged, or the device cannot be used.
    """
    from mmim_live.features.extractors import Extractors
    from mmim_live.model.checkpoint import load_checkpoint, read_contract
    from mmim_live.model.device import choose_device
    from mmim_live.model.predictor import Predictor

    name = DEFAULT_CHECKPOINT if checkpoint == DEFAULT else str(checkpoint)
    settings = load_settings(None, {"checkpoint": name, "device": device})
    folder = assets.checkpoint_folder(settings.checkpoint)
    extractors = Extractors.for_contract(read_contract(folder))
    loaded = load_checkpoint(folder, extractors.contract)
    return Model(settings.checkpoint, Predictor(loaded, choose_device(settings.device)), settings.device, extractors)


class Model:
    """A loaded checkpoint; see `load`. Any thread may use it."""

    def __init__(self, name: str, predictor: Predictor, device: str, extractors: Extractors) -> None:
        self.name = name
        self._predictor = predictor
        self._device = device
        self._extractors = extractors
        self._turn = _Turn()

    def __repr__(self) -> str:
        return f"<mmim_live.Model {self.name!r}>"

    @property
    def languages(self) -> tuple[str, ...]:
        """The languages of the words that it was trained on, ISO 639-1; empty: not stated."""
        return self._predictor.config.languages

    @overload
    def predict(
        self,
        text: str | None = None,
        *,
        audio: AudioInput | None = None,
        sampling_rate: int | None = None,
        video: VideoInput | None = None,
        frame_rate: float | None = None,
    ) -> Prediction: ...

    @overload
    def predict(
        self,
        text: list[str] | list[str | None] | None = None,
        *,
        audio: list[Any] | None = None,
        sampling_rate: int | None = None,
        video: list[Any] | None = None,
        frame_rate: float | None = None,
    ) -> list[Prediction]: ...

    def predict(
        self,
        text: str | list[str] | list[str | None] | None = None,
        *,
        audio: AudioInput | list[Any] | None = None,
        sampling_rate: int | None = None,
        video: VideoInput | list[Any] | None = None,
        frame_rate: float | None = None,
    ) -> Prediction | list[Prediction]:
        """The sentiment of one sentence as it was said: of its words, voice and face, or any of them.

        Nothing is recognized here: words are those of `text`, the voice is that of `audio`, the face that of `video`;
        for all three of one file, also pass its path as `audio` and `video`. For recordings of more than a sentence,
        see `analyze`.

        Args:
            text: the words.
            audio: samples [n] or [n, channels], as floats of full scale 1.0 or signed integers; or a file.
            sampling_rate: of `audio`, if it is an array: samples per second.
            video: frames [n, height, width, 3] in RGB, uint8; or a file. A list is a list of videos.
            frame_rate: of `video`, if it is an array: frames per second.

        Lists of the same length, of which members may be None, give a list of predictions.

        Returns:
            The score from -3 to 3, its interval, what each modality contributed, and what was present. A score of None
            is an abstention: nothing was present (no face was found, say), or too little to tell.

        Raises:
            MmimLiveError: an input cannot be used; the message is one line.
        """
        inputs = {"text": text, "audio": audio, "video": video}
        lengths = {name: len(value) for name, value in inputs.items() if isinstance(value, list)}
        if not lengths:
            return self._predict_one(text, audio, sampling_rate, video, frame_rate)  # type: ignore[arg-type]
        loose = [name for name, value in inputs.items() if value is not None and name not in lengths]
        if loose or len(set(lengths.values())) > 1:
            found = ", ".join(
                [*(f"{length} of {name}" for name, length in lengths.items()), *(f"one {x}" for x in loose)]
            )
            raise DataError(f"lists must have the same length, not {found}")
        columns = [value if isinstance(value, list) else itertools.repeat(None) for value in inputs.values()]
        return [
            self._predict_one(one_text, one_audio, sampling_rate, one_video, frame_rate)
            for _, one_text, one_audio, one_video in zip(range(max(lengths.values())), *columns, strict=False)
        ]

    def stream(self, *, audio: bool = True, video: bool = True, **settings: Any) -> Stream:
        """A stream of media that the caller pushes; see `Stream`.

        Args:
            audio: whether audio will be pushed.
            video: whether frames will be pushed.
            settings: fields of `Settings` by name: window, hop, language, asr_model, speech.

        Raises:
            MmimLiveError: a setting or a model file cannot be used.
        """
        from mmim_live.api.stream import open_stream

        values = load_settings(None, {**settings, "checkpoint": self.name, "device": self._device})
        return open_stream(values, self._predictor, self._turn, audio=audio, video=video)

    def _predict_one(
        self,
        text: str | None,
        audio: AudioInput | None,
        sampling_rate: int | None,
        video: VideoInput | None,
        frame_rate: float | None,
    ) -> Prediction:
        if text is not None and not isinstance(text, str):
            raise DataError(f"text is {type(text).__name__}: give a string")
        window = Window(
            start_s=0.0,
            end_s=0.0,
            kind="utterance",
            status="committed",
            revision=0,
            words=(_as_word(text),) if text and text.strip() else (),
            voice=() if audio is None else tuple(_voice_rows(self._extractors, audio, sampling_rate)),
            face=() if video is None else tuple(_face_rows(self._extractors, video, frame_rate)),
        )
        with self._turn:
            return self._predictor.predict([window])[0]


class _Turn:
    """A predictor serves one thread at a time, and torch computes in that thread alone.

    Beside a program that kept two cores busy, a sentence took 27 ms (median; 33 ms at the 95th percentile) with one
    thread of torch, and 70 ms (520 ms) with two, which wait for each other after every layer. The caller's number of
    threads is restored.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._threads = 1

    def __enter__(self) -> None:
        import torch

        self._lock.acquire()
        self._threads = torch.get_num_threads()
        torch.set_num_threads(1)

    def __exit__(self, *_: object) -> None:
        import torch

        torch.set_num_threads(self._threads)
        self._lock.release()


def _as_word(text: str) -> Word:
    return Word(text=text, start_s=0.0, end_s=0.0, probability=1.0, status="committed", heard_s=0.0)


def _voice_rows(extractors: Extractors, audio: AudioInput, sampling_rate: int | None) -> Iterator[VoiceRow]:
    extractor = extractors.open_voice()
    for block in audio_blocks(audio, sampling_rate):
        yield from extractor.push(block)
    yield from extractor.flush()


def _face_rows(extractors: Extractors, video: VideoInput, frame_rate: float | None) -> Iterator[FaceRow]:
    with extractors.open_face() as extractor:
        for frame in video_frames(video, frame_rate):
            row = extractor.push(frame)
            if row is not None:
                yield row
