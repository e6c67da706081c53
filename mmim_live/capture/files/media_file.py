"""A recorded video or audio file as a source of media, without pacing: items come as fast as they are read."""

from __future__ import annotations

import math
import threading
from collections.abc import Iterator
from dataclasses import replace
from itertools import takewhile
from pathlib import Path
from types import TracebackType
from typing import Self

from av.audio.stream import AudioStream
from av.container import InputContainer
from av.stream import Stream
from av.video.stream import VideoStream

from mmim_live.capture.files.container import Tracks, choose_tracks, keep_only, one_line, open_container
from mmim_live.capture.files.decoder import Track, audio_blocks, blocks_until, video_frames
from mmim_live.capture.files.excerpt import WHOLE, Excerpt
from mmim_live.capture.files.limits import DECODER_OPTIONS, FRAMES_PER_S, check_limits
from mmim_live.capture.files.timestamps import MAX_GAP_S, AudioTimeline, FrameClock, FrameGrid, GapLimiter
from mmim_live.errors import MediaError
from mmim_live.events import Notice
from mmim_live.types import AudioBlock, VideoFrame

MAX_FPS = 15.0  # face rows are not needed more often
MAX_SIDE_PX = 640  # the face detector looks at 128 px, the landmark model at a crop of 256 px

# Broadcast formats restart their clocks; this is ffmpeg's own limit for a jump in them (dts_delta_threshold).
BROADCAST_FORMATS = ("mpeg", "mpegts")
BROADCAST_JUMP_S = 10.0
UNKNOWN_DURATION_JUMP_S = 600.0

DEFAULT_STEP_S = 1 / 25  # between frames without timestamps in a file that does not state its rate


class MediaFile:
    """A `Source` over any container that ffmpeg reads; see `mmim_live.capture.source`.

    Media time 0 is the earliest start of the chosen tracks. Memory is bounded by one audio block and one frame, plus
    what the decoders hold, however the file is interleaved: each track is demuxed on its own.
    """

    def __init__(
        self,
        path: str | Path,
        *,
        video: bool = True,
        audio: bool = True,
        max_fps: float = MAX_FPS,
        max_side_px: int = MAX_SIDE_PX,
        excerpt: Excerpt = WHOLE,
    ) -> None:
        """Open the file and decode the first item of each requested track, so that errors surface here.

        Of an excerpt, media time 0 is its start.

        Raises:
            MediaError: missing, a folder, empty, not permitted, not a recording, truncated, without a decoder,
                without any track that was requested, or shorter than where the excerpt starts.
        """
        self.path = Path(path)
        self._excerpt = excerpt
        self._time_s = 0.0  # how far it has been read
        self._stated_s: float | None = None
        self._gaps = GapLimiter()
        self._interrupted = threading.Event()
        self._notices: list[Notice] = []
        self._containers: list[InputContainer] = []
        self._tracks: list[Track] = []
        self._audio: Iterator[AudioBlock] = iter(())
        self._video: Iterator[VideoFrame] = iter(())
        self._next_block: AudioBlock | None = None
        self._next_frame: VideoFrame | None = None  # with the time of its track
        try:
            self._open(video=video, audio=audio, max_fps=max_fps, max_side_px=max_side_px)
        except MediaError:
            self.close()
            raise

    def _open(self, *, video: bool, audio: bool, max_fps: float, max_side_px: int) -> None:
        container = open_container(self.path)
        self._containers.append(container)
        tracks = choose_tracks(container)
        start_s = tracks.start_s
        if container.duration:
            self._stated_s = (container.start_time or 0) / 1e6 + container.duration / 1e6 - start_s
        if self._stated_s is not None:
            self._check_excerpt(self._stated_s)
            self._stated_s = min(self._stated_s, self._excerpt.end_s) - self._excerpt.start_s
        start_s += self._excerpt.start_s
        jump_s = self._stated_s or UNKNOWN_DURATION_JUMP_S
        if container.format.name in BROADCAST_FORMATS:
            jump_s = BROADCAST_JUMP_S
        if audio and tracks.audio is not None:
            track, timeline = self._track(tracks.audio), AudioTimeline(jump_s)
            blocks = audio_blocks(track, timeline, start_s, self._gaps, self._next_frame_s)
            self._audio = blocks_until(blocks, self._excerpt.length_s)
        if video and tracks.video is not None:
            rate = tracks.video.average_rate or tracks.video.guessed_rate
            step_s = float(1 / rate) if rate and FRAMES_PER_S[0] <= rate <= FRAMES_PER_S[1] else DEFAULT_STEP_S
            clock = FrameClock(step_s, jump_s)
            track = self._track(tracks.video)
            if self._excerpt.start_s > 0 and container.format.name not in BROADCAST_FORMATS:
                track.seek(start_s)
            frames = video_frames(track, clock, FrameGrid(max_fps), start_s, max_side_px)
            self._video = takewhile(lambda frame: frame.time_s < self._excerpt.length_s, frames)
        self._next_frame = next(self._video, None)
        self._next_block = next(self._audio, None)
        self._has_audio, self._has_video = self._next_block is not None, self._next_frame is not None
        self._check_tracks(tracks, video=video, audio=audio)

    def _check_excerpt(self, stated_s: float) -> None:
        if self._excerpt.start_s > 0 and self._excerpt.start_s >= stated_s:
            start_s = self._excerpt.start_s
            raise MediaError(f"{one_line(self.path)}: has only {stated_s:.1f} s, so nothing from {start_s:g} s on")

    def _track(self, stream: Stream) -> Track:
        """The stream in a container of its own; the first one uses the container that is already open."""
        container = self._containers[0] if not self._tracks else open_container(self.path)
        if self._tracks:
            self._containers.append(container)
        own = container.streams[stream.index]
        if not isinstance(own, AudioStream | VideoStream) or own.codec_context is None:
            raise MediaError(
                f"{one_line(self.path)}: no decoder for its {stream.type} track; convert it with "
                "`ffmpeg -i FILE out.mp4`, or leave that track out"
            )
        check_limits(own, one_line(self.path))
        own.codec_context.options = DECODER_OPTIONS
        keep_only(container, own)
        self._tracks.append(Track(container, own, one_line(self.path), self._interrupted))
        return self._tracks[-1]

    def _check_tracks(self, tracks: Tracks, *, video: bool, audio: bool) -> None:
        """Note what is missing or was chosen. Raises MediaError if there is nothing to read at all."""
        name = self.name
        if not self._has_audio and not self._has_video:
            raise MediaError(self._nothing_to_read(tracks))
        if audio and not self._has_audio:
            what = "no audio track" if tracks.audio is None else "an empty audio track"
            self._notice("no_audio", f"{name} has {what}: no words and no voice")
        if video and not self._has_video:
            what = "no video track" if tracks.video is None else "an empty video track"
            self._notice("no_video", f"{name} has {what}: no face")
        if self._has_audio and tracks.audio_count > 1 and tracks.audio is not None:
            self._notice("several_audio_tracks", _choice(name, tracks.audio, tracks.audio_count))
        if self._has_video and tracks.video_count > 1 and tracks.video is not None:
            self._notice("several_video_tracks", _choice(name, tracks.video, tracks.video_count))

    def _notice(self, code: str, message: str) -> None:
        self._notices.append(Notice(0.0, code, message))

    def _nothing_to_read(self, tracks: Tracks) -> str:
        name = one_line(self.path)
        if tracks.audio is None and tracks.video is None:
            return f"{name}: has neither audio nor video; give a recording with an audio or video track"
        if not self._tracks:
            present = "audio" if tracks.video is None else "video"
            return f"{name}: has only {present}, which is turned off; turn {present} on"
        if self.skipped_packets:
            tried = f"{self.skipped_packets} packets tried"
            return f"{name}: nothing could be decoded ({tried}): damaged or protected; copy it again"
        return f"{name}: its tracks are empty (0 s); record it again"

    # ---- properties ----------------------------------------------------------------------------------------------

    @property
    def name(self) -> str:
        """The file's name without its folder."""
        return self.path.name

    @property
    def has_audio(self) -> bool:
        """Whether `read` returns audio."""
        return self._has_audio

    @property
    def has_video(self) -> bool:
        """Whether `read` returns video frames."""
        return self._has_video

    @property
    def duration_s(self) -> float | None:
        """Media seconds, according to the container and without what was cut from gaps so far; None: unknown."""
        return None if self._stated_s is None else self._stated_s - self._gaps.skipped_s

    @property
    def audio_finished(self) -> bool:
        """Whether all audio, if any, has been returned."""
        return self._next_block is None

    @property
    def skipped_packets(self) -> int:
        """Number of packets so far that could not be decoded."""
        return sum(track.skipped for track in self._tracks)

    def notices(self) -> tuple[Notice, ...]:
        """What the user should know so far: codes no_audio, no_video, several_audio_tracks, several_video_tracks from
        the start; gap_cut and skipped_packets once there is a reason.
        """
        notices = list(self._notices)
        if self._gaps.first_cut is not None:
            at_s, gap_s = self._gaps.first_cut
            message = (
                f"{self.name}: its timestamps jump by {gap_s:.0f} s at {at_s:.1f} s; jumps as long as that are cut to "
                f"{MAX_GAP_S:.0f} s, so later times are earlier than in the file"
            )
            notices.append(Notice(at_s, "gap_cut", message))
        if self.skipped_packets:
            message = f"{self.name} is damaged: skipped {self.skipped_packets} packets that could not be decoded"
            notices.append(Notice(self._time_s, "skipped_packets", message))
        return tuple(notices)

    # ---- reading -------------------------------------------------------------------------------------------------

    def read(self) -> AudioBlock | VideoFrame | None:
        """The next audio block or frame, whichever a device would have delivered first; None at the end."""
        block, frame = self._next_block, self._next_frame
        if block is None and frame is not None:  # while there is audio, it is the audio that finds the gaps
            self._gaps.leave_out(self._time_s + self._gaps.skipped_s, frame.time_s)
        if frame is not None and self._gaps.skipped:
            frame = replace(frame, time_s=frame.time_s - self._gaps.skipped_s)
        if block is not None and (frame is None or block.end_s <= frame.time_s):
            self._time_s = block.end_s
            self._next_block = next(self._audio, None)
            return block
        if frame is not None:
            self._time_s = frame.time_s
            self._next_frame = next(self._video, None)
        return frame

    def _next_frame_s(self) -> float:
        return math.inf if self._next_frame is None else self._next_frame.time_s

    def interrupt(self) -> None:
        """Let `read` come to its end with what has been decoded. Any thread may call it."""
        self._interrupted.set()

    def close(self) -> None:
        """Close the file; `read` returns None from now on."""
        self._next_block = self._next_frame = None
        self._audio, self._video = iter(()), iter(())
        for container in self._containers:
            container.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


def _choice(name: str, stream: Stream, count: int) -> str:
    language = f", language {stream.language}" if stream.language not in (None, "und") else ""
    return f"{name} has {count} {stream.type} tracks; using track {stream.index}{language}"
