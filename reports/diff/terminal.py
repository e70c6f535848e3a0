"""A comparison as plain text: one line a share, those that moved first."""

from __future__ import annotations

from auditor.compare import FELL, ROSE, TEST, AuditDiff, Change, Side
from auditor.safe_text import safe_text
from reports import wording

_MOST = 12  # lines of a table; what moved comes first
_SIGNS = {ROSE: "▲", FELL: "▼"}


def render(found: AuditDiff) -> str:
    """The text."""
    lines = [f"{'before':<12}{_side(found, 0)}", f"{'after':<12}{_side(found, 1)}", ""]
    for name in found.tables:
        changes = sorted(found.table(name), key=wording.moved_first)
        lines += [f"{name:<34}{'BEFORE':>9}{'AFTER':>10}   DIFFERENCE"]
        lines += [_line(change) for change in changes[:_MOST]]
        if len(changes) > _MOST:
            lines.append(f"  and {len(changes) - _MOST:,} more")
        lines.append("")
    lines += [f"note        {safe_text(note)}" for note in found.notes]
    return "\n".join([*lines, f"test        {TEST}; estimates: the interval of the difference leaves out zero"]) + "\n"


def _side(found: AuditDiff, which: int) -> str:
    audit, decision = (found.before, found.after)[which], found.decisions[which]
    outcome = f" · {wording.TITLES[decision.outcome]}" if decision else ""
    return safe_text(f"{wording.names(audit)}{outcome}")


def _line(change: Change) -> str:
    sign, name = _SIGNS.get(change.verdict, " "), safe_text(change.name, 30)
    return f"{sign} {name:<32}{_share(change.before)}{_share(change.after)}   {wording.change(change)}"


def _share(side: Side | None) -> str:
    return f"{wording.percent(side.share) if side else 'none':>10}"
