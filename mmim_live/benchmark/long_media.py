"""Makes a long recording from a short one."""

from __future__ import annotations

from pathlib import Path

import av
import av.error

from mmim_live.capture.files.container import choose_tracks, one_line, open_container
from mmim_live.errors import MediaError


def repeated(file: Path, length_s: float, folder: Path) -> Path:
    """A Matroska file in `folder`: the audio and video of `file` again and again, at least `length_s` long.

    Nothing is encoded again, so this takes about as long as copying.

    Raises:
        MediaError: `file` cannot be read, or Matroska cannot hold its codecs.
    """
    path = folder / f"{file.stem}.mkv"
    try:
        with av.open(str(path), "w") as output:
            _repeat(file, length_s, output)
    except (av.error.FFmpegError, ValueError) as error:
        raise MediaError(
            f"cannot repeat {one_line(file)}: {error}; convert it with `ffmpeg -i FILE out.mp4`"
        ) from error
    return path


def _repeat(file: Path, length_s: float, output: av.container.OutputContainer) -> None:
    copies: dict[int, av.stream.Stream] = {}
    begin_s = 0.0
    while begin_s < length_s:
        with open_container(file) as source:
            tracks = choose_tracks(source)
            chosen = [track for track in (tracks.video, tracks.audio) if track is not None]
            for track in chosen:
                if track.index not in copies:
                    copies[track.index] = output.add_stream_from_template(track)
            end_s = begin_s
            for packet in source.demux(chosen):
                if packet.dts is None or packet.pts is None:
                    continue  # the end of a track
                time_base = packet.time_base
                shift = round((begin_s - tracks.start_s) / time_base)
                packet.pts += shift
                packet.dts += shift
                end_s = max(end_s, float((packet.pts + (packet.duration or 0)) * time_base))
                packet.stream = copies[packet.stream.index]
                output.mux(packet)
        if end_s <= begin_s:
            raise MediaError(f"{one_line(file)} has no media to repeat")
        begin_s = end_s
