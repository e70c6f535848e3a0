"""Community Forensics: a vision transformer trained on images of 4,803 generators (arXiv 2411.04125, CVPR 2025).

Sees: the central 384 pixels of an image whose shorter side was resized to 440. Turn it on with `--with
community-forensics`, after `auditor models pull community-forensics` (MIT, 87 MB; nothing is fetched unasked). The
score is the logistic function of the logit, as in its authors' code. Its error rates were not measured here, so it
never gives the result *likely synthetic*. It is used for an estimate only with a calibration: `auditor calibrate
--detector community-forensics` measures the error rates on labelled images of your own.

Defeated by: downscaling, heavy compression, generators newer than 2024, as are similar models. It takes about eight
times as long as the built-in model.
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

_SHORTER_SIDE_PX, _CROP_PX = 440, 384
# From its training code (JeongsooP/Community-Forensics, models.py): ImageNet's mean and standard deviation.
_MEAN, _DEVIATION = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)
_BATCH = 4


class CommunityForensics(ClassifierDetector):
    """See the module."""

    id = "community-forensics"
    needs = Need.PIXELS
    is_default = False

    def logits(self, images: Sequence[np.ndarray]) -> list[float]:
        """One logit per image; higher means synthetic. Raises ModelError if the weights are not installed."""
        session = _session(str(hub.verified(self.id)))
        logits: list[float] = []
        for start in range(0, len(images), _BATCH):
            pixels = np.stack([preprocess(image) for image in images[start : start + _BATCH]])
            logits += session.run(None, {session.get_inputs()[0].name: pixels})[0].reshape(-1).tolist()
        return logits

    def weights(self) -> str:
        """The pinned sha256."""
        return hub.find(self.id).sha256

    def check(self) -> None:
        """Raises ModelError if the weights are not installed, or differ from the pinned ones."""
        hub.verified(self.id)

    def resources(self) -> tuple[str, ...]:
        """The module that pins the weights."""
        return (hub.__file__,)


def preprocess(image: np.ndarray) -> np.ndarray:
    """float32 (3, 384, 384): shorter side resized to 440 (bilinear, antialiased), centre crop, normalised."""
    # Only the centre is resized: the whole of a long strip would take gigabytes.
    height, width = image.shape[:2]
    half = _CROP_PX / _SHORTER_SIDE_PX * min(height, width) / 2
    box = (width / 2 - half, height / 2 - half, width / 2 + half, height / 2 + half)
    picture = Image.fromarray(image).resize((_CROP_PX, _CROP_PX), Image.Resampling.BILINEAR, box=box)
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
