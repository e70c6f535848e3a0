"""The rules that a policy can hold a dataset to: one class a rule, its settings as fields. Pure.

Rules look at intervals, never at points: a share fails when its lower end is above the limit, passes when its upper
end is not, and is inconclusive in between. A rule whose number is missing is inconclusive by itself.

A rule's name in a policy is its `id`, and a setting's is the field's with hyphens. Each field's metadata (rule.py) has
the check that the setting has to pass where the policy is read (policy.py).
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from itertools import pairwise
from typing import Literal, TypeVar

from auditor.policy import rule
from auditor.policy.rule import Context, Rule
from auditor.results import OTHERS, Audit, Estimate, MadLevel, Outcome, RuleResult
from auditor.types import Evidence, Need

Basis = Literal["labels", "any"]  # what a pass has to rest on
RULES: dict[str, type[Rule]] = {}  # by id, in the order of their definition
AnyRule = TypeVar("AnyRule", bound=type[Rule])


def _rule(cls: AnyRule) -> AnyRule:
    RULES[cls.id] = cls
    return cls


# ---- what rules share -----------------------------------------------------------------------------------------------


def could_declare(audit: Audit) -> bool:
    """Whether the floor is more than an absence of evidence: on some row it could have been seen."""
    kinds = (audit.coverage.get(kind.value) for kind in (Evidence.DECLARED, Evidence.MATCHED))
    return any(coverage is not None and coverage.evaluable for coverage in kinds)


def tipping_point(estimate: Estimate, limit: float) -> float | None:
    """How many times as frequent false positives would have to be for the decision on a limit to change.

    Above 1 for a failure, below 1 for a pass; interpolated on a logarithmic scale between the factors that the audit
    gives. None: undecided already, or no factor among those changes it.
    """
    if estimate.low > limit:
        steps = [(s.factor, s.low) for s in estimate.fpr_scenarios if s.factor >= 1]
    elif estimate.high <= limit:
        steps = [(s.factor, s.high) for s in reversed(estimate.fpr_scenarios) if s.factor <= 1]
    else:
        return None
    for (near, before), (far, after) in pairwise(steps):
        if (before > limit) != (after > limit):
            part = (before - limit) / (before - after)
            return float(near * (far / near) ** part)
    return None


def tipping_text(factor: float | None) -> str:
    """A tipping point in words, to follow a reason."""
    return f"; it would change if false positives were {factor:.2g} times as frequent" if factor else ""


def _robust(result: RuleResult, estimate: Estimate | None, limit: float, tipping: float, basis: Basis) -> RuleResult:
    """The result, or inconclusive where a policy asks for more than the estimate rests on: labels for a pass, and
    decisions that false positives `tipping` times as frequent (for a pass: as rare) leave as they are."""
    if estimate is None:
        return result
    factor = tipping_point(estimate, limit)
    if factor is not None and max(factor, 1 / factor) < tipping:
        reason = f"{result.reason}, and {tipping:g} times have to be withstood"
        return replace(result, outcome=Outcome.INCONCLUSIVE, reason=reason)
    if basis == "labels" and estimate.labels is None and result.outcome is Outcome.PASS:
        reason = f"{result.reason}, by a model alone: labels of the dataset are needed (auditor label)"
        return replace(result, outcome=Outcome.INCONCLUSIVE, reason=reason)
    return result


def _of_rows(status: str, audit: Audit) -> float:
    """The share of rows with this status, of the sample where there is one."""
    looked_at = audit.sample or audit.counts
    return getattr(looked_at, status) / looked_at.rows if looked_at.rows else 0.0


# ---- the rules ------------------------------------------------------------------------------------------------------


@_rule
@dataclass(frozen=True, slots=True)
class SyntheticFraction(Rule):
    """The estimated synthetic fraction."""

    id = "synthetic-fraction"
    is_on_synthetic_share = True
    max: float = field(metadata=rule.SHARE)
    tipping: float = field(default=1.0, metadata=rule.FACTOR)
    basis: Basis = field(default="any", metadata=rule.BASIS)

    def judge(self, audit: Audit, context: Context) -> RuleResult:
        """By the estimate's interval."""
        if audit.estimate is None:
            return self._missing(self.max, "synthetic fraction unknown: no calibrated detector ran")
        estimate = audit.estimate
        result = self._at_most("synthetic fraction", estimate.point, estimate.low, estimate.high, self.max)
        result = replace(result, reason=f"{result.reason}{tipping_text(tipping_point(estimate, self.max))}")
        return _robust(result, estimate, self.max, self.tipping, self.basis)


@_rule
@dataclass(frozen=True, slots=True)
class Declared(Rule):
    """What files and manifests themselves declare."""

    id = "declared"
    is_on_synthetic_share = True
    max: float | Literal["mad-limit"] = field(metadata=rule.SHARE_OR_MAD_LIMIT)

    def judge(self, audit: Audit, context: Context) -> RuleResult:
        """By the floor's interval."""
        confirmed = audit.confirmed
        if not could_declare(audit):
            why = "declared share unknown: no declared or matched evidence could be seen on any image"
            return self._missing(self.max, why)
        if context.mad is None or confirmed.share is None or confirmed.low is None or confirmed.high is None:
            return self._missing(self.max, "declared share unknown: no image could be read")
        limit = context.mad.limit if isinstance(self.max, str) else self.max
        return self._at_most("declared synthetic share", confirmed.share, confirmed.low, confirmed.high, limit)


@_rule
@dataclass(frozen=True, slots=True)
class Mad(Rule):
    """Where the dataset stands against the MAD criterion."""

    id = "mad"
    fail: MadLevel = field(default=MadLevel.OVER, metadata=rule.FATAL_LEVEL)
    warn: MadLevel | None = field(default=None, metadata=rule.WARN_LEVEL)
    tipping: float = field(default=1.0, metadata=rule.FACTOR)
    basis: Basis = field(default="any", metadata=rule.BASIS)

    def judge(self, audit: Audit, context: Context) -> RuleResult:
        """By the level."""
        mad = context.mad
        if mad is None:
            return self._missing(None, "MAD status unknown: no image could be read")
        outcome = Outcome.PASS
        if mad.status in (MadLevel.OVER, self.fail):
            outcome = Outcome.FAIL
        elif mad.status is MadLevel.INCONCLUSIVE:
            outcome = Outcome.INCONCLUSIVE
        elif mad.status is self.warn:
            outcome = Outcome.WARN
        tipping = tipping_text(tipping_point(audit.estimate, mad.limit)) if audit.estimate else ""
        result = self._result(outcome, mad.status.value, mad.limit, f"MAD {mad.status}: {mad.reason}{tipping}")
        return _robust(result, audit.estimate, mad.limit, self.tipping, self.basis)


@_rule
@dataclass(frozen=True, slots=True)
class WorstSource(Rule):
    """The largest declared share of a source with at least least-n images."""

    id = "worst-source"
    max: float = field(metadata=rule.SHARE)
    least_n: int = field(default=500, metadata=rule.WHOLE)

    def judge(self, audit: Audit, context: Context) -> RuleResult:
        """By the intervals of the sources' declared shares."""
        if not could_declare(audit):
            why = "shares of sources unknown: no declared or matched evidence could be seen on any image"
            return self._missing(self.max, why)
        results = [
            self._at_most(f"declared share of source {source.value}", source.share, source.low, source.high, self.max)
            for source in audit.subgroups
            if source.by == "source" and source.value != OTHERS and source.ok >= self.least_n
            if source.share is not None and source.low is not None and source.high is not None
        ]
        if not results:
            return self._missing(self.max, f"no source with {self.least_n} images or more that could be read")
        severity = (Outcome.FAIL, Outcome.INCONCLUSIVE, Outcome.PASS)
        return min(results, key=lambda result: (severity.index(result.outcome), -float(result.value or 0)))


@_rule
@dataclass(frozen=True, slots=True)
class Increase(Rule):
    """The increase against a baseline audit."""

    id = "increase"
    max: float = field(metadata=rule.SHARE)

    def judge(self, audit: Audit, context: Context) -> RuleResult:
        """By the ends of both intervals: of the estimates where one calibration made both, else of the floors."""
        if context.baseline is None:
            return self._missing(self.max, "no baseline audit to compare with (--baseline)")
        calibrations = [one.estimate and one.estimate.calibration for one in (audit, context.baseline)]
        measure = _estimated_share if calibrations[0] == calibrations[1] else _declared_share
        now, before = measure(audit), measure(context.baseline)
        if now is None or before is None:
            return self._missing(self.max, "the increase is unknown: one of the audits has no share")
        if (audit.digests.of_data, audit.confirmed) == (context.baseline.digests.of_data, context.baseline.confirmed):
            return self._at_most("increase against the baseline, the same dataset,", 0.0, 0.0, 0.0, self.max)
        what = f"increase of the {now[0]} against the baseline"
        return self._at_most(what, now[1] - before[1], now[2] - before[3], now[3] - before[2], self.max)


def _estimated_share(audit: Audit) -> tuple[str, float, float, float] | None:
    """Name, point, low and high; those of the floor without an estimate."""
    if audit.estimate is not None:
        return "synthetic fraction", audit.estimate.point, audit.estimate.low, audit.estimate.high
    return _declared_share(audit)


def _declared_share(audit: Audit) -> tuple[str, float, float, float] | None:
    confirmed = audit.confirmed
    if not could_declare(audit) or confirmed.share is None or confirmed.low is None or confirmed.high is None:
        return None
    return "declared share", confirmed.share, confirmed.low, confirmed.high


@_rule
@dataclass(frozen=True, slots=True)
class Decoded(Rule):
    """Rows that could be decoded."""

    id = "decoded"
    min: float = field(metadata=rule.SHARE)
    below: Outcome = field(default=Outcome.INCONCLUSIVE, metadata=rule.BELOW)

    def judge(self, audit: Audit, context: Context) -> RuleResult:
        """By the share of rows, in an audit that decodes."""
        depth = audit.config.scan.depth
        if depth < Need.PIXELS:
            return self._missing(self.min, f"no image was decoded: the audit's depth is {depth.name.lower()}")
        return self._at_least("decoded", _of_rows("ok", audit), self.min, self.below)


@_rule
@dataclass(frozen=True, slots=True)
class Observable(Rule):
    """Rows on which a kind of evidence could have been seen."""

    id = "observable"
    min: float = field(metadata=rule.SHARE)
    below: Outcome = field(default=Outcome.INCONCLUSIVE, metadata=rule.BELOW)
    evidence: Evidence = field(default=Evidence.DECLARED, metadata=rule.EVIDENCE)

    def judge(self, audit: Audit, context: Context) -> RuleResult:
        """By the coverage."""
        if self.evidence is Evidence.STATISTICAL and audit.estimate is None:
            return self._missing(self.min, "no model whose errors were measured could look")
        coverage = audit.coverage.get(self.evidence.value)
        share = coverage.share if coverage else 0.0
        return self._at_least(f"{self.evidence} evidence observable on", share, self.min, self.below)


@_rule
@dataclass(frozen=True, slots=True)
class Unreadable(Rule):
    """Rows that should be readable and are not."""

    id = "unreadable"
    max: float = field(metadata=rule.SHARE)

    def judge(self, audit: Audit, context: Context) -> RuleResult:
        """By the share of rows."""
        share = _of_rows("unreadable", audit)
        return self._at_most("unreadable", share, share, share, self.max)


@_rule
@dataclass(frozen=True, slots=True)
class AuditAge(Rule):
    """Days since the audit."""

    id = "audit-age"
    max_days: int = field(metadata=rule.WHOLE)

    def judge(self, audit: Audit, context: Context) -> RuleResult:
        """By the days of the context."""
        if context.today is None or context.audited is None:
            return self._missing(self.max_days, "the audit's age is unknown")
        days = (context.today - context.audited).days
        if days < 0:
            return self._missing(self.max_days, f"the audit's age is unknown: its day is {-days} days ahead of today")
        outcome = Outcome.FAIL if days > self.max_days else Outcome.PASS
        return self._result(outcome, days, self.max_days, f"the audit is {days} days old, {self.max_days} allowed")
