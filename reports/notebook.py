"""The first screen as a piece of HTML for notebooks, which show it where an audit is the value of a cell."""

from __future__ import annotations

from auditor.decision import Decision
from auditor.plugin import Renderer
from auditor.results import Audit
from reports.first_screen import first_screen
from reports.page import fragment


class Notebook(Renderer):
    """See the module."""

    id = "notebook"
    suffix = ".notebook.html"

    def render(self, audit: Audit, decision: Decision, folder: str = "audit") -> str:
        """The piece: without scripts, and with styles in its elements, because notebooks drop style sheets."""
        return fragment("notebook.html.jinja", screen=first_screen(audit, decision, folder))
