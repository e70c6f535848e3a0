"""A comparison as a page, under the same content security policy as the report, without a script."""

from __future__ import annotations

from auditor.compare import FELL, ROSE, TEST, AuditDiff
from auditor.safe_text import safe_text
from reports import charts, phrases
from reports.charts import Bar
from reports.page import Page

_MAX_ROWS = 60
_MAX_BARS = 8


def render(diff: AuditDiff) -> str:
    """The page."""
    page = Page()
    tables = [(name, sorted(diff.table(name), key=phrases.significance_order)[:_MAX_ROWS]) for name in diff.tables]
    moved = [change for change in diff.changes if change.verdict in (ROSE, FELL)]
    return page.render(
        "diff.html.jinja",
        diff=diff,
        tables=tables,
        moved=moved,
        compared=sum(change.difference is not None for change in diff.changes),
        test=TEST,
        chart=page.chart(_chart(diff), "The synthetic fraction and the confirmed share in both audits; table below"),
    )


def _chart(diff: AuditDiff) -> str:
    bars = []
    for change in diff.table("overall")[:_MAX_BARS]:
        short = safe_text(change.name.partition(",")[0].partition(" or ")[0], 22)
        for when, side in (("before", change.before), ("after", change.after)):
            if side:
                bars.append(Bar(f"{short}, {when}", side.share, side.low, side.high))
    return charts.intervals(bars or [Bar("nothing read", None)])
