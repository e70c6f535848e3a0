"""Signals of one image -> a verdict. Pure.

Declared and matched evidence decide, the strongest tier first and, within a tier, a claim of generation before one of
an edit. Where none does, a model with known error rates says what is likely. Suspicions and priors decide nothing.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from auditor.types import Claim, Evidence, Label, Signal, Tier, Verdict

_DECISIVE = {Claim.SYNTHETIC: Label.SYNTHETIC, Claim.EDITED: Label.EDITED}
_CLAIM_ORDER = list(_DECISIVE)
_TIER_ORDER = list(Tier)
_LIKELY = {Claim.LIKELY: Label.LIKELY_SYNTHETIC, Claim.UNLIKELY: Label.LIKELY_REAL}
_UNDECIDED = Verdict(Label.UNKNOWN)


def fuse(signals: Sequence[Signal]) -> Verdict:
    """The verdict, with the detector that decided it, and a model's chance where there is one."""
    models = [s for s in signals if s.evidence is Evidence.STATISTICAL and s.score is not None]
    models = [s for s in models if s.claim is not Claim.SUSPECTED]  # a chance whose errors nobody measured
    scored = max((s for s in models if s.claim in _LIKELY), key=lambda s: (s.score, str(s.claim)), default=None)
    chance = scored.score if scored else models[0].score if models else None
    decisive = [
        signal
        for signal in signals
        if signal.score and signal.evidence in (Evidence.DECLARED, Evidence.MATCHED) and signal.claim in _DECISIVE
    ]
    if decisive:
        strongest = min(decisive, key=_strength)
        return Verdict(_DECISIVE[strongest.claim or Claim.EDITED], strongest.detector, chance)
    if scored and scored.claim:
        return Verdict(_LIKELY[scored.claim], scored.detector, chance)
    return Verdict(Label.UNKNOWN, None, chance) if models else _UNDECIDED


def _strength(signal: Signal) -> tuple[int, int]:
    tier = _TIER_ORDER.index(signal.tier) if signal.tier else len(_TIER_ORDER)
    return tier, _CLAIM_ORDER.index(signal.claim or Claim.EDITED)


def contradicts(signals: Iterable[Signal], camera: str | None) -> bool:
    """Whether a claim of generation stands beside what a camera wrote."""
    return camera is not None and any(s.is_hit and s.claim is Claim.SYNTHETIC and s.tier for s in signals)
