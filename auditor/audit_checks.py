"""Checks the numbers of an audit that was read from a file.

A policy's rule could let impossible numbers pass, and a report would show them: shares outside 0 to 1, intervals whose
ends are exchanged, parts that are larger than their whole.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import fields, is_dataclass
from typing import Any

from auditor.caption_results import ArtefactGroup, Artefacts, Captions, FigureRange, FlagRate, HumanReference, Prompts
from auditor.decision import Decision, MadLimits, MadStatus
from auditor.results import (
    SUBGROUP_KINDS,
    Audit,
    CaptionGroup,
    Cluster,
    ConfirmedShare,
    Control,
    Counts,
    DatasetTest,
    DuplicateShare,
    Estimate,
    LabelCounts,
    Labels,
    Metric,
    NearDuplicates,
    ShardSample,
    Subgroup,
)
from auditor.types import Evidence

_TOLERANCE = 1e-9  # rounding error allowed at the ends of intervals
_SHARES = frozenset(
    ("share", "low", "high", "point", "share_low", "p_value", "threshold", "confidence", "fraction_without", "limit",
     "delta", "lower", "margin")
)  # fmt: skip
_INTERVALS = ("source_interval", "asymptotic", "lambda_range")
_NO_SHARES = (Metric, FigureRange)  # their low and high are in the unit of the metric
# type -> pairs of fields of which the first counts a part of what the second counts
_PARTS: Mapping[type, tuple[tuple[str, str], ...]] = {
    ConfirmedShare: (("count", "n"),),
    Control: (("flagged", "n"),),
    Estimate: (("flagged", "n"),),
    Subgroup: (("ok", "rows"), ("synthetic", "ok"), ("edited", "ok"), ("scored", "ok"), ("flagged", "scored")),
    DatasetTest: (("exceedances", "n"),),
    Labels: (("disagreements", "double_annotated"),),
    ShardSample: (("read", "of"),),
    Captions: (("empty", "images"), ("file_names", "images")),
    Artefacts: (("hits", "n"),),
    ArtefactGroup: (("hits", "n"),),
    HumanReference: (("flagged", "sampled"), ("reference_flagged", "n")),
    Prompts: (("strong", "n"), ("weak2", "n")),
    FlagRate: (("flagged", "n"),),
    Cluster: (("declared", "size"), ("flagged", "size")),
    DuplicateShare: (("in_clusters", "n"), ("largest", "n")),
    NearDuplicates: (("in_clusters", "n"), ("clusters", "in_clusters")),
}


def faults(value: Any, path: str = "") -> Iterator[str]:
    """What is impossible in an audit or a decision, field by field."""
    if is_dataclass(value):
        yield from _faults_of(value, path)
        for each in fields(value):
            yield from faults(getattr(value, each.name), f"{path}.{each.name}" if path else each.name)
    elif isinstance(value, tuple):
        for number, item in enumerate(value):
            yield from faults(item, f"{path}[{number}]")
    elif isinstance(value, Mapping):
        for key, item in value.items():
            yield from faults(item, f"{path}.{key}")


def _faults_of(value: Any, path: str) -> Iterator[str]:
    at = f"{path}." if path else ""
    if not isinstance(value, _NO_SHARES):
        yield from _shares(value, at)
    yield from _order(at or "audit", getattr(value, "low", None), getattr(value, "high", None))
    if isinstance(value, Control) and value.is_shift and not value.n:
        yield f"{at}n: must be at least 1 for a shift, got 0"
    if isinstance(value, Labels) and not value.annotators:
        yield f"{at}annotators: must be at least 1, got 0"
    for part, whole in _PARTS.get(type(value), ()):
        yield from _part(f"{at}{part}", getattr(value, part), whole, getattr(value, whole))
    if isinstance(value, Counts) and value.rows != value.ok + value.no_bytes + value.failed + value.unreadable:
        yield f"{at}rows: must be the sum of ok, no_bytes, failed and unreadable, got {value.rows:,}"
    if isinstance(value, LabelCounts):
        labelled = value.synthetic + value.real + value.unsure
        yield from _part(f"{at}rows: synthetic, real and unsure", labelled, "rows", value.rows)
    if isinstance(value, CaptionGroup) and len(value.quantiles) < 1:
        yield f"{at}quantiles: must not be empty"
    if isinstance(value, Artefacts) and value.lower > value.low + _TOLERANCE:
        yield f"{at}lower: must be at most low ({value.low:g}), got {value.lower:g}"
    if isinstance(value, Audit):
        yield from _whole(value)
    if isinstance(value, Decision) and not isinstance(value.policy.get("name"), str):
        yield "policy.name: must be a text"


def _shares(value: Any, at: str) -> Iterator[str]:
    for each in fields(value):
        content = getattr(value, each.name)
        if each.name in _SHARES or isinstance(value, MadLimits):
            yield from _share(f"{at}{each.name}", content)
        if each.name in _INTERVALS and content is not None:
            for end in content:
                yield from _share(f"{at}{each.name}", end)
            yield from _order(f"{at}{each.name}.", *content)
    if isinstance(value, MadStatus) and not value.dimension > 0:
        yield f"{at}dimension: must be above 0, got {value.dimension:g}"


def _share(name: str, number: Any) -> Iterator[str]:
    if isinstance(number, float) and not -_TOLERANCE <= number <= 1 + _TOLERANCE:
        yield f"{name}: shares must be from 0 to 1, got {number:g}"


def _order(at: str, low: Any, high: Any) -> Iterator[str]:
    if isinstance(low, float) and isinstance(high, float) and low > high + _TOLERANCE:
        yield f"{at.removesuffix('.')}: low must not be above high, got {low:g} and {high:g}"


def _part(name: str, part: int | None, whole: str, number: int) -> Iterator[str]:
    if part is not None and part > number:
        yield f"{name}: must be at most {whole} ({number:,}), got {part:,}"


def _whole(audit: Audit) -> Iterator[str]:
    """Parts of the audit that count more than its rows, and names that no audit has."""
    rows = audit.counts.rows
    counted = {
        "sample.rows": audit.sample.rows if audit.sample else 0,
        "confirmed.n": audit.confirmed.n,
        "captions.images": audit.captions.images if audit.captions else 0,
        **{f"inputs[{number}].rows": input.rows for number, input in enumerate(audit.inputs)},
        **{f"coverage.{kind}.evaluable": covered.evaluable for kind, covered in audit.coverage.items()},
        **{f"detectors.{id}.evaluable": tally.evaluable for id, tally in audit.detectors.items()},
        **{f"detectors.{id}.hits": tally.hits for id, tally in audit.detectors.items()},
        **{f"detectors.{id}.failed": tally.failed for id, tally in audit.detectors.items()},
        **{f"subgroups[{number}].rows": each.rows for number, each in enumerate(audit.subgroups)},
    }
    for name, part in counted.items():
        yield from _part(name, part, "counts.rows", rows)
    for name in ("name", "version"):
        if name not in audit.tool:
            yield f"tool.{name}: is missing"
    for kind in audit.coverage:
        if kind not in [each.value for each in Evidence]:
            yield f"coverage: must have the keys {', '.join(Evidence)}, got {kind!r:.40}"
    for number, each in enumerate(audit.subgroups):
        if each.by not in SUBGROUP_KINDS:
            yield f"subgroups[{number}].by: must be one of {', '.join(SUBGROUP_KINDS)}, got {each.by!r:.40}"
    stock = audit.extras.get("stock_watermarks", {})
    if not isinstance(stock, Mapping) or not all(isinstance(count, int) and count >= 0 for count in stock.values()):
        yield "extras.stock_watermarks: must be an object of whole numbers"
    elif stock.get("known") and not stock.get("above_0.8", stock["known"] + 1) <= stock["known"]:
        yield "extras.stock_watermarks.above_0.8: must be at most known"
