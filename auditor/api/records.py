"""Outputs from audits on disk: reports, comparisons, data frames."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pyarrow.parquet as pq

from auditor import audit_json, registry
from auditor.api.decisions import OUTPUTS, PathLike, audit_path, load, opened
from auditor.decision import Decision
from auditor.errors import EvidenceError, UnknownPlugin
from auditor.evidence_store import checksums, kept, rows
from auditor.evidence_store.complete import complete_parts
from auditor.gallery import thumbnails
from auditor.plugin import Example, Renderer, RowRenderer, Shows
from auditor.results import Audit
from auditor.storage.atomic import write_atomically
from auditor.storage.files import EVIDENCE

if TYPE_CHECKING:
    import pandas as pd

    from auditor.aggregate.posteriors import Posteriors
    from auditor.compare import AuditDiff


_KEPT = "outputs.json"  # beside the evidence: what the files of an audit are made of
OTHERS = {
    "junit": "junit.xml", "sarif": "audit.sarif", "croissant": "croissant.json", "github": "annotations.txt",
    "terminal": "summary.txt", "notebook": "notebook.html",
}  # fmt: skip
DIFFS = ("terminal", "html", "json")
EXPORTS = ("csv", "jsonl")


def evidence(out: PathLike) -> pd.DataFrame:
    """All rows of evidence in an audit's folder, with the columns of docs/reference/formats.md, and `p_adjusted`
    if the audit has an estimate. They must fit in memory. Raises EvidenceError, AuditFileError."""
    import pandas as pd

    parts = parts_of(out)
    found = pd.concat((rows.table(path).to_pandas() for path in parts), ignore_index=True)
    posteriors = posteriors_of(out, parts)
    if not posteriors.prior_shifts:
        return found
    return found.assign(p_adjusted=np.concatenate([posteriors.of(pq.read_table(path)) for path in parts]))


def export(out: PathLike, format: str = "csv", *, verdicts: Collection[str] = ()) -> Iterator[str]:
    """The evidence in an audit's folder as lines of csv or jsonl, with adjusted probabilities. Raises EvidenceError if
    a part is missing or damaged, UnknownPlugin for another format."""
    from auditor.evidence_store import export

    _refuse_unknown(format, EXPORTS, "an export")
    parts = parts_of(out)
    return export.lines(parts, format, verdicts, posteriors_of(out, parts).of)


def export_subgroups(audit: Audit | PathLike, by: str, format: str = "csv") -> Iterator[str]:
    """The subgroups of one kind (source, shard, format, size, year) as lines of csv or jsonl, sorted by the synthetic
    fraction of the dataset without them. Raises EvidenceError if the audit has none of that kind, UnknownPlugin for
    another format."""
    from auditor.evidence_store import export

    _refuse_unknown(format, EXPORTS, "an export")
    every = opened(audit).subgroups
    subgroups = [each for each in every if each.by == by]
    if not subgroups:
        kinds = ", ".join(dict.fromkeys(each.by for each in every)) or "none"
        raise EvidenceError(f"the audit has no subgroups by {by}; it has: {kinds}")
    return export.subgroup_lines(subgroups, format)


def render(
    audit: Audit, decision: Decision, format: str, *, examples: Iterable[Example] = (), folder: str = "audit"
) -> str:
    """An audit in an output format; formats that show rows show `examples`. folder: the audit's folder as it is named
    in commands in the text. Raises UnknownPlugin."""
    renderer: Renderer = registry.load("reports", format)()
    if isinstance(renderer, RowRenderer):
        return renderer.render_with(audit, decision, tuple(examples)[: renderer.most], folder)
    return renderer.render(audit, decision, folder)


def examples_for(format: str, out: PathLike, audit: Audit | None = None) -> tuple[Example, ...]:
    """The rows of an audit's folder that a format shows; empty if it shows no rows or there is no evidence.

    audit: that audit, if its audit.json is not written yet. Raises EvidenceError for damaged evidence.
    """
    renderer = registry.load("reports", format)
    if not issubclass(renderer, RowRenderer):
        return ()
    if renderer.shows is Shows.GALLERY:
        return thumbnails.load(Path(out))
    return thumbnails.decided(Path(out), renderer.most, audit)


def diff(before: PathLike, after: PathLike) -> AuditDiff:
    """The comparison of two audits; see auditor.compare. Raises AuditFileError."""
    from auditor.compare import compare

    first, second = (audit_json.read_decision(audit_path(path)) for path in (before, after))
    return compare(load(before), load(after), (first, second))


def render_diff(comparison: AuditDiff, format: str = "terminal") -> str:
    """A comparison as text for the terminal, as an HTML page or as JSON."""
    from importlib import import_module

    _refuse_unknown(format, DIFFS, "a comparison")
    return str(import_module(f"reports.diff.{format}").render(comparison))


def write(
    audit: Audit, decision: Decision, out: Path, formats: Iterable[str] = tuple(OUTPUTS), *, folder: str | None = None
) -> None:
    """Writes an audit to its folder in several formats, each with its usual name: audit.json, report.html, summary.md
    …

    folder: the name of the folder in commands in them (default: its path)."""
    out.mkdir(parents=True, exist_ok=True)
    named = folder or str(out)
    paths, made_of = {format: out / file_name(format) for format in formats}, _made_of(audit, decision, out, named)
    if _are_of(paths.values(), made_of, out):
        return
    for format, path in paths.items():
        text = render(audit, decision, format, examples=examples_for(format, out, audit), folder=named)
        write_atomically(path, text.encode("utf-8", "replace"))
    if (out / EVIDENCE).is_dir():
        kept.save(out / EVIDENCE / _KEPT, made_of, {path.name: checksums.digest(path) for path in paths.values()})


def _made_of(audit: Audit, decision: Decision, out: Path, named: str) -> str:
    """The digest of all that the files of an audit show."""
    shown = [audit_json.dumps(audit, decision), str(decision.date), thumbnails.digest(out), named]
    return kept.made_of([], kept.installed_code(), *shown)


def _are_of(paths: Iterable[Path], made_of: str, out: Path) -> bool:
    """Whether files are there as they were written for this digest."""
    known = kept.load(out / EVIDENCE / _KEPT, made_of) or {}
    return all(path.is_file() and known.get(path.name) == checksums.digest(path) for path in paths)


def file_name(format: str) -> str:
    """The name of a format's file in an audit's folder."""
    names = {**OUTPUTS, **OTHERS}
    return names.get(format) or f"{format}{registry.load('reports', format).suffix}"


def parts_of(out: PathLike) -> list[Path]:
    """The parts of evidence in the folder of a finished audit. Raises EvidenceError if one is missing or damaged."""
    return [part.path for part in complete_parts(Path(out))]


def posteriors_of(out: PathLike, parts: Sequence[Path]) -> Posteriors:
    """The adjusted probabilities of an audit's rows. Raises AuditFileError."""
    from auditor.aggregate.build import full_coverage_detectors
    from auditor.aggregate.posteriors import COLUMNS, counting_rows, posteriors, shares_of

    audit = load(out)
    tables = (pq.read_table(path, columns=list(COLUMNS)) for path in parts)
    shares = shares_of(audit, counting_rows(audit, parts))
    return posteriors(audit, tables, full_coverage_detectors(audit.config), shares)


def _refuse_unknown(format: str, known: Collection[str], what: str) -> None:
    if format not in known:
        raise UnknownPlugin(f"format of {what} must be one of {', '.join(known)}, got '{format}'")
