"""A comparison as a page, under the same strict policy as the report, without a script."""

from __future__ import annotations

from auditor.compare import FELL, ROSE, TEST, AuditDiff
from auditor.safe_text import safe_text
from reports import charts, wording
from reports.charts import Bar
from reports.page import Page

_MOST_ROWS = 60
_MOST_BARS = 8


def render(found: AuditDiff) -> str:
    """The page."""
    page = Page()
    tables = [(name, sorted(found.table(name), key=wording.moved_first)[:_MOST_ROWS]) for name in found.tables]
    moved = [change for change in found.changes if change.verdict in (ROSE, FELL)]
    return page.render(
        "diff.html.jinja",
        found=found,
        tables=tables,
        moved=moved,
        compared=sum(change.difference is not None for change in found.changes),
        test=TEST,
        chart=page.chart(_chart(found), "The synthetic fraction and the declared share in both audits; table below"),
    )


def _chart(found: AuditDiff) -> str:
    bars = []
    for change in found.table("overall")[:_MOST_BARS]:
        short = safe_text(change.name.partition(",")[0].partition(" or ")[0], 22)
        for when, side in (("before", change.before), ("after", change.after)):
            if side:
                bars.append(Bar(f"{short}, {when}", side.share, side.low, side.high))
    return charts.intervals(bars or [Bar("nothing read", None)])
