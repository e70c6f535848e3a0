"""IPTC digital source types (NewsCodes, https://cv.iptc.org/newscodes/digitalsourcetype/) and what they claim."""

from __future__ import annotations

from auditor.types import Claim

_CLAIMS = {
    "trainedalgorithmicmedia": Claim.SYNTHETIC,
    "compositewithtrainedalgorithmicmedia": Claim.EDITED,
    "compositedwithtrainedalgorithmicmedia": Claim.EDITED,  # a misspelling that early tools wrote
    "compositesynthetic": Claim.EDITED,
}
# Terms that do not mean AI; misleading ones come first.
_NON_AI_TERMS = frozenset(
    "algorithmicmedia algorithmicallyenhanced datadrivenmedia screencapture virtualrecording "
    "digitalcapture computationalcapture negativefilm positivefilm print compositecapture composite "
    "digitalcreation digitalart humanedits minorhumanedits softwareimage".split()
)


def term(value: str) -> str:
    """The last part of a term's URI (http or https, with or without a prefix), in lower case."""
    return value.strip().rstrip("/").replace(":", "/").rpartition("/")[2].casefold()


def source_type_claim(value: str) -> Claim | None:
    """The claim of a digital source type; None if the term does not mean AI."""
    return _CLAIMS.get(term(value))


def is_source_type(value: str) -> bool:
    """Whether a value is a term of this vocabulary."""
    return term(value) in _CLAIMS or term(value) in _NON_AI_TERMS
