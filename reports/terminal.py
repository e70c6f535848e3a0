"""The summary that a scan prints: plain text, one screen."""

from __future__ import annotations

from collections.abc import Iterator

from auditor.plugin import Renderer
from auditor.results import UNCHECKABLE, Audit, Decision
from auditor.safe_text import safe_text
from reports import wording

_LABEL = 11
_MOST = 6

_LONGEST = 400  # characters of a line of the estimate


class Terminal(Renderer):
    """See the module."""

    id = "terminal"
    suffix = ".txt"

    def render(self, audit: Audit, decision: Decision) -> str:
        """The text."""
        lines = [f"{name:<{_LABEL}} {text}".rstrip() for name, text in _lines(audit, decision)]
        width = max(len(rule.id) for rule in decision.rules)
        rules = [f"  {wording.TITLES[r.outcome]:<13} {r.id:<{width}}  {safe_text(r.reason)}" for r in decision.rules]
        return "\n".join([*lines, "", f"policy      {safe_text(str(decision.policy.get('name')))}", *rules]) + "\n"


def _lines(audit: Audit, decision: Decision) -> Iterator[tuple[str, str]]:
    for input in audit.inputs:
        yield "input", f"{safe_text(input.name)} ({input.format}, {input.rows:,} rows)"
    counts = audit.counts
    states = {"ok": counts.ok, "no bytes": counts.no_bytes, "failed": counts.failed, "unreadable": counts.unreadable}
    yield "rows", f"{counts.rows:,}: " + " · ".join(f"{name} {n:,}" for name, n in states.items())
    for reason, count in list(audit.unreadable_reasons.items())[:_MOST]:
        yield "", f"{count:,} × {safe_text(reason, 90)}"
    if counts.repeated_keys:
        yield "", f"{counts.repeated_keys:,} keys occur more than once; the image column tells their rows apart"
    if drawn := wording.sample(audit):
        yield "sample", drawn
    if weighed := wording.weights(audit):
        yield "weights", weighed
    yield "declared", wording.confirmed(audit)
    if audit.confirmed.generators:
        yield (
            "",
            " · ".join(f"{safe_text(name, 40)} {n:,}" for name, n in list(audit.confirmed.generators.items())[:_MOST]),
        )
    if audit.confirmed.edited:
        yield "", f"{audit.confirmed.edited:,} more say they were edited with a generator"
    if audit.contradictions:
        yield "", f"{audit.contradictions:,} of them also carry a camera's settings"
    for found in wording.dataset_tests(audit):
        yield "dataset_tests", found
    yield "coverage", " · ".join(f"{kind} {wording.percent(c.share, 0)}" for kind, c in audit.coverage.items())
    for id, tally in audit.detectors.items():
        if tally.failed:
            yield "", f"detector {id} failed on {tally.failed:,} rows: please report it"
    yield from zip(
        ("estimate", *[""] * 9), (safe_text(line, _LONGEST) for line in wording.estimate(audit)), strict=False
    )
    yield from zip(("MAD", ""), wording.mad(decision), strict=False)
    yield from zip(("near copies", *[""] * 9), wording.near_duplicates(audit), strict=False)
    yield from zip(("diversity", *[""] * 9), wording.diversity(audit), strict=False)
    yield from zip(("captions", *[""] * 9), wording.captions(audit), strict=False)
    yield "not checked", ", ".join(UNCHECKABLE)
    if stock := wording.stock_watermarks(audit):
        yield "apart", stock
