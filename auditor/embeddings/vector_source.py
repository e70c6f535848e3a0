"""Which vectors an audit keeps of its images, and where they come from."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from auditor.embeddings.embedded_encoder import Encoder, embedded
from auditor.embeddings.open_clip import open_clip_encoder
from auditor.embeddings.precomputed import Existing, lookup, survey
from auditor.images.view import View
from auditor.types import Need

if TYPE_CHECKING:
    import numpy as np


@dataclass(frozen=True, slots=True)
class VectorSource:
    """encoder: an open_clip model's name (see clip.py), None for the embedded one. existing: vectors made already.

    is_wanted: vectors are made though no detector asks for them; without, they are kept where one does.
    """

    encoder: str | None = None
    existing: Existing | None = None
    is_wanted: bool = False

    @property
    def is_own(self) -> bool:
        """Whether the embedded encoder makes them."""
        return self.encoder is None and self.existing is None

    def fingerprint(self) -> str:
        """Vectors of one fingerprint can be compared. Raises ModelError, or DatasetError for vectors that are odd."""
        return survey(self.existing).fingerprint if self.existing else self.encoder_of_images().fingerprint

    def record(self) -> dict[str, Any] | None:
        """What decides the vectors; None where the embedded encoder makes them as detectors ask for it."""
        if self.existing:
            found = survey(self.existing)
            return {"fingerprint": found.fingerprint, "rows": found.rows, "digest": found.digest}
        if self.encoder is None and not self.is_wanted:
            return None
        return {"fingerprint": self.fingerprint()}

    def vectors(self, views: Sequence[View]) -> list[np.ndarray | None]:
        """One a view; None where there is none, because nothing could be seen or the encoder failed on it."""
        if self.existing:
            return lookup(self.existing).vectors([view.sample for view in views])
        if self.is_own:
            return [view.encoding.vector if view.encoding else None for view in views]
        seen = [view for view in views if view.unavailable_reason(Need.EMBEDDING) is None]
        found = iter(encoded(self.encoder_of_images(), seen))
        return [next(found) if view.unavailable_reason(Need.EMBEDDING) is None else None for view in views]

    def caption_similarities(self, views: Sequence[View]) -> list[float | None]:
        """The cosine of image and caption a view, by an open_clip model that reads texts; None where one is missing."""
        with_both = [view for view in views if view.vector is not None and view.sample.caption]
        encoder = open_clip_encoder(self.encoder) if self.encoder else None
        if encoder is None or not encoder.reads_texts or not with_both:
            return [None] * len(views)
        texts = encoder.encode_texts([str(view.sample.caption) for view in with_both])
        cosines = {id(view): float(view.vector @ text) for view, text in zip(with_both, texts, strict=True)}
        return [cosines.get(id(view)) for view in views]

    def encoder_of_images(self) -> Encoder:
        """The model. Raises ModelError."""
        return open_clip_encoder(self.encoder) if self.encoder else embedded()


def encoded(encoder: Encoder, views: Sequence[View]) -> list[np.ndarray | None]:
    """A vector a view; None for a view that the encoder fails on, which costs no other one."""
    return [encoding and encoding.vector for encoding in encodings(encoder, views)]


def encodings(encoder: Encoder, views: Sequence[View]) -> list[Any]:
    """As `encoded`, with what else the encoder gives."""
    if not views:
        return []
    try:
        return list(encoder.encode([view.upright for view in views]))
    except Exception:  # one image spoils the batch: which?
        return [_alone(encoder, view) for view in views]


def _alone(encoder: Encoder, view: View) -> Any:
    try:
        return encoder.encode([view.upright])[0]
    except Exception:  # a detector that asks for this image tells what was wrong with it
        return None
