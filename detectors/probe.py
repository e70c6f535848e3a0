"""A linear head on an open_clip model's vectors, fitted on labelled images of your own.

Sees: what CLIP's vectors tell of an image's making; a linear head on CLIP ViT-B/16 was the strongest cheap classifier
in our development, and learns style along with it. Made by `auditor probe --encoder local-dir:FOLDER --real …
--synthetic …`, asked for with `--with probe`. It ships no counts of its errors: it calls nothing likely, and gives no
estimate until `auditor calibrate --detector probe` has counted them, on images that it was not fitted on.

Defeated by: pictures of a style that its reals lacked; generators unlike those that it was fitted on.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING

from auditor.embedding.clip import open_clip_encoder
from auditor.errors import ModelError
from auditor.models import catalogue, probes
from auditor.models.probes import Probe as Head
from auditor.statistical import StatisticalDetector
from auditor.types import Need

if TYPE_CHECKING:
    import numpy as np


class Probe(StatisticalDetector):
    """See the module."""

    id = "probe"
    needs = Need.PIXELS
    is_default = False

    def logits(self, images: Sequence[np.ndarray]) -> list[float]:
        """One an image. Raises ModelError where the probe or its encoder is not here, or is another one."""
        import numpy as np

        head, _ = _head()
        encoder = open_clip_encoder(head.encoder)
        if (encoder.fingerprint, encoder.dimension) != (head.fingerprint, len(head.weight)):
            raise ModelError(f"the probe was fitted on {head.fingerprint}, {head.encoder} is {encoder.fingerprint}")
        vectors = np.stack([encoding.vector for encoding in encoder.encode(images)])
        return [float(logit) for logit in head.logits(vectors)]

    def weights(self) -> str:
        """The digest of the probe's file, which names its encoder's."""
        return _head()[1]

    def check(self) -> None:
        """Loads the probe and its encoder."""
        import numpy as np

        self.logits([np.zeros((8, 8, 3), np.uint8)])

    def resources(self) -> tuple[str, ...]:
        """The probe's file, once there is one."""
        return (str(place()),) if place().exists() else ()


def place() -> Path:
    """Where the probe lies."""
    return catalogue.folder() / "probe.safetensors"


def _head() -> tuple[Head, str]:
    path = place()
    if not path.exists():
        raise ModelError(f"no probe at {path}: `auditor probe` makes one")
    return _loaded(path, path.stat().st_mtime_ns)


@lru_cache(maxsize=1)
def _loaded(path: Path, changed: int) -> tuple[Head, str]:
    return probes.load(path)
