"""The report for people: one self-contained page that requests nothing, and is readable without its one small script.

The first screen comes first; everything else is folded. Text from the data is escaped by Jinja and
`safe_text`; images are re-encoded thumbnails, embedded until the page would exceed its size limit.
"""

from __future__ import annotations

import base64
import html
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import groupby

from auditor import sentences
from auditor.decision import Decision
from auditor.mad import simulation
from auditor.plugin import CONTRADICTION, SUSPICIOUS, Example, RowRenderer, Shows
from auditor.results import Audit, Estimate, Subgroup
from auditor.safe_text import safe_text
from auditor.types import Evidence
from reports import charts, phrases
from reports.charts import Bar
from reports.facts import facts
from reports.first_screen import FirstScreen, Scale, Suspect, first_screen
from reports.page import Page

_MAX_EXAMPLE_BYTES = 2_400_000  # the whole page stays below 3 MB
_MARKUP_BYTES = 600  # of an example
_KINDS = list(Evidence)
_GENERATIONS = 12
_MAX_BARS = 12
_NEARLY_1 = 0.99  # a score above it is not written with more digits
_MAX_GROUP = 300  # characters of the name of a group of examples
_MAX_CHARACTERS = 120  # of a key, a caption or a reason beside an image
MIN_IMAGES = 30  # a subgroup with fewer images is not drawn


@dataclass(frozen=True, slots=True)
class Item:
    """An example as the page shows it: text without control characters; the image as a data: URL, or why there is
    none."""

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

    def render_with(self, audit: Audit, decision: Decision, examples: Sequence[Example], folder: str = "audit") -> str:
        """The page."""
        page = Page()
        items = list(_items(examples))
        suspicious = [item for item in items if item.group.startswith(SUSPICIOUS)]
        items = sorted((item for item in items if not item.group.startswith(SUSPICIOUS)), key=_group_of)
        screen = first_screen(audit, decision, folder)
        return page.render(
            "report.html.jinja",
            script="report.js",
            audit=audit,
            decision=decision,
            screen=screen,
            folder=folder,
            facts=list(facts(audit, decision)),
            scale=page.chart(_scale(screen.scale), _scale_in_words(screen)),
            suspicious=[item for item in suspicious if item.group == SUSPICIOUS],
            suspects=[(each, _of(suspicious, each)) for each in screen.suspects],
            coverage=page.chart(
                charts.shares(
                    [Bar(phrases.evidence(kind), covered.share) for kind, covered in audit.coverage.items()]
                    or [Bar("none", 0.0)]
                ),
                "Share of rows on which each kind of evidence could be checked; the table has the numbers",
            ),
            detectors=sorted(audit.detectors.items(), key=lambda item: (_KINDS.index(item[1].evidence), -item[1].hits)),
            histograms={id: page.chart(*drawn) for id, drawn in _histograms(audit)},
            groups=[(group[1:], tuple(members)) for group, members in groupby(items, key=_group_of)],
            subgroups=[(by, rows, chart and page.chart(*chart)) for by, rows, chart in _subgroups(audit)],
            metric_charts=[page.chart(*drawn) for drawn in _metric_charts(audit)],
            trajectory=page.chart(*drawn) if (drawn := _trajectory(audit, decision)) else None,
            caption_chart=page.chart(*drawn) if (drawn := _caption_chart(audit)) else None,
            tipping=page.chart(*drawn) if (drawn := _tipping(audit, decision)) else None,
            min_images=MIN_IMAGES,
        )


def _scale(of: Scale) -> str:
    bars = []
    if of.low is not None:
        bars.append(Bar("estimate", of.point, of.low, of.high))
    if of.confirmed is not None:
        bars.append(Bar("confirmed", of.confirmed))
    return charts.scale(bars or [Bar("nothing read", 0.0)], of.limit, of.limit_name)


def _scale_in_words(screen: FirstScreen) -> str:
    of, parts = screen.scale, []
    if of.low is not None and of.high is not None:
        parts.append(f"synthetic fraction, estimated: {sentences.span(of.low, of.high)}")
    parts.append(f"confirmed: {sentences.percent(of.confirmed)}")
    if of.limit is not None:
        parts.append(f"{of.limit_name}: {sentences.percent(of.limit)}")
    return sentences.capitalized("; ".join(parts))


def _of(suspicious: Sequence[Item], suspect: Suspect) -> list[Item]:
    """The examples of a suspicious subgroup."""
    name = safe_text(suspect.examples, _MAX_GROUP)
    return [item for item in suspicious if item.group == name]


def _histograms(audit: Audit) -> Iterator[tuple[str, tuple[str, str]]]:
    for id, tally in audit.detectors.items():
        if sum(tally.scores):
            threshold = audit.estimate.threshold if audit.estimate and audit.estimate.detector == id else None
            yield id, (charts.histogram(tally.scores, threshold), f"Images by score of {id}; the table has the numbers")


def _subgroups(audit: Audit) -> Iterator[tuple[str, tuple[Subgroup, ...], tuple[str, str] | None]]:
    kinds: dict[str, list[Subgroup]] = {}
    for subgroup in audit.subgroups:
        kinds.setdefault(subgroup.by, []).append(subgroup)
    for by, subgroups in kinds.items():
        bars = [
            Bar(safe_text(subgroup.value, 24), *_fraction(subgroup))
            for subgroup in subgroups
            if subgroup.share is not None and subgroup.ok >= MIN_IMAGES
        ][:_MAX_BARS]
        title = (
            f"Synthetic fraction by {by}, with 95 % intervals, of the {len(bars)} first rows of the table with "
            f"{MIN_IMAGES} images or more; the table has the numbers"
        )
        yield by, tuple(subgroups), (charts.intervals(bars), title) if len(bars) > 1 else None


def _fraction(subgroup: Subgroup) -> tuple[float | None, float | None, float | None]:
    """The estimate of a subgroup; without one, its confirmed share."""
    if e := subgroup.estimate:
        return e.point, e.low, e.high
    return subgroup.share, subgroup.low, subgroup.high


def _metric_charts(audit: Audit) -> Iterator[tuple[str, str]]:
    for comparison in audit.diversity.comparisons if audit.diversity else ():
        rows = [(safe_text(metric.name, 24), metric.value, metric.low, metric.high) for metric in comparison.metrics]
        outside = sum(metric.is_outside for metric in comparison.metrics)
        title = f"{comparison.name}: {outside} of {len(rows)} metrics outside the null band; the table has the numbers"
        yield charts.against_null(rows), safe_text(title)


def _trajectory(audit: Audit, decision: Decision) -> tuple[str, str] | None:
    """Diversity lost at a constant fraction, for the fraction's interval and the range of λ."""
    mad = decision.mad
    if mad is None or audit.confirmed.share is None:
        return None
    e = audit.estimate
    point, low, high = (e.point, e.low, e.high) if e else (audit.confirmed.share,) * 3
    low, (conservative, optimistic) = max(low, audit.confirmed.low or 0.0), mad.lambda_range
    steps = range(_GENERATIONS + 1)
    middle, lower, upper = (
        [simulation.diversity_lost(min(p, 1.0), lambda_, step) for step in steps]
        for p, lambda_ in ((max(point, low), mad.lambda_), (low, optimistic), (max(high, low), conservative))
    )
    words = phrases.trajectory_in_words((middle, lower, upper), mad)
    return charts.trajectory(middle, lower, upper, mad.delta), words


def _tipping(audit: Audit, decision: Decision) -> tuple[str, str] | None:
    e: Estimate | None = audit.estimate
    if e is None or not e.fpr_scenarios:
        return None
    rows = [Bar(f"{case.factor:g}× as many", None, case.low, case.high) for case in e.fpr_scenarios]
    title = "The interval under other false-positive rates than measured; the table has the numbers"
    return charts.intervals(rows[:_MAX_BARS], decision.mad.limit if decision.mad else None), title


def _caption_chart(audit: Audit) -> tuple[str, str] | None:
    """The bound of model-generated captions, and the share of prompts."""
    found = audit.captions
    if found is None or found.artefacts is None or found.prompts is None:
        return None
    prompts = found.prompts
    bars = [
        Bar("model-generated", None, found.artefacts.lower, 1.0),
        Bar("prompt syntax", prompts.share, prompts.low, prompts.high),
    ]
    return charts.intervals(bars), "Captions: what is possible for the model-generated share, and the share of prompts"


# ---- examples -------------------------------------------------------------------------------------------------------


def _items(examples: Sequence[Example]) -> Iterator[Item]:
    """Images are left out once they would make the page too large; text is not."""
    items = [_item(example) for example in examples]
    size = sum(_MARKUP_BYTES + _text_bytes(item) for item in items)
    for item in items:
        size += len(item.picture or "")
        if item.picture and size > _MAX_EXAMPLE_BYTES:
            yield replace(item, picture=None, no_picture_reason="omitted: the page would be too large")
        else:
            yield item


def _text_bytes(item: Item) -> int:
    """Bytes of an example's text in the page."""
    shown = (item.key, item.source, item.image, item.caption, item.reason, item.extras, item.no_picture_reason)
    return sum(len(html.escape(text).encode()) for text in shown)


def _item(example: Example) -> Item:
    row, extras = example.row, example.row.covariates
    picture = example.thumbnail and f"data:image/webp;base64,{base64.b64encode(example.thumbnail).decode()}"
    return Item(
        group=safe_text(example.group, _MAX_GROUP),
        verdict=row.verdict.kind.value if row.verdict else "not read",
        key=safe_text(row.key, _MAX_CHARACTERS),
        source=safe_text(row.source, 60),
        image=safe_text(row.image, 60),
        caption=safe_text(row.caption or "", _MAX_CHARACTERS),
        reason=safe_text(_reason(example), 160),
        score=row.verdict.p_synthetic if row.verdict else None,
        extras=f"{extras.width} × {extras.height} {extras.format}" if extras.width else "",
        picture=picture or None,
        no_picture_reason=safe_text(example.no_thumbnail_reason, 80),
    )


def _reason(example: Example) -> str:
    """The reason of the group's detector; of a suspicious image, that of its verdict; for a contradiction, the metadata
    and the camera."""
    row = example.row
    signals = {signal.detector: signal for signal in row.signals}
    if example.group.startswith(SUSPICIOUS):
        deciding = signals.get(row.verdict.decided_by or "") if row.verdict else None
        if deciding and deciding.evidence is not Evidence.STATISTICAL:
            return deciding.reason
        score = row.verdict.p_synthetic if row.verdict else None
        return "" if score is None else f"classifier score {'above 0.99' if score > _NEARLY_1 else f'{score:.2f}'}"
    if signal := signals.get(example.group):
        return signal.reason or (f"score {signal.score:.2f}" if signal.score is not None else "")
    deciding = signals.get(row.verdict.decided_by or "") if row.verdict else None
    parts = (deciding.reason if deciding else "", f"camera: {row.covariates.camera}" if row.covariates.camera else "")
    return " — but ".join(part for part in parts if part)


def _group_of(item: Item) -> tuple[bool, str, str]:
    """Contradictions first."""
    return item.group != CONTRADICTION, item.group, item.verdict
