"""How near an image is to those in reference indexes, without being a copy of one (`--index`, `auditor index`).

Sees: what images of one origin have in common in the embedding: a generator's style, its subjects, a prompt's
variations. Its score is the cosine to the nearest image of the indexes of synthetic images, less that to the nearest
one of the indexes of real images where there are any, in the space in which near copies are looked for. That says
nothing by itself: it abstains until `auditor calibrate --detector known-neighbour --index …` has counted its errors on
labelled images, for these very indexes; a calibration made with other indexes is refused. With one its score is the
calibrated probability, *likely synthetic* above the threshold at which at most 1 % of those real images lie. It never
calls an image likely real: to be far from what is known says little. Copies are left to known-image. Asked for with
`--with known-neighbour --index … --calibration …`.

Defeated by: generators that the indexes lack; real images of the same subject or style, unless an index of real ones
holds such.
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

_STEP = 0.1  # of the difference of cosines that counts as one logit; a calibration fits its own line


class KnownNeighbour(ClassifierDetector):
    """See the module. vectors: the encoder, for images of a calibration. counts: made with these indexes."""

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
        """Of these indexes, encoder and counts."""
        return cls(
            indexes or ReferenceIndexes(),
            vectors or VectorSource(),
            counts if counts and counts.detector == cls.id else None,
        )

    @classmethod
    def reads_by(cls, calibration: Calibration) -> bool:
        """Always: without one it abstains."""
        return True

    def logits(self, images: Sequence[np.ndarray]) -> list[float]:
        """One an image; NaN for a copy of a known one. Raises ModelError without an index of synthetic images."""
        encodings = self._vectors.encoder_of_images().encode(images)
        pictures = [Picture(one.vector, thumbnail(image)) for one, image in zip(encodings, images, strict=True)]
        found = [nearness(known) for known in self._indexes.known(pictures)]
        if None in found:
            raise ModelError("no index of synthetic images with vectors was given: --index")
        return [math.nan if logit is None else logit for logit in found]

    def weights(self) -> str:
        """The digest over what the indexes hold, which names their encoder."""
        return ReferenceIndexes.mark(self._indexes.record())

    def calibration(self) -> Calibration | None:
        """The counts that were given."""
        return self._counts

    def check(self) -> None:
        """Raises IndexFileError for indexes of another encoder than that of the images."""
        if self._indexes and not self._vectors.existing:
            self._indexes.check(self._vectors.fingerprint())

    def read(self, views: Sequence[View]) -> list[DetectorResult]:
        """By the nearest images, which the pipeline puts into the views."""
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
        if why := refusal(view):
            return DetectorResult.abstained(why)
        if math.isnan(logit):
            return DetectorResult.abstained("a copy of a known image, which known-image tells of")
        probability = self.probability(logit)
        words = f"{100 * probability:.1f} % at even odds, by the nearest known images"
        if logit >= self._counts.likely_synthetic:
            return DetectorResult.scored(probability, f"likely synthetic: {words}", Claim.LIKELY_SYNTHETIC)
        return DetectorResult.scored(probability, f"cannot tell: {words}")


def nearness(known: Sequence[ReferenceMatch]) -> float | None:
    """The logit of what indexes know of an image; NaN for a copy, None without an index of synthetic images."""
    if any(found.is_copy for found in known):
        return math.nan
    synthetic, real = ([found.cosine for found in known if found.kind == kind] for kind in (SYNTHETIC, REAL))
    return (max(synthetic) - max(real, default=0.0)) / _STEP if synthetic else None
