"""Markdown for pull requests and $GITHUB_STEP_SUMMARY, well below its limit of 1 MiB."""

from __future__ import annotations

import re
from collections.abc import Iterator

from auditor import sentences
from auditor.decision import Decision
from auditor.plugin import Renderer
from auditor.results import Audit, Subgroup
from auditor.safe_text import safe_text
from reports import phrases
from reports.facts import facts
from reports.first_screen import FirstScreen, first_screen

_MAX_CHARACTERS = 1000  # longer than any sentence of a report; cuts hostile text
_SPECIAL = re.compile(r"([\\`*_{}\[\]()#+!|<>&~@$-])")
_PLAIN = re.compile(r"[a-z]+(-[a-z]+)*")
_MAX_SOURCES = 20


class Markdown(Renderer):
    """See the module."""

    id = "markdown"
    suffix = ".md"

    def render(self, audit: Audit, decision: Decision, folder: str = "audit") -> str:
        """The text."""
        screen = first_screen(audit, decision, folder)
        lines = [
            f"# {screen.headline}",
            "",
            f"**{escaped(screen.finding)}**",
            "",
            *(f"- {escaped(text)}" for text in _about(screen)),
            "",
            *_actions(screen),
            *_suspects(screen),
            " · ".join(escaped(text) for text in screen.footer),
            "",
            f"## Policy {escaped(str(decision.policy.get('name')))}",
            "",
            "| rule | outcome | reason |",
            "|---|---|---|",
            *(f"| {_id(r.id)} | {phrases.TITLES[r.outcome]} | {escaped(r.text)} |" for r in decision.rules),
            "",
            "## Numbers",
            "",
            "| | |",
            "|---|---|",
            *(f"| {name} | {escaped(text)} |" for name, text in facts(audit, decision)),
            "",
            "## Evidence",
            "",
            "| detector | kind | checked | hits |",
            "|---|---|---|---|",
            *(
                f"| {escaped(id)} | {sentences.EVIDENCE[t.evidence]} | {sentences.percent(t.share)} | {t.hits:,} |"
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


def _about(screen: FirstScreen) -> list[str]:
    estimate = [f"Estimate: {screen.estimate}"] if screen.estimate else []
    return [*estimate, f"Rests on: {screen.basis}", f"Policy: {screen.outcome}", *screen.also, *screen.problems]


def _actions(screen: FirstScreen) -> Iterator[str]:
    """The next action and its command, in a fence that is longer than any run of backticks in it (CommonMark 4.5)."""
    command = screen.action.command
    fence = "`" * max(3, 1 + max(map(len, re.findall("`+", command)), default=0))
    yield f"**Next:** {escaped(screen.action.text)}"
    yield ""
    yield from (f"{fence}sh", command, fence, "")


def _suspects(screen: FirstScreen) -> list[str]:
    if not screen.suspects:
        return []
    head = ["| suspicious " + screen.suspects[0].by + " | flagged | fraction | |", "|---|---|---|---|"]
    cells = [(each.value, each.flagged, each.fraction, each.without) for each in screen.suspects]
    return [*head, *(f"| {' | '.join(map(escaped, row))} |" for row in cells), ""]


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
