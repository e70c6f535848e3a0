"""What an audit left on the disk, and what it is turned into: decisions, reports, frames."""

from __future__ import annotations

import datetime
import os
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING

from auditor import policy as policies
from auditor import record, registry
from auditor.decisions import Decision
from auditor.errors import AuditFileError, EvidenceError, PolicyError
from auditor.plugin import Renderer
from auditor.policy import Policy
from auditor.results import Audit
from auditor.rules import Context
from auditor.store import Store, write_atomically

if TYPE_CHECKING:
    import pandas as pd


OUTPUTS = {"json": "audit.json", "html": "report.html", "markdown": "summary.md"}
PathLike = str | os.PathLike[str]


def decide(
    audit: Audit,
    policy: Policy | PathLike | None = None,
    *,
    baseline: Audit | PathLike | None = None,
    audited: datetime.date | None = None,
) -> Decision:
    """Hold an audit against a policy (default: the default one). audited: its day, for rules on its age."""
    today = datetime.date.today()
    against = load(baseline) if isinstance(baseline, str | os.PathLike) else baseline
    return policies.decide(audit, policy_of(policy), Context(today, audited or today, against))


def load(path: PathLike) -> Audit:
    """The audit of an audit.json, or of the folder that it lies in. Raises AuditFileError."""
    return record.loads(bytes_of(audit_path(path)))


def evidence(out: PathLike) -> pd.DataFrame:
    """Every row of evidence of an audit's folder; the columns are those of docs/formats.md, and `p_adjusted` where the
    audit has an estimate. It has to fit in memory. Raises EvidenceError, AuditFileError."""
    import numpy as np
    import pandas as pd
    import pyarrow.parquet as pq

    from auditor.assembling import census
    from auditor.chances import chances

    parts = [part.path for part in Store(Path(out)).parts()]
    if not parts:
        raise EvidenceError(f"{out}: no evidence there")
    rows = pd.concat((pd.read_parquet(path) for path in parts), ignore_index=True)
    if not audit_path(out).exists():
        return rows
    audit = load(out)
    chance = chances(audit, parts, census(audit.config))
    return rows.assign(p_adjusted=np.concatenate([chance.of(pq.read_table(path)) for path in parts]))


def render(audit: Audit, decision: Decision, format: str) -> str:
    """An audit in an output format. Raises UnknownPlugin."""
    renderer: Renderer = registry.load("reports", format)()
    return renderer.render(audit, decision)


def write(audit: Audit, decision: Decision, out: Path, formats: Iterable[str] = tuple(OUTPUTS)) -> None:
    """audit.json, report.html and summary.md."""
    out.mkdir(parents=True, exist_ok=True)
    for format in formats:
        write_atomically(out / OUTPUTS[format], render(audit, decision, format).encode("utf-8", "replace"))


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
