"""Sequential sampling: the sample size doubles until the policy is decided.

Each sample contains the previous one (order.py), and its intervals are anytime-valid (estimate/intervals.py), so
optional stopping does not invalidate them. Sampling also stops if more rows could not decide the policy, because the
classifier's error rates are too uncertain.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass, replace

from auditor import sentences
from auditor.decision import Decision, Outcome
from auditor.results import Audit, Counts

FIRST = 500  # rows
_ENDLESS = 10**6  # times as many rows


@dataclass(frozen=True, slots=True)
class Stop:
    """The last audit, and why sampling stopped."""

    audit: Audit
    reason: str


def until_decided(audit_of: Callable[[int], Audit], decide: Callable[[Audit], Decision], *, first: int = FIRST) -> Stop:
    """Audits of `first` rows, twice as many, and so on, until the policy is decided or more rows cannot decide it.
    audit_of: makes the audit of a number of rows."""
    for rows in _doubling(first):
        audit = audit_of(rows)
        outcome = decide(audit).outcome
        if outcome is not Outcome.INCONCLUSIVE:
            return Stop(audit, f"decided: {outcome}")
        if audit.sample is None:
            return Stop(audit, "every row was examined")
        if decide(_asymptotic(audit)).outcome is Outcome.INCONCLUSIVE:
            return Stop(audit, f"more rows cannot decide it: {_reason(audit)}")
    raise AssertionError("the sample sizes never end")


def _doubling(rows: int) -> Iterator[int]:
    while True:
        yield rows
        rows *= 2


def _asymptotic(audit: Audit) -> Audit:
    """The audit with the intervals that an infinite sample would have at the same shares."""
    confirmed = audit.confirmed
    if confirmed.share is not None:
        confirmed = replace(confirmed, low=confirmed.share, high=confirmed.share)
    estimate = audit.estimate
    if estimate is not None and estimate.asymptotic is not None:
        low, high = estimate.asymptotic
        estimate = replace(estimate, low=low, high=high)
    subgroups = tuple(replace(each, low=each.share, high=each.share) for each in audit.subgroups)
    sample = audit.sample and Counts(**{name: _ENDLESS * count for name, count in asdict(audit.sample).items()})
    return replace(audit, confirmed=confirmed, estimate=estimate, subgroups=subgroups, sample=sample)


def _reason(audit: Audit) -> str:
    if audit.estimate is None:
        return "no calibrated classifier ran, and confirmed images alone do not decide it"
    if audit.estimate.asymptotic is None:
        return "the open rule does not depend on the synthetic fraction"
    low, high = audit.estimate.asymptotic
    return (
        f"because the error rates are uncertain, the interval stays at {sentences.span(low, high)}; "
        "label rows (auditor label) or calibrate on your own images (auditor calibrate)"
    )
