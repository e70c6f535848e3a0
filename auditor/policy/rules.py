"""The rules of policies, one class per rule, with its settings as fields. Pure.

Rules compare the 95 % interval with the limit: a share fails if its lower end is above the limit, passes if its upper
end is not, and is inconclusive otherwise. A rule whose number is missing is inconclusive.

A rule's name in a policy is its `id`, and a setting's is the field's with hyphens. Each field's metadata (rule.py) has
the check that policy.py applies when it reads a policy.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from itertools import pairwise
from typing import Literal, TypeVar

from auditor import sentences
from auditor.caption_results import Captions
from auditor.decision import MadLevel, Outcome, RuleResult
from auditor.estimate.intervals import Interval, clopper_pearson, confidence_sequence
from auditor.policy import rule
from auditor.policy.rule import Context, Rule
from auditor.results import OTHERS, Audit, Estimate
from auditor.safe_text import safe_text
from auditor.types import Evidence, Need

Basis = Literal["labels", "any"]  # what a pass must be based on
_MAX_REASONS = 3  # for passing files over, in a rule's reason
_ROBUST_FACTOR = 2  # on the false-positive rate
RULES: dict[str, type[Rule]] = {}  # by id, in the order of their definition
AnyRule = TypeVar("AnyRule", bound=type[Rule])


def _rule(cls: AnyRule) -> AnyRule:
    RULES[cls.id] = cls
    return cls


# ---- what rules share -----------------------------------------------------------------------------------------------


def is_confirmation_possible(audit: Audit) -> bool:
    """Whether any row could be checked for metadata, watermarks or known images: without, a confirmed share of 0 means
    nothing."""
    kinds = (audit.coverage.get(kind.value) for kind in (Evidence.DECLARED, Evidence.MATCHED))
    return any(coverage is not None and coverage.evaluable for coverage in kinds)


def tipping_point(estimate: Estimate, limit: float, *, is_of_upper_end: bool = False) -> float | None:
    """The factor on the false-positive rate at which the decision on a limit changes.

    Above 1 for a failure, below 1 for a pass; interpolated on a logarithmic scale between the factors of the audit.
    None if the decision is inconclusive, or no factor changes it. is_of_upper_end: an upper end above the limit is
    a failure.
    """
    deciding = "high" if is_of_upper_end else "low"
    if getattr(estimate, deciding) > limit:
        steps = [(s.factor, getattr(s, deciding)) for s in estimate.fpr_scenarios if s.factor >= 1]
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
    """A tipping point in words; '' for None."""
    if not factor:
        return ""
    outcome, bound = ("fail", "up to") if factor > 1 else ("pass", "as little as")
    word = "Robust" if max(factor, 1 / factor) >= _ROBUST_FACTOR else "Sensitive"
    return f"{word}: would still {outcome} with {bound} {factor:.2g}× the false-positive rate"


def _require_robustness(
    result: RuleResult, estimate: Estimate | None, factor: float | None, tipping: float, basis: Basis
) -> RuleResult:
    """The result with its tipping point `factor`, or inconclusive if the estimate does not meet the policy's
    requirements: labels for a pass, or a decision that still holds if the false-positive rate is off by the factor
    `tipping`."""
    if estimate is None:
        return result
    result = replace(result, note=tipping_text(factor))
    if factor is not None and max(factor, 1 / factor) < tipping:
        reason = f"{result.text}; the policy requires a factor of {tipping:g}"
        return replace(result, outcome=Outcome.INCONCLUSIVE, reason=reason, note="")
    is_by_classifier = estimate.labels is None and estimate.n  # if evidence decides every image, there are no labels
    if basis == "labels" and is_by_classifier and result.outcome in (Outcome.PASS, Outcome.WARN):
        reason = f"{result.reason}, by the classifier alone; the policy requires labels (auditor label)"
        return replace(result, outcome=Outcome.INCONCLUSIVE, reason=reason)
    return result


def _row_share(status: str, audit: Audit, limit: float) -> Interval:
    """The share of rows with this status; of a sample of rows, with its 95 % interval. (No sample can show that a
    share is 0 or 1. A limit of 0 or 1 is compared with the sample itself.)"""
    counts = audit.sample or audit.counts
    count = getattr(counts, status)
    share = count / counts.rows if counts.rows else 0.0
    if audit.sample is None or not counts.rows or limit in (0, 1):
        return Interval(share, share, share)
    ends = confidence_sequence if audit.config.sampling.until_decided else clopper_pearson
    return Interval(share, *ends(count, counts.rows))


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

    def evaluate(self, audit: Audit, context: Context) -> RuleResult:
        """By the estimate's interval."""
        if audit.estimate is None:
            return self._missing(self.max, "synthetic fraction unknown: no calibrated classifier ran")
        estimate = audit.estimate
        result = self._at_most("synthetic", estimate.point, estimate.low, estimate.high, self.max)
        return _require_robustness(result, estimate, tipping_point(estimate, self.max), self.tipping, self.basis)


@_rule
@dataclass(frozen=True, slots=True)
class Declared(Rule):
    """The share confirmed by metadata, watermarks and known-image matches."""

    id = "declared"
    is_on_synthetic_share = True
    max: float | Literal["mad-limit"] = field(metadata=rule.SHARE_OR_MAD_LIMIT)

    def evaluate(self, audit: Audit, context: Context) -> RuleResult:
        """By the interval of the confirmed share."""
        confirmed = audit.confirmed
        if not is_confirmation_possible(audit):
            reason = "confirmed share unknown: no image could be checked for metadata or watermarks"
            return self._missing(self.max, reason)
        if context.mad is None or confirmed.share is None or confirmed.low is None or confirmed.high is None:
            return self._missing(self.max, "confirmed share unknown: no image could be read")
        limit = context.mad.limit if isinstance(self.max, str) else self.max
        return self._at_most("confirmed as synthetic", confirmed.share, confirmed.low, confirmed.high, limit)


@_rule
@dataclass(frozen=True, slots=True)
class Mad(Rule):
    """The MAD status of the dataset."""

    id = "mad"
    fail: MadLevel = field(default=MadLevel.OVER, metadata=rule.FATAL_LEVEL)
    warn: MadLevel | None = field(default=None, metadata=rule.WARN_LEVEL)
    tipping: float = field(default=1.0, metadata=rule.FACTOR)
    basis: Basis = field(default="any", metadata=rule.BASIS)

    def evaluate(self, audit: Audit, context: Context) -> RuleResult:
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
        factor = None
        if audit.estimate and outcome is not Outcome.INCONCLUSIVE:
            is_near_fatal = self.fail is MadLevel.NEAR  # which the upper end decides
            limit = mad.limits.near_from if is_near_fatal else mad.limit
            factor = tipping_point(audit.estimate, limit, is_of_upper_end=is_near_fatal)
        result = self._result(outcome, mad.status.value, mad.limit, mad.reason)
        return _require_robustness(result, audit.estimate, factor, self.tipping, self.basis)


@_rule
@dataclass(frozen=True, slots=True)
class WorstSource(Rule):
    """The largest confirmed share among sources with at least least-n images."""

    id = "worst-source"
    max: float = field(metadata=rule.SHARE)
    least_n: int = field(default=500, metadata=rule.WHOLE)

    def evaluate(self, audit: Audit, context: Context) -> RuleResult:
        """By the intervals of the sources' confirmed shares."""
        if not is_confirmation_possible(audit):
            reason = "shares of sources unknown: no image could be checked for metadata or watermarks"
            return self._missing(self.max, reason)
        results = [
            self._at_most(
                f"of source {source.value} confirmed as synthetic", source.share, source.low, source.high, self.max
            )
            for source in audit.subgroups
            if source.by == "source" and source.value != OTHERS and source.ok >= self.least_n
            if source.share is not None and source.low is not None and source.high is not None
        ]
        if not results:
            return self._missing(self.max, f"no source has {self.least_n} readable images or more")
        severity = (Outcome.FAIL, Outcome.INCONCLUSIVE, Outcome.PASS)
        return min(results, key=lambda result: (severity.index(result.outcome), -float(result.value or 0)))


@_rule
@dataclass(frozen=True, slots=True)
class Increase(Rule):
    """The increase over a baseline audit."""

    id = "increase"
    max: float = field(metadata=rule.SHARE)

    def evaluate(self, audit: Audit, context: Context) -> RuleResult:
        """By the ends of both intervals: those of the estimates if both have the same calibration, else those of the
        confirmed shares."""
        if context.baseline is None:
            return self._missing(self.max, "no baseline audit to compare with (--baseline)")
        calibrations = [each.estimate and each.estimate.calibration for each in (audit, context.baseline)]
        measure = _estimated_share if calibrations[0] == calibrations[1] else _confirmed_share
        now, before = measure(audit), measure(context.baseline)
        if now is None or before is None:
            return self._missing(self.max, "increase unknown: one of the audits has no share")
        if (audit.digests.of_data, audit.confirmed) == (context.baseline.digests.of_data, context.baseline.confirmed):
            return self._at_most("increase over the baseline, which is of the same dataset", 0.0, 0.0, 0.0, self.max)
        what = f"increase of the {now[0]} over the baseline"
        return self._at_most(what, now[1] - before[1], now[2] - before[3], now[3] - before[2], self.max)


def _estimated_share(audit: Audit) -> tuple[str, float, float, float] | None:
    """Name, point, low and high of the estimate; those of the confirmed share if there is no estimate."""
    if audit.estimate is not None:
        return "synthetic fraction", audit.estimate.point, audit.estimate.low, audit.estimate.high
    return _confirmed_share(audit)


def _confirmed_share(audit: Audit) -> tuple[str, float, float, float] | None:
    confirmed = audit.confirmed
    if (
        not is_confirmation_possible(audit)
        or confirmed.share is None
        or confirmed.low is None
        or confirmed.high is None
    ):
        return None
    return "confirmed share", confirmed.share, confirmed.low, confirmed.high


@_rule
@dataclass(frozen=True, slots=True)
class Decoded(Rule):
    """Rows that could be decoded."""

    id = "decoded"
    min: float = field(metadata=rule.SHARE)
    below: Outcome = field(default=Outcome.INCONCLUSIVE, metadata=rule.BELOW)

    def evaluate(self, audit: Audit, context: Context) -> RuleResult:
        """By the share of rows, if the audit decoded images."""
        depth = audit.config.scan.depth
        if depth < Need.PIXELS:
            return self._missing(self.min, f"no image was decoded: the audit's depth is {depth.name.lower()}")
        found = _row_share("ok", audit, self.min)
        if found.low < self.min <= found.high and found.low < found.high:
            reason = f"{sentences.span(found.low, found.high)} of the rows decoded; the policy requires"
            return self._missing(self.min, f"{reason} {sentences.percent(self.min)}")
        return self._at_least("of the rows decoded", found.point, self.min, self.below)


@_rule
@dataclass(frozen=True, slots=True)
class Observable(Rule):
    """Rows on which a kind of evidence could be checked."""

    id = "observable"
    min: float = field(metadata=rule.SHARE)
    below: Outcome = field(default=Outcome.INCONCLUSIVE, metadata=rule.BELOW)
    evidence: Evidence = field(default=Evidence.DECLARED, metadata=rule.EVIDENCE)

    def evaluate(self, audit: Audit, context: Context) -> RuleResult:
        """By the coverage."""
        if self.evidence is Evidence.STATISTICAL and audit.estimate is None:
            return self._missing(self.min, "no classifier with measured error rates ran")
        coverage = audit.coverage.get(self.evidence.value)
        share = coverage.share if coverage else 0.0
        return self._at_least(
            f"of the rows checked (evidence: {sentences.EVIDENCE[self.evidence]})", share, self.min, self.below
        )


@_rule
@dataclass(frozen=True, slots=True)
class Unreadable(Rule):
    """Rows that should be readable but are not."""

    id = "unreadable"
    max: float = field(metadata=rule.SHARE)

    def evaluate(self, audit: Audit, context: Context) -> RuleResult:
        """By the share of rows."""
        found = _row_share("unreadable", audit, self.max)
        return self._at_most("of the rows unreadable", found.point, found.low, found.high, self.max)


@_rule
@dataclass(frozen=True, slots=True)
class PassedOver(Rule):
    """Files that were skipped, because they are neither read nor known to contain no image."""

    id = "passed-over"
    max: float = field(metadata=rule.SHARE)
    above: Outcome = field(default=Outcome.FAIL, metadata=rule.ABOVE)

    def evaluate(self, audit: Audit, context: Context) -> RuleResult:
        """By the share of files that may hold images: those read, and those skipped."""
        files = audit.inventory
        if files is None:
            outcome = Outcome.WARN if self.above is Outcome.WARN else Outcome.INCONCLUSIVE
            return self._result(outcome, None, self.max, "skipped files unknown: an earlier version made the audit")
        lost, share = files.lost, files.lost / max(1, files.read + files.lost)
        outcome = self.above if share > self.max else Outcome.PASS
        if not lost:
            return self._result(outcome, share, self.max, "no file was skipped")
        reasons = ", ".join(f"{reason} ({count:,})" for reason, count in list(files.passed_over.items())[:_MAX_REASONS])
        return self._result(outcome, share, self.max, f"{sentences.counted(lost, 'file')} skipped: {reasons}")


@_rule
@dataclass(frozen=True, slots=True)
class CaptionsMachine(Rule):
    """The lower bound of the share of images with a model-generated caption."""

    id = "captions-machine"
    max: float = field(metadata=rule.SHARE)

    def evaluate(self, audit: Audit, context: Context) -> RuleResult:
        """By the bound. A bound of 0 passes, and the reason notes that the writers are unknown."""
        lower = audit.captions.lower if audit.captions else None
        if lower is None:
            return self._missing(self.max, f"writers of captions unknown: {_why_no_captions(audit)}")
        if not lower:
            reason = "cannot tell who wrote the captions: too few artefacts of captioning models for a bound"
            return self._result(Outcome.PASS, 0.0, self.max, reason)
        result = self._at_most(_what_is_bounded(audit.captions, lower), lower, lower, lower, self.max)
        return replace(result, reason=f"at least {result.reason}")


@_rule
@dataclass(frozen=True, slots=True)
class CaptionsPrompt(Rule):
    """The share of images whose caption has syntax that only prompts of generators have."""

    id = "captions-prompt"
    max: float = field(metadata=rule.SHARE)

    def evaluate(self, audit: Audit, context: Context) -> RuleResult:
        """By the interval of the share, which is the share itself if every shard was read."""
        prompts = audit.captions.prompts if audit.captions else None
        if prompts is None:
            return self._missing(self.max, f"prompts among captions unknown: {_why_no_captions(audit)}")
        what = "of captions have the syntax of prompts"
        return self._at_most(what, prompts.share, prompts.low, prompts.high, self.max)


@_rule
@dataclass(frozen=True, slots=True)
class CaptionsDiversity(Rule):
    """The share of captions that begin with one of the ten commonest openings."""

    id = "captions-diversity"
    max: float = field(metadata=rule.SHARE)

    def evaluate(self, audit: Audit, context: Context) -> RuleResult:
        """By the figure of the sample."""
        diversity = audit.captions.diversity if audit.captions else None
        figure = diversity.figures.get("openings") if diversity else None
        if figure is None:
            why = "too few captions" if audit.captions and audit.captions.artefacts else _why_no_captions(audit)
            return self._missing(self.max, f"diversity of captions unknown: {why}")
        what = "of captions begin with one of the ten commonest openings"
        return self._at_most(what, figure.value, figure.value, figure.value, self.max)


def _what_is_bounded(captions: Captions | None, lower: float) -> str:
    """What the greater of the two bounds says."""
    found = captions.reference if captions else None
    if found and found.lower == lower:
        return f"of captions unlike {safe_text(found.name, 40)}, which people wrote"
    return "of images with a model-generated caption"


def _why_no_captions(audit: Audit) -> str:
    if audit.config.scan.no_captions:
        return "the scan left captions out (--no-captions)"
    if audit.captions is None:
        return "an earlier version made the audit"
    return "no image has a caption that was found (--caption-col names their column)"


@_rule
@dataclass(frozen=True, slots=True)
class AuditAge(Rule):
    """Days since the audit."""

    id = "audit-age"
    max_days: int = field(metadata=rule.WHOLE)

    def evaluate(self, audit: Audit, context: Context) -> RuleResult:
        """By the days in the context."""
        if context.today is None or context.audited is None:
            return self._missing(self.max_days, "age of the audit unknown")
        days = (context.today - context.audited).days
        if days < 0:
            return self._missing(self.max_days, f"age of the audit unknown: its date is {-days} days after today")
        outcome = Outcome.FAIL if days > self.max_days else Outcome.PASS
        reason = f"the audit is {days} days old; the policy allows {self.max_days}"
        return self._result(outcome, days, self.max_days, reason)
