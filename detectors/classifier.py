"""A classifier of synthetic images: a linear head on CLIP's tokens, with thresholds from images of held-out sources.

Sees: differences between generated and other images in the CLS tokens of CLIP ViT-B/16's upper blocks, learnt from
images of some seven hundred sources, re-encoded and resized. It has three results: *likely synthetic* above the
threshold with a false-positive rate of at most 1 % (mean over sources, in the worst condition measured), *likely real*
below the threshold with a false-negative rate of at most 5 %, and *cannot tell* in between. The score is the
probability of being synthetic at a prevalence of 50 %. In a dataset with few synthetic images most flagged images may
be real; therefore flags are not counted as they are, but corrected for their error rates. The error rates come from
cross-validation: each was measured with a head trained without one group of sources. They and the known weaknesses are
in the model's folder: calibration.json and CARD.md.

Defeated by: generators unlike those it was trained on (the newest ones first), edited photographs, photographs of
screens. It errs more often on digital paintings and illustrations than on photographs, and is unreliable for single
images.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Self

import numpy as np

from auditor import classifier
from auditor.classifier import ClassifierDetector
from auditor.embeddings import embedded_encoder, preparation
from auditor.embeddings.embedded_encoder import (
    EMBEDDED,
    Encoding,
    embedded,
    require_files,
    shipped_calibration,
    tokens_of,
)
from auditor.embeddings.vector_source import VectorSource
from auditor.estimate.calibration import Calibration
from auditor.images.view import View
from auditor.similarity.match import ReferenceIndexes
from auditor.types import Need


class Classifier(ClassifierDetector):
    """See the module. adapted: a user calibration with a head for the user's images, which replaces the shipped one."""

    id = "classifier"
    needs = Need.EMBEDDING

    def __init__(self, adapted: Calibration | None = None) -> None:
        self._adapted = adapted

    @classmethod
    def reads_by(cls, calibration: Calibration) -> bool:
        """True if the calibration contains a head."""
        return calibration.head is not None

    @classmethod
    def made(
        cls,
        *,
        indexes: ReferenceIndexes | None = None,
        vectors: VectorSource | None = None,
        counts: Calibration | None = None,
    ) -> Self:
        """The classifier, with the adapted head if the calibration is this classifier's and contains one."""
        return cls(counts if counts and counts.detector == cls.id and counts.head else None)

    def logits(self, images: Sequence[np.ndarray]) -> list[float]:
        """The logits of the head."""
        return self._scores(embedded().encode(images))

    def logits_of_views(self, views: Sequence[View]) -> list[float]:
        """The logits, from encodings that the pipeline has already computed, if there are any."""
        return self._scores([view.encoding or embedded().encode([view.upright])[0] for view in views])

    def weights(self) -> str:
        """The sha256 of encoder and head."""
        return (
            embedded().sha256(self._adapted.head) if self._adapted and self._adapted.head else self.calibration().sha256
        )

    def calibration(self) -> Calibration:
        """The adapted calibration, or the shipped one."""
        return self._adapted or shipped_calibration()

    def check(self) -> None:
        """Raises ModelError if a file of the model is missing. The workers load the model, and compare its results on
        this machine with known ones, before the first image is encoded."""
        require_files(EMBEDDED)

    def resources(self) -> tuple[str, ...]:
        """Preprocessing, the calibration (which contains the digests of encoder and head), and the code."""
        names = ("preprocessing.json", "calibration.json")
        code = (embedded_encoder.__file__, preparation.__file__, classifier.__file__)
        return (*(str(EMBEDDED / name) for name in names), *code)

    def _scores(self, encodings: Sequence[Encoding]) -> list[float]:
        head = self._adapted.head if self._adapted and self._adapted.head else embedded().head
        return [float(score) for score in head.scores(tokens_of(encodings))]
