"""A comparison as plain text, one line per share, significant changes first."""

from __future__ import annotations

from auditor import sentences
from auditor.compare import FELL, ROSE, TEST, AuditDiff, Change, Side
from auditor.safe_text import safe_text
from reports import phrases

_MAX_LINES = 12  # of a table
_MAX_LINE = 2000  # characters; longer than any line
_SIGNS = {ROSE: "▲", FELL: "▼"}


def render(diff: AuditDiff) -> str:
    """The text; of identical audits without tables."""
    lines = [f"{'before':<12}{_side(diff, 0)}", f"{'after':<12}{_side(diff, 1)}", ""]
    if diff.is_identical:
        return "\n".join([*lines[:2], *diff.notes]) + "\n"
    for name in diff.tables:
        changes = sorted(diff.table(name), key=phrases.significance_order)
        lines += [f"{name:<34}{'BEFORE':>9}{'AFTER':>10}   DIFFERENCE"]
        lines += [_line(change) for change in changes[:_MAX_LINES]]
        if len(changes) > _MAX_LINES:
            lines.append(f"  and {len(changes) - _MAX_LINES:,} more")
        lines.append("")
    lines += [f"note        {safe_text(note)}" for note in diff.notes]
    lines.append(f"test        {TEST}; for estimates: the interval of the difference excludes zero")
    return "\n".join(safe_text(line, _MAX_LINE) for line in lines) + "\n"


def _side(diff: AuditDiff, which: int) -> str:
    audit, decision = (diff.before, diff.after)[which], diff.decisions[which]
    outcome = f" · {phrases.TITLES[decision.outcome]}" if decision is not None else ""
    return safe_text(f"{phrases.inputs(audit)}{outcome}")


def _line(change: Change) -> str:
    sign, name = _SIGNS.get(change.verdict, " "), safe_text(phrases.change_name(change), 30)
    return f"{sign} {name:<32}{_share(change.before)}{_share(change.after)}   {phrases.change(change)}"


def _share(side: Side | None) -> str:
    return f"{sentences.percent(side.share) if side else 'none':>10}"
