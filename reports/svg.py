"""Charts as elements of a page: matplotlib's SVG without inline styles, so that a strict security policy allows it.

Styles become classes of one sheet, and the chart's colours become the page's, light, dark or printed.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from xml.etree.ElementTree import Element

_XLINK = "{http://www.w3.org/1999/xlink}href"
_FONT = re.compile(r"font: (?:\S+ )??([\d.]+)px [^;]+")
_REFERENCE = re.compile(r"url\(#([^)]+)\)")


class Sheet:
    """The styles of all charts of a page, each once. colours: a chart's colour -> the page's name for it."""

    def __init__(self, colours: Mapping[str, str]) -> None:
        self._colours = colours
        self._classes: dict[str, str] = {}

    def inline(self, svg: str, *, name: str, title: str) -> str:
        """An <svg> element to put into a page. name: unique there. title: what it shows, for readers who cannot see
        it."""
        from xml.etree import ElementTree as ET

        from defusedxml.ElementTree import fromstring

        root: Element = fromstring(svg)
        wanted = _referenced(root)
        for element in list(root.iter()):
            for child in [child for child in element if child.tag.endswith(("}style", "}metadata"))]:
                element.remove(child)  # its one rule is in the page's own sheet
            element.tag = element.tag.rpartition("}")[2]
            self._settle(element, wanted, name)
        for left in ("width", "height", "version"):
            root.attrib.pop(left, None)
        root.attrib |= {"class": "chart", "role": "img", "aria-label": title}
        text = ET.tostring(root, encoding="unicode", short_empty_elements=True)
        return re.sub(r">\s+<", "><", re.sub(r' xmlns(?::\w+)?="[^"]*"', "", text))

    def css(self) -> str:
        """The rules."""
        return "".join(f".{name}{{{style}}}\n" for style, name in self._classes.items())

    def _settle(self, element: Element, wanted: set[str], name: str) -> None:
        if href := element.attrib.pop(_XLINK, None):
            element.set("href", f"#{name}-{href[1:]}")
        for attribute in ("clip-path", "fill"):
            if match := _REFERENCE.fullmatch(element.get(attribute, "")):
                element.set(attribute, f"url(#{name}-{match[1]})")
        id = element.attrib.pop("id", None)
        if id in wanted:
            element.set("id", f"{name}-{id}")
        if style := element.attrib.pop("style", None):
            element.set("class", self._class(style))

    def _class(self, style: str) -> str:
        settled = _FONT.sub(r"font-size: \1px", style.strip())
        for colour, name in self._colours.items():
            settled = settled.replace(colour, name)
        return self._classes.setdefault(settled, f"c{len(self._classes)}")


def _referenced(root: Element) -> set[str]:
    ids = {element.get(_XLINK, "#")[1:] for element in root.iter()}
    for element in root.iter():
        ids.update(_REFERENCE.findall(" ".join(element.attrib.values())))
    return ids
