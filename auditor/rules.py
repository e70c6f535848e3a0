"""The rules that a policy can hold a dataset to: each looks at one number of an audit. Pure.

Rules look at intervals, never at points: a share fails when its lower end is above the limit, passes when its upper
end is not, and is inconclusive in between. A rule whose number is missing is inconclusive by itself.
"""

from __future__ import annotations

import datetime
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from itertools import pairwise
from typing import Any

from auditor.decisions import MadLevel, MadStatus, Outcome, RuleResult
from auditor.results import OTHERS, Audit, Estimate
from auditor.types import Evidence, Need

Check = Callable[[Any], str | None]  # what is wrong with a setting's value, None if nothing
Settings = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Context:
    """What rules may look at beside the audit: today, the day of the audit, the audit it is held against, and where
    the dataset stands against the MAD criteria by the policy's assumptions.
    """

    today: datetime.date | None = None
    audited: datetime.date | None = None
    baseline: Audit | None = None
    mad: MadStatus | None = None


@dataclass(frozen=True, slots=True)
class RuleKind:
    """A rule by its settings (name -> check), those it cannot do without, and how it judges."""

    summary: str
    settings: Mapping[str, Check]
    judge: Callable[[Audit, Settings, Context], RuleResult]
    required: tuple[str, ...] = field(default=())


def percent(share: float, digits: int = 1) -> str:
    """0.079 -> '7.9'."""
    return f"{100 * share:.{digits}f}"


# ---- checks of settings ---------------------------------------------------------------------------------------------


def _share(value: Any) -> str | None:
    is_number = isinstance(value, int | float) and not isinstance(value, bool)
    return None if is_number and 0 <= value <= 1 else "a share is a fraction from 0 to 1 (5 % is 0.05)"


def _share_or_mad_limit(value: Any) -> str | None:
    return None if value == "mad-limit" else _share(value)


def _factor(value: Any) -> str | None:
    is_number = isinstance(value, int | float) and not isinstance(value, bool)
    return None if is_number and 1 <= value <= 20 else "a factor from 1 to 20"


def _whole(value: Any) -> str | None:
    return None if isinstance(value, int) and not isinstance(value, bool) and value > 0 else "a whole number above 0"


def _one_of(*words: str) -> Check:
    return lambda value: None if value in words else f"one of {', '.join(words)}"


_BELOW = _one_of("inconclusive", "fail")
_BASIS = _one_of("labels", "any")


# ---- judging --------------------------------------------------------------------------------------------------------


def _result(outcome: Outcome, value: float | str | None, limit: float | str | None, reason: str) -> RuleResult:
    return RuleResult("", outcome, value, limit, reason)


def _bounded(what: str, share: float, low: float, high: float, limit: float) -> RuleResult:
    """A share with its interval against the most that is allowed."""
    number = f"{what} {percent(share)} %"
    if low != high:
        number += f" [{percent(low)}, {percent(high)}] at 95 %"
    if low > limit:
        return _result(Outcome.FAIL, share, limit, f"{number} > {percent(limit)} % allowed")
    if high > limit:
        return _result(Outcome.INCONCLUSIVE, share, limit, f"{number} straddles the {percent(limit)} % allowed")
    return _result(Outcome.PASS, share, limit, f"{number} ≤ {percent(limit)} % allowed")


def _at_least(what: str, share: float, settings: Settings) -> RuleResult:
    limit = float(settings["min"])
    if share >= limit:
        return _result(Outcome.PASS, share, limit, f"{what} {percent(share)} % ≥ {percent(limit)} % needed")
    outcome = Outcome(settings.get("below", "inconclusive"))
    return _result(outcome, share, limit, f"{what} {percent(share)} % < {percent(limit)} % needed")


def _missing(limit: float | str | None, reason: str) -> RuleResult:
    return _result(Outcome.INCONCLUSIVE, None, limit, reason)


def could_declare(audit: Audit) -> bool:
    """Whether the floor is more than an absence of evidence: on some row it could have been seen."""
    kinds = (audit.coverage.get(kind.value) for kind in (Evidence.DECLARED, Evidence.MATCHED))
    return any(coverage is not None and coverage.could_look for coverage in kinds)


def _synthetic_fraction(audit: Audit, settings: Settings, context: Context) -> RuleResult:
    limit = float(settings["max"])
    if audit.estimate is None:
        return _missing(limit, "synthetic fraction unknown: no calibrated detector ran")
    estimate = audit.estimate
    result = _bounded("synthetic fraction", estimate.point, estimate.low, estimate.high, limit)
    result = replace(result, reason=f"{result.reason}{told(tipping_point(estimate, limit))}")
    return _sure_enough(result, estimate, limit, settings)


def _sure_enough(result: RuleResult, estimate: Estimate | None, limit: float, settings: Settings) -> RuleResult:
    """The result, or inconclusive where a policy asks for more than the estimate rests on: labels for a pass, and
    decisions that false positives `tipping` times as frequent (for a pass: as rare) leave as they are."""
    if estimate is None:
        return result
    factor, least = tipping_point(estimate, limit), float(settings.get("tipping", 1))
    if factor is not None and max(factor, 1 / factor) < least:
        return replace(
            result, outcome=Outcome.INCONCLUSIVE, reason=f"{result.reason}, and {least:g} times have to be withstood"
        )
    if settings.get("basis") == "labels" and estimate.labels is None and result.outcome is Outcome.PASS:
        reason = f"{result.reason}, by a model alone: labels of the dataset are needed (auditor label)"
        return replace(result, outcome=Outcome.INCONCLUSIVE, reason=reason)
    return result


def tipping_point(estimate: Estimate, limit: float) -> float | None:
    """How many times as frequent false positives would have to be for the decision on a limit to change.

    Above 1 for a failure, below 1 for a pass; interpolated on a logarithmic scale between the factors that the audit
    gives. None: undecided already, or no factor among those changes it.
    """
    if estimate.low > limit:
        steps = [(s.factor, s.low) for s in estimate.sensitivity if s.factor >= 1]
    elif estimate.high <= limit:
        steps = [(s.factor, s.high) for s in reversed(estimate.sensitivity) if s.factor <= 1]
    else:
        return None
    for (near, before), (far, after) in pairwise(steps):
        if (before > limit) != (after > limit):
            part = (before - limit) / (before - after)
            return float(near * (far / near) ** part)
    return None


def told(factor: float | None) -> str:
    """A tipping point in words, to follow a reason."""
    return f"; it would change if false positives were {factor:.2g} times as frequent" if factor else ""


def _declared(audit: Audit, settings: Settings, context: Context) -> RuleResult:
    floor, limit = audit.floor, settings["max"]
    if not could_declare(audit):
        return _missing(limit, "declared share unknown: no declared or matched evidence could be seen on any image")
    if context.mad is None or floor.share is None or floor.low is None or floor.high is None:
        return _missing(limit, "declared share unknown: no image could be read")
    if limit == "mad-limit":
        limit = context.mad.limit
    return _bounded("declared synthetic share", floor.share, floor.low, floor.high, limit)


def _mad(audit: Audit, settings: Settings, context: Context) -> RuleResult:
    found = context.mad
    if found is None:
        return _missing(None, "MAD status unknown: no image could be read")
    fatal = (MadLevel.OVER, MadLevel.NEAR) if settings.get("fail", "over") == "near" else (MadLevel.OVER,)
    outcome = Outcome.PASS
    if found.status in fatal:
        outcome = Outcome.FAIL
    elif found.status is MadLevel.INCONCLUSIVE:
        outcome = Outcome.INCONCLUSIVE
    elif found.status == settings.get("warn"):
        outcome = Outcome.WARN
    tipping = told(tipping_point(audit.estimate, found.limit)) if audit.estimate else ""
    result = _result(outcome, found.status.value, found.limit, f"MAD {found.status}: {found.reason}{tipping}")
    return _sure_enough(result, audit.estimate, found.limit, settings)


def _worst_source(audit: Audit, settings: Settings, context: Context) -> RuleResult:
    limit, least = float(settings["max"]), int(settings.get("least-n", 500))
    if not could_declare(audit):
        return _missing(limit, "shares of sources unknown: no declared or matched evidence could be seen on any image")
    results = [
        _bounded(f"declared share of source {stratum.value}", stratum.share, stratum.low, stratum.high, limit)
        for stratum in audit.strata
        if stratum.by == "source" and stratum.value != OTHERS and stratum.ok >= least
        if stratum.share is not None and stratum.low is not None and stratum.high is not None
    ]
    if not results:
        return _missing(limit, f"no source with {least} images or more that could be read")
    severity = (Outcome.FAIL, Outcome.INCONCLUSIVE, Outcome.PASS)
    return min(results, key=lambda result: (severity.index(result.outcome), -float(result.value or 0)))


def _increase(audit: Audit, settings: Settings, context: Context) -> RuleResult:
    limit = float(settings["max"])
    if context.baseline is None:
        return _missing(limit, "no baseline audit to compare with (--baseline)")
    calibrations = [one.estimate and one.estimate.calibration for one in (audit, context.baseline)]
    measure = _interval if calibrations[0] == calibrations[1] else _declared_share
    now, before = measure(audit), measure(context.baseline)
    if now is None or before is None:
        return _missing(limit, "the increase is unknown: one of the audits has no share")
    if (audit.digests.of_data, audit.floor) == (context.baseline.digests.of_data, context.baseline.floor):
        return _bounded("increase against the baseline, the same dataset,", 0.0, 0.0, 0.0, limit)
    what = f"increase of the {now[0]} against the baseline"
    return _bounded(what, now[1] - before[1], now[2] - before[3], now[3] - before[2], limit)


def _interval(audit: Audit) -> tuple[str, float, float, float] | None:
    if audit.estimate is not None:
        return "synthetic fraction", audit.estimate.point, audit.estimate.low, audit.estimate.high
    return _declared_share(audit)


def _declared_share(audit: Audit) -> tuple[str, float, float, float] | None:
    floor = audit.floor
    if not could_declare(audit) or floor.share is None or floor.low is None or floor.high is None:
        return None
    return "declared share", floor.share, floor.low, floor.high


def _decoded(audit: Audit, settings: Settings, context: Context) -> RuleResult:
    if audit.config.scan.depth < Need.PIXELS:
        depth = audit.config.scan.depth.name.lower()
        return _missing(float(settings["min"]), f"no image was decoded: the audit's depth is {depth}")
    return _at_least("decoded", _of_rows("ok", audit), settings)


def _observable(audit: Audit, settings: Settings, context: Context) -> RuleResult:
    kind = str(settings.get("evidence", "declared"))
    coverage = audit.coverage.get(kind)
    if kind == Evidence.STATISTICAL and audit.estimate is None:
        return _missing(float(settings["min"]), "no model whose errors were measured could look")
    return _at_least(f"{kind} evidence observable on", coverage.share if coverage else 0.0, settings)


def _unreadable(audit: Audit, settings: Settings, context: Context) -> RuleResult:
    share = _of_rows("unreadable", audit)
    return _bounded("unreadable", share, share, share, float(settings["max"]))


def _audit_age(audit: Audit, settings: Settings, context: Context) -> RuleResult:
    limit = int(settings["max-days"])
    if context.today is None or context.audited is None:
        return _missing(limit, "the audit's age is unknown")
    days = (context.today - context.audited).days
    if days < 0:
        return _missing(limit, f"the audit's age is unknown: its day is {-days} days ahead of today")
    outcome = Outcome.FAIL if days > limit else Outcome.PASS
    return _result(outcome, days, limit, f"the audit is {days} days old, {limit} allowed")


def _of_rows(status: str, audit: Audit) -> float:
    """The share of rows with this status, of the sample where there is one."""
    looked_at = audit.sample or audit.counts
    return getattr(looked_at, status) / looked_at.rows if looked_at.rows else 0.0


RULES: Mapping[str, RuleKind] = {
    "synthetic-fraction": RuleKind(
        "the estimated synthetic fraction",
        {"max": _share, "tipping": _factor, "basis": _BASIS},
        _synthetic_fraction,
        required=("max",),
    ),
    "declared": RuleKind(
        "what files and manifests themselves declare", {"max": _share_or_mad_limit}, _declared, required=("max",)
    ),
    "mad": RuleKind(
        "where the dataset stands against the MAD criterion",
        {"fail": _one_of("over", "near"), "warn": _one_of("near"), "tipping": _factor, "basis": _BASIS},
        _mad,
    ),
    "worst-source": RuleKind(
        "the largest declared share of a source with at least least-n images (500)",
        {"max": _share, "least-n": _whole},
        _worst_source,
        required=("max",),
    ),
    "increase": RuleKind("the increase against a baseline audit", {"max": _share}, _increase, required=("max",)),
    "decoded": RuleKind("rows that could be decoded", {"min": _share, "below": _BELOW}, _decoded, required=("min",)),
    "observable": RuleKind(
        "rows on which a kind of evidence (declared) could have been seen",
        {"min": _share, "below": _BELOW, "evidence": _one_of(*Evidence)},
        _observable,
        required=("min",),
    ),
    "unreadable": RuleKind("rows that should be readable and are not", {"max": _share}, _unreadable, required=("max",)),
    "audit-age": RuleKind("days since the audit", {"max-days": _whole}, _audit_age, required=("max-days",)),
}
