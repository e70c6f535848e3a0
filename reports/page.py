"""HTML pages by Jinja2 with autoescaping, under a content security policy that allows one style and one script by
hash."""

from __future__ import annotations

import base64
import hashlib
from functools import cache
from importlib import resources
from typing import TYPE_CHECKING, Any

from auditor import sentences
from auditor.safe_text import safe_text
from reports import captions, next_steps, phrases
from reports.charts import COLOURS
from reports.svg import Sheet

if TYPE_CHECKING:
    from jinja2 import Environment

_MAX_CHARACTERS = 1 << 20  # longer than any thumbnail


class Page:
    """A page that is being made: charts add to its style, then it is rendered."""

    def __init__(self) -> None:
        self._sheet = Sheet(COLOURS)
        self._names = 0

    def chart(self, svg: str, title: str) -> Any:
        """A chart as markup. title: what it shows, in words."""
        from markupsafe import Markup

        self._names += 1
        return Markup(self._sheet.inline(svg, name=f"s{self._names}", title=title))  # noqa: S704  from charts.py

    def render(self, template: str, script: str | None = None, **content: Any) -> str:
        """The HTML. script: a file of templates/, or none."""
        from markupsafe import Markup

        style = _file("style.css") + self._sheet.css()
        code = _file(script) if script else ""
        return _environment().get_template(template).render(
            style=Markup(style),  # noqa: S704  our own file and the charts' classes
            script=Markup(code),  # noqa: S704  our own file
            policy=_policy(style, code),
            captions=captions,
            phrases=phrases,
            next_steps=next_steps,
            **content,
        )  # fmt: skip


def fragment(template: str, **content: Any) -> str:
    """A template's HTML without a page around it."""
    return _environment().get_template(template).render(**content)


def _policy(style: str, script: str) -> str:
    """The content security policy: its own style and script, embedded images, and nothing else."""
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


def _safe(value: Any) -> Any:
    """What a template prints: texts are made safe, whether or not the template cuts them; markup is our own."""
    return safe_text(value, _MAX_CHARACTERS) if type(value) is str else value


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
        finalize=_safe,
    )
    environment.filters["shown"] = safe_text
    environment.filters["percent"] = sentences.percent
    environment.filters["capitalized"] = sentences.capitalized
    environment.globals["span"] = sentences.span
    environment.globals["counted"] = sentences.counted
    environment.globals["p_value"] = sentences.p_value
    environment.filters["count"] = "{:,}".format
    return environment
