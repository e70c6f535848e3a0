"""Content Credentials (C2PA): signed manifests that record how an image was made.

Sees: manifests embedded in JPEG, PNG, WebP, GIF, TIFF, AVIF, HEIC and JPEG XL. An action whose digitalSourceType is an
AI term is a declaration, and so is a known generator as claim generator. Ingredients are examined too, because the AI
action is often in a parent's manifest while the active one only says that a file was opened: `parentOf` passes the
origin on, `componentOf` makes a composite, which is an edit. A camera's or an editor's manifest without an AI action is
not AI. Soft bindings (hidden watermarks that a manifest names) are listed in the reason.

Trust: after a failed hash or signature the detector abstains. An untrusted or expired certificate is common in real
files and does not invalidate the claim: an unknown signer has no interest in declaring AI, so the claim is accepted
(tier B). Tier A needs a signer on a trust list. Nothing is fetched: remote manifests, OCSP and identity look-ups are
off.

Defeated by: re-encoding, screenshots, most image hosts. Sources: C2PA specification 2.x; c2pa-rs validation codes.
"""

from __future__ import annotations

import io
import json
import re
from collections.abc import Iterable, Iterator, Mapping
from functools import cache
from typing import Any

from auditor.images.containers import isobmff
from auditor.images.iptc import is_source_type, source_type_claim, term
from auditor.images.view import View
from auditor.plugin import Detector, DetectorResult
from auditor.types import Claim, Evidence, Need, Tier

_MIME = {
    "JPEG": "image/jpeg", "PNG": "image/png", "WEBP": "image/webp", "GIF": "image/gif", "TIFF": "image/tiff",
    "JXL": "image/jxl",
}  # fmt: skip
# Even then c2pa-rs looks up the issuers of identity assertions; the empty list of allowed hosts forbids it.
_OFFLINE = {
    "verify": {"remote_manifest_fetch": False, "ocsp_fetch": False},
    "core": {"allowed_network_hosts": []},
}
# Failures that mean that this is not what was signed. All other failures concern who signed, or when.
_BROKEN = ("claim.missing", "claim.multiple", "claimSignature.missing", "assertion.missing", "hashedURI.missing")
# Actions that put generated parts into an existing image; with an AI source type they are edits.
_PARTIAL = frozenset(("c2pa.placed", "c2pa.edited", "c2pa.drawing", "c2pa.filtered", "c2pa.removed", "c2pa.repackaged"))
_GENERATORS = {
    "openai": "OpenAI",
    "chatgpt": "OpenAI",
    "dall·e": "OpenAI",
    "dall-e": "OpenAI",
    "adobe firefly": "Adobe Firefly",
    "adobe_firefly": "Adobe Firefly",
    "midjourney": "Midjourney",
    "microsoft_responsible_ai": "Microsoft Designer",
    "stability ai": "Stability AI",
    "stability_ai": "Stability AI",
    "black forest labs": "Black Forest Labs",
    "ideogram": "Ideogram",
    "leonardo.ai": "Leonardo.Ai",
    "google imagen": "Google Imagen",
    "titan image generator": "Amazon Titan",
}
_RANK = {Claim.SYNTHETIC: 0, Claim.EDITED: 1}
_MAX_DEPTH = 32  # of ingredients

_Manifest = Mapping[str, Any]


class C2pa(Detector):
    """See the module."""

    id = "c2pa"
    evidence = Evidence.DECLARED
    needs = Need.FILE

    def look(self, view: View) -> DetectorResult:
        """The strongest claim in the active manifest and its parents."""
        if not view.metadata.has_c2pa:
            return DetectorResult.absent(view.metadata.unread())
        try:
            store = _read(view.data, _mime(view))
        except Exception as error:  # c2pa-python has one class per error of c2pa-rs
            return DetectorResult.abstained(f"the manifest cannot be read: {str(error)[:120]}")
        return _result(store) if store else DetectorResult.negative()


def _mime(view: View) -> str:
    if view.container.format == "ISOBMFF":
        return "image/avif" if isobmff.is_avif(view.data) else "image/heic"
    return _MIME[view.container.format or ""]


@cache
def _context() -> Any:
    import c2pa

    return c2pa.Context(c2pa.Settings.from_dict(_OFFLINE))


def _read(data: bytes, mime: str) -> _Manifest | None:
    import c2pa

    reader = c2pa.Reader.try_create(mime, io.BytesIO(data), context=_context())
    if reader is None:
        return None
    with reader:
        content: _Manifest = json.loads(reader.json())
        return content


def _result(store: _Manifest) -> DetectorResult:
    active = str(store.get("active_manifest") or "")
    broken = set(_broken(store, active))
    if active in broken or not active:
        codes = ", ".join(sorted({code for code, _ in _failures(store, active)}))
        return DetectorResult.abstained(f"the manifest does not belong to this image as it is: {codes}")
    claims = list(_claims(store, active, broken, 0))
    bindings = "".join(f"; soft binding {name}" for name in _soft_bindings(store))
    if not claims:
        return DetectorResult.negative(f"a manifest without an AI claim{bindings}")
    claim, reason, generator = min(claims, key=lambda claim: _RANK[claim[0]])
    tier = Tier.A if store.get("validation_state") == "Trusted" else Tier.B
    return DetectorResult.hit(tier, reason + bindings, claim=claim, generator=generator)


# ---- validation -----------------------------------------------------------------------------------------------------


def _broken(store: _Manifest, active: str) -> Iterator[str]:
    return (label for _, label in _failures(store, active))


def _failures(store: _Manifest, active: str) -> Iterator[tuple[str, str]]:
    """(code, label of the manifest) of each failed hash or signature."""
    for status in store.get("validation_status") or ():
        code = str(status.get("code"))
        if not code.startswith("cawg.") and (code.endswith(".mismatch") or code in _BROKEN):
            label = next(
                (label for label in store.get("manifests", {}) if f"/{label}" in str(status.get("url"))), active
            )
            yield code, label


# ---- claims ---------------------------------------------------------------------------------------------------------


def _claims(store: _Manifest, label: str, broken: set[str], depth: int) -> Iterator[tuple[Claim, str, str | None]]:
    """(claim, reason, generator) of a manifest and of its ingredients."""
    manifest = (store.get("manifests") or {}).get(label)
    if not manifest or label in broken or depth > _MAX_DEPTH:
        return
    names, agents = list(_names(manifest)), list(_agents(manifest))
    maker = _known_generator(names)
    generator = maker or _known_generator([name for _, name in agents])
    actions = list(_actions(manifest))
    is_capture = _is_capture(manifest)
    for claim, action, value in actions:
        named = next(iter([*names, *(name for _, name in agents)]), "an unnamed tool")
        yield (Claim.EDITED if is_capture else claim), f"{action} {term(value)}, by {named}", generator
    if maker and not actions and not is_capture:
        has_parent = any(each.get("relationship") == "parentOf" for each in manifest.get("ingredients") or ())
        yield (Claim.EDITED if has_parent else Claim.SYNTHETIC), f"made by {maker}", maker
    for action, name in agents if not actions and not maker else ():
        if agent := _known_generator([name]):  # a generator that edited something else
            yield (Claim.SYNTHETIC if action == "c2pa.created" else Claim.EDITED), f"{action} by {agent}", agent
    for ingredient in manifest.get("ingredients") or ():
        relation = ingredient.get("relationship")
        for claim, reason, maker in _claims(store, str(ingredient.get("active_manifest")), broken, depth + 1):
            if relation == "parentOf":
                yield claim, f"its parent: {reason}", maker
            elif relation == "componentOf":
                yield Claim.EDITED, f"a part of it: {reason}", maker


def _actions(manifest: _Manifest) -> Iterator[tuple[Claim, str, str]]:
    """(claim, action, source type) of each action with an AI source type."""
    for name, value in _source_types(manifest):
        if claim := source_type_claim(value):
            yield (Claim.EDITED if name in _PARTIAL else claim), name, value


def _is_capture(manifest: _Manifest) -> bool:
    """Whether the image was created without AI: what AI does to it later is an edit."""
    created = [value for name, value in _source_types(manifest) if name == "c2pa.created" and is_source_type(value)]
    return bool(created) and not any(map(source_type_claim, created))


def _source_types(manifest: _Manifest) -> Iterator[tuple[str, str]]:
    """(action, source type) of each action."""
    for assertion in manifest.get("assertions") or ():
        if str(assertion.get("label", "")).startswith("c2pa.actions"):
            for action in (assertion.get("data") or {}).get("actions") or ():
                yield str(action.get("action") or "?"), str(action.get("digitalSourceType") or "")


def _names(manifest: _Manifest) -> Iterator[str]:
    """The names of the claim generator."""
    infos = manifest.get("claim_generator_info") or ()
    yield from (str(info.get("name")) for info in infos if isinstance(info, dict) and info.get("name"))
    if manifest.get("claim_generator"):
        yield str(manifest["claim_generator"])


def _known_generator(names: Iterable[str]) -> str | None:
    """The known generator in one of the names, matched as whole words ("Imagenomic" does not match)."""
    for name in names:
        for part, generator in _GENERATORS.items():
            if re.search(rf"(?<![a-z]){re.escape(part)}(?![a-z])", name.casefold()):
                return generator
    return None


def _agents(manifest: _Manifest) -> Iterator[tuple[str, str]]:
    """(action, software agent) of each action that names one."""
    for assertion in manifest.get("assertions") or ():
        if str(assertion.get("label", "")).startswith("c2pa.actions"):
            for action in (assertion.get("data") or {}).get("actions") or ():
                agent = action.get("softwareAgent")
                name = agent.get("name") if isinstance(agent, dict) else agent
                if name:
                    yield str(action.get("action") or "?"), str(name)


def _soft_bindings(store: _Manifest) -> list[str]:
    algorithms = {
        str((assertion.get("data") or {}).get("alg"))
        for manifest in (store.get("manifests") or {}).values()
        for assertion in manifest.get("assertions") or ()
        if str(assertion.get("label", "")).startswith("c2pa.soft-binding")
    }
    return sorted(algorithms)
