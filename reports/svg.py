"""Charts as elements of a page: without inline styles, so that a strict security policy allows them.

Styles become classes of one sheet, and the chart's colours become the page's, light, dark or printed.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from xml.sax.saxutils import quoteattr

_ROOT = re.compile(r"<svg [^>]*?(viewBox=\"[^\"]*\")>")
_STYLE = re.compile(r' style="([^"]*)"')
_FONT = re.compile(r"font: ([\d.]+)px [^;]+")


class Sheet:
    """The styles of all charts of a page, each once. colours: a chart's colour -> the page's name for it."""

    def __init__(self, colours: Mapping[str, str]) -> None:
        self._colours = colours
        self._classes: dict[str, str] = {}

    def inline(self, svg: str, *, title: str) -> str:
        """An <svg> element to put into a page, from a document by drawing.svg. title: what it shows, for readers who
        cannot see it."""
        drawn = svg[svg.index("<svg ") :].rstrip()
        drawn = _STYLE.sub(lambda style: f' class="{self._class(style[1])}"', drawn)
        named = f'<svg class="chart" role="img" aria-label={quoteattr(title)} '
        return _ROOT.sub(lambda root: f"{named}{root[1]}>", drawn, count=1)

    def css(self) -> str:
        """The rules."""
        return "".join(f".{name}{{{style}}}\n" for style, name in self._classes.items())

    def _class(self, style: str) -> str:
        settled = _FONT.sub(r"font-size: \1px", style)
        for colour, name in self._colours.items():
            settled = settled.replace(colour, name)
        return self._classes.setdefault(settled, f"c{len(self._classes)}")
