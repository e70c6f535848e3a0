"""The subgroups to inspect first: those that raise the synthetic fraction of a dataset most. Pure."""

from __future__ import annotations

from auditor.results import OTHERS, Audit, Estimate, Subgroup

MAX_SUBGROUPS = 5
_MIN_EFFECT = 0.001  # on the fraction of the dataset; less is rounding


def suspicious_subgroups(audit: Audit) -> list[Subgroup]:
    """The sources or, if there is one source only, the shards without which the dataset would be less synthetic: at
    most MAX_SUBGROUPS, in the order of audit.subgroups. Empty without an estimate."""
    whole = audit.estimate
    for by in ("source", "shard") if whole else ():
        kind = [each for each in audit.subgroups if each.by == by and each.value != OTHERS]
        if len(kind) > 1:
            return [each for each in kind if whole and _raises(each, whole)][:MAX_SUBGROUPS]
    return []


def _raises(each: Subgroup, whole: Estimate) -> bool:
    """Whether the dataset would be less synthetic without the subgroup, by more than rounding."""
    left = each.estimate.fraction_without if each.estimate else None
    return left is not None and whole.point - left > _MIN_EFFECT
