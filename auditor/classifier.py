"""Detectors that give each image a logit, and what they have in common: answers, thresholds, abstentions.

A detector that ships counts of its errors says *likely synthetic* above the threshold at which few real images lie and
*likely real* below the one under which few synthetic ones do. One that ships none gives its probability and calls no
image likely; its flags are counted only with a calibration of the user's own.
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

_LEAST_SIDES = (64, 200)  # pixels, shorter and longer side: smaller ones were not measured
_SAMPLE = 64  # the image is thinned to about this many pixels a side to see whether there is anything on it
_NEAR = 8  # levels
_MOST_PLAIN = 0.9  # of pixels that are as good as the commonest one: a blank, a logo, a page of text


class ClassifierDetector(Detector):
    """See the module. A score is the probability of being synthetic: the logit by the shipped line, or by the
    logistic function alone."""

    evidence = Evidence.STATISTICAL
    uses_indexes: ClassVar[bool] = False  # its scores are of the indexes at hand

    @classmethod
    def made(
        cls,
        *,
        indexes: ReferenceIndexes | None = None,
        vectors: VectorSource | None = None,
        counts: Calibration | None = None,
    ) -> Self:
        """A detector for an audit with these indexes, vectors and a calibration of one's own, as far as it needs
        them."""
        return cls()

    @classmethod
    def reads_by(cls, calibration: Calibration) -> bool:
        """Whether its answers, not just what is concluded from them, depend on this calibration of one's own."""
        return False

    @abstractmethod
    def logits(self, images: Sequence[np.ndarray]) -> list[float]:
        """One for each uint8 (height, width, 3) RGB image, upright; higher is synthetic. Raises ModelError."""

    @abstractmethod
    def weights(self) -> str:
        """sha256 of what decides the logits: a calibration belongs to these weights and to no others."""

    def calibration(self) -> Calibration | None:
        """The counts it ships; None where its errors were not measured here."""
        return None

    def probability(self, logit: float) -> float:
        """The score that evidence holds for a logit."""
        known = self.calibration()
        return known.probability(logit) if known else 1 / (1 + math.exp(-max(-500.0, min(500.0, logit))))

    def seen(self, views: Sequence[View]) -> list[float]:
        """The logits of views on which there is something to see."""
        return self.logits([view.upright for view in views])

    def look(self, view: View) -> DetectorResult:
        """One view alone."""
        return self.read([view])[0]

    def read(self, views: Sequence[View]) -> list[DetectorResult]:
        """The probability, and on which side of the thresholds it lies."""
        refusals = [refusal(view) for view in views]
        able = [view for view, why in zip(views, refusals, strict=True) if why is None]
        logits = iter(self.seen(able) if able else ())
        return [self._result(next(logits)) if why is None else DetectorResult.abstained(why) for why in refusals]

    def _result(self, logit: float) -> DetectorResult:
        if not math.isfinite(logit):
            return DetectorResult.abstained("the model gave no number")
        score, known = self.probability(logit), self.calibration()
        if not known:
            words = f"{100 * score:.1f} % by its own measure; its errors were not measured"
            return DetectorResult.scored(score, words, Claim.SUSPECTED)
        words = f"{100 * score:.1f} % at even odds"
        if logit >= known.likely_synthetic:
            return DetectorResult.scored(score, f"likely synthetic: {words}", Claim.LIKELY_SYNTHETIC)
        if logit < known.likely_real:
            return DetectorResult.scored(score, f"likely real: {words}", Claim.LIKELY_REAL)
        return DetectorResult.scored(score, f"cannot tell: {words}")


def refusal(view: View) -> str | None:
    """Why there is nothing on this image that a classifier could judge."""
    height, width = view.pixels.shape[:2]
    if min(height, width) < _LEAST_SIDES[0] or max(height, width) < _LEAST_SIDES[1]:
        return f"{width} × {height} pixels are too few"
    if plain(view.rgb) > _MOST_PLAIN:
        return "blank, a logo or a page of text: too little on it"
    return None


def plain(rgb: np.ndarray) -> float:
    """The share of pixels within a few levels of the commonest colour."""
    step = max(1, min(rgb.shape[:2]) // _SAMPLE)
    thin = rgb[::step, ::step].reshape(-1, 3).astype(np.int16)
    coarse = (thin // _NEAR) @ np.array([1, 32, 1024])
    commonest = thin[coarse == np.bincount(coarse).argmax()].mean(axis=0)
    return float((np.abs(thin - commonest).max(axis=1) <= _NEAR).mean())
