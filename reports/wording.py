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
    count = f"{found.count:,} of {found.n:,} images ({percent(found.share)})"
    text = f"{count} say they are synthetic or bear a generator's mark"
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
    return [*lines, *(shift(control) for control in e.controls if control.is_shift)]


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


def duplicates(audit: Audit) -> list[str]:
    """How many images are near copies of others, and whose they are; empty where no image has a vector."""
    found = audit.duplicates
    if found is None:
        return []
    if not found.in_clusters:
        return [f"none among {found.n:,} images"]
    lines = [f"{found.in_clusters:,} of {found.n:,} images ({percent(found.share)}) in {found.clusters:,} clusters"]
    lines += [
        f"{group.name}: {percent(group.share)} of {group.n:,}, the largest cluster {group.largest:,}"
        for group in found.groups
        if len(found.groups) > 1
    ]
    if not found.is_verified:
        lines.append("by their vectors alone: there are no thumbnails to confirm them")
    if found.unsearched:
        lines.append(f"{found.unsearched:,} pairs that are alike were too many to look for crops in")
    return lines


def diversity(audit: Audit) -> list[str]:
    """What of the panel is not chance, comparison by comparison, and how spread the suspects are."""
    found = audit.diversity
    if found is None:
        return []
    lines = []
    for comparison in found.comparisons:
        outside = [f"{m.name} {m.value:.3g} (z {m.z:+.1f})" for m in comparison.measures if m.is_outside]
        told = ", ".join(outside) if outside else "within what chance does"
        lines.append(f"{comparison.name}: {told}")
    if found.trace_ratio:
        low, ratio, high = found.trace_ratio
        lines.append(
            f"an aid for λ, no measurement: declared and flagged images are {ratio:.2f} times as spread as the others "
            f"({low:.2f} to {high:.2f})"
        )
    return lines


def captions(audit: Audit) -> list[str]:
    """How well captions fit their images; empty where nothing measured it."""
    return [
        f"{group.name}: mean cosine of image and caption {group.mean:.3f} over {group.n:,} images, "
        f"90 % within {group.quantiles[0]:.3f} to {group.quantiles[-1]:.3f}"
        for group in audit.captions
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
