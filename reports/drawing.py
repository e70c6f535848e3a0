"""Draws charts as SVG with real text: panels with axes, bars, lines, marks and words. The same values give the same
bytes.

Positions are in the units of a panel's axes; sizes are in pixels. Styles are in style attributes, which a page makes
classes of (svg.py).
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from xml.sax.saxutils import escape

SIZE = 11  # of text
_TICK = 4  # length
_DESCENT = 0.35  # from the middle of a line of text to its baseline, in font sizes
_STEPS = (1.0, 2.0, 2.5, 5.0, 10.0)
_MARKS: dict[str, Sequence[tuple[float, float]]] = {
    "diamond": ((0, -1.41), (1.41, 0), (0, 1.41), (-1.41, 0)),
    "square": ((-1, -1), (1, -1), (1, 1), (-1, 1)),
    "right": ((-1, -1), (1, 0), (-1, 1)),
    "left": ((1, -1), (-1, 0), (1, 1)),
}


@dataclass(frozen=True, slots=True)
class Span:
    """The ends of an axis. is_log: a logarithmic one, with ends above 0."""

    low: float
    high: float
    is_log: bool = False

    def share(self, value: float) -> float:
        """Where a value lies between the ends: 0 to 1; values beyond an end are put there."""
        low, high, at = (math.log(max(v, 1e-300)) if self.is_log else v for v in (self.low, self.high, value))
        return min(1.0, max(0.0, (at - low) / (high - low)))


@dataclass(slots=True)
class Panel:
    """An area with two axes. left, right, top, bottom: its edges in pixels of the figure. ink, line: colours of words
    and of axes."""

    left: float
    right: float
    top: float
    bottom: float
    x: Span
    y: Span
    ink: str
    line: str
    _elements: list[str] = field(default_factory=list)

    def at(self, x: float, y: float) -> tuple[float, float]:
        """The pixel of a position."""
        return (
            self.left + self.x.share(x) * (self.right - self.left),
            self.bottom - self.y.share(y) * (self.bottom - self.top),
        )

    def bar(self, x: tuple[float, float], y: tuple[float, float], colour: str) -> None:
        """A filled rectangle."""
        (x0, y0), (x1, y1) = self.at(x[0], y[1]), self.at(x[1], y[0])
        size = f'width="{_number(x1 - x0)}" height="{_number(y1 - y0)}"'
        self._elements.append(f'<rect x="{_number(x0)}" y="{_number(y0)}" {size} style="fill: {colour}"/>')

    def band(self, low: float, high: float, colour: str) -> None:
        """A filled rectangle over the whole height."""
        self.bar((low, high), (self.y.low, self.y.high), colour)

    def curve(self, points: Sequence[tuple[float, float]], colour: str, width: float, dash: str = "") -> None:
        """A line through points."""
        style = f"fill: none; stroke: {colour}; stroke-width: {width:g}{f'; stroke-dasharray: {dash}' if dash else ''}"
        self._path([self.at(*point) for point in points], style)

    def area(self, points: Sequence[tuple[float, float]], colour: str) -> None:
        """A filled polygon."""
        self._path([self.at(*point) for point in points], f"fill: {colour}", "z")

    def mark(self, x: float, y: float, shape: str, size: float, colour: str, edge: str) -> None:
        """A mark: diamond, square, right, left or circle. size: its width; edge: colour of its outline."""
        style = f"fill: {colour}; stroke: {edge}; stroke-width: 1"
        column, row = self.at(x, y)
        if shape == "circle":
            self._elements.append(
                f'<circle cx="{_number(column)}" cy="{_number(row)}" r="{_number(size / 2)}" style="{style}"/>'
            )
        else:
            self._path([(column + dx * size / 2, row + dy * size / 2) for dx, dy in _MARKS[shape]], style, "z")

    def words(self, x: float, y: float, text: str, colour: str, *, anchor: str = "start", size: float = 10) -> None:
        """Text on a baseline just above a position. anchor: start, middle or end."""
        column, row = self.at(x, y)
        self._words(column, row - 2, text, colour, anchor, size)

    def rows(self, names: Sequence[str], colour: str) -> None:
        """Names left of the panel; the first is in the highest row, and the last at 0."""
        for row, name in zip(range(len(names))[::-1], names, strict=True):
            self._words(self.left - 9, self.at(self.x.low, row)[1] + _DESCENT * SIZE, name, colour, "end")

    def bottom_axis(self, ticks: Sequence[tuple[float, str]], label: str = "") -> None:
        """The lower edge, with ticks and their words."""
        self._path([(self.left, self.bottom), (self.right, self.bottom)], self._axis)
        for value, text in ticks:
            column, _ = self.at(value, self.y.low)
            self._path([(column, self.bottom), (column, self.bottom + _TICK)], self._axis)
            self._words(column, self.bottom + _TICK + 11, text, self.ink, "middle")
        if label:
            self._words((self.left + self.right) / 2, self.bottom + _TICK + 27, label, self.ink, "middle")

    def left_axis(self, ticks: Sequence[tuple[float, str]], label: str) -> None:
        """The left edge, with ticks, their words, and what they measure."""
        self._path([(self.left, self.top), (self.left, self.bottom)], self._axis)
        for value, text in ticks:
            _, row = self.at(self.x.low, value)
            self._path([(self.left - _TICK, row), (self.left, row)], self._axis)
            self._words(self.left - _TICK - 3, row + _DESCENT * SIZE, text, self.ink, "end")
        turned = f'transform="translate({_number(12)} {_number((self.top + self.bottom) / 2)}) rotate(-90)"'
        self._elements.append(f'<text {turned} style="{_font(self.ink, "middle", SIZE)}">{_escaped(label)}</text>')

    @property
    def markup(self) -> str:
        """The elements that were drawn."""
        return "".join(self._elements)

    @property
    def _axis(self) -> str:
        return f"fill: none; stroke: {self.line}; stroke-width: 1"

    def _path(self, pixels: Sequence[tuple[float, float]], style: str, end: str = "") -> None:
        steps = " L ".join(f"{_number(column)} {_number(row)}" for column, row in pixels)
        self._elements.append(f'<path d="M {steps}{end and f" {end}"}" style="{style}"/>')

    def _words(self, column: float, row: float, text: str, colour: str, anchor: str, size: float = SIZE) -> None:
        style = _font(colour, anchor, size)
        self._elements.append(f'<text x="{_number(column)}" y="{_number(row)}" style="{style}">{_escaped(text)}</text>')


def svg(width: float, height: float, panels: Sequence[Panel], paper: str | None = None) -> str:
    """The document. paper: colour of its background; None for a chart in a page."""
    size = f'width="{_number(width)}" height="{_number(height)}"'
    background = f'<rect {size} style="fill: {paper}"/>\n' if paper else ""
    return (
        '<?xml version="1.0" encoding="utf-8"?>\n'
        f'<svg xmlns="http://www.w3.org/2000/svg" {size} viewBox="0 0 {_number(width)} {_number(height)}">\n'
        f"{background}{''.join(panel.markup for panel in panels)}</svg>\n"
    )


def ticks(span: Span, most: int, words: Callable[[float], str], *, whole: bool = False) -> list[tuple[float, str]]:
    """Round values between the ends, at most `most` steps apart, with their words. whole: whole numbers only."""
    return [(value, words(value)) for value in (_decades(span) if span.is_log else _round_values(span, most, whole))]


def _round_values(span: Span, most: int, whole: bool) -> Iterator[float]:
    raw = (span.high - span.low) / most
    unit = 10.0 ** math.floor(math.log10(raw))
    steps = [step * unit for step in _STEPS if not whole or (step * unit).is_integer()]
    step = max(next((step for step in steps if step >= raw * (1 - 1e-9)), 10 * unit), 1.0 if whole else 0.0)
    first, last = math.ceil(span.low / step - 1e-9), math.floor(span.high / step + 1e-9)
    yield from (number * step for number in range(first, last + 1))


def _decades(span: Span) -> Iterator[float]:
    first, last = math.ceil(math.log10(span.low) - 1e-9), math.floor(math.log10(span.high) + 1e-9)
    yield from (10.0**power for power in range(first, last + 1))


def _font(colour: str, anchor: str, size: float) -> str:
    return f"font: {size:g}px sans-serif; text-anchor: {anchor}; fill: {colour}"


def _escaped(text: str) -> str:
    """Quotes too, so that no text looks like an attribute."""
    return escape(text, {'"': "&quot;"})


def _number(value: float) -> str:
    text = f"{value:.2f}".rstrip("0").rstrip(".")
    return "0" if text == "-0" else text
