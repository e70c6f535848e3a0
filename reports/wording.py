"""Numbers in words, the same in every format."""

from __future__ import annotations

from auditor.decisions import Decision, Outcome
from auditor.results import UNCHECKABLE, Audit, Control, Floor

TITLES = {
    Outcome.PASS: "PASS",
    Outcome.WARN: "WARN",
    Outcome.FAIL: "FAIL",
    Outcome.INCONCLUSIVE: "INCONCLUSIVE",
    Outcome.EXEMPT: "EXEMPT",
}


NOT_CHECKED = (
    f"Not checked, because only their makers can, or because they name no generator: {', '.join(UNCHECKABLE)}. "
    "An image that says nothing of its origin may still be synthetic."
)
_SEEN = 1e-3  # the level at which a population is spoken of


def percent(share: float | None, digits: int = 1) -> str:
    """0.035 -> '3.5 %'."""
    return "unknown" if share is None else f"{100 * share:.{digits}f} %"


def floor(found: Floor) -> str:
    """The share that declared and matched evidence decides, with what it would be as a sample."""
    if found.share is None:
        return "no image could be read"
    count = f"{found.count:,} of {found.n:,} images"
    if found.low == found.high:
        count += f" ({percent(found.share)})"
    text = f"{count} say they are synthetic or bear a generator's mark"
    if found.low != found.high:
        return f"{text}; as the sample shows, {percent(found.low)} to {percent(found.high)} of all of them"
    if found.as_sample:
        text += f"; as a sample of their source {percent(found.as_sample[0])} to {percent(found.as_sample[1])}"
    return text


def estimate(audit: Audit) -> list[str]:
    """The synthetic fraction, or why there is none; then what it rests on, and what speaks against it."""
    e = audit.estimate
    if e is None:
        return ["none: no calibrated detector ran"]
    lines = [f"{percent(e.point)}, {percent(e.low)} to {percent(e.high)} at {percent(e.confidence, 0)} confidence"]
    if e.flagged is not None:
        lines.append(
            f"{e.flagged:,} of {e.n:,} undecided images flagged, corrected for the error rates of {e.calibration}"
        )
    if e.labels is not None:
        lines.append(f"{e.n:,} images labelled by people; no model's error rates enter")
    lines += [f"beside: {percent(b.point)}, {percent(b.low)} to {percent(b.high)} by {b.method}" for b in e.beside]
    return [*lines, *(shift(control) for control in e.controls if control.is_shift)]


def sample(audit: Audit) -> str | None:
    """How much of the dataset was looked at in full; None where all of it was."""
    if audit.sample is None:
        return None
    return (
        f"{audit.sample.rows:,} of {audit.counts.rows:,} rows were looked at in full, drawn at random by the hash of "
        f"their keys (seed {audit.seed}); {audit.sample.ok:,} of them could be read"
    )


def model(audit: Audit, id: str) -> str:
    """What a statistical detector's answers are worth."""
    e = audit.estimate
    if e is None or e.detector != id:
        return f"The errors of {id} were not counted here: its answers stand for themselves and give no estimate."
    return (
        f"No answer decides an image; what they say together is the estimate. A score of {percent(e.cutoff or 0)} or "
        f"more is a flag. Error rates of {e.calibration}."
    )


def shift(control: Control) -> str:
    """A control that the calibration does not explain."""
    rate, low, high = (percent(value) for value in (control.flagged / control.n, *control.expected[1:]))
    return (
        f"SHIFT: {control.flagged:,} of {control.n:,} images that are {control.name} flagged ({rate}), where the "
        f"calibration expects {low} to {high}: the interval was widened; calibrate on images of your own"
    )


def mad(decision: Decision) -> list[str]:
    """Where the dataset stands, or why that is unknown; then what to do, if anything."""
    if decision.mad is None:
        return ["unknown: no image could be read"]
    return [f"{decision.mad.status}: {decision.mad.reason}", *([decision.mad.advice] if decision.mad.advice else [])]


def populations(audit: Audit) -> list[str]:
    """Marks that are in the dataset although no single image shows them for certain."""
    return [
        f"{found.generator}: traces in at least {percent(found.share_low, 2)} of {found.n:,} undecided images "
        f"(p = {found.p_value:.0e})"
        for found in audit.population
        if found.p_value < _SEEN
    ]


def stock_watermarks(audit: Audit) -> str | None:
    """What LAION's pwatermark says, which is nothing about generators; None where the manifest has no such column."""
    known = audit.facts.get("stock_watermarks", {})
    if not known.get("known"):
        return None
    share = percent(known["above_0.8"] / known["known"])
    return f"stock-photo watermarks (LAION's pwatermark over 0.8): {share} of {known['known']:,} rows; not a sign of AI"


def headline(decision: Decision) -> str:
    """Outcome and reason in one line."""
    return f"{TITLES[decision.outcome]} {decision.reason}"
