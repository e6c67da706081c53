"""From windows to predictions: presence, normalization, encoding, eight coalitions, interval and agreement.

Each window is predicted on its own, so its numbers do not depend on how windows are batched. A predictor is not
thread-safe.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Sequence

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from mmim_live.errors import CheckpointError
from mmim_live.model.checkpoint import Checkpoint
from mmim_live.model.checkpoint_config import CheckpointConfig, Normalization, coalition_name
from mmim_live.model.consistency import consistency_statistics, marginal_from_config
from mmim_live.model.mmim import Batch, Encodings
from mmim_live.model.shapley import COALITIONS, shapley_values
from mmim_live.types import SCORE_LIMIT, Agreement, Contributions, FaceRow, Prediction, Present, VoiceRow, Window

MIN_VOICE_ROWS = 10  # half a second of speech at 20 rows per second: less is a syllable
MIN_FACE_ROWS = 8  # half a second at 15 rows per second: less is a glimpse
_TEXTS_KEPT = 8  # successive rolling windows often hold the same words, and the text encoder costs most


class Predictor:
    """A checkpoint on a device."""

    def __init__(self, checkpoint: Checkpoint, device: torch.device) -> None:
        self.config = checkpoint.config
        if checkpoint.config.architecture.head.kind == "classes" and checkpoint.config.class_scores is None:
            raise CheckpointError(
                f"checkpoint {checkpoint.name} predicts classes but has no scores for them; "
                "add class_scores to its config.json"
            )
        self._tokenizer = checkpoint.tokenizer
        self.device = device
        self._model = checkpoint.model.to(device)
        self._coalitions = torch.tensor(COALITIONS, device=device)  # [8, 3]
        self._prior = {name: marginal_from_config(mixture, device) for name, mixture in checkpoint.config.prior.items()}
        self._texts: OrderedDict[str, Tensor] = OrderedDict()  # text -> h_t [1, width]

    @torch.inference_mode()
    def predict(self, windows: Sequence[Window]) -> list[Prediction]:
        """One prediction per window.

        Contributions sum exactly to the score minus the score with nothing present (all on the clipped scale). The
        model abstains, score None, on a window with nothing present, and on one whose score is too close to that of an
        empty window (`Abstention`); the latter still states what was present.
        """
        return [self._predict(window, window.text) for window in windows]

    def _predict(self, window: Window, text: str) -> Prediction:
        encodings = self._encode(window, text)
        present: list[bool] = encodings.present[0].tolist()
        if not any(present):
            return Prediction(score=None)
        fused = self._model.fuse(
            encodings.h_t.expand(8, -1),
            encodings.h_a.expand(8, -1),
            encodings.h_v.expand(8, -1),
            self._coalitions & encodings.present,
        )
        scores = live_scores(fused.prediction, self.config).cpu().double().numpy()
        values = [float(value) if p else None for value, p in zip(shapley_values(scores), present, strict=True)]
        score = float(scores[-1])
        if self._abstains(score - float(scores[0]), present):
            return Prediction(score=None, present=Present(*present))
        low, high = self._interval(score, present)
        return Prediction(
            score=score,
            low=low,
            high=high,
            contributions=Contributions(*values),
            agreement=self._agreement(encodings, present),
            present=Present(*present),
        )

    def _encode(self, window: Window, text: str) -> Encodings:
        voice = _rows(window.voice, MIN_VOICE_ROWS, self.config.voice_normalisation)
        face = _rows(window.face, MIN_FACE_ROWS, self.config.face_normalisation)
        h_t = self._text(text)
        batch = Batch.of(voice=_single(voice), face=_single(face)).to(self.device)
        encodings = self._model.encode(batch)
        if h_t is None:
            return encodings
        present = encodings.present | torch.tensor([[True, False, False]], device=self.device)
        return encodings._replace(h_t=h_t, present=present)

    def _text(self, text: str) -> Tensor | None:
        encoder = self._model.text_encoder
        if self._tokenizer is None or encoder is None:
            return None
        token_ids, mask = self._tokenizer.encode([text])
        if not bool(mask.any()):
            return None
        h_t = self._texts.pop(text, None)
        if h_t is None:
            h_t = encoder(token_ids.to(self.device), mask.to(self.device))
        self._texts[text] = h_t
        while len(self._texts) > _TEXTS_KEPT:
            self._texts.popitem(last=False)
        return h_t

    def _interval(self, score: float, present: Sequence[bool]) -> tuple[float | None, float | None]:
        conformal = self.config.conformal
        half_width = conformal.half_width.get(coalition_name(present)) if conformal is not None else None
        if half_width is None:
            return None, None
        return max(score - half_width, -SCORE_LIMIT), min(score + half_width, SCORE_LIMIT)

    def _abstains(self, difference: float, present: Sequence[bool]) -> bool:
        """`difference`: of the score from that with nothing present."""
        abstention = self.config.abstention
        return abstention is not None and abs(difference) < abstention.threshold.get(coalition_name(present), 0.0)

    def _agreement(self, encodings: Encodings, present: Sequence[bool]) -> Agreement:
        text, voice, face = present
        if not text or not self.config.agreement:
            return Agreement()
        statistics = consistency_statistics(self._model, encodings, self._prior)
        tables = self.config.agreement
        return Agreement(
            voice=_percentile(statistics.get("voice"), tables.get("voice")) if voice else None,
            face=_percentile(statistics.get("face"), tables.get("face")) if face else None,
        )


def live_scores(prediction: Tensor, config: CheckpointConfig) -> Tensor:
    """Prediction [N, K] of the head -> scores [N], clipped to -3 .. 3.

    With several regressions the score is the first of them, with classes the expected class score.
    """
    if config.architecture.head.kind == "classes":
        values = prediction.new_tensor(config.class_scores or ())
        scores = prediction.softmax(dim=1) @ values
    else:
        low, high = config.label_scale
        scores = (prediction[:, 0] - low) * (2 * SCORE_LIMIT / (high - low)) - SCORE_LIMIT
    return scores.clamp(-SCORE_LIMIT, SCORE_LIMIT)


def _single(rows: NDArray[np.float32]) -> tuple[Tensor, Tensor]:
    """Rows [n, d] as a batch of one: [1, n, d] and length [1]."""
    return torch.from_numpy(rows).unsqueeze(0), torch.tensor([len(rows)])


def _percentile(value: Tensor | None, table: Sequence[float] | None) -> float | None:
    if value is None or table is None:
        return None
    return float(np.interp(float(value), table, np.linspace(0, 1, len(table))))


def _rows(
    rows: Sequence[VoiceRow] | Sequence[FaceRow], min_rows: int, normalization: Normalization | None
) -> NDArray[np.float32]:
    """[n, d], normalized; empty if there are fewer than `min_rows` or the checkpoint does not use the modality."""
    if normalization is None or len(rows) < min_rows:
        return np.zeros((0, 0 if normalization is None else len(normalization.mean)), np.float32)
    return normalization.apply(np.stack([row.values for row in rows]))
