"""A column of the manifest that says whether an image is synthetic.

Sees: columns named synthetic, is_synthetic, is_ai, ai_generated or digital_source_type (any case), or the one given
with --declared-col. True, 1, yes, ai, synthetic, generated and the like declare, their opposites do not; an IPTC
digital source type is read by its term. No other column is ever taken as a declaration, whatever it is called.

Defeated by: manifests without such a column, and columns filled by somebody's classifier rather than by knowledge.
Tier B (an explicit label, unsigned).
"""

from __future__ import annotations

from auditor.images.iptc import is_source_type, source_type_claim
from auditor.images.view import View
from auditor.plugin import Detector, DetectorResult
from auditor.types import Claim, Evidence, Need, Tier

_YES = frozenset("true t yes y 1 1.0 ai synthetic generated ai-generated ai_generated fake".split())
_NO = frozenset("false f no n 0 0.0 real human photo natural authentic not-ai".split())


class DeclaredColumn(Detector):
    """See the module."""

    id = "declared-column"
    evidence = Evidence.DECLARED
    needs = Need.ROW

    def look(self, view: View) -> DetectorResult:
        """By the column's value; one that is neither yes, no nor a source type is not understood."""
        if view.sample.declared is None:
            return DetectorResult.abstained("no such column, or no value in it")
        column, value = view.sample.declared
        said = f"column {column} = {value[:80]}"
        folded = value.strip().casefold()
        claim = Claim.SYNTHETIC if folded in _YES else source_type_claim(value)
        if claim:
            return DetectorResult.hit(Tier.B, said, claim=claim)
        if folded in _NO or is_source_type(value):
            return DetectorResult.negative(said)
        return DetectorResult.abstained(f"{said}: not understood")
