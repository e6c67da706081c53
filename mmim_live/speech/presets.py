"""The commit policies to choose from, and how a live session decodes speech; a replay uses `SegmentSettings()`."""

from __future__ import annotations

from types import MappingProxyType

from mmim_live.speech.commit_policy import AlignAtt, CommitPolicy, LocalAgreement
from mmim_live.speech.segment_decoder import SegmentSettings

COMMIT_POLICIES: MappingProxyType[str, CommitPolicy] = MappingProxyType(
    {"local-agreement": LocalAgreement(stability_s=0.8), "alignatt": AlignAtt(margin_s=0.7)}
)

# Live, Whisper runs as soon as there is this much new audio, not on the replay's grid, so words appear sooner. Less
# audio is kept, so each hypothesis costs less. One hypothesis that places a word well before the end of the audio is
# enough to make it final; agreement of two as well takes longer and is wrong as often.
LIVE_STEP_S = 0.1
LIVE_SEGMENTS = SegmentSettings(
    decode_interval_s=0.3,
    short_audio_s=0.0,
    commit_policy=COMMIT_POLICIES["alignatt"],
    show_margin_s=0.1,
    trim_above_s=3.0,
    keep_audio_s=1.2,
)
