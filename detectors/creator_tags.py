r"""Generators named in the fields for the creator of a file.

Sees: EXIF Make, Software, ImageDescription, Artist; XMP CreatorTool, Credit; IPTC-IIM Credit; Samsung's edit record
after a JPEG. Names match on word boundaries, and only if no camera, person or other product has the same name: bare
"firefly", "flux", "imagen", "gemini", "sora", "aurora", "runway" and "leonardo" prove nothing and are ignored.
If an image was re-encoded and the manifest kept its EXIF (img2dataset's `exif` column), that copy is read.

Grok writes ImageDescription `Signature: <base64>` and a UUID as Artist. Edits (Samsung's generative edit, Apple's Clean
Up) and Google's credit line on edited photos are claims of an edit, not of generation.

Defeated by: re-encoding, and anyone with an EXIF editor. Tier D (a name), C for Grok's and Ideogram's own fields.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator

from auditor.images.metadata import Metadata
from auditor.images.view import View
from auditor.plugin import Detector, DetectorResult
from auditor.types import Claim, Evidence, Need, Tier

_NAMES = {
    r"NovelAI": "NovelAI",
    r"Stable ?Diffusion": "Stable Diffusion",
    r"AUTOMATIC1111": "AUTOMATIC1111",
    r"ComfyUI": "ComfyUI",
    r"InvokeAI": "InvokeAI",
    r"Midjourney": "Midjourney",
    r"DALL[·\-‑]?E(?: ?[23])?": "DALL·E",
    r"Adobe Firefly": "Adobe Firefly",
    r"fal[-.]ai": "fal.ai",
    r"Leonardo\.?AI": "Leonardo.Ai",
    r"reve\.com": "Reve",
}
_NAME = re.compile("|".join(rf"(?P<g{i}>(?<!\w){name}(?!\w))" for i, name in enumerate(_NAMES)), re.IGNORECASE)
_GENERATORS = tuple(_NAMES.values())
_SIGNATURE = re.compile(r"^\s*Signature:\s*[A-Za-z0-9+/=]{64,}")
_UUID = re.compile(r"^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$", re.IGNORECASE)
_SAMSUNG = b"PhotoEditor_Re_Edit_Data"
_XMP_BASIC = "http://ns.adobe.com/xap/1.0/"
_PHOTOSHOP = "http://ns.adobe.com/photoshop/1.0/"
_IIM_CREDIT = (2, 110)


class CreatorTags(Detector):
    """See the module."""

    id = "creator-tags"
    evidence = Evidence.DECLARED
    needs = Need.TAGS

    def look(self, view: View) -> DetectorResult:
        """The strongest hit in the fields."""
        hits = [*_generated(view.metadata), *_edited(view.metadata)]
        return min(hits, key=lambda hit: str(hit.tier)) if hits else DetectorResult.negative()


def _generated(metadata: Metadata) -> Iterator[DetectorResult]:
    tags = {name: str(metadata.exif.get(name) or "") for name in ("Make", "Software", "ImageDescription", "Artist")}
    if tags["Make"].strip() == "Ideogram AI":
        yield DetectorResult.hit(Tier.C, "EXIF Make: Ideogram AI", generator="Ideogram")
    if _SIGNATURE.match(tags["ImageDescription"]) and _UUID.match(tags["Artist"].strip()):
        yield DetectorResult.hit(Tier.C, "EXIF: Grok's signature and identifier", generator="Grok")
    creators = [("EXIF Software", tags["Software"])]
    creators += [("XMP CreatorTool", value) for value in metadata.xmp_values(_XMP_BASIC, "CreatorTool")]
    creators += [(f"{text.where} Software", text.value) for text in metadata.texts if text.key == "Software"]
    for where, value in creators:
        if match := _NAME.search(value[:1000]):
            generator = _GENERATORS[int(str(match.lastgroup)[1:])]
            yield DetectorResult.hit(Tier.D, f"{where}: {match[0]}", generator=generator)


def _edited(metadata: Metadata) -> Iterator[DetectorResult]:
    credits = [("IPTC Credit", metadata.iim.get(_IIM_CREDIT, ""))]
    credits += [("photoshop:Credit", value) for value in metadata.xmp_values(_PHOTOSHOP, "Credit")]
    for where, value in credits:
        if "Made with Google AI" in value:
            yield DetectorResult.hit(Tier.D, f"{where}: Made with Google AI", generator="Google AI")
        elif "Edited with Google AI" in value:
            yield DetectorResult.hit(
                Tier.D, f"{where}: Edited with Google AI", generator="Google AI", claim=Claim.EDITED
            )
        elif "Apple Photos Clean Up" in value:
            yield DetectorResult.hit(
                Tier.D, f"{where}: Apple Photos Clean Up", generator="Apple Photos", claim=Claim.EDITED
            )
    if _samsung_edit(metadata.trailer):
        yield DetectorResult.hit(Tier.C, "Samsung's edit record: genAIType", generator="Samsung", claim=Claim.EDITED)


def _samsung_edit(trailer: bytes) -> bool:
    """Whether the JSON after Samsung's marker in the trailer names a generative edit ("genAIType" other than 0)."""
    at = trailer.find(_SAMSUNG)
    start = trailer.find(b"{", at) if at >= 0 else -1
    if start < 0:
        return False
    try:
        content, _ = json.JSONDecoder().raw_decode(trailer[start : start + (1 << 20)].decode("utf-8", "replace"))
    except (ValueError, RecursionError):
        return False
    return isinstance(content, dict) and content.get("genAIType") not in (None, 0, "0", "")
