"""The feature contract of the live extractors: names, order, rate and revision of every column they produce.

Increase a revision whenever the same media would give different numbers: earlier checkpoints are then rejected with an
explanation instead of reading nonsense.
"""

from mmim_live.assets import EXPRESSION_NETWORK, FACE_LANDMARKER
from mmim_live.features.face import FACE_NAMES, FACE_RATE_HZ, FACE_REVISION
from mmim_live.features.voice import VOICE_NAMES, VOICE_RATE_HZ, VOICE_REVISION
from mmim_live.text_normalization import FOLDING_REVISION
from mmim_live.types import FeatureContract, ModalityContract

# The sources are part of the contract's hash, which checkpoints store: a change would reject all older ones.
CONTRACT = FeatureContract(
    text=ModalityContract(("word",), 0.0, FOLDING_REVISION, "words folded by mmim_live.text"),
    voice=ModalityContract(VOICE_NAMES, VOICE_RATE_HZ, VOICE_REVISION, "torchaudio"),
    face=ModalityContract(
        FACE_NAMES,
        FACE_RATE_HZ,
        FACE_REVISION,
        f"mediapipe FaceLandmarker {FACE_LANDMARKER.sha256[:16]}, expression network {EXPRESSION_NETWORK.sha256[:16]}",
    ),
)
"""What each row of this version of mmim-live means."""
