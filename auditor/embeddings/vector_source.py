"""The source of an audit's image vectors: the built-in encoder, an open_clip model, or precomputed vectors."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from auditor.embeddings.embedded_encoder import Encoder, embedded
from auditor.embeddings.open_clip import open_clip_encoder
from auditor.embeddings.precomputed import Existing, lookup, vector_stats
from auditor.images.view import View
from auditor.types import Need

if TYPE_CHECKING:
    import numpy as np


@dataclass(frozen=True, slots=True)
class VectorSource:
    """encoder: an open_clip model's name (see open_clip.py), None for the built-in encoder. existing: precomputed
    vectors, used instead.

    is_wanted: make vectors even if no detector needs them.
    """

    encoder: str | None = None
    existing: Existing | None = None
    is_wanted: bool = False

    @property
    def is_own(self) -> bool:
        """Whether the built-in encoder makes the vectors."""
        return self.encoder is None and self.existing is None

    def fingerprint(self) -> str:
        """Only vectors with the same fingerprint can be compared. Raises ModelError, or DatasetError for invalid
        vectors."""
        return vector_stats(self.existing).fingerprint if self.existing else self.encoder_of_images().fingerprint

    def record(self) -> dict[str, Any] | None:
        """What determines the vectors, as plain values; None if the built-in encoder makes them for a detector."""
        if self.existing:
            stats = vector_stats(self.existing)
            return {"fingerprint": stats.fingerprint, "rows": stats.rows, "digest": stats.digest}
        if self.encoder is None and not self.is_wanted:
            return None
        return {"fingerprint": self.fingerprint()}

    def vectors(self, views: Sequence[View]) -> list[np.ndarray | None]:
        """One vector per view; None if the image could not be decoded or the encoder failed on it."""
        if self.existing:
            return lookup(self.existing).vectors([view.sample for view in views])
        if self.is_own:
            return [view.encoding.vector if view.encoding else None for view in views]
        available = [view for view in views if view.unavailable_reason(Need.EMBEDDING) is None]
        vectors = iter(encoded(self.encoder_of_images(), available))
        return [next(vectors) if view.unavailable_reason(Need.EMBEDDING) is None else None for view in views]

    def caption_similarities(self, views: Sequence[View]) -> list[float | None]:
        """The cosine of image and caption per view, from an open_clip model with a text encoder; None if one is
        missing."""
        with_both = [view for view in views if view.vector is not None and view.sample.caption]
        encoder = open_clip_encoder(self.encoder) if self.encoder else None
        if encoder is None or not encoder.reads_texts or not with_both:
            return [None] * len(views)
        texts = encoder.encode_texts([str(view.sample.caption) for view in with_both])
        cosines = {id(view): float(view.vector @ text) for view, text in zip(with_both, texts, strict=True)}
        return [cosines.get(id(view)) for view in views]

    def encoder_of_images(self) -> Encoder:
        """The encoder of images. Raises ModelError."""
        return open_clip_encoder(self.encoder) if self.encoder else embedded()


def encoded(encoder: Encoder, views: Sequence[View]) -> list[np.ndarray | None]:
    """One vector per view; None for a view on which the encoder fails. Other views are not affected."""
    return [encoding and encoding.vector for encoding in encodings(encoder, views)]


def encodings(encoder: Encoder, views: Sequence[View]) -> list[Any]:
    """As `encoded`, but the whole encodings."""
    if not views:
        return []
    try:
        return list(encoder.encode([view.upright for view in views]))
    except Exception:  # one image makes the batch fail; find out which one
        return [_encode_one(encoder, view) for view in views]


def _encode_one(encoder: Encoder, view: View) -> Any:
    try:
        return encoder.encode([view.upright])[0]
    except Exception:  # a detector that needs this image reports the error
        return None
