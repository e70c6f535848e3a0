"""Files whose sha256 is in a reference index (`--index`, `auditor index`).

Sees: a file that is, byte for byte, in an index of known generated images. If the image is missing or was re-encoded,
the sha256 of the original in the manifest is used (img2dataset writes it). It takes almost no time.

Defeated by: any change of the file. A file in an index of real images is reported and is not evidence.
"""

from __future__ import annotations

from auditor.images.view import View
from auditor.plugin import Detector, DetectorResult
from auditor.safe_text import safe_text
from auditor.types import Evidence, Need, Tier


class KnownFile(Detector):
    """See the module."""

    id = "known-file"
    evidence = Evidence.MATCHED
    needs = Need.ROW
    is_default = False

    def look(self, view: View) -> DetectorResult:
        """A hit for a file in an index of synthetic images."""
        if not view.is_opened and not isinstance(view.sample.row.get("sha256"), str):
            return DetectorResult.abstained("no file, and no sha256 in the manifest")
        match = view.exact_match
        if match is None:
            return DetectorResult.negative()
        if match.kind != "synthetic":
            return DetectorResult.negative(f"a known real file, in the index {safe_text(match.reference_index, 40)}")
        return DetectorResult.hit(Tier.B, f"the file is in the index {safe_text(match.reference_index, 40)}")
