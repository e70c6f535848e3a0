"""The standard labels for generated media in XMP: IPTC DigitalSourceType and the AI fields of IPTC 2025.1.

Sees: Iptc4xmpExt:DigitalSourceType (and DigitalSourcefileType, its old name) as attribute, element or resource, with
any prefix, http or https. trainedAlgorithmicMedia declares generation; compositeWithTrainedAlgorithmicMedia and
compositeSynthetic declare an edit. algorithmicMedia, dataDrivenMedia, algorithmicallyEnhanced and screenCapture do
not mean AI, in spite of their names. AISystemUsed, AISystemVersionUsed, AIPromptInformation and AIPromptWriterName
(IPTC Photo Metadata 2025.1) declare by their presence.

Defeated by: re-encoding and metadata stripping. Unsigned, so it can be forged. Tier B (an explicit standard label).
Sources: IPTC Photo Metadata Standard 2025.1; IPTC NewsCodes, digitalsourcetype.
"""

from __future__ import annotations

import re

from auditor.images import xmp
from auditor.images.containers import Kind
from auditor.images.iptc import is_source_type, source_type_claim, term
from auditor.images.view import View
from auditor.plugin import Detector, DetectorResult
from auditor.types import Claim, Evidence, Need, Tier

_NAMESPACE = "http://iptc.org/std/Iptc4xmpExt/2008-02-29/"
_SYSTEM_FIELDS = ("AISystemUsed", "AISystemVersionUsed")
_FIELDS = (*_SYSTEM_FIELDS, "AIPromptInformation", "AIPromptWriterName")
_NOTHING = re.compile(
    r"[\W_]*|none|null|nil|no|false|n[./]?a\.?|not (?:used|applicable)|no (?:gen(?:erative)? ?)?ai(?: used)?",
    re.IGNORECASE,
)


class DigitalSourceType(Detector):
    """See the module."""

    id = "digital-source-type"
    evidence = Evidence.DECLARED
    needs = Need.FILE

    def resources(self) -> tuple[str, ...]:
        """The parser of XMP."""
        return (xmp.__file__,)

    def look(self, view: View) -> DetectorResult:
        """Checks the source type first, then the fields that only generated media have."""
        metadata = view.metadata
        types = metadata.xmp_values(_NAMESPACE, "DigitalSourceType", "DigitalSourcefileType")
        system = next(filter(_is_stated, metadata.xmp_values(_NAMESPACE, *_SYSTEM_FIELDS)), None)
        claims = {source_type_claim(value): value for value in reversed(types)}
        for claim in (Claim.SYNTHETIC, Claim.EDITED):
            if claim in claims:
                reason = f"DigitalSourceType {claims[claim].strip().rpartition('/')[2]}"
                return DetectorResult.hit(Tier.B, reason, claim=claim, generator=system)
        # Of an image whose type is another one, they tell of an edit.
        claim = Claim.EDITED if any(map(is_source_type, types)) else Claim.SYNTHETIC
        for field in _FIELDS:
            values = list(filter(_is_stated, metadata.xmp_values(_NAMESPACE, field)))
            if values:
                return DetectorResult.hit(Tier.B, f"{field}: {values[0][:80]}", claim=claim, generator=system)
        reason = ", ".join(f"DigitalSourceType {term(value)}" for value in types)
        return DetectorResult.absent(metadata.unread(Kind.XMP), reason)


def _is_stated(value: str) -> bool:
    """Whether a field says more than that no AI was used."""
    return not _NOTHING.fullmatch(value.strip())
