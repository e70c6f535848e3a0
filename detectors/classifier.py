"""A classifier of synthetic images: a linear head on CLIP's tokens, with thresholds from images of left-out sources.

Sees: what distinguishes generated from other images in the CLS tokens of CLIP ViT-B/16's upper blocks, learnt from
images of some seven hundred sources, re-encoded and resized. Three answers: *likely synthetic* above the threshold at
which at most 1 % of real images lie (mean over sources, in the worst condition measured), *likely real* below the one
under which at most 5 % of synthetic images lie, and *cannot tell* between. The score is the chance of being synthetic
if half of the images were: of a dataset with few synthetic images most of what is flagged may be real, which is why
flags are not counted but corrected for their error rates. Those are of heads that differ from the one that runs by one
group of sources; they and its blind spots stand in the model's folder: calibration.json and CARD.md.

Defeated by: generators unlike those it was trained on (the newest ones first), edited photographs, photographs of
screens; mistaken on digital paintings and illustrations more often than on photographs. It never decides one image.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Self

import numpy as np

from auditor import classifier
from auditor.classifier import ClassifierDetector
from auditor.embeddings import embedded_encoder, preparation
from auditor.embeddings.embedded_encoder import EMBEDDED, Encoding, embedded, shipped_calibration, tokens_of
from auditor.estimate.calibration import Calibration
from auditor.images.view import View
from auditor.types import Need

if TYPE_CHECKING:
    from auditor.embeddings.vector_source import VectorSource
    from auditor.similarity.match import ReferenceIndexes


class Classifier(ClassifierDetector):
    """See the module. adapted: a calibration that holds a head for images of one's own kind, which decides then."""

    id = "classifier"
    needs = Need.EMBEDDING

    def __init__(self, adapted: Calibration | None = None) -> None:
        self._adapted = adapted

    @classmethod
    def reads_by(cls, calibration: Calibration) -> bool:
        """Where it holds a head."""
        return calibration.head is not None

    @classmethod
    def made(
        cls,
        *,
        indexes: ReferenceIndexes | None = None,
        vectors: VectorSource | None = None,
        counts: Calibration | None = None,
    ) -> Self:
        """With the head of one's own, if the calibration is the classifier's and holds one."""
        return cls(counts if counts and counts.detector == cls.id and counts.head else None)

    def logits(self, images: Sequence[np.ndarray]) -> list[float]:
        """The head's scores."""
        return self._scores(embedded().encode(images))

    def seen(self, views: Sequence[View]) -> list[float]:
        """By the tokens that came with the vectors; an image has been encoded by then."""
        return self._scores([view.encoding or embedded().encode([view.upright])[0] for view in views])

    def weights(self) -> str:
        """Of encoder and head."""
        return (
            embedded().sha256(self._adapted.head) if self._adapted and self._adapted.head else self.calibration().sha256
        )

    def calibration(self) -> Calibration:
        """The adapted one, or the one beside the weights."""
        return self._adapted or shipped_calibration()

    def check(self) -> None:
        """Loads the model. Raises ModelError where it is incomplete, or answers otherwise on this machine."""
        embedded()

    def resources(self) -> tuple[str, ...]:
        """Scores, with the digest of encoder and head; and what prepares and words."""
        names = ("preprocessing.json", "calibration.json")  # which names encoder and head by digest
        code = (embedded_encoder.__file__, preparation.__file__, classifier.__file__)
        return (*(str(EMBEDDED / name) for name in names), *code)

    def _scores(self, encodings: Sequence[Encoding]) -> list[float]:
        head = self._adapted.head if self._adapted and self._adapted.head else embedded().head
        return [float(score) for score in head.scores(tokens_of(encodings))]
