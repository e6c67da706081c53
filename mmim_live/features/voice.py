"""Audio -> VoiceRows: 20 rows per second of speech, by torchaudio. Silence and non-speech produce no row.

Rows do not depend on the microphone's level: the mel spectrum is relative to its own mean, energy is relative to the
running level of the speaker, and speech is detected after gain control.

Works in fixed steps of media time, each with a fixed stretch of audio before it, so that the rows are the same for any
chunking of the input.
"""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torchaudio.compliance import kaldi

from mmim_live.gain_control import GainControl
from mmim_live.types import SAMPLE_RATE_HZ, AudioBlock, VoiceRow
from mmim_live.voice_activity import CHUNK_S, CHUNK_SAMPLES, VoiceActivity

VOICE_RATE_HZ = 20.0
VOICE_REVISION = 3

MEL_BINS = 40
VOICE_NAMES: tuple[str, ...] = (
    *(f"log_mel_{index:02d}" for index in range(MEL_BINS)),  # natural log, minus the mean over the bins of the frame
    "level",  # natural log of the power, relative to the running level of the speech so far
    "level_slope",  # last frame's level minus the first's, within the row
    "pitch_octaves",  # log2(f0 / 100 Hz); 0 where unvoiced
    "pitch_relative_octaves",  # the same relative to this speaker's running pitch; 0 where unvoiced
    "voicing",  # normalized cross-correlation at the pitch period, 0 to 1
    "centroid_khz",  # spectral centroid
    "flatness",  # log of geometric over arithmetic mean of the mel powers
)

_ROW = SAMPLE_RATE_HZ // int(VOICE_RATE_HZ)  # 800 samples, 50 ms
_SHIFT = SAMPLE_RATE_HZ // 100  # frames of 25 ms every 10 ms, as usual in speech recognition
_FRAME = SAMPLE_RATE_HZ // 40
_FRAMES_PER_ROW = _ROW // _SHIFT
_STEP = SAMPLE_RATE_HZ // 2  # half a second: in smaller steps, calls cost more than arithmetic
_SHORTEST_LAG, _LONGEST_LAG = SAMPLE_RATE_HZ // 500, SAMPLE_RATE_HZ // 70  # pitch from 70 to 500 Hz
_NEAR_HIGHEST = 0.9  # of the highest correlation
_CORRELATION = SAMPLE_RATE_HZ // 25  # voicing is measured over 40 ms
_MEDIAN_FRAMES = 5
_CONTEXT = _CORRELATION + _LONGEST_LAG + _MEDIAN_FRAMES * _SHIFT  # audio before a step that its frames look back on
_VOICED = 0.5  # of the normalized cross-correlation

SPEECH_PROBABILITY = 0.5
_HANGOVER_ROWS = 4  # 0.2 s: unvoiced word endings belong to the voice
_ADAPTATION = 1 / (VOICE_RATE_HZ * 10)  # running level and pitch adapt over 10 s of speech
_FULL_SCALE = 32768.0  # kaldi's log floor is meant for 16-bit samples


class VoiceExtractor:
    """The state of one audio stream. Not thread-safe."""

    def __init__(self) -> None:
        self._activity = VoiceActivity()
        self._gain_control = GainControl(CHUNK_SAMPLES, CHUNK_S)
        self._probabilities: list[float] = []  # of the chunks from _first_chunk on
        self._first_chunk = 0
        self._pending = np.zeros(0, dtype=np.float32)
        self._context = np.zeros(_CONTEXT, dtype=np.float32)
        self._done = 0  # samples turned into rows
        self._since_speech = _HANGOVER_ROWS + 1
        self._level: float | None = None
        self._pitch: float | None = None
        self._speech_rows = 0

    @property
    def until_s(self) -> float:
        """All rows before this media time have been returned."""
        return self._done / SAMPLE_RATE_HZ

    def push(self, block: AudioBlock) -> list[VoiceRow]:
        """The rows that became complete. Blocks must be contiguous from media time 0."""
        self._append(block.samples)
        rows: list[VoiceRow] = []
        while len(self._pending) >= _STEP:
            rows += self._step(_STEP)
        return rows

    def flush(self) -> list[VoiceRow]:
        """The remaining complete rows at the end of the stream."""
        whole = len(self._pending) // _ROW * _ROW
        return self._step(whole) if whole else []

    def _append(self, samples: NDArray[np.float32]) -> None:
        self._probabilities.extend(float(value) for value in self._activity.push(self._gain_control.push(samples)))
        self._pending = np.concatenate((self._pending, samples))

    def _step(self, count: int) -> list[VoiceRow]:
        """The rows of the next `count` pending samples (a multiple of the row)."""
        audio = np.concatenate((self._context, self._pending[:count]))
        speech = [self._is_speech(self._done + start, self._done + start + _ROW) for start in range(0, count, _ROW)]
        rows: list[VoiceRow] = []
        if any(speech):
            values = _measure(torch.from_numpy(audio) * _FULL_SCALE, count // _ROW)
            for index, spoken in enumerate(speech):
                if spoken:
                    middle_s = (self._done + (index + 0.5) * _ROW) / SAMPLE_RATE_HZ
                    rows.append(VoiceRow(middle_s, self._relative(values[index])))
        self._context = audio[-_CONTEXT:]
        self._pending = self._pending[count:]
        self._done += count
        self._forget_chunks()
        return rows

    def _is_speech(self, start: int, end: int) -> bool:
        """Whether a chunk that ended by `end` and overlaps the row is speech, or one shortly before it was."""
        first = max(start // CHUNK_SAMPLES - self._first_chunk, 0)
        last = end // CHUNK_SAMPLES - self._first_chunk  # a chunk that is incomplete at `end` does not count
        spoken = any(value >= SPEECH_PROBABILITY for value in self._probabilities[first:last])
        self._since_speech = 0 if spoken else self._since_speech + 1
        return self._since_speech <= _HANGOVER_ROWS

    def _forget_chunks(self) -> None:
        old = self._done // CHUNK_SAMPLES - self._first_chunk
        del self._probabilities[:old]
        self._first_chunk += old

    def _relative(self, measured: NDArray[np.float32]) -> NDArray[np.float32]:
        """Fill in the columns that are relative to the speaker, and update the running values."""
        values = measured.copy()
        level, pitch, voiced = float(values[MEL_BINS]), float(values[MEL_BINS + 2]), values[MEL_BINS + 4] >= _VOICED
        self._speech_rows += 1
        rate = max(_ADAPTATION, 1 / self._speech_rows)  # a plain mean until the window is full
        self._level = level if self._level is None else self._level + rate * (level - self._level)
        values[MEL_BINS] = level - self._level
        if voiced:
            self._pitch = pitch if self._pitch is None else self._pitch + rate * (pitch - self._pitch)
            values[MEL_BINS + 3] = pitch - self._pitch
        else:
            values[MEL_BINS + 2 : MEL_BINS + 4] = 0.0
        return values


def _measure(audio: Tensor, rows: int) -> NDArray[np.float32]:
    """[samples] at 16-bit scale -> [rows, len(VOICE_NAMES)], for the last `rows` rows of the audio.

    A frame belongs to the row in which it ends, so that no row looks into the future.
    """
    frames = rows * _FRAMES_PER_ROW
    recent = audio[-(frames * _SHIFT + _FRAME - _SHIFT) :]
    log_mel = kaldi.fbank(recent[None], num_mel_bins=MEL_BINS, dither=0.0, energy_floor=0.0)  # [frames, mel]
    level = log_mel.logsumexp(1)
    mean = log_mel.mean(1, keepdim=True)
    pitch_hz, voicing = _pitch(audio, frames)
    per_frame = torch.cat(
        (
            log_mel - mean,
            level[:, None],
            torch.zeros(frames, 1),
            torch.log2(pitch_hz / 100.0)[:, None],
            torch.zeros(frames, 1),
            voicing[:, None],
            _centroid_khz(recent, frames)[:, None],
            (mean[:, 0] - level + np.log(MEL_BINS))[:, None],
        ),
        dim=1,
    )
    values = per_frame.reshape(rows, _FRAMES_PER_ROW, -1).mean(1)
    by_row = level.reshape(rows, _FRAMES_PER_ROW)
    values[:, MEL_BINS + 1] = by_row[:, -1] - by_row[:, 0]
    return values.numpy().astype(np.float32)


def _pitch(audio: Tensor, frames: int) -> tuple[Tensor, Tensor]:
    """Pitch in Hz and voicing (0 to 1) of the last `frames` frames, each [frames].

    The normalized cross-correlation of the last 40 ms with the audio before them, over all lags at once by FFT. Of the
    lags whose peak comes near the highest, the shortest is used, since audio that repeats after one period also repeats
    after two (Talkin 1995, "A robust algorithm for pitch tracking"). torchaudio's detector reads 400 Hz as 133 or 200.
    """
    wanted = frames + _MEDIAN_FRAMES - 1
    ends = len(audio) - torch.arange(wanted - 1, -1, -1) * _SHIFT
    reach = _CORRELATION + _LONGEST_LAG
    stretch = audio[ends[:, None] - torch.arange(reach, 0, -1)[None]]  # [wanted, reach]
    stretch = stretch - stretch.mean(1, keepdim=True)
    correlation = _normalized_correlation(stretch)  # [wanted, lags]
    inner = correlation[:, 1:-1]
    peak = (inner >= correlation[:, :-2]) & (inner > correlation[:, 2:])
    peak &= inner >= _NEAR_HIGHEST * inner.amax(1, keepdim=True)
    index = peak.int().argmax(1)  # the first one; 0 if there is none
    row = torch.arange(wanted)
    before, here, after = (correlation[row, index + offset] for offset in range(3))
    bend = before - 2 * here + after
    shift = torch.where(bend < -1e-6, 0.5 * (before - after) / bend.clamp_max(-1e-6), 0.0).clamp(-0.5, 0.5)
    lag = (_SHORTEST_LAG + index + shift).unfold(0, _MEDIAN_FRAMES, 1).median(1).values
    return SAMPLE_RATE_HZ / lag, here[-frames:].clamp(0.0, 1.0)


def _normalized_correlation(stretch: Tensor) -> Tensor:
    """[n, 40 ms and the longest lag before] -> [n, lags from one below the shortest to the longest]."""
    now = stretch[:, _LONGEST_LAG:]
    size = 1 << (stretch.shape[1] - 1).bit_length()
    spectrum = torch.fft.rfft(stretch, size) * torch.fft.rfft(now, size).conj()
    product = torch.fft.irfft(spectrum, size)[:, : _LONGEST_LAG + 1]  # by start of the earlier stretch
    total = torch.nn.functional.pad(stretch.double().square().cumsum(1), (1, 0))
    power = total[:, _CORRELATION:] - total[:, : _LONGEST_LAG + 1]
    norm = (power * power[:, -1:]).clamp_min(1e-6).sqrt().float()
    by_lag: Tensor = (product / norm).flip(1)[:, _SHORTEST_LAG - 1 :]
    return by_lag


def _centroid_khz(recent: Tensor, frames: int) -> Tensor:
    """Spectral centroid of each 25 ms frame, [frames]; the middle of the band in silence."""
    windows = recent.unfold(0, _FRAME, _SHIFT)[:frames] * torch.hann_window(_FRAME)
    magnitude = torch.fft.rfft(windows, 512).abs()
    khz = torch.linspace(0.0, SAMPLE_RATE_HZ / 2000.0, magnitude.shape[1])
    total = magnitude.sum(1)
    return torch.where(total > 1e-3, (magnitude * khz).sum(1) / total.clamp_min(1e-3), SAMPLE_RATE_HZ / 4000.0)
