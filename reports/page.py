"""Pages: Jinja2 with everything escaped, under a policy that names the one style and the one script by their hashes."""

from __future__ import annotations

import base64
import hashlib
from functools import cache
from importlib import resources
from typing import TYPE_CHECKING, Any

from auditor.safe_text import safe_text
from reports import advising, wording
from reports.charts import COLOURS
from reports.svg import Sheet

if TYPE_CHECKING:
    from jinja2 import Environment


class Page:
    """One page in the making: charts add to its style, then it is rendered."""

    def __init__(self) -> None:
        self._sheet = Sheet(COLOURS)
        self._names = 0

    def chart(self, svg: str, title: str) -> Any:
        """A chart as markup; title: what it shows, in words."""
        from markupsafe import Markup

        self._names += 1
        return Markup(self._sheet.inline(svg, name=f"s{self._names}", title=title))  # noqa: S704  drawn by charts.py

    def render(self, template: str, script: str | None = None, **content: Any) -> str:
        """The HTML. script: a file of templates/, or none."""
        from markupsafe import Markup

        style = _file("style.css") + self._sheet.css()
        code = _file(script) if script else ""
        return _environment().get_template(template).render(
            style=Markup(style),  # noqa: S704  a file of ours, and classes of our charts
            script=Markup(code),  # noqa: S704  a file of ours
            policy=_policy(style, code),
            wording=wording,
            advising=advising,
            **content,
        )  # fmt: skip


def _policy(style: str, script: str) -> str:
    """What the page may load: its own style and script, pictures that are in it, and nothing else from anywhere."""
    parts = {
        "default-src": "'none'",
        "img-src": "data:",
        "style-src": _hash(style),
        "script-src": _hash(script) if script else "'none'",
        "base-uri": "'none'",
        "form-action": "'none'",
        "require-trusted-types-for": "'script'",
    }
    return "; ".join(f"{name} {value}" for name, value in parts.items())


def _hash(text: str) -> str:
    return f"'sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()}'"


@cache
def _file(name: str) -> str:
    return resources.files("reports").joinpath("templates", name).read_text("utf-8")


@cache
def _environment() -> Environment:
    from jinja2 import Environment, PackageLoader, StrictUndefined

    environment = Environment(
        loader=PackageLoader("reports"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    environment.filters["shown"] = safe_text
    environment.filters["percent"] = wording.percent
    environment.filters["count"] = "{:,}".format
    return environment
