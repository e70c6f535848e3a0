"""Markdown for pull requests and $GITHUB_STEP_SUMMARY, well below its limit of 1 MiB."""

from __future__ import annotations

import re
from collections.abc import Iterator

from auditor import sentences
from auditor.decision import Decision
from auditor.plugin import Renderer
from auditor.results import Audit, Subgroup
from auditor.safe_text import safe_text
from reports import captions, phrases

_MAX_CHARACTERS = 1000  # longer than any sentence of a report; cuts hostile text
_SPECIAL = re.compile(r"([\\`*_{}\[\]()#+!|<>&~@$-])")
_PLAIN = re.compile(r"[a-z]+(-[a-z]+)*")
_MAX_SOURCES = 20


class Markdown(Renderer):
    """See the module."""

    id = "markdown"
    suffix = ".md"

    def render(self, audit: Audit, decision: Decision) -> str:
        """The text."""
        lines = [
            f"# {decision.headline}: {escaped(decision.reason)}",
            "",
            f"{phrases.TITLES[decision.outcome]}. Rests on {escaped(phrases.rests_on(audit))}.",
            "",
            *_facts(audit, decision),
            "",
            f"## Policy {escaped(str(decision.policy.get('name')))}",
            "",
            "| rule | outcome | reason |",
            "|---|---|---|",
            *(f"| {_id(r.id)} | {phrases.TITLES[r.outcome]} | {escaped(r.reason)} |" for r in decision.rules),
            "",
            "## Evidence",
            "",
            "| detector | kind | checked | hits |",
            "|---|---|---|---|",
            *(
                f"| {escaped(id)} | {phrases.EVIDENCE[t.evidence]} | {sentences.percent(t.share)} | {t.hits:,} |"
                for id, t in audit.detectors.items()
            ),
            "",
            "## Sources",
            "",
            *_sources(audit),
            "",
            escaped(phrases.NOT_CHECKED),
        ]
        return "\n".join(lines) + "\n"


def _facts(audit: Audit, decision: Decision) -> list[str]:
    """The table of results."""
    counts = audit.counts
    return [
        "| | |",
        "|---|---|",
        *(f"| input | {escaped(i.name)} ({escaped(i.format)}, {i.rows:,} rows) |" for i in audit.inputs[:_MAX_SOURCES]),
        f"| rows | {counts.rows:,}: {counts.ok:,} ok, {counts.no_bytes:,} without image, "
        f"{counts.failed:,} failed, {counts.unreadable:,} unreadable |",
        *(f"| files passed over | {escaped(text)} |" for text in phrases.passed_over(audit)),
        *(f"| sample | {escaped(text)} |" for text in [phrases.sample(audit)] if text),
        *(f"| weights | {escaped(text)} |" for text in [phrases.weights(audit)] if text),
        f"| confirmed synthetic | {escaped(phrases.confirmed(audit))} |",
        *(f"| watermarks in the whole dataset | {escaped(text)} |" for text in phrases.dataset_tests(audit)),
        f"| estimate | {escaped('; '.join(phrases.estimate(audit)))} |",
        f"| MAD | {escaped('. '.join(phrases.mad(decision)))} |",
        *(f"| {name} | {escaped(text)} |" for name, text in _optional_facts(audit)),
    ]


def _optional_facts(audit: Audit) -> Iterator[tuple[str, str]]:
    """Results that only some audits have."""
    if duplicates := phrases.near_duplicates(audit):
        yield "near-duplicates", "; ".join(duplicates)
    if spread := phrases.diversity(audit):
        yield "diversity", "; ".join(spread)
    if found := captions.lines(audit):
        yield "captions", ". ".join(found)
    if fit := phrases.caption_similarity(audit):
        yield "caption fit", "; ".join(fit)
    if stock := phrases.stock_watermarks(audit):
        yield "not counted", stock


def _sources(audit: Audit) -> list[str]:
    return [
        "| source | rows | confirmed synthetic | likely synthetic | estimate | 95 % interval | without it |",
        "|---|---|---|---|---|---|---|",
        *(_source(each) for each in [each for each in audit.subgroups if each.by == "source"][:_MAX_SOURCES]),
    ]


def _source(each: Subgroup) -> str:
    e = each.estimate
    estimate = (
        (sentences.percent(e.point), sentences.span(e.low, e.high), sentences.percent(e.fraction_without)) if e else ()
    )
    cells = (
        escaped(each.value),
        f"{each.rows:,}",
        f"{each.synthetic:,}",
        f"{each.flagged:,}",
        *(estimate or ("–",) * 3),
    )
    return f"| {' | '.join(cells)} |"


def _id(rule: str) -> str:
    return rule if _PLAIN.fullmatch(rule) else escaped(rule)


def escaped(text: str) -> str:
    """Text escaped so that Markdown shows it as it is."""
    return _SPECIAL.sub(r"\\\1", safe_text(text, _MAX_CHARACTERS))
