"""What an audit left on the disk, and what it is turned into: decisions, reports, frames."""

from __future__ import annotations

import datetime
import os
from collections.abc import Collection, Iterable, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from auditor import audit_json, registry
from auditor.errors import AuditFileError, EvidenceError, PolicyError, UnknownPlugin
from auditor.evidence_store.store import Store, write_atomically
from auditor.gallery import thumbnails
from auditor.plugin import Example, Renderer, RowRenderer, Shows
from auditor.policy import policy as policies
from auditor.policy.policy import Policy
from auditor.policy.rule import Context
from auditor.results import Audit, Decision

if TYPE_CHECKING:
    import pandas as pd

    from auditor.aggregate.posteriors import Posteriors
    from auditor.compare import AuditDiff


OUTPUTS = {"json": "audit.json", "html": "report.html", "markdown": "summary.md"}
OTHERS = {
    "junit": "junit.xml", "sarif": "audit.sarif", "croissant": "croissant.json", "github": "annotations.txt",
    "terminal": "summary.txt",
}  # fmt: skip
DIFFS = ("terminal", "html", "json")
PathLike = str | os.PathLike[str]


def decide(
    audit: Audit,
    policy: Policy | PathLike | None = None,
    *,
    baseline: Audit | PathLike | None = None,
    audited: datetime.date | None = None,
) -> Decision:
    """Hold an audit against a policy (default: the default one). audited: its day, without which a rule on its age
    is inconclusive."""
    against = load(baseline) if isinstance(baseline, str | os.PathLike) else baseline
    return policies.decide(audit, policy_of(policy), Context(datetime.date.today(), audited, against))


def load(path: PathLike) -> Audit:
    """The audit of an audit.json, or of the folder that it lies in. Raises AuditFileError."""
    return audit_json.loads(bytes_of(audit_path(path)))


def evidence(out: PathLike) -> pd.DataFrame:
    """Every row of evidence of an audit's folder; the columns are those of docs/formats.md, and `p_adjusted` where the
    audit has an estimate. It has to fit in memory. Raises EvidenceError, AuditFileError."""
    import numpy as np
    import pandas as pd
    import pyarrow.parquet as pq

    parts = parts_of(out)
    rows = pd.concat((pd.read_parquet(path) for path in parts), ignore_index=True)
    posteriors = posteriors_of(out, parts)
    if posteriors is None or posteriors.prior_shift is None:
        return rows
    return rows.assign(p_adjusted=np.concatenate([posteriors.of(pq.read_table(path)) for path in parts]))


def export(out: PathLike, format: str = "csv", *, verdicts: Collection[str] = ()) -> Iterator[str]:
    """The evidence of an audit's folder as lines of csv or jsonl, adjusted chances included. Raises EvidenceError where
    there is none."""
    from auditor.evidence_store import export

    parts = parts_of(out)
    posteriors = posteriors_of(out, parts)
    return export.lines(parts, format, verdicts, posteriors.of if posteriors else None)


def render(audit: Audit, decision: Decision, format: str, *, examples: Iterable[Example] = ()) -> str:
    """An audit in an output format; `examples` are shown by those that show rows. Raises UnknownPlugin."""
    renderer: Renderer = registry.load("reports", format)()
    if isinstance(renderer, RowRenderer):
        return renderer.render_with(audit, decision, tuple(examples)[: renderer.most])
    return renderer.render(audit, decision)


def examples_for(format: str, out: PathLike) -> tuple[Example, ...]:
    """The rows of an audit's folder that a format shows; none where it shows none or there is no evidence."""
    renderer = registry.load("reports", format)
    if not issubclass(renderer, RowRenderer):
        return ()
    if renderer.shows is Shows.GALLERY:
        return thumbnails.load(Path(out))
    return thumbnails.decided(Path(out), renderer.most)


def diff(before: PathLike, after: PathLike) -> AuditDiff:
    """Two audits side by side; see comparing. Raises AuditFileError."""
    from auditor.compare import compare

    texts = [bytes_of(audit_path(path)) for path in (before, after)]
    one, two = (audit_json.decision_of(text) for text in texts)
    return compare(audit_json.loads(texts[0]), audit_json.loads(texts[1]), (one, two))


def render_diff(comparison: AuditDiff, format: str = "terminal") -> str:
    """A comparison as text for the terminal, as an HTML page or as JSON."""
    from importlib import import_module

    if format not in DIFFS:
        raise UnknownPlugin(f"no format of comparisons named '{format}'; there are: {', '.join(DIFFS)}")
    return str(import_module(f"reports.diff.{format}").render(comparison))


def write(audit: Audit, decision: Decision, out: Path, formats: Iterable[str] = tuple(OUTPUTS)) -> None:
    """An audit in its folder, in each format under its usual name: audit.json, report.html, summary.md …"""
    out.mkdir(parents=True, exist_ok=True)
    for format in formats:
        text = render(audit, decision, format, examples=examples_for(format, out))
        write_atomically(out / file_name(format), text.encode("utf-8", "replace"))


def file_name(format: str) -> str:
    """What a format's file is called in an audit's folder."""
    names = {**OUTPUTS, **OTHERS}
    return names.get(format) or f"{format}{registry.load('reports', format).suffix}"


def parts_of(out: PathLike) -> list[Path]:
    """The parts of evidence in an audit's folder. Raises EvidenceError where there is none."""
    parts = [part.path for part in Store(Path(out)).parts()]
    if not parts:
        raise EvidenceError(f"{out}: no evidence there")
    return parts


def posteriors_of(out: PathLike, parts: Sequence[Path]) -> Posteriors | None:
    """What adjusts the chances of an audit's rows; None before audit.json is there. Raises AuditFileError."""
    from auditor.aggregate.build import full_coverage_detectors
    from auditor.aggregate.posteriors import posteriors

    if not audit_path(out).exists():
        return None
    audit = load(out)
    return posteriors(audit, parts, full_coverage_detectors(audit.config))


def audit_path(path: PathLike) -> Path:
    """The audit.json that a path means: itself, or the one in a folder."""
    found = Path(path)
    return found / OUTPUTS["json"] if found.is_dir() else found


def read_policy(path: PathLike) -> Policy:
    """A policy file. Raises PolicyError."""
    try:
        return policies.parse(Path(path).read_text("utf-8"))
    except (OSError, UnicodeDecodeError) as error:
        raise PolicyError(f"{path}: {error}") from error
    except PolicyError as error:
        raise PolicyError(f"{path}: {error}") from error


def policy_of(policy: Policy | PathLike | None) -> Policy:
    """The policy that is given, read, or the default one. Raises PolicyError."""
    if policy is None:
        return policies.default()
    return policy if isinstance(policy, Policy) else read_policy(policy)


def bytes_of(path: Path) -> bytes:
    """A file, whole. Raises AuditFileError."""
    try:
        return path.read_bytes()
    except OSError as error:
        raise AuditFileError(f"{path}: {error.strerror or error}") from error
