"""A classifier of synthetic images: the embedded model's score, with thresholds from held-out images.

Sees: what distinguishes generated from other images in a compact model trained on images of many generators, as they
are after re-encoding and resizing. Three answers: *likely synthetic* above the threshold at which at most 1 % of real
images lie (mean over sources, in the worst condition measured), *likely real* below the one under which at most 5 % of
synthetic images lie, and *cannot tell* between. The score is the chance of being synthetic if half of the images
were: of a dataset with few synthetic images most of what is flagged may be real, which is why flags are not counted
but corrected for their error rates. The counts are of models trained like it without the counted sources;
they and its blind spots stand in the model's folder: calibration.json and CARD.md.

Defeated by: generators unlike those it was trained on (the newest ones first), heavy editing, photographs of screens;
mistaken on illustrations, renders and graphics more often than on photographs. It never decides one image.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache
from typing import TYPE_CHECKING

from auditor import statistical
from auditor.embedding import encoders
from auditor.embedding.encoders import EMBEDDED, embedded
from auditor.estimate.calibration import Calibration, parse
from auditor.statistical import StatisticalDetector
from auditor.types import Need
from auditor.view import View

if TYPE_CHECKING:
    import numpy as np


class Synthetic(StatisticalDetector):
    """See the module."""

    id = "synthetic"
    needs = Need.EMBEDDING

    def logits(self, images: Sequence[np.ndarray]) -> list[float]:
        """The embedded encoder's."""
        return [encoding.logit for encoding in embedded().encode(images) if encoding.logit is not None]

    def seen(self, views: Sequence[View]) -> list[float]:
        """Those that came with the vectors; an image has been encoded by then."""
        known = [view.encoding or embedded().encode([view.upright])[0] for view in views]
        return [encoding.logit for encoding in known if encoding.logit is not None]

    def weights(self) -> str:
        """The embedded model's; checked against the file when it is loaded."""
        return counts().sha256

    def calibration(self) -> Calibration:
        """The counts beside the weights."""
        return counts()

    def check(self) -> None:
        """Loads the model. Raises ModelError where it is incomplete, or answers otherwise on this machine."""
        embedded()

    def resources(self) -> tuple[str, ...]:
        """Weights, preparation and counts; and the code that prepares and words."""
        beside = (str(EMBEDDED / name) for name in ("model.onnx", "preprocessing.json", "calibration.json"))
        return (*beside, encoders.__file__, statistical.__file__)


@cache
def counts() -> Calibration:
    """The calibration beside the weights."""
    return parse((EMBEDDED / "calibration.json").read_text())
