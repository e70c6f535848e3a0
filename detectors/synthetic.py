"""A classifier of synthetic images: the embedded model's score, with thresholds from images that it had not seen.

Sees: what distinguishes generated from other images in a compact model trained on images of many generators, as they
are after re-encoding and resizing. Three answers: *likely synthetic* above the threshold at which at most 1 % of real
images lie (mean over sources, in the worst condition measured), *likely real* below the one under which at most 5 % of
synthetic images lie, and *cannot tell* between. The score is the chance of being synthetic if half of the images
were: of a dataset with few synthetic images most of what is flagged may be real, which is why flags are not counted
but corrected for their error rates. Counts, sources and blind spots stand in the model's folder: CARD.md and
calibration.json.

Defeated by: generators unlike those it was trained on (the newest ones first), heavy editing, photographs of screens;
mistaken on illustrations, renders and graphics more often than on photographs. It never decides one image.
"""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING

from auditor.calibration import Calibration, parse
from auditor.encoders import EMBEDDED
from auditor.plugin import Reading, StatisticalDetector
from auditor.types import Claim, Evidence, Need
from auditor.view import View

if TYPE_CHECKING:
    import numpy as np

_LEAST_SIDE = 64  # pixels: less is enlarged more than three times
_SAMPLE = 64  # the image is thinned to about this many pixels a side to see whether there is anything on it
_NEAR = 8  # levels
_MOST_PLAIN = 0.9  # of pixels that are as good as the commonest one: a blank, a logo, a page of text


class Synthetic(StatisticalDetector):
    """See the module."""

    id = "synthetic"
    evidence = Evidence.STATISTICAL
    needs = Need.EMBEDDING

    def look(self, view: View) -> Reading:
        """The model's chance, and on which side of the thresholds it lies."""
        if why := refusal(view):
            return Reading.abstain(why)
        if view.encoding is None or view.encoding.logit is None:
            return Reading.abstain("the encoder gives no synthetic score")
        logit = view.encoding.logit
        chance = f"{100 * counts().probability(logit):.1f} % at even odds"
        score = counts().probability(logit)
        if logit >= counts().likely_synthetic:
            return Reading(score, f"likely synthetic: {chance}", claim=Claim.LIKELY)
        if logit < counts().likely_real:
            return Reading(score, f"likely real: {chance}", claim=Claim.UNLIKELY)
        return Reading(score, f"cannot tell: {chance}")

    def calibration(self) -> Calibration:
        """The counts beside the weights."""
        return counts()

    def resources(self) -> tuple[str, ...]:
        """Weights, preparation and counts."""
        return tuple(str(EMBEDDED / name) for name in ("model.onnx", "preprocessing.json", "calibration.json"))


@cache
def counts() -> Calibration:
    """The calibration beside the weights."""
    return parse((EMBEDDED / "calibration.json").read_text())


def refusal(view: View) -> str | None:
    """Why there is nothing on this image that the model could judge."""
    height, width = view.pixels.shape[:2]
    if min(height, width) < _LEAST_SIDE:
        return f"{width} × {height} pixels are too few"
    if plain(view.rgb) > _MOST_PLAIN:
        return "blank, a logo or a page of text: too little on it"
    return None


def plain(rgb: np.ndarray) -> float:
    """The share of pixels within a few levels of the commonest colour."""
    import numpy as np

    step = max(1, min(rgb.shape[:2]) // _SAMPLE)
    thin = rgb[::step, ::step].reshape(-1, 3).astype(np.int16)
    coarse = (thin // _NEAR) @ np.array([1, 32, 1024])
    commonest = thin[coarse == np.bincount(coarse).argmax()].mean(axis=0)
    return float((np.abs(thin - commonest).max(axis=1) <= _NEAR).mean())
