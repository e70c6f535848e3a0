"""The numbers of an audit as names and texts: what every format for people lists below its first screen."""

from __future__ import annotations

from collections.abc import Iterator

from auditor.decision import Decision
from auditor.results import UNCHECKABLE, Audit
from auditor.safe_text import safe_text
from auditor.sentences import counted
from reports import captions, phrases

_MAX_ITEMS = 6  # reasons or generators listed
_MAX_INPUTS = 20
_MAX_CHARACTERS = 400  # of a text


def facts(audit: Audit, decision: Decision) -> Iterator[tuple[str, str]]:
    """(name, text) pairs; a name is empty where the text continues the one before."""
    yield from _rows(audit)
    yield from _confirmed(audit)
    yield "coverage", " · ".join(phrases.coverage(audit))
    for id, tally in audit.detectors.items():
        if tally.failed:
            yield "", f"detector {id} failed on {counted(tally.failed, 'row')}: please report it"
    yield from _section("estimate", phrases.estimate(audit))
    yield from _section("MAD", phrases.mad(decision))
    yield from _section("where", phrases.where(audit))
    yield from _section("near-duplicates", phrases.near_duplicates(audit))
    yield from _section("diversity", phrases.diversity(audit))
    yield from _section("captions", captions.lines(audit))
    yield from _section("caption similarity", phrases.caption_similarity(audit))
    yield "not checked", ", ".join(UNCHECKABLE)
    if stock := phrases.stock_watermarks(audit):
        yield "not counted", stock


def _rows(audit: Audit) -> Iterator[tuple[str, str]]:
    for input in audit.inputs[:_MAX_INPUTS]:
        yield "input", f"{safe_text(input.name)} ({input.format}, {counted(input.rows, 'row')})"
    counts = audit.counts
    states = {"ok": counts.ok, "no bytes": counts.no_bytes, "failed": counts.failed, "unreadable": counts.unreadable}
    yield "rows", f"{counts.rows:,}: " + " · ".join(f"{name} {n:,}" for name, n in states.items())
    for reason, count in [
        *list(audit.unreadable_reasons.items())[:_MAX_ITEMS],
        *list(audit.notes.items())[:_MAX_ITEMS],
    ]:
        yield "", f"{count:,} × {safe_text(reason, 90)}"
    if counts.repeated_keys:
        yield "", f"{_times(counts.repeated_keys, 'key')} more than once; the column `image` distinguishes their rows"
    if counts.repeated_images:
        yield "", f"{_repeated(counts.repeated_images)} another row's image; shares count each image once"
    yield from _section("skipped", [safe_text(text, 100) for text in phrases.passed_over(audit)[:_MAX_ITEMS]])
    if sample := phrases.sample(audit):
        yield "sample", sample
    if weights := phrases.weights(audit):
        yield "weights", weights


def _times(count: int, what: str) -> str:
    return f"{counted(count, what)} {'occurs' if count == 1 else 'occur'}"


def _repeated(count: int) -> str:
    return f"{counted(count, 'row')} {'repeats' if count == 1 else 'repeat'}"


def _confirmed(audit: Audit) -> Iterator[tuple[str, str]]:
    yield "confirmed", phrases.confirmed(audit)
    if audit.confirmed.generators:
        named = list(audit.confirmed.generators.items())[:_MAX_ITEMS]
        yield "", " · ".join(f"{safe_text(name, 40)} {n:,}" for name, n in named)
    if audit.confirmed.edited:
        yield "", f"{audit.confirmed.edited:,} more edited with a generator, by metadata"
    if audit.contradictions:
        yield "", f"{audit.contradictions:,} of them with a camera's settings too"
    yield from _section("watermarks", phrases.dataset_tests(audit))
    if text := phrases.metadata(audit):
        yield "metadata", text


def _section(name: str, lines: list[str]) -> Iterator[tuple[str, str]]:
    """The lines, the first one with a name."""
    yield from ((name if not number else "", safe_text(line, _MAX_CHARACTERS)) for number, line in enumerate(lines))
