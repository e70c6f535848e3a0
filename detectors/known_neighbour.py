"""Similarity of an image to those in reference indexes, without being a copy (`--index`, `auditor index`).

Sees: what images of one origin have in common in the embedding: a generator's style, its subjects, variations of a
prompt. The raw score is the cosine to the nearest image in the indexes of synthetic images, less the cosine to the
nearest image in the indexes of real images if there are any, in the space that is used for near-duplicates. Without a
calibration the score has no meaning, and the detector abstains. `auditor calibrate --detector known-neighbour --index
…` measures its error rates on labelled images for these indexes; a calibration made with other indexes is refused. The
score is then the calibrated probability; *likely synthetic* is above the threshold with a false-positive rate of at
most 1 % on the calibration's real images. It never says likely real, because a large distance is little evidence.
Copies are left to known-image. Turn it on with `--with known-neighbour --index … --calibration …`.

Defeated by: generators that the indexes lack; real images of the same subject or style, unless an index of real images
contains similar ones.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Self

import numpy as np

from auditor.classifier import ClassifierDetector, refusal
from auditor.embeddings.vector_source import VectorSource
from auditor.errors import ModelError
from auditor.estimate.calibration import Calibration
from auditor.images.thumbnail_match import thumbnail
from auditor.images.view import ReferenceMatch, View
from auditor.plugin import DetectorResult
from auditor.similarity.match import Picture, ReferenceIndexes
from auditor.similarity.reference_index import REAL, SYNTHETIC
from auditor.types import Claim, Need

_STEP = 0.1  # difference of cosines that counts as one logit; a calibration fits its own slope


class KnownNeighbour(ClassifierDetector):
    """See the module. vectors: gives the encoder for calibration images. counts: a calibration for these indexes."""

    id = "known-neighbour"
    needs = Need.EMBEDDING
    is_default = False
    uses_indexes = True

    def __init__(
        self,
        indexes: ReferenceIndexes = ReferenceIndexes(),
        vectors: VectorSource = VectorSource(),
        counts: Calibration | None = None,
    ) -> None:
        self._indexes, self._vectors, self._counts = indexes, vectors, counts

    @classmethod
    def made(
        cls,
        *,
        indexes: ReferenceIndexes | None = None,
        vectors: VectorSource | None = None,
        counts: Calibration | None = None,
    ) -> Self:
        """The detector with these indexes, this encoder and this calibration."""
        return cls(
            indexes or ReferenceIndexes(),
            vectors or VectorSource(),
            counts if counts and counts.detector == cls.id else None,
        )

    @classmethod
    def reads_by(cls, calibration: Calibration) -> bool:
        """Always true: it abstains without a calibration."""
        return True

    def logits(self, images: Sequence[np.ndarray]) -> list[float]:
        """One logit per image; NaN for copies of known images. Raises ModelError if no index has synthetic images."""
        encodings = self._vectors.encoder_of_images().encode(images)
        pictures = [
            Picture(encoding.vector, thumbnail(image)) for encoding, image in zip(encodings, images, strict=True)
        ]
        logits = [nearness(matches) for matches in self._indexes.known(pictures)]
        if None in logits:
            raise ModelError("no index of synthetic images with vectors was given: --index")
        return [math.nan if logit is None else logit for logit in logits]

    def weights(self) -> str:
        """The digest of the indexes' contents and their encoder."""
        return ReferenceIndexes.mark(self._indexes.record())

    def calibration(self) -> Calibration | None:
        """The calibration that was given."""
        return self._counts

    def check(self) -> None:
        """Raises IndexFileError if the indexes and the images have different encoders."""
        if self._indexes and not self._vectors.existing:
            self._indexes.check(self._vectors.fingerprint())

    def read(self, views: Sequence[View]) -> list[DetectorResult]:
        """The results from the nearest images, which the pipeline has stored in the views."""
        return [self._result_of(view) for view in views]

    def _result_of(self, view: View) -> DetectorResult:
        logit = nearness(view.reference_matches or ())
        if logit is None:
            return DetectorResult.abstained(
                "no index of synthetic images with vectors was given, or the image has none"
            )
        if self._counts is None:
            return DetectorResult.abstained(
                "not calibrated for these indexes: auditor calibrate --detector known-neighbour"
            )
        if reason := refusal(view):
            return DetectorResult.abstained(reason)
        if math.isnan(logit):
            return DetectorResult.abstained("a copy of a known image: see known-image")
        probability = self.probability(logit)
        words = f"{100 * probability:.1f} % at 50 % prevalence, by the nearest known images"
        if logit >= self._counts.likely_synthetic:
            return DetectorResult.scored(probability, f"likely synthetic: {words}", Claim.LIKELY_SYNTHETIC)
        return DetectorResult.scored(probability, f"cannot tell: {words}")


def nearness(matches: Sequence[ReferenceMatch]) -> float | None:
    """The uncalibrated logit from an image's matches; NaN for a copy; None without an index of synthetic images."""
    if any(match.is_copy for match in matches):
        return math.nan
    synthetic, real = ([match.cosine for match in matches if match.kind == kind] for kind in (SYNTHETIC, REAL))
    return (max(synthetic) - max(real, default=0.0)) / _STEP if synthetic else None
