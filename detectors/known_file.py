"""Files whose sha256 is in a reference index (`--index`, `auditor index`).

Sees: the very file that is in an index of known generated images, byte for byte; also where the image is not here, or
was re-encoded, and the manifest gives the original's sha256, as img2dataset's column does. Costs nothing.

Defeated by: any change of the file. A file that is in an index of real ones is noted and counts for nothing.
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
        """A hit for a file in an index of synthetic ones."""
        if not view.is_opened and not isinstance(view.sample.row.get("sha256"), str):
            return DetectorResult.abstained("no file, and no sha256 in the manifest")
        found = view.exact_match
        if found is None:
            return DetectorResult.negative()
        if found.kind != "synthetic":
            return DetectorResult.negative(f"a known real file, in the index {safe_text(found.reference_index, 40)}")
        return DetectorResult.hit(Tier.B, f"the file is in the index {safe_text(found.reference_index, 40)}")
