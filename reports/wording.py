"""Numbers in words, the same in every format."""

from __future__ import annotations

from collections.abc import Sequence

from auditor.compare import FELL, ROSE, Change
from auditor.policy.rules import RULES
from auditor.results import UNCHECKABLE, Audit, Control, Decision, MadLimits, MadStatus, Outcome, ShardSample
from auditor.safe_text import safe_text
from auditor.types import Evidence

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
_MOST_NAMES = 5


def percent(share: float | None, digits: int = 1) -> str:
    """0.035 -> '3.5 %'."""
    return "unknown" if share is None else f"{100 * share:.{digits}f} %"


def confirmed(audit: Audit) -> str:
    """The share that declared and matched evidence decides, with what it would be as a sample."""
    found = audit.confirmed
    if found.share is None:
        return "no image could be read"
    count = f"{found.count:,} of {found.n:,} images"
    if found.low == found.high:
        count += f" ({percent(found.share)}{' by weight' if audit.weights else ''})"
    text = f"{count} say they are synthetic or bear a generator's mark"
    if found.low != found.high:
        return f"{text}; as the sample shows, {percent(found.low)} to {percent(found.high)} of all of them"
    if found.source_interval:
        text += (
            f"; as a sample of their source {percent(found.source_interval[0])} to {percent(found.source_interval[1])}"
        )
    return text


def estimate(audit: Audit) -> list[str]:
    """The synthetic fraction, or why there is none; then what it rests on, and what speaks against it."""
    e = audit.estimate
    if e is None:
        return ["none: no calibrated detector ran"]
    of = " of the rows' weight" if audit.weights else ""
    lines = [f"{percent(e.point)}{of}, {percent(e.low)} to {percent(e.high)} at {percent(e.confidence, 0)} confidence"]
    if e.flagged is not None:
        lines.append(
            f"{e.flagged:,} of {e.n:,} undecided images flagged, corrected for the error rates of {e.calibration}"
        )
    if e.labels is not None:
        lines.append(f"{e.n:,} images labelled by people; no model's error rates enter")
    lines += [
        f"beside: {percent(b.point)}, {percent(b.low)} to {percent(b.high)} by {b.method}" for b in e.alternatives
    ]
    return [*lines, *(shift(control) for control in e.controls if control.is_shift)]


def weights(audit: Audit) -> str | None:
    """What rows count that do not all count the same; None where they do."""
    if audit.weights is None:
        return None
    rows = audit.weights.sample_size
    said = (
        f"each row counts what its column '{safe_text(audit.weights.column, 40)}' says, and shares are of that weight"
    )
    if not rows.n:
        return said
    return (
        f"{said}; the {rows.n:,} readable rows tell as much as {rows.n_eff:,.0f} of one weight "
        f"(design effect {rows.design_effect:,.1f})"
    )


def sample(audit: Audit) -> str | None:
    """How much of the dataset was looked at in full; None where all of it was."""
    if audit.shards is not None:
        return _shards(audit.shards, audit)
    if audit.sample is None:
        return None
    return (
        f"{audit.sample.rows:,} of {audit.counts.rows:,} rows were looked at in full, drawn at random by the hash of "
        f"their keys (seed {audit.config.seed}); {audit.sample.ok:,} of them could be read"
    )


def _shards(found: ShardSample, audit: Audit) -> str:
    """Which part of the shards was read, and what its rows are worth."""
    worth = [
        f"{what}, {one.n:,} images of them tell as much as {one.n_eff:,.0f} drawn one by one "
        f"(design effect {one.design_effect:,.1f})"
        for what, one in (("of what is declared", found.declared), ("of the model's flags", found.flags))
        if one is not None and one.n
    ]
    read = (
        f"{found.read:,} of {found.of:,} shards were read, drawn at random by the hash of their names "
        f"(seed {audit.config.seed}); how many rows the others have is not known"
    )
    return "; ".join([read, *worth])


def model(audit: Audit, id: str) -> str:
    """What a statistical detector's answers are worth."""
    e = audit.estimate
    if e is not None and e.labels is not None:
        return f"What {id} says is not counted: people's labels are. It only said where labels tell most."
    if e is None or e.detector != id:
        return f"The errors of {id} were not counted here: its answers stand for themselves and give no estimate."
    return (
        f"No answer decides an image; what they say together is the estimate. From a score of "
        f"{percent(e.threshold or 0)} on an image is flagged. Error rates of {e.calibration}."
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


def dataset_tests(audit: Audit) -> list[str]:
    """Marks that are in the dataset although no single image shows them for certain."""
    return [
        f"{found.generator}: traces in at least {percent(found.share_low, 2)} of {found.n:,} undecided images "
        f"(p = {found.p_value:.0e})"
        for found in audit.dataset_tests
        if found.p_value < _SEEN
    ]


def near_duplicates(audit: Audit) -> list[str]:
    """How many images are near copies of others, and whose they are; empty where no image has a vector."""
    found = audit.near_duplicates
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
        outside = [f"{m.name} {m.value:.3g} (z {m.z:+.1f})" for m in comparison.metrics if m.is_outside]
        told = ", ".join(outside) if outside else "within what chance does"
        lines.append(f"{comparison.name}: {told}")
    lines += found.not_compared
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
    known = audit.extras.get("stock_watermarks", {})
    if not known.get("known"):
        return None
    share = percent(known["above_0.8"] / known["known"])
    return f"stock-photo watermarks (LAION's pwatermark over 0.8): {share} of {known['known']:,} rows; not a sign of AI"


# ---- the report for people ------------------------------------------------------------------------------------------

KINDS = {
    Evidence.DECLARED: "the file or the manifest says so",
    Evidence.MATCHED: "a mark was decoded or recognised",
    Evidence.STATISTICAL: "a model with measured error rates",
    Evidence.PRIOR: "a hint that ranks and decides nothing",
}
_ERRORS = {
    Evidence.DECLARED: "A statement, not a measurement: it can be forged, and is lost where images are re-encoded.",
    Evidence.MATCHED: "Set so that chance alone hardly ever matches (docs/watermarks.md); weakened by any re-encoding.",
    Evidence.STATISTICAL: "Not counted here: its answers stand for themselves and give no estimate.",
    Evidence.PRIOR: "Not measured: it is shown, and counted nowhere.",
}


def change(found: Change) -> str:
    """How a share changed, and whether that is more than noise."""
    if found.difference is None:
        return "too few to tell" if found.before and found.after else "not in both"
    difference, low, high = (round(100 * value, 1) + 0.0 for value in found.difference)  # no minus before a zero
    text = f"{found.verdict}: {difference:+.1f} points [{low:+.1f}, {high:+.1f}]"
    return text if found.p_value is None else f"{text}, p = {found.p_value:.2g}"


def moved_first(found: Change) -> tuple[bool, float]:
    """Orders changes: those that are more than noise first, then by how probable chance is."""
    return found.verdict not in (ROSE, FELL), -1.0 if found.p_value is None else found.p_value


def names(audit: Audit) -> str:
    """The inputs, with their formats and rows; the first few of many."""
    shown = [f"{input.name} ({input.format}, {input.rows:,} rows)" for input in audit.inputs[:_MOST_NAMES]]
    more = len(audit.inputs) - len(shown)
    return ", ".join(shown) + (f" and {more:,} more" if more else "")


def errors(audit: Audit, id: str) -> str:
    """How often a detector errs, and where that is known from."""
    e, kind = audit.estimate, audit.detectors[id].evidence
    if kind is Evidence.STATISTICAL and e is not None and e.labels is not None:
        return model(audit, id)
    if e is None or e.detector != id:
        return _ERRORS[kind]
    return f"Counted on {e.calibration}; flags from a score of {percent(e.threshold or 0)} on."


def limits(decision: Decision) -> list[tuple[str, float]]:
    """The policy's limits on shares of synthetic images: rule and number."""
    return [
        (rule.id, float(rule.limit))
        for rule in decision.rules
        if rule.id in RULES and RULES[rule.id].is_on_synthetic_share and isinstance(rule.limit, int | float)
    ]


def safe_below(mad: MadStatus) -> float:
    """Half of the limit at the conservative λ: up to there a fraction is safe."""
    return mad.limits.diversity_conservative / 2


def mad_limits(limits: MadLimits) -> list[tuple[str, float]]:
    """Each criterion and its limit on the fraction."""
    return [
        ("diversity", limits.diversity),
        ("diversity, conservative λ", limits.diversity_conservative),
        ("stability", limits.stability),
        ("admissible", limits.admissible),
        ("half", limits.half),
    ]


def zones(mad: MadStatus) -> str:
    """Where the zones of the first chart end."""
    return f"Safe is up to {percent(safe_below(mad))}, near up to {percent(mad.limit)}, over beyond."


def scale_in_words(audit: Audit, decision: Decision) -> str:
    """What the first chart shows."""
    parts = [f"Synthetic fraction, estimated: {estimate(audit)[0]}", f"declared: {percent(audit.confirmed.share)}"]
    if decision.mad:
        parts.append(f"MAD limit {percent(decision.mad.limit)}, status {decision.mad.status}")
    return "; ".join([*parts, *(f"policy limit of {name} {percent(at)}" for name, at in limits(decision))])


def trajectory_in_words(lines: Sequence[Sequence[float]], mad: MadStatus) -> str:
    """What the chart of generations shows: lines are middle, low and high."""
    middle, low, high = (line[-1] for line in lines)
    return (
        f"Diversity lost after {len(lines[0]) - 1} generations if the mix stays: {percent(middle)}, between "
        f"{percent(low)} and {percent(high)}; the budget is {percent(mad.delta)}"
    )
