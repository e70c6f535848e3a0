"""Fuses the signals of one image into a verdict. Pure.

Metadata, watermarks and known images give the verdict: the strongest tier first and, within a tier, a claim of
generation before a claim of an edit. Without such evidence, a classifier with known error rates gives a likely verdict.
Suspicions and weak hints give none.
"""

from __future__ import annotations

from collections.abc import Sequence

from auditor.types import Claim, Evidence, Signal, Tier, Verdict, VerdictKind

_DECISIVE = {Claim.SYNTHETIC: VerdictKind.SYNTHETIC, Claim.EDITED: VerdictKind.EDITED}
_CLAIM_ORDER = list(_DECISIVE)
_TIER_ORDER = list(Tier)
_LIKELY = {Claim.LIKELY_SYNTHETIC: VerdictKind.LIKELY_SYNTHETIC, Claim.LIKELY_REAL: VerdictKind.LIKELY_REAL}
_UNDECIDED = Verdict(VerdictKind.UNKNOWN)


def fuse(signals: Sequence[Signal]) -> Verdict:
    """The verdict, with the detector that decided it, and a classifier's probability if there is one."""
    models = [s for s in signals if s.evidence is Evidence.STATISTICAL and s.outcome.has_looked]
    models = [s for s in models if s.claim is not Claim.SUSPECTED]  # its error rates are unknown
    likely = (s for s in models if s.claim in _LIKELY)
    scored = max(likely, key=lambda s: (s.score, s.claim is Claim.LIKELY_REAL), default=None)
    probability = scored.score if scored else models[0].score if models else None
    decisive = [
        signal
        for signal in signals
        if signal.is_hit and signal.evidence in (Evidence.DECLARED, Evidence.MATCHED) and signal.claim in _DECISIVE
    ]
    if decisive:
        strongest = min(decisive, key=_strength)
        return Verdict(_DECISIVE[strongest.claim or Claim.EDITED], strongest.detector, probability)
    if scored and scored.claim:
        return Verdict(_LIKELY[scored.claim], scored.detector, probability)
    return Verdict(VerdictKind.UNKNOWN, None, probability) if models else _UNDECIDED


def _strength(signal: Signal) -> tuple[int, int]:
    tier = _TIER_ORDER.index(signal.tier) if signal.tier else len(_TIER_ORDER)
    return tier, _CLAIM_ORDER.index(signal.claim or Claim.EDITED)
