"""The report for people: one self-contained page, without scripts, without a request to anywhere."""

from __future__ import annotations

from auditor.decisions import Decision
from auditor.plugin import Renderer
from auditor.printable import printable
from auditor.results import Audit
from reports import wording


class Html(Renderer):
    """See the module."""

    id = "html"
    suffix = ".html"

    def render(self, audit: Audit, decision: Decision) -> str:
        """The page. Everything from the data passes Jinja's escaping and `printable`."""
        from jinja2 import Environment, PackageLoader, StrictUndefined

        environment = Environment(
            loader=PackageLoader("reports"),
            autoescape=True,
            undefined=StrictUndefined,
            trim_blocks=True,
            lstrip_blocks=True,
            keep_trailing_newline=True,
        )
        environment.filters["shown"] = printable
        environment.filters["percent"] = wording.percent
        template = environment.get_template("report.html.jinja")
        return template.render(audit=audit, decision=decision, wording=wording)
