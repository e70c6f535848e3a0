"""Looking at no more rows than a decision takes: samples that double until the policy is decided.

Each sample holds the one before it (drawing.py), and its intervals hold at every moment at once
(estimate/sequential.py), so that stopping on seeing a decision is honest. Where more rows could not decide it either,
because the detector's error rates are not known well enough, it stops and says so.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace

from auditor.results import Audit, Decision, Outcome

FIRST = 500  # rows


@dataclass(frozen=True, slots=True)
class Stop:
    """The last audit, and why no more rows were looked at."""

    audit: Audit
    reason: str


def until_decided(audit_of: Callable[[int], Audit], decide: Callable[[Audit], Decision], *, first: int = FIRST) -> Stop:
    """Audits of `first`, twice as many, and so on rows, until one is decided or none can be. audit_of: so many rows."""
    for rows in _doubling(first):
        audit = audit_of(rows)
        outcome = decide(audit).outcome
        if outcome is not Outcome.INCONCLUSIVE:
            return Stop(audit, f"decided: {outcome}")
        if audit.sample is None:
            return Stop(audit, "every row was looked at")
        if decide(_asymptotic(audit)).outcome is Outcome.INCONCLUSIVE:
            return Stop(audit, f"more rows cannot decide it: {_open(audit)}")
    raise AssertionError("there are as many rows as one likes")


def _doubling(rows: int) -> Iterator[int]:
    while True:
        yield rows
        rows *= 2


def _asymptotic(audit: Audit) -> Audit:
    """The audit as it would be if endlessly many rows looked like those that were looked at."""
    confirmed = audit.confirmed
    if confirmed.share is not None:
        confirmed = replace(confirmed, low=confirmed.share, high=confirmed.share)
    estimate = audit.estimate
    if estimate is not None and estimate.asymptotic is not None:
        low, high = estimate.asymptotic
        estimate = replace(estimate, low=low, high=high)
    return replace(audit, confirmed=confirmed, estimate=estimate)


def _open(audit: Audit) -> str:
    if audit.estimate is None:
        return "no model whose errors were measured looked, and what images declare is not enough"
    if audit.estimate.asymptotic is None:
        return "it is not the synthetic fraction that is open"
    low, high = audit.estimate.asymptotic
    return (
        f"what is known of the error rates leaves {100 * low:.1f} to {100 * high:.1f} % open; "
        "label rows (auditor label) or calibrate on images of your own (auditor calibrate)"
    )
