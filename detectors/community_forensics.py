"""Community Forensics: a vision transformer trained on images of 4,803 generators (arXiv 2411.04125, CVPR 2025).

Sees: the centre of an image at 384 pixels, after its shorter side was brought to 440. Asked for with
`--with community-forensics`, after `auditor models pull community-forensics` (MIT, 87 MB; nothing is fetched unasked).
Its score is the logistic function of its logit, as its authors read it. None of its error rates was measured here, so
it calls no image likely, and gives no estimate until `auditor calibrate --detector community-forensics` has counted its
errors on labelled images of your own.

Defeated by: what defeats such models: reduction, heavy compression, generators newer than 2024. Some eight times as
slow as the embedded model.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache
from typing import Any

import numpy as np
from PIL import Image

from auditor.classifier import ClassifierDetector
from auditor.embeddings import hub
from auditor.types import Need

_SHORTER, _CROP = 440, 384
# As its training code prepares images (JeongsooP/Community-Forensics, models.py): ImageNet's mean and deviation.
_MEAN, _DEVIATION = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)
_BATCH = 4


class CommunityForensics(ClassifierDetector):
    """See the module."""

    id = "community-forensics"
    needs = Need.PIXELS
    is_default = False

    def logits(self, images: Sequence[np.ndarray]) -> list[float]:
        """One an image; higher is synthetic. Raises ModelError where the weights are not here."""
        session = _session(str(hub.verified(self.id)))
        found: list[float] = []
        for start in range(0, len(images), _BATCH):
            pixels = np.stack([prepared(image) for image in images[start : start + _BATCH]])
            found += session.run(None, {session.get_inputs()[0].name: pixels})[0].reshape(-1).tolist()
        return found

    def weights(self) -> str:
        """The pinned digest."""
        return hub.find(self.id).sha256

    def check(self) -> None:
        """Raises ModelError where the weights are not here, or are not those that were pinned."""
        hub.verified(self.id)

    def resources(self) -> tuple[str, ...]:
        """The module that pins them."""
        return (hub.__file__,)


def prepared(image: np.ndarray) -> np.ndarray:
    """float32 (3, 384, 384): shorter side to 440 (bilinear, antialiased), centre, normalised."""
    # The centre of the reduced image, without making the rest of it: a strip would become gigabytes.
    height, width = image.shape[:2]
    half = _CROP / _SHORTER * min(height, width) / 2
    box = (width / 2 - half, height / 2 - half, width / 2 + half, height / 2 + half)
    picture = Image.fromarray(image).resize((_CROP, _CROP), Image.Resampling.BILINEAR, box=box)
    square = np.asarray(picture, np.float32) / 255
    normal = (square - np.asarray(_MEAN, np.float32)) / np.asarray(_DEVIATION, np.float32)
    return np.ascontiguousarray(normal.transpose(2, 0, 1))


@cache
def _session(path: str) -> Any:
    import onnxruntime as ort

    options = ort.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    options.log_severity_level = 3
    return ort.InferenceSession(path, options, providers=["CPUExecutionProvider"])
