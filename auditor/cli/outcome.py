"""Prints the first screen and the decision, and returns the exit code."""

from __future__ import annotations

import os

import click

from auditor.decision import Decision, Outcome
from auditor.safe_text import safe_text

_TOLERANT = ("warn", "pass")
_COLOURS = {Outcome.PASS: "green", Outcome.WARN: "yellow", Outcome.FAIL: "red", Outcome.INCONCLUSIVE: "yellow"}


def print_first_screen(text: str, decision: Decision) -> None:
    """Prints the summary. Its first line, the verdict, has a colour on a terminal, unless NO_COLOR is set
    (no-color.org)."""
    verdict, _, rest = text.partition("\n")
    colour = False if os.environ.get("NO_COLOR") else None
    click.secho(verdict, fg=_COLOURS[decision.appearance], bold=True, color=colour)
    click.echo(rest)


def print_decision(decision: Decision, *, inconclusive: str, exit_zero: bool, report: str = "") -> int:
    """Prints the outcome and its reason as the last line on stderr; returns the exit code."""
    line = f"{decision.outcome.value.upper()} · {decision.headline}: {safe_text(decision.reason, 400)}"
    click.echo(f"{line} · {report}" if report else line, err=True)
    tolerated = decision.outcome is Outcome.INCONCLUSIVE and inconclusive in _TOLERANT
    return 0 if exit_zero or tolerated else decision.exit_code
