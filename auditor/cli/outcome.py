"""Prints a decision and returns its exit code."""

from __future__ import annotations

import click

from auditor.decision import Decision, Outcome
from auditor.safe_text import safe_text

_TOLERANT = ("warn", "pass")


def print_decision(decision: Decision, *, inconclusive: str, exit_zero: bool, report: str = "") -> int:
    """Prints the outcome and its reason as the last line on stderr; returns the exit code."""
    line = f"{decision.outcome.value.upper()} · {decision.headline}: {safe_text(decision.reason, 400)}"
    click.echo(f"{line} · {report}" if report else line, err=True)
    tolerated = decision.outcome is Outcome.INCONCLUSIVE and inconclusive in _TOLERANT
    return 0 if exit_zero or tolerated else decision.exit_code
