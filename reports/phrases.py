"""The texts that people read, the same in every format."""

from __future__ import annotations

from collections.abc import Sequence

from auditor.compare import FELL, ROSE, UNTESTED, Change
from auditor.decision import Decision, MadLevel, MadLimits, MadStatus, Outcome
from auditor.estimate.controls import MIN_CONTROLS
from auditor.estimate.partial_pooling import FALSE_DISCOVERY_RATE
from auditor.policy.rules import RULES
from auditor.results import OTHERS, UNCHECKABLE, Audit, Control, Labels, ShardSample, Subgroup
from auditor.safe_text import safe_text
from auditor.sentences import EVIDENCE, counted, p_value, percent, span
from auditor.suspicious import suspicious_subgroups
from auditor.types import Evidence

TITLES = {
    Outcome.PASS: "PASS",
    Outcome.WARN: "WARN",
    Outcome.FAIL: "FAIL",
    Outcome.INCONCLUSIVE: "INCONCLUSIVE",
    Outcome.EXEMPT: "EXEMPT",
}
NOT_CHECKED = (
    "Not checked, because only their vendors can detect them or because they name no generator: "
    f"{', '.join(UNCHECKABLE)}. An image without metadata or a watermark may still be synthetic."
)
MAD_LEVELS = {
    MadLevel.SAFE: "below the limit",
    MadLevel.NEAR: "close to the limit",
    MadLevel.INCONCLUSIVE: "inconclusive",
    MadLevel.OVER: "above the limit",
}
_MAX_P_VALUE = 1e-3  # at most this p-value of a dataset test is reported
_MAX_INPUTS = 5
_MAX_REASONS = 3


def evidence(kind: str) -> str:
    """What people read for a kind of evidence: 'declared' -> 'metadata'."""
    return EVIDENCE[kind]


def coverage(audit: Audit) -> list[str]:
    """The share of rows on which each kind of evidence could be checked."""
    return [f"{evidence(kind)} {percent(covered.share)}" for kind, covered in audit.coverage.items()]


def passed_over(audit: Audit) -> list[str]:
    """The skipped files, by reason."""
    reasons = audit.inventory.passed_over if audit.inventory else {}
    return [f"{counted(count, 'file')}: {reason}" for reason, count in reasons.items()]


def confirmed(audit: Audit) -> str:
    """The share that is synthetic by metadata, watermarks and known-image matches, with its interval."""
    share = audit.confirmed
    if share.share is None:
        return "no image could be read"
    text = f"at least {share.count:,} of {counted(share.n, 'image')}"
    if share.low == share.high:
        text += f" ({percent(share.share)}{' by weight' if audit.weights else ''})"
    if share.low is not None and share.high is not None and share.low != share.high:
        return f"{text}; 95 % CI for the whole dataset: {span(share.low, share.high)}"
    return text


def estimate(audit: Audit) -> list[str]:
    """The synthetic fraction, or why there is none; then its basis and calibration shifts."""
    e = audit.estimate
    if e is None:
        reasons = _reasons_for_no_score(audit)
        return [f"none: no calibrated classifier {'could examine an image' if reasons else 'ran'}", *reasons]
    of_weight = " of the rows' weight" if audit.weights else ""
    lines = [f"{span(e.low, e.high)}{of_weight} ({percent(e.confidence, 0)} CI; point estimate {percent(e.point)})"]
    if e.flagged is not None:
        name, _, details = e.calibration.partition(": ")
        lines.append(
            f"{e.detector or 'a classifier'}: {e.flagged:,} of {counted(e.n, 'undecided image')} likely synthetic; "
            f"corrected by the scores of {name} on new sources"
            f"{' (details: report.html#calibration)' if details else ''}"
        )
    if e.labels is not None:
        lines.append(f"rests on {labels(e.labels)}")
    lines += [f"alternative: {percent(a.point)}, {span(a.low, a.high)} by {a.method}" for a in e.alternatives]
    return [*lines, *(shift(control) for control in e.controls if control.is_shift)]


def _reasons_for_no_score(audit: Audit) -> list[str]:
    """Why classifiers could examine no image, if they examined none: the most frequent reasons."""
    tallies = [tally for tally in audit.detectors.values() if tally.evidence is Evidence.STATISTICAL]
    if any(tally.evaluable for tally in tallies):
        return []
    return [f"{n:,} × {reason}" for tally in tallies for reason, n in list(tally.answers.items())[:_MAX_REASONS]]


def rests_on(audit: Audit) -> str:
    """The evidence that the synthetic fraction rests on, how much was sampled, and how many images carry metadata."""
    e = audit.estimate
    count = audit.confirmed.count
    evidence = "metadata, watermarks or known images" if audit.digests.indexes else "metadata or watermarks"
    confirmed = f"{counted(count, 'image')} confirmed by {evidence}"
    if e is None:
        parts = [f"{confirmed}; no estimate, because {_why_no_estimate(audit)}"]
    elif e.labels is not None:
        parts = [labels(e.labels), confirmed]
    else:
        parts = [
            "the classifier alone, without labels" if not count else f"the classifier, without labels; {confirmed}"
        ]
    if audit.sample is not None:
        parts.append(f"a random sample of {audit.sample.rows:,} of {counted(audit.counts.rows, 'row')}")
    if audit.weights is not None:
        parts.append(f"rows weighted by the column '{safe_text(audit.weights.column, 40)}'")
    if audit.shards is not None:
        parts.append(f"{audit.shards.read:,} of {counted(audit.shards.of, 'shard')}")
    if text := metadata(audit):
        parts.append(text)
    return "; ".join(parts)


def metadata(audit: Audit) -> str | None:
    """How many images carry metadata at all; None where every one does, or none was examined."""
    found = audit.metadata
    if found is None or not found.examined or found.present == found.examined:
        return None
    stripped = found.examined - found.present
    if not found.present:
        return f"no metadata on any of {counted(found.examined, 'image')}, so metadata cannot confirm them"
    return f"no metadata on {stripped:,} of {counted(found.examined, 'image')}, so metadata cannot confirm them"


def _why_no_estimate(audit: Audit) -> str:
    if not audit.counts.ok:
        return "no image could be read"
    reasons = _reasons_for_no_score(audit)
    return f"no calibrated classifier {'could examine an image' if reasons else 'ran'}"


def labels(found: Labels) -> str:
    """How many labels by how many people the estimate rests on, and what they rest on."""
    n = sum(found.by_basis.values())
    bases_by_number = sorted(found.by_basis.items(), key=lambda item: -item[1])
    people = "1 person" if found.annotators == 1 else f"{found.annotators:,} people"
    bases = [
        f"{_BASES.get(basis, safe_text(basis, 40))}{f' {count:,}' if len(bases_by_number) > 1 else ''}"
        for basis, count in bases_by_number
    ]
    made = f"{counted(n, 'label')} by {people}"
    return f"{', '.join([made, *bases])}; {_STOPPING[found.until_decided]}"


# What labels rest on, in words (auditor/annotation/basis.py).
_BASES = {
    "provenance": "by statements of origin",
    "page": "by page",
    "date": "by date",
    "looks": "by looks",
    "unstated": "basis not stated",
}
_STOPPING = {False: "their number was fixed in advance", True: "labelled until the policy was decided"}


def where(audit: Audit) -> list[str]:
    """The subgroups that are mostly synthetic, and those without which the dataset would be less synthetic; empty
    without any."""
    suspicious = suspicious_subgroups(audit)
    if not suspicious:
        return []
    by = suspicious[0].by
    of_kind = [each for each in audit.subgroups if each.by == by and each.value != OTHERS]
    found = sum(each.estimate is not None and each.estimate.is_mostly_synthetic for each in of_kind)
    rate = percent(FALSE_DISCOVERY_RATE, 0)
    head = f"{found} of {counted(len(of_kind), by)} mostly synthetic (false discovery rate {rate})"
    return [head, *(f"{safe_text(each.value, 40)}: {subgroup(each)}" for each in suspicious)]


def subgroup(each: Subgroup) -> str:
    """The fraction of a subgroup, what it rests on, and the fraction of the dataset without it."""
    e = each.estimate
    if e is None:
        return counted(each.ok, "image")
    signs = f"{counted(each.ok, 'image')}, {each.synthetic:,} confirmed, {each.flagged:,} likely synthetic"
    without = "" if e.fraction_without is None else f"; the dataset without it: {percent(e.fraction_without)}"
    return f"{span(e.low, e.high)} synthetic ({signs}){without}"


def weights(audit: Audit) -> str | None:
    """How rows are weighted; None where all rows count the same."""
    if audit.weights is None:
        return None
    rows = audit.weights.sample_size
    text = f"rows are weighted by their column '{safe_text(audit.weights.column, 40)}', and shares are of that weight"
    if not rows.n:
        return text
    return (
        f"{text}; the {rows.n:,} readable rows have an effective sample size of {rows.n_eff:,.0f} "
        f"(design effect {rows.design_effect:,.1f})"
    )


def sample(audit: Audit) -> str | None:
    """How much of the dataset was checked in full; None where all of it was."""
    if audit.shards is not None:
        return _shards(audit.shards, audit)
    if audit.sample is None:
        return None
    return (
        f"{audit.sample.rows:,} of {audit.counts.rows:,} rows were checked in full, drawn at random by the hash of "
        f"their keys (seed {audit.config.seed}); {audit.sample.ok:,} of them could be read"
    )


def _shards(shards: ShardSample, audit: Audit) -> str:
    """Which shards were read, and the effective sample size of their rows."""
    sizes = [
        f"for {what}, their {size.n:,} images have an effective sample size of {size.n_eff:,.0f} "
        f"(design effect {size.design_effect:,.1f})"
        for what, size in (("the confirmed share", shards.declared), ("the classifier's flags", shards.flags))
        if size is not None and size.n
    ]
    read = (
        f"{shards.read:,} of {shards.of:,} shards were read, drawn at random by the hash of their names "
        f"(seed {audit.config.seed}); the number of rows in the others is unknown"
    )
    if audit.sample is not None:
        read += (
            f"; {audit.sample.rows:,} of the {audit.counts.rows:,} rows of these shards were checked in full, drawn at "
            f"random by the hash of their keys, and {audit.sample.ok:,} of them could be read"
        )
    return "; ".join([read, *sizes])


def model(audit: Audit, id: str) -> str:
    """How a classifier's scores are used."""
    e = audit.estimate
    if e is not None and e.labels is not None:
        return (
            f"The estimate rests on the labels. The scores of {id} stratified the sample for labelling and are a prior."
        )
    if e is None or e.detector != id:
        return f"The error rates of {id} were not measured here: its scores are reported and not used for an estimate."
    return (
        "Scores are not verdicts on single images; all of them together give the estimate. An image is likely "
        f"synthetic if its score is at least {percent(e.threshold or 0)}. Calibration: {e.calibration}."
    )


def is_shift(control: Control) -> str:
    """Whether a control shows a calibration shift."""
    if control.n < MIN_CONTROLS:
        return f"not tested (fewer than {MIN_CONTROLS} images)"
    return "yes" if control.is_shift else "no"


def shift(control: Control) -> str:
    """A control whose flags the calibration does not explain."""
    rate = percent(control.flagged / control.n)
    return (
        f"CALIBRATION SHIFT: the classifier flags {control.flagged:,} of {counted(control.n, 'image')} ({rate}) that "
        f"are {control.name}; the calibration predicts {span(*control.expected[1:])}. The interval was widened; "
        "calibrate on your own images"
    )


def mad(decision: Decision) -> list[str]:
    """The MAD level and the limit with its assumptions, or why it is unknown; then what to do, if anything."""
    if decision.mad is None:
        return ["unknown: no image could be read"]
    mad = decision.mad
    assumed = f"{mad.criterion} criterion, λ {mad.lambda_:g}, δ {percent(mad.delta, 0)}"
    joined = "; the limit is" if mad.status is MadLevel.INCONCLUSIVE else " of"
    level = f"{MAD_LEVELS[mad.status]}{joined} {percent(mad.limit)} ({assumed})"
    return [level, *([mad.advice] if mad.advice else [])]


def dataset_tests(audit: Audit) -> list[str]:
    """Watermarks that are in the dataset although no single image shows them for certain."""
    return [
        f"{test.generator}: traces in at least {percent(test.share_low, 2)} of {counted(test.n, 'undecided image')} "
        f"(p = {p_value(test.p_value)})"
        for test in audit.dataset_tests
        if test.p_value < _MAX_P_VALUE
    ]


def near_duplicates(audit: Audit) -> list[str]:
    """How many images have near-duplicates, overall and by group; empty where no image has a vector."""
    near = audit.near_duplicates
    if near is None:
        return []
    if not near.in_clusters:
        return [f"none among {counted(near.n, 'image')}"]
    among = f"{near.in_clusters:,} of {counted(near.n, 'image')} ({percent(near.share)})"
    lines = [f"{among} in {counted(near.clusters, 'cluster')}"]
    lines += [
        f"{group.name}: {percent(group.share)} of {group.n:,}, largest cluster {group.largest:,}"
        for group in near.groups
        if len(near.groups) > 1
    ]
    if not near.is_verified:
        lines.append("by their vectors alone, without confirmation by thumbnails")
    if near.unsearched:
        lines.append(f"{counted(near.unsearched, 'more similar pair')} not searched for crops")
    return lines


def diversity(audit: Audit) -> list[str]:
    """Which metrics are outside their null bands, one line per comparison; then the spread of suspect images."""
    spread = audit.diversity
    if spread is None:
        return []
    lines = []
    for comparison in spread.comparisons:
        outside = [f"{m.name} {m.value:.3g} (z {m.z:+.1f})" for m in comparison.metrics if m.is_outside]
        lines.append(f"{comparison.name}: {', '.join(outside) or 'all metrics within their null bands'}")
    lines += spread.not_compared
    if spread.trace_ratio:
        low, ratio, high = spread.trace_ratio
        lines.append(
            f"a hint for choosing λ, not a measurement: the variance of confirmed and flagged images is {ratio:.2f} "
            f"times that of the others (95 % CI {low:.2f} to {high:.2f})"
        )
    return lines


def caption_similarity(audit: Audit) -> list[str]:
    """How well captions fit their images; empty where that was not measured."""
    return [
        f"{group.name}: mean cosine of image and caption {group.mean:.3f} over {counted(group.n, 'image')}, "
        f"90 % within {group.quantiles[0]:.3f} to {group.quantiles[-1]:.3f}"
        for group in audit.caption_similarity
    ]


def stock_watermarks(audit: Audit) -> str | None:
    """LAION's pwatermark scores, which say nothing about generators; None where the manifest has no such column."""
    stock = audit.extras.get("stock_watermarks", {})
    if not stock.get("known"):
        return None
    share = percent(stock["above_0.8"] / stock["known"])
    return (
        f"stock-photo watermarks (LAION's pwatermark above 0.8): {share} of {counted(stock['known'], 'row')}; "
        "not a sign of a generator"
    )


# ---- the report for people ------------------------------------------------------------------------------------------

KINDS = {
    Evidence.DECLARED: "the file or the manifest says so",
    Evidence.MATCHED: "a watermark was decoded, or the image is in a reference index",
    Evidence.STATISTICAL: "a classifier with measured error rates",
    Evidence.PRIOR: "ranks images and confirms none",
}
_ERRORS = {
    Evidence.DECLARED: "Not measured (1)",
    Evidence.MATCHED: "False-positive rate very low by design (2)",
    Evidence.STATISTICAL: "Not measured here: its scores are reported and not used for an estimate",
    Evidence.PRIOR: "Not measured: reported, not counted",
}
ERROR_NOTES = (
    "(1) Metadata can be forged, and are lost when images are re-encoded. "
    "(2) Re-encoding weakens watermarks: the documentation (Watermarks) lists which survive what."
)


def change(change: Change) -> str:
    """How a share changed, and whether the change is more than noise."""
    if change.difference is None:
        if change.verdict == UNTESTED:
            return change.verdict
        return "too few to compare" if change.before and change.after else "not in both"
    difference, low, high = (round(100 * value, 1) + 0.0 for value in change.difference)  # no minus before a zero
    text = f"{change.verdict}: {difference:+.1f} points [{low:+.1f}, {high:+.1f}]"
    return text if change.p_value is None else f"{text}, p = {p_value(change.p_value)}"


def change_name(change: Change) -> str:
    """What changed; kinds of evidence by the names that people read."""
    return evidence(change.name) if change.table == "coverage" else change.name


def significance_order(change: Change) -> tuple[bool, float]:
    """Sort key of changes: those that are more than noise first, then by p-value."""
    return change.verdict not in (ROSE, FELL), -1.0 if change.p_value is None else change.p_value


def inputs(audit: Audit) -> str:
    """The inputs, with their formats and rows; of many inputs the first few."""
    shown = [f"{input.name} ({input.format}, {counted(input.rows, 'row')})" for input in audit.inputs[:_MAX_INPUTS]]
    more = len(audit.inputs) - len(shown)
    return ", ".join(shown) + (f" and {more:,} more" if more else "")


def errors(audit: Audit, id: str) -> str:
    """What is known of a detector's error rate."""
    e, kind = audit.estimate, audit.detectors[id].evidence
    if kind is Evidence.STATISTICAL and e is not None and e.labels is not None:
        return model(audit, id)
    if e is None or e.detector != id:
        return _ERRORS[kind]
    return f"Measured on {e.calibration}; likely synthetic from a score of {percent(e.threshold or 0)}"


def limits(decision: Decision) -> list[tuple[str, float]]:
    """The policy's limits on shares of synthetic images: rule and number."""
    return [
        (rule.id, float(rule.limit))
        for rule in decision.rules
        if rule.id in RULES and RULES[rule.id].is_on_synthetic_share and isinstance(rule.limit, int | float)
    ]


def mad_limits(limits: MadLimits) -> list[tuple[str, float]]:
    """Each criterion and its limit on the fraction."""
    return [
        ("diversity", limits.diversity),
        ("diversity, conservative λ", limits.diversity_conservative),
        ("stability", limits.stability),
        ("admissible", limits.admissible),
        ("half", limits.half),
    ]


def trajectory_in_words(lines: Sequence[Sequence[float]], mad: MadStatus) -> str:
    """What the chart of generations shows: lines are middle, low and high."""
    middle, low, high = (line[-1] for line in lines)
    return (
        f"Diversity lost after {len(lines[0]) - 1} generations at a constant fraction: {percent(middle)}, between "
        f"{percent(low)} and {percent(high)}; the budget is {percent(mad.delta)}"
    )
