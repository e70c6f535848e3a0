"""The report for people: one self-contained page that requests nothing, and is readable without its one small script.

First screen, evidence with examples, where, how sure. Text from the data passes Jinja's escaping and `printable`;
pictures are thumbnails that were encoded anew, embedded until the page would outgrow its limit.
"""

from __future__ import annotations

import base64
import html
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import groupby

from auditor.mad import simulation
from auditor.plugin import CONTRADICTION, Example, RowRenderer, Shows
from auditor.results import Audit, Decision, Estimate, Subgroup
from auditor.safe_text import safe_text
from auditor.types import Evidence
from reports import charts, wording
from reports.charts import Bar
from reports.page import Page

_HEAVIEST = 4_300_000  # bytes of examples in a page, which with the rest stays below 5 MB
_FRAME = 600  # bytes of an example's markup
_KINDS = list(Evidence)
_GENERATIONS = 12
_MOST_BARS = 12
_LONGEST = 120  # characters of a key, a caption or a reason beside a picture
LEAST = 30  # images of a stratum below which its share says little


@dataclass(frozen=True, slots=True)
class Item:
    """An example as the page shows it: text made safe to look at; a picture as a data: URL, or why there is none."""

    group: str
    verdict: str
    key: str
    source: str
    image: str
    caption: str
    reason: str
    score: float | None
    extras: str
    picture: str | None
    no_picture_reason: str


class Html(RowRenderer):
    """See the module."""

    id = "html"
    suffix = ".html"
    shows = Shows.GALLERY
    most = 1000

    def render_with(self, audit: Audit, decision: Decision, examples: Sequence[Example]) -> str:
        """The page."""
        page = Page()
        items = sorted(_items(examples), key=_group_of)
        return page.render(
            "report.html.jinja",
            script="gallery.js",
            audit=audit,
            decision=decision,
            scale=page.chart(_scale(audit, decision), wording.scale_in_words(audit, decision)),
            coverage=page.chart(
                charts.shares([Bar(kind, found.share) for kind, found in audit.coverage.items()] or [Bar("none", 0.0)]),
                "Share of rows on which each kind of evidence could be seen; the table has the numbers",
            ),
            detectors=sorted(
                audit.detectors.items(), key=lambda found: (_KINDS.index(found[1].evidence), -found[1].hits)
            ),
            histograms={id: page.chart(*found) for id, found in _histograms(audit)},
            groups=[(group[1:], tuple(found)) for group, found in groupby(items, key=_group_of)],
            subgroups=[(by, rows, chart and page.chart(*chart)) for by, rows, chart in _subgroups(audit)],
            panels=[page.chart(*drawn) for drawn in _panels(audit)],
            trajectory=page.chart(*drawn) if (drawn := _trajectory(audit, decision)) else None,
            tipping=page.chart(*shown) if (shown := _tipping(audit, decision)) else None,
            least=LEAST,
        )


def _scale(audit: Audit, decision: Decision) -> str:
    bars = []
    if audit.estimate:
        bars.append(Bar("estimate", audit.estimate.point, audit.estimate.low, audit.estimate.high))
    if audit.confirmed.share is not None:
        bars.append(Bar("declared", audit.confirmed.share, *(audit.confirmed.source_interval or (None, None))))
    mad = decision.mad
    zones, limits = [], []
    if mad:
        safe = wording.safe_below(mad)
        zones = [("safe", 0.0, safe), ("near", safe, mad.limit), ("over", mad.limit, 1.0)]
        limits = [("MAD limit", mad.limit)]
    limits += [(f"policy: {name}", at) for name, at in wording.limits(decision) if not mad or at != mad.limit]
    return charts.scale(bars or [Bar("nothing read", 0.0)], zones, limits)


def _histograms(audit: Audit) -> Iterator[tuple[str, tuple[str, str]]]:
    for id, tally in audit.detectors.items():
        if sum(tally.scores):
            threshold = audit.estimate.threshold if audit.estimate and audit.estimate.detector == id else None
            yield (
                id,
                (charts.histogram(tally.scores, threshold), f"How many images have which score of {id}; table below"),
            )


def _subgroups(audit: Audit) -> Iterator[tuple[str, tuple[Subgroup, ...], tuple[str, str] | None]]:
    for by, found in groupby(sorted(audit.subgroups, key=lambda stratum: stratum.by), key=lambda stratum: stratum.by):
        strata = tuple(found)
        bars = [
            Bar(safe_text(stratum.value, 24), stratum.share, stratum.low, stratum.high)
            for stratum in strata
            if stratum.share is not None and stratum.ok >= LEAST
        ][:_MOST_BARS]
        title = f"Declared share by {by}, with 95 % intervals, of the {len(bars)} largest; the table has the numbers"
        yield by, strata, (charts.intervals(bars), title) if len(bars) > 1 else None


def _panels(audit: Audit) -> Iterator[tuple[str, str]]:
    for comparison in audit.diversity.comparisons if audit.diversity else ():
        rows = [(safe_text(found.name, 24), found.value, found.low, found.high) for found in comparison.metrics]
        outside = sum(found.is_outside for found in comparison.metrics)
        title = (
            f"{comparison.name}: {outside} of {len(rows)} measures outside what chance gives; the table has the numbers"
        )
        yield charts.against_chance(rows), safe_text(title)


def _trajectory(audit: Audit, decision: Decision) -> tuple[str, str] | None:
    """Diversity lost if the mix stays, at the fraction's interval and the range of λ."""
    mad = decision.mad
    if mad is None or audit.confirmed.share is None:
        return None
    found = audit.estimate
    point, low, high = (found.point, found.low, found.high) if found else (audit.confirmed.share,) * 3
    low, (conservative, optimistic) = max(low, audit.confirmed.low or 0.0), mad.lambda_range
    steps = range(_GENERATIONS + 1)
    middle, lower, upper = (
        [simulation.diversity_lost(min(p, 1.0), lambda_, step) for step in steps]
        for p, lambda_ in ((max(point, low), mad.lambda_), (low, optimistic), (max(high, low), conservative))
    )
    words = wording.trajectory_in_words((middle, lower, upper), mad)
    return charts.trajectory(middle, lower, upper, mad.delta), words


def _tipping(audit: Audit, decision: Decision) -> tuple[str, str] | None:
    found: Estimate | None = audit.estimate
    if found is None or not found.fpr_scenarios:
        return None
    rows = [Bar(f"{case.factor:g} times as many", None, case.low, case.high) for case in found.fpr_scenarios]
    title = "The interval if false positives were more or less frequent than measured; the table has the numbers"
    return charts.intervals(rows[:_MOST_BARS], decision.mad.limit if decision.mad else None), title


# ---- examples -------------------------------------------------------------------------------------------------------


def _items(examples: Sequence[Example]) -> Iterator[Item]:
    """Pictures are left out once they would make the page too large; text is not."""
    found = [_item(example) for example in examples]
    weight = sum(_FRAME + _weight(item) for item in found)
    for item in found:
        weight += len(item.picture or "")
        if item.picture and weight > _HEAVIEST:
            yield replace(item, picture=None, no_picture_reason="left out: the page would be too large")
        else:
            yield item


def _weight(item: Item) -> int:
    """Bytes of an example's text in the page."""
    shown = (item.key, item.source, item.image, item.caption, item.reason, item.extras, item.no_picture_reason)
    return sum(len(html.escape(text).encode()) for text in shown)


def _item(example: Example) -> Item:
    row, extras = example.row, example.row.covariates
    picture = example.thumbnail and f"data:image/webp;base64,{base64.b64encode(example.thumbnail).decode()}"
    return Item(
        group=safe_text(example.group, 40),
        verdict=row.verdict.kind.value if row.verdict else "not read",
        key=safe_text(row.key, _LONGEST),
        source=safe_text(row.source, 60),
        image=safe_text(row.image, 60),
        caption=safe_text(row.caption or "", _LONGEST),
        reason=safe_text(_reason(example), 160),
        score=row.verdict.p_synthetic if row.verdict else None,
        extras=f"{extras.width} × {extras.height} {extras.format}" if extras.width else "",
        picture=picture or None,
        no_picture_reason=safe_text(example.no_thumbnail_reason, 80),
    )


def _reason(example: Example) -> str:
    """What the detector of the group said, or, of a contradiction, the declaration and the camera."""
    row = example.row
    said = {signal.detector: signal for signal in row.signals}
    if signal := said.get(example.group):
        return signal.reason or (f"score {signal.score:.2f}" if signal.score is not None else "")
    deciding = said.get(row.verdict.decided_by or "") if row.verdict else None
    parts = (deciding.reason if deciding else "", f"camera: {row.covariates.camera}" if row.covariates.camera else "")
    return " — but ".join(part for part in parts if part)


def _group_of(item: Item) -> tuple[bool, str, str]:
    """Contradictions first."""
    return item.group != CONTRADICTION, item.group, item.verdict
