"""The report's charts, drawn by matplotlib as SVG with real text: static, and the same bytes for the same numbers.

Colours stand for the page's custom properties (COLOURS). Whatever differs in colour also differs in shape or has a
label, for readers who see no colours.
"""

from __future__ import annotations

import io
import logging
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from auditor.mad.simulation import Generation

# Colour as drawn (a chart outside of a page shows it) -> the page's custom property.
COLOURS = {
    "#1b1f24": "var(--ink)",
    "#5b6570": "var(--soft)",
    "#d7dce1": "var(--line)",
    "#0067a5": "var(--mark)",
    "#b04a00": "var(--limit)",
    "#e3f0e8": "var(--zone-safe)",
    "#f8e1dc": "var(--zone-over)",
    "#cfe3f1": "var(--fill)",
    "#fefefe": "var(--paper)",
}
_INK, _SOFT, _LINE, _MARK, _LIMIT, _SAFE, _OVER, _FILL, _PAPER = COLOURS
_MAX_SCALED = 5.0  # a metric beyond this (in half-widths of its null band) is drawn at the edge
_INCH = 72.0  # pixels per inch in matplotlib's SVG
_WIDTH = 480 / _INCH
_SETTINGS: dict[str, Any] = {
    "svg.fonttype": "none",
    "font.family": "sans-serif",
    "font.size": 11.0,
    "axes.edgecolor": _LINE,
    "axes.labelcolor": _SOFT,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "text.color": _INK,
    "xtick.color": _SOFT,
    "ytick.color": _SOFT,
    "ytick.labelcolor": _INK,
    "axes.facecolor": "none",
    "figure.facecolor": "none",
    "savefig.facecolor": "none",
}


@dataclass(frozen=True, slots=True)
class Bar:
    """One row of a chart: a share (diamond) with its interval (bar); None is not drawn."""

    name: str
    share: float | None
    low: float | None = None
    high: float | None = None


def scale(bars: Sequence[Bar], limit: float | None, limit_name: str) -> str:
    """Shares on one axis, and the limit as a line; beyond it the ground has another colour."""
    end = _axis_end([*_ends(bars), *([2 * limit] if limit else [])])
    with _drawn("scale", 0.62 + 0.42 * len(bars)) as (figure, svg):
        axes = _axes(figure, left=0.19)
        top = len(bars) - 0.5
        if limit is not None:
            axes.axvspan(0, min(limit, end), color=_SAFE, lw=0)
            axes.axvspan(min(limit, end), end, color=_OVER, lw=0)
            axes.axvline(limit, color=_LIMIT, lw=1.5, ls="--")
            side, align = (0.012, "left") if limit < 0.6 * end else (-0.012, "right")
            text = f"{limit_name} {100 * limit:.1f} %"
            axes.text(limit + side * end, top + 0.05, text, color=_LIMIT, size=10, ha=align, va="bottom")
        _intervals(axes, bars)
        axes.set_ylim(-0.6, top + 0.5)
        _percent_axis(axes, end)
    return svg()


def intervals(bars: Sequence[Bar], limit: float | None = None) -> str:
    """One interval per row, and a line for a limit."""
    end = _axis_end([*_ends(bars), *([1.2 * limit] if limit else [])])
    with _drawn("intervals", 0.5 + 0.26 * len(bars)) as (figure, svg):
        axes = _axes(figure, left=0.34)
        _intervals(axes, bars)
        if limit is not None:
            axes.axvline(limit, color=_LIMIT, lw=1.2, ls="--")
        axes.set_ylim(-0.7, len(bars) - 0.3)
        _percent_axis(axes, end)
    return svg()


def shares(bars: Sequence[Bar]) -> str:
    """Shares of a whole as bars."""
    with _drawn("shares", 0.4 + 0.28 * len(bars)) as (figure, svg):
        axes = _axes(figure, left=0.46)
        rows = range(len(bars))[::-1]
        axes.barh(rows, [1.0] * len(bars), color=_LINE, height=0.55)
        axes.barh(rows, [bar.share or 0.0 for bar in bars], color=_MARK, height=0.55)
        _rows(axes, bars)
        _percent_axis(axes, 1.0)
    return svg()


def against_null(rows: Sequence[tuple[str, float, float, float]]) -> str:
    """Metrics (name, value, low and high end of the null band), each scaled so that its band is from -1 to 1.

    A metric far outside its band is drawn at the edge, as an arrow.
    """
    with _drawn("null", 0.62 + 0.3 * len(rows)) as (figure, svg):
        axes = _axes(figure, left=0.34)
        axes.axvspan(-1, 1, color=_FILL, lw=0)
        for row, (_, value, low, high) in zip(range(len(rows))[::-1], rows, strict=True):
            half = (high - low) / 2
            at = (value - (low + high) / 2) / half if half else 0.0
            edge = max(-_MAX_SCALED, min(_MAX_SCALED, at))
            marker = "D" if at == edge else ">" if at > 0 else "<"
            axes.plot([edge], [row], color=_INK if abs(at) <= 1 else _LIMIT, marker=marker, ms=7, mec=_PAPER)
        _rows(axes, [Bar(name, None) for name, *_ in rows])
        axes.set_ylim(-0.7, len(rows) - 0.3)
        axes.set_xlim(-_MAX_SCALED - 0.4, _MAX_SCALED + 0.4)
        axes.set_xticks([-4, -1, 0, 1, 4], ["-4", "-1", "0", "1", "4"])
        axes.set_xlabel("z relative to the null (99 % band = ±1)")
    return svg()


def histogram(counts: Sequence[int], threshold: float | None) -> str:
    """Rows in equal intervals of the score from 0 to 1, and the threshold of likely synthetic images."""
    with _drawn("histogram", 1.9) as (figure, svg):
        axes = _axes(figure, left=0.14)
        width = 1 / len(counts)
        axes.bar([(n + 0.5) * width for n in range(len(counts))], counts, width=0.9 * width, color=_MARK)
        if threshold is not None:
            axes.axvline(threshold, color=_LIMIT, lw=1.5, ls="--")
            side, align = (0.01, "left") if threshold < 0.6 else (-0.01, "right")
            axes.text(threshold + side, max(counts) * 1.04, "threshold", color=_LIMIT, size=10, ha=align)
        axes.set_ylim(0, max([*counts, 1]) * 1.18)
        axes.set_ylabel("images")
        _whole(axes.yaxis, 4)
        _percent_axis(axes, 1.0, "score")
    return svg()


def trajectory(middle: Sequence[float], low: Sequence[float], high: Sequence[float], budget: float) -> str:
    """Diversity lost, generation by generation, with its band and the budget."""
    with _drawn("trajectory", 2.5) as (figure, svg):
        axes = _axes(figure, left=0.14)
        steps = range(len(middle))
        axes.fill_between(steps, low, high, color=_FILL, lw=0)
        axes.plot(steps, middle, color=_MARK, lw=2, marker="o", ms=3.5)
        axes.axhline(budget, color=_LIMIT, lw=1.5, ls="--")
        axes.text(len(middle) - 1, budget, "budget δ", color=_LIMIT, size=10, ha="right", va="bottom")
        axes.set_xlim(0, len(middle) - 1)
        axes.set_ylim(0, min(1.02, max(1.15 * max(high), 1.6 * budget)))
        axes.set_xlabel("generation")
        _whole(axes.xaxis, 10)
        _percent(axes.yaxis)
        axes.set_ylabel("diversity lost")
    return svg()


def generations(simulated: Sequence[Generation], budget: float) -> str:
    """The result of `simulate`: diversity lost above, distance from reality below, on one axis of generations."""
    with _drawn("generations", 4.4, is_alone=True) as (figure, svg):
        above, below = figure.subplots(2, 1, sharex=True)
        figure.subplots_adjust(0.15, 0.12, 0.97, 0.97, hspace=0.18)
        steps = [generation.number for generation in simulated]
        above.plot(steps, [g.diversity_lost for g in simulated], color=_MARK, lw=2, marker="o", ms=3.5)
        above.axhline(budget, color=_LIMIT, lw=1.5, ls="--")
        above.text(steps[-1], budget, "budget δ", color=_LIMIT, size=10, ha="right", va="bottom")
        above.set_ylim(0, max(1.15 * max(g.diversity_lost for g in simulated), 1.6 * budget))
        above.set_ylabel("diversity lost")
        _percent(above.yaxis)
        below.plot(steps, [g.distance for g in simulated], color=_INK, lw=2, marker="s", ms=3)
        below.set_yscale("log")
        below.set_ylabel("distance (W2²)")
        below.set_xlabel("generation")
        _whole(below.xaxis, 10)
    return svg()


# ---- drawing --------------------------------------------------------------------------------------------------------


@contextmanager
def _drawn(name: str, height: float, *, is_alone: bool = False) -> Iterator[tuple[Figure, Callable[[], str]]]:
    """A figure to draw on, and a function that returns its SVG afterwards; the user's matplotlib settings are
    ignored."""
    logger = logging.getLogger("matplotlib")
    before = logger.level
    logger.setLevel(logging.ERROR)  # matplotlib warns while it looks for fonts, which SVG with real text does not need
    try:
        import matplotlib
        from matplotlib.backends.backend_svg import FigureCanvasSVG
        from matplotlib.figure import Figure

        out = io.StringIO()
        with matplotlib.rc_context():
            matplotlib.rcdefaults()
            paper = {"savefig.facecolor": _PAPER} if is_alone else {}
            matplotlib.rcParams.update({**_SETTINGS, "svg.hashsalt": name, **paper})
            figure = Figure(figsize=(_WIDTH, height))
            FigureCanvasSVG(figure)
            yield figure, out.getvalue
            figure.savefig(out, format="svg", metadata={"Date": None, "Creator": None, "Format": None, "Type": None})
    finally:
        logger.setLevel(before)


def _axes(figure: Figure, *, left: float) -> Axes:
    bottom = 0.5 / figure.get_figheight()
    return figure.add_axes((left, bottom, 0.955 - left, 0.98 - bottom))


def _intervals(axes: Axes, bars: Sequence[Bar]) -> None:
    for row, bar in zip(range(len(bars))[::-1], bars, strict=True):
        if bar.low is not None and bar.high is not None:
            axes.plot([bar.low, bar.high], [row, row], color=_MARK, lw=4, solid_capstyle="butt")
        if bar.share is not None:
            axes.plot([bar.share], [row], color=_INK, marker="D", ms=6, mec=_PAPER, clip_on=False, zorder=3)
    _rows(axes, bars)


def _rows(axes: Axes, bars: Sequence[Bar]) -> None:
    axes.set_yticks(range(len(bars))[::-1], [_literal(bar.name) for bar in bars])
    axes.tick_params(axis="y", length=0, pad=9)
    axes.spines["left"].set_visible(False)


def _literal(text: str) -> str:
    """The text as it is: matplotlib would read text between dollar signs as mathematics."""
    return text.replace("$", r"\$")


def _percent_axis(axes: Axes, end: float, label: str = "") -> None:
    axes.set_xlim(0, end)
    _percent(axes.xaxis)
    axes.set_xlabel(label)


def _percent(axis: Any) -> None:
    from matplotlib.ticker import FuncFormatter, MaxNLocator

    axis.set_major_locator(MaxNLocator(5))
    axis.set_major_formatter(FuncFormatter(lambda share, _: f"{100 * share:.4g} %"))


def _whole(axis: Any, ticks: int) -> None:
    from matplotlib.ticker import MaxNLocator

    axis.set_major_locator(MaxNLocator(ticks, integer=True))


def _ends(bars: Sequence[Bar]) -> list[float]:
    return [max(end for end in (bar.share, bar.high, 0.0) if end is not None) for bar in bars]


def _axis_end(values: Sequence[float]) -> float:
    """Where an axis ends: a little beyond its largest value, and never beyond 1."""
    return min(1.0, max(1.08 * max(values, default=0.0), 0.02))
