"""The report's charts as SVG with real text (drawing.py): static, and the same bytes for the same numbers.

Colours stand for the page's custom properties (COLOURS). Whatever differs in colour also differs in shape or has a
label, for readers who see no colours.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from reports.drawing import Panel, Span, svg, ticks

if TYPE_CHECKING:
    from auditor.mad.simulation import Generation

# Colour as drawn (a chart outside of a page shows it) -> the page's custom property.
COLOURS = {
    "#1b1f24": "var(--ink)",
    "#5b6570": "var(--soft)",
    "#d7dce1": "var(--line)",
    "#0067a5": "var(--mark)",
    "#b04a00": "var(--limit)",
    "#e3f0e8": "var(--zone-safe)",
    "#fdf3d8": "var(--zone-near)",
    "#f8e1dc": "var(--zone-over)",
    "#cfe3f1": "var(--fill)",
    "#fefefe": "var(--paper)",
}
_INK, _SOFT, _LINE, _MARK, _LIMIT, _SAFE, _NEAR, _OVER, _FILL, _PAPER = COLOURS
_MAX_SCALED = 5.0  # a metric beyond this (in half-widths of its null band) is drawn at the edge
_DASHES = ("5 3", "1.5 3", "6 3 1.5 3")  # of limits, so that they differ without colours
_WIDTH, _RIGHT, _TOP, _BELOW = 480, 0.955, 6, 36  # pixels, but for the right end: a share of the width
_ROW, _LINE_OF_TEXT = 18.72, 14.4  # pixels


@dataclass(frozen=True, slots=True)
class Bar:
    """One row of a chart: a share (diamond) with its interval (bar); None is not drawn."""

    name: str
    share: float | None
    low: float | None = None
    high: float | None = None


def scale(bars: Sequence[Bar], zones: Sequence[tuple[str, float, float]], limits: Sequence[tuple[str, float]]) -> str:
    """Shares on one axis, over zones (name, from, to) and with lines for limits (name, at)."""
    end = _axis_end([*_ends(bars), *(2 * at for _, at in limits)])
    top = len(bars) - 0.35
    y = Span(-0.6, top + 0.42 + 0.36 * len(limits))
    panel = _panel(50.4 + 2 * _ROW * len(bars) + _LINE_OF_TEXT * len(limits), Span(0, end), y, left=0.19)
    for (name, low, high), colour in zip(zones, (_SAFE, _NEAR, _OVER), strict=False):
        panel.band(low, min(high, end), colour)
        if min(high, end) - low > 0.085 * end:
            panel.words((low + min(high, end)) / 2, top, name, _SOFT, anchor="middle")
    for level, (name, at) in enumerate(limits):
        _limit(panel, at, _DASHES[level % len(_DASHES)])
        _beside(panel, at, top + 0.36 + 0.34 * level, name)
    _intervals(panel, bars)
    return _percent_chart(panel)


def intervals(bars: Sequence[Bar], limit: float | None = None) -> str:
    """One interval per row, and a line for a limit."""
    end = _axis_end([*_ends(bars), *([1.2 * limit] if limit else [])])
    panel = _panel(_BELOW + _ROW * len(bars), Span(0, end), Span(-0.7, len(bars) - 0.3), left=0.34)
    _intervals(panel, bars)
    if limit is not None:
        _limit(panel, limit)
    return _percent_chart(panel)


def shares(bars: Sequence[Bar]) -> str:
    """Shares of a whole as bars."""
    panel = _panel(28.8 + 20.16 * len(bars), Span(0, 1), Span(-0.5, len(bars) - 0.5), left=0.46)
    for row, bar in zip(range(len(bars))[::-1], bars, strict=True):
        for end, colour in ((1.0, _LINE), (bar.share or 0.0, _MARK)):
            panel.bar((0.0, end), (row - 0.275, row + 0.275), colour)
    panel.rows([bar.name for bar in bars], _INK)
    return _percent_chart(panel)


def against_null(rows: Sequence[tuple[str, float, float, float]]) -> str:
    """Metrics (name, value, low and high end of the null band), each scaled so that its band is from -1 to 1.

    A metric far outside of its band is drawn at the edge, as an arrow.
    """
    x = Span(-_MAX_SCALED - 0.4, _MAX_SCALED + 0.4)
    panel = _panel(44.64 + 21.6 * len(rows), x, Span(-0.7, len(rows) - 0.3), left=0.34)
    panel.band(-1, 1, _FILL)
    for row, (_, value, low, high) in zip(range(len(rows))[::-1], rows, strict=True):
        half = (high - low) / 2
        at = (value - (low + high) / 2) / half if half else 0.0
        edge = max(-_MAX_SCALED, min(_MAX_SCALED, at))
        shape = "diamond" if at == edge else "right" if at > 0 else "left"
        panel.mark(edge, row, shape, 7, _INK if abs(at) <= 1 else _LIMIT, _PAPER)
    panel.rows([name for name, *_ in rows], _INK)
    panel.bottom_axis([(at, str(at)) for at in (-4, -1, 0, 1, 4)], "z relative to the null (99 % band = ±1)")
    return _chart(panel)


def histogram(counts: Sequence[int], threshold: float | None) -> str:
    """Rows in equal intervals of the score from 0 to 1, and the threshold of likely synthetic images."""
    most = max([*counts, 1])
    panel = _panel(136.8, Span(0, 1), Span(0, 1.18 * most), left=0.14)
    for number, count in enumerate(counts):
        panel.bar(((number + 0.05) / len(counts), (number + 0.95) / len(counts)), (0, count), _MARK)
    if threshold is not None:
        _limit(panel, threshold)
        _beside(panel, threshold, 1.04 * most, "threshold")
    panel.left_axis(ticks(panel.y, 4, "{:.0f}".format, whole=True), "images")
    return _percent_chart(panel, "score")


def trajectory(middle: Sequence[float], low: Sequence[float], high: Sequence[float], budget: float) -> str:
    """Diversity lost, generation by generation, with its band and the budget."""
    y = Span(0, min(1.02, max(1.15 * max(high), 1.6 * budget)))
    panel = _panel(180, Span(0, len(middle) - 1), y, left=0.14)
    panel.area([*enumerate(low), *reversed(list(enumerate(high)))], _FILL)
    _lost(panel, list(enumerate(middle)), budget)
    panel.bottom_axis(ticks(panel.x, 10, "{:.0f}".format, whole=True), "generation")
    return _chart(panel)


def generations(simulated: Sequence[Generation], budget: float) -> str:
    """The result of `simulate`: diversity lost above, distance from reality below, on one axis of generations."""
    x = Span(simulated[0].number, simulated[-1].number)
    lost = [(generation.number, generation.diversity_lost) for generation in simulated]
    distance = [(generation.number, generation.distance) for generation in simulated if generation.distance > 0]
    above = Panel(72, 466, 10, 143, x, Span(0, max(1.15 * max(y for _, y in lost), 1.6 * budget)), _SOFT, _LINE)
    above.bottom_axis(())
    _lost(above, lost, budget)
    ends = [y for _, y in distance] or [1.0]
    below = Panel(72, 466, 158, 279, x, Span(0.8 * min(ends), 1.25 * max(ends), is_log=True), _SOFT, _LINE)
    below.curve(distance, _INK, 2) if distance else None
    for point in distance:
        below.mark(*point, "square", 3, _INK, _INK)
    below.left_axis(ticks(below.y, 5, "{:g}".format), "distance (W2²)")
    below.bottom_axis(ticks(x, 10, "{:.0f}".format, whole=True), "generation")
    return svg(_WIDTH, 316.8, [above, below], _PAPER)


# ---- parts of charts ------------------------------------------------------------------------------------------------


def _panel(height: float, x: Span, y: Span, *, left: float) -> Panel:
    """The panel of a chart of this height in pixels. left: where it begins, as a share of the width."""
    return Panel(left * _WIDTH, _RIGHT * _WIDTH, _TOP, height - _BELOW, x, y, _SOFT, _LINE)


def _chart(panel: Panel) -> str:
    return svg(_WIDTH, panel.bottom + _BELOW, [panel])


def _percent_chart(panel: Panel, label: str = "") -> str:
    panel.bottom_axis(ticks(panel.x, 5, _percent), label)
    return _chart(panel)


def _percent(share: float) -> str:
    return f"{100 * share:.4g} %"


def _lost(panel: Panel, points: Sequence[tuple[float, float]], budget: float) -> None:
    """Diversity lost by generation, and the budget."""
    panel.curve(points, _MARK, 2)
    for point in points:
        panel.mark(*point, "circle", 3.5, _MARK, _MARK)
    panel.curve([(panel.x.low, budget), (panel.x.high, budget)], _LIMIT, 1.5, _DASHES[0])
    panel.words(panel.x.high, budget, "budget δ", _LIMIT, anchor="end")
    panel.left_axis(ticks(panel.y, 5, _percent), "diversity lost")


def _limit(panel: Panel, at: float, dash: str = _DASHES[0]) -> None:
    panel.curve([(at, panel.y.low), (at, panel.y.high)], _LIMIT, 1.5, dash)


def _beside(panel: Panel, at: float, y: float, words: str) -> None:
    """Words beside a limit, on the side that has room."""
    side, anchor = (0.012, "start") if at < 0.6 * panel.x.high else (-0.012, "end")
    panel.words(at + side * panel.x.high, y, words, _LIMIT, anchor=anchor)


def _intervals(panel: Panel, bars: Sequence[Bar]) -> None:
    for row, bar in zip(range(len(bars))[::-1], bars, strict=True):
        if bar.low is not None and bar.high is not None:
            panel.curve([(bar.low, row), (bar.high, row)], _MARK, 4)
        if bar.share is not None:
            panel.mark(bar.share, row, "diamond", 6, _INK, _PAPER)
    panel.rows([bar.name for bar in bars], _INK)


def _ends(bars: Sequence[Bar]) -> list[float]:
    return [max(end for end in (bar.share, bar.high, 0.0) if end is not None) for bar in bars]


def _axis_end(values: Sequence[float]) -> float:
    """Where an axis ends: a little beyond its largest value, and never beyond 1."""
    return min(1.0, max(1.08 * max(values, default=0.0), 0.02))
