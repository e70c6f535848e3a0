"""Near-duplicates of images in a reference index (`--index`, `auditor index`).

Sees: an image that is in an index of known generated images, even after cropping, resizing, recompression, mirroring,
brightening or overlaid text. Two measures must agree (docs/explanation/similarity.md): the cosine of the embeddings,
and the correlation of thumbnails. benchmarks/duplicates.py measures how often they find a changed copy, and how often
two different images are taken for copies. A near-duplicate confirms an image as synthetic. An image that is only
similar is not evidence, however high its cosine, and neither is a copy of an image in an index of real images; both are
reported in the reason.

Defeated by: crops to less than half of the image, rotation, heavy collage; images that are not in the index.
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
        """A hit for a near-duplicate of a synthetic image."""
        if view.reference_matches is None:
            return DetectorResult.abstained("no index with vectors was given, or the image has none")
        copies = [match for match in view.reference_matches if match.is_copy]
        for match in copies:
            if match.kind == "synthetic":
                words = f"a copy of {safe_text(match.image, 80)} in the index {safe_text(match.reference_index, 40)}"
                return DetectorResult.hit(Tier.C, f"{words} (cosine {match.cosine:.2f}, thumbnails agree)")
        if copies:
            return DetectorResult.negative(
                f"a copy of a known real image, in the index {safe_text(copies[0].reference_index, 40)}"
            )
        nearest = max((match.cosine for match in view.reference_matches), default=None)
        return DetectorResult.negative(
            "" if nearest is None or nearest < 0.5 else f"nearest: cosine {nearest:.1f}, not a copy"
        )
