"""Base class of the detectors that give each image a logit: results, thresholds and abstentions.

A classifier with a shipped calibration gives *likely synthetic* above a threshold with a low false-positive rate, and
*likely real* below a threshold with a low false-negative rate. A classifier without one reports its probability only;
its flags are counted only with a calibration made by the user.
"""

from __future__ import annotations

import math
from abc import abstractmethod
from collections.abc import Sequence
from typing import TYPE_CHECKING, ClassVar, Self

import numpy as np

from auditor.estimate.calibration import Calibration
from auditor.images.view import View
from auditor.plugin import Detector, DetectorResult
from auditor.types import Claim, Evidence

if TYPE_CHECKING:
    from auditor.embeddings.vector_source import VectorSource
    from auditor.similarity.match import ReferenceIndexes

_MIN_SIDES_PX = (64, 200)  # shorter and longer side: error rates were not measured on smaller images
_PLAIN_TEST_PX = 64  # the test for plain images samples about this many pixels per side
_SAME_COLOUR_LEVELS = 8  # pixels that differ by up to this many levels count as one colour
_MAX_PLAIN_SHARE = 0.9  # of pixels in the commonest colour: above are blanks, logos, pages of text


class ClassifierDetector(Detector):
    """See the module. The score is the probability of being synthetic: the logit through the calibration's line, or
    through the logistic function if there is no calibration."""

    evidence = Evidence.STATISTICAL
    uses_indexes: ClassVar[bool] = False  # whether its scores depend on the reference indexes

    @classmethod
    def made(
        cls,
        *,
        indexes: ReferenceIndexes | None = None,
        vectors: VectorSource | None = None,
        counts: Calibration | None = None,
    ) -> Self:
        """The detector for an audit with these indexes, vectors and user calibration, as far as it needs them."""
        return cls()

    @classmethod
    def reads_by(cls, calibration: Calibration) -> bool:
        """Whether its scores depend on this user calibration, and not only the conclusions from them."""
        return False

    @abstractmethod
    def logits(self, images: Sequence[np.ndarray]) -> list[float]:
        """One logit per upright RGB image, uint8 (height, width, 3); higher: synthetic. Raises ModelError."""

    @abstractmethod
    def weights(self) -> str:
        """sha256 of all that decides the logits. A calibration is valid for these weights only."""

    def calibration(self) -> Calibration | None:
        """The calibration that it ships; None if its error rates were not measured."""
        return None

    @property
    def thresholds(self) -> tuple[float, float] | None:
        """The logits below which an image is likely real, and from which it is likely synthetic; None without a
        calibration, because no image gets such a verdict then."""
        calibration = self.calibration()
        return (calibration.likely_real, calibration.likely_synthetic) if calibration else None

    def probability(self, logit: float) -> float:
        """The score that is stored as evidence for a logit."""
        calibration = self.calibration()
        return calibration.probability(logit) if calibration else 1 / (1 + math.exp(-max(-500.0, min(500.0, logit))))

    def logits_of_views(self, views: Sequence[View]) -> list[float]:
        """The logits of views that have enough content to be judged."""
        return self.logits([view.upright for view in views])

    def look(self, view: View) -> DetectorResult:
        """The result for a single view."""
        return self.read([view])[0]

    def read(self, views: Sequence[View]) -> list[DetectorResult]:
        """The probability of each view, and on which side of the thresholds it lies."""
        refusals = [refusal(view) for view in views]
        judged = [view for view, reason in zip(views, refusals, strict=True) if reason is None]
        logits = iter(self.logits_of_views(judged) if judged else ())
        return [
            self._result(next(logits)) if reason is None else DetectorResult.abstained(reason) for reason in refusals
        ]

    def _result(self, logit: float) -> DetectorResult:
        if not math.isfinite(logit):
            return DetectorResult.abstained("the model gave no number")
        score, calibration = self.probability(logit), self.calibration()
        if not calibration:
            words = f"{100 * score:.1f} % by its own measure; its errors were not measured"
            return DetectorResult.scored(score, words, Claim.SUSPECTED)
        words = f"{100 * score:.1f} % at 50 % prevalence"
        if logit >= calibration.likely_synthetic:
            return DetectorResult.scored(score, f"likely synthetic: {words}", Claim.LIKELY_SYNTHETIC)
        if logit < calibration.likely_real:
            return DetectorResult.scored(score, f"likely real: {words}", Claim.LIKELY_REAL)
        return DetectorResult.scored(score, f"cannot tell: {words}")


def refusal(view: View) -> str | None:
    """Why a classifier cannot judge this image; None if it can."""
    height, width = view.pixels.shape[:2]
    if min(height, width) < _MIN_SIDES_PX[0] or max(height, width) < _MIN_SIDES_PX[1]:
        return f"{width} × {height} pixels are too few"
    if plain_share(view.rgb) > _MAX_PLAIN_SHARE:
        return "blank, a logo or a page of text: too little on it"
    return None


def plain_share(rgb: np.ndarray) -> float:
    """The share of pixels within a few levels of the commonest colour; rgb: uint8 (height, width, 3)."""
    step = max(1, min(rgb.shape[:2]) // _PLAIN_TEST_PX)
    thin = rgb[::step, ::step].reshape(-1, 3).astype(np.int16)
    coarse = (thin // _SAME_COLOUR_LEVELS) @ np.array([1, 32, 1024])
    commonest = thin[coarse == np.bincount(coarse).argmax()].mean(axis=0)
    return float((np.abs(thin - commonest).max(axis=1) <= _SAME_COLOUR_LEVELS).mean())
