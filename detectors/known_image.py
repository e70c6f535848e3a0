"""Near copies of images in a reference index (`--index`, `auditor index`).

Sees: an image that is in an index of known generated images, though it was cropped, resized, recompressed, mirrored,
brightened or written on since. Two measures have to agree (docs/similarity.md): the cosine of the embeddings, and
thumbnails laid over each other. How often they find a changed copy again, and how often they take two pictures for one,
is measured in benchmarks/duplicates.py. A copy is matched evidence. An image that is merely near to one is not,
whatever its cosine: it is noted in the reason and counts for nothing. So is a copy of an image in an index of real
ones.

Defeated by: crops to less than half of the picture, rotation, heavy collage; an image that nobody put into the index.
"""

from __future__ import annotations

from auditor.images.view import View
from auditor.plugin import Detector, DetectorResult
from auditor.safe_text import safe_text
from auditor.types import Evidence, Need, Tier


class KnownImage(Detector):
    """See the module."""

    id = "known-image"
    evidence = Evidence.MATCHED
    needs = Need.EMBEDDING
    is_default = False

    def look(self, view: View) -> DetectorResult:
        """A hit for a copy of a synthetic image."""
        if view.reference_matches is None:
            return DetectorResult.abstained("no index with vectors was given, or the image has none")
        copies = [found for found in view.reference_matches if found.is_copy]
        for found in copies:
            if found.kind == "synthetic":
                words = f"a copy of {safe_text(found.image, 80)} in the index {safe_text(found.reference_index, 40)}"
                return DetectorResult.hit(Tier.C, f"{words} (cosine {found.cosine:.2f}, thumbnails agree)")
        if copies:
            return DetectorResult.negative(
                f"a copy of a known real image, in the index {safe_text(copies[0].reference_index, 40)}"
            )
        nearest = max((found.cosine for found in view.reference_matches), default=None)
        return DetectorResult.negative(
            "" if nearest is None or nearest < 0.5 else f"nearest: cosine {nearest:.1f}, no copy"
        )
