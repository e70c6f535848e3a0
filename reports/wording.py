"""Numbers in words, the same in every format."""

from __future__ import annotations

from auditor.types import Audit, Decision, Floor, Outcome

TITLES = {
    Outcome.PASS: "PASS",
    Outcome.WARN: "WARN",
    Outcome.FAIL: "FAIL",
    Outcome.INCONCLUSIVE: "INCONCLUSIVE",
    Outcome.EXEMPT: "EXEMPT",
}


def percent(share: float | None, digits: int = 1) -> str:
    """0.035 -> '3.5 %'."""
    return "unknown" if share is None else f"{100 * share:.{digits}f} %"


def floor(found: Floor) -> str:
    """The declared share, called a floor, with what it would be as a sample."""
    if found.share is None:
        return "no image could be read"
    text = f"{found.count:,} of {found.n:,} images ({percent(found.share)}) are synthetic by their own account"
    if found.as_sample:
        text += f"; as a sample of their source {percent(found.as_sample[0])} to {percent(found.as_sample[1])}"
    return text


def estimate(audit: Audit) -> str:
    """The synthetic fraction, or why there is none."""
    if audit.estimate is None:
        return "none: no calibrated detector ran"
    e = audit.estimate
    return f"{percent(e.point)} [{percent(e.low)} to {percent(e.high)}] at {percent(e.confidence, 0)} ({e.method})"


def mad(audit: Audit) -> str:
    """Where the dataset stands, or why that is unknown."""
    return f"{audit.mad.status}: {audit.mad.reason}" if audit.mad else "unknown: it needs an estimate of the fraction"


def headline(decision: Decision) -> str:
    """Outcome and reason in one line."""
    return f"{TITLES[decision.outcome]} {decision.reason}"
