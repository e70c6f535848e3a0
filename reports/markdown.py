"""Markdown for pull requests and $GITHUB_STEP_SUMMARY: well under its limit of 1 MiB."""

from __future__ import annotations

import re
from collections.abc import Iterator

from auditor.plugin import Renderer
from auditor.results import Audit, Decision
from auditor.safe_text import safe_text
from reports import wording

_LONGEST = 1000  # characters: more than any sentence of ours, less than any prank
_SPECIAL = re.compile(r"([\\`*_{}\[\]()#+!|<>&~@$-])")
_MOST_SOURCES = 20


class Markdown(Renderer):
    """See the module."""

    id = "markdown"
    suffix = ".md"

    def render(self, audit: Audit, decision: Decision) -> str:
        """The text."""
        lines = [
            f"# {wording.TITLES[decision.outcome]}: {escaped(decision.reason)}",
            "",
            *_facts(audit, decision),
            "",
            f"## Policy {escaped(str(decision.policy.get('name')))}",
            "",
            "| rule | outcome | reason |",
            "|---|---|---|",
            *(f"| {r.id} | {wording.TITLES[r.outcome]} | {escaped(r.reason)} |" for r in decision.rules),
            "",
            "## Evidence",
            "",
            "| detector | kind | could look | hits |",
            "|---|---|---|---|",
            *(
                f"| {escaped(id)} | {t.evidence.value} | {wording.percent(t.share)} | {t.hits:,} |"
                for id, t in audit.detectors.items()
            ),
            "",
            "## Sources",
            "",
            *_sources(audit),
            "",
            escaped(wording.NOT_CHECKED),
        ]
        return "\n".join(lines) + "\n"


def _facts(audit: Audit, decision: Decision) -> list[str]:
    """The table of what was found."""
    counts = audit.counts
    return [
        "| | |",
        "|---|---|",
        *(
            f"| input | {escaped(i.name)} ({escaped(i.format)}, {i.rows:,} rows) |"
            for i in audit.inputs[:_MOST_SOURCES]
        ),
        f"| rows | {counts.rows:,}: {counts.ok:,} ok, {counts.no_bytes:,} without image, "
        f"{counts.failed:,} failed, {counts.unreadable:,} unreadable |",
        *(f"| sample | {escaped(drawn)} |" for drawn in [wording.sample(audit)] if drawn),
        *(f"| weights | {escaped(weighed)} |" for weighed in [wording.weights(audit)] if weighed),
        f"| declared | {escaped(wording.confirmed(audit))} |",
        *(f"| population | {escaped(found)} |" for found in wording.dataset_tests(audit)),
        f"| estimate | {escaped('; '.join(wording.estimate(audit)))} |",
        f"| MAD | {escaped('; '.join(wording.mad(decision)))} |",
        *(f"| {name} | {escaped(text)} |" for name, text in _seen_apart(audit)),
    ]


def _seen_apart(audit: Audit) -> Iterator[tuple[str, str]]:
    """What there is not in every audit."""
    if found := wording.near_duplicates(audit):
        yield "near copies", "; ".join(found)
    if spread := wording.diversity(audit):
        yield "diversity", "; ".join(spread)
    if fit := wording.captions(audit):
        yield "captions", "; ".join(fit)
    if stock := wording.stock_watermarks(audit):
        yield "apart", stock


def _sources(audit: Audit) -> list[str]:
    return [
        "| source | rows | declared synthetic | interval |",
        "|---|---|---|---|",
        *(
            f"| {escaped(s.value)} | {s.rows:,} | {s.synthetic:,} | "
            f"{wording.percent(s.low)} to {wording.percent(s.high)} |"
            for s in [s for s in audit.subgroups if s.by == "source"][:_MOST_SOURCES]
        ),
    ]


def escaped(text: str) -> str:
    """Text that Markdown shows as it is."""
    return _SPECIAL.sub(r"\\\1", safe_text(text, _LONGEST))
