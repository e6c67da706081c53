"""How the two kinds of sessions decode speech, and the commit policies to choose from."""

from __future__ import annotations

from types import MappingProxyType

from mmim_live.speech.commit_policy import AlignAtt, CommitPolicy, LocalAgreement
from mmim_live.speech.segment_decoder import SegmentSettings

COMMIT_POLICIES: MappingProxyType[str, CommitPolicy] = MappingProxyType(
    {"local-agreement": LocalAgreement(stability_s=0.8), "alignatt": AlignAtt(margin_s=0.8)}
)

# Live, Whisper runs as soon as there is this much new audio, not on the replay's grid, so words appear sooner. Less
# audio is kept, so each hypothesis costs less. Two hypotheses this close in time agree too easily on words that more
# audio would still change, so a word is final only once 0.8 s of audio follow it.
LIVE_STEP_S = 0.1
LIVE_SEGMENTS = SegmentSettings(
    decode_interval_s=0.3,
    short_audio_s=0.0,
    commit_policy=COMMIT_POLICIES["local-agreement"],
    trim_above_s=1.8,
    keep_audio_s=0.6,
    show_margin_s=0.1,
)
