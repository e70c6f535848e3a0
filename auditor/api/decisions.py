"""Decisions about audits on disk. Light to import: a gate reads one JSON file."""

from __future__ import annotations

import datetime
import os
from pathlib import Path

from auditor import audit_json
from auditor.decision import Decision
from auditor.errors import AuditFileError, NoSuchInput, PolicyError
from auditor.policy import policy as policies
from auditor.policy.policy import Policy
from auditor.policy.rule import Context
from auditor.results import Audit

OUTPUTS = {"json": "audit.json", "html": "report.html", "markdown": "summary.md"}
PathLike = str | os.PathLike[str]


def decide(
    audit: Audit | PathLike,
    policy: Policy | PathLike | None = None,
    *,
    baseline: Audit | PathLike | None = None,
    audited: datetime.date | None = None,
) -> Decision:
    """Decides about an audit, or the one on disk, by a policy (default: the default policy). audited: the day of the
    audit, which is known of one on disk; without it the rule `audit-age` is inconclusive."""
    if audited is None and isinstance(audit, str | os.PathLike):
        audited = day_of(audit)
    context = Context(datetime.date.today(), audited, opened(baseline) if baseline is not None else None)
    return policies.decide(opened(audit), policy_of(policy), context)


def day_of(path: PathLike) -> datetime.date:
    """The day of the scan that made an audit, given by its folder or its audit.json. Raises AuditFileError,
    EvidenceError."""
    from auditor import finished

    try:
        return finished.day_of(audit_path(path))
    except OSError as error:
        raise AuditFileError(f"{path}: {error.strerror or error}") from error


def opened(audit: Audit | PathLike) -> Audit:
    """An audit, or the one in an audit.json or its folder. Raises AuditFileError."""
    return load(audit) if isinstance(audit, str | os.PathLike) else audit


def load(path: PathLike) -> Audit:
    """The audit in an audit.json file, given by its path or its folder. Raises AuditFileError."""
    return audit_json.read(audit_path(path))


def audit_path(path: PathLike) -> Path:
    """The path of an audit.json, given by itself or by its folder."""
    given = Path(path)
    return given / OUTPUTS["json"] if given.is_dir() else given


def read_policy(path: PathLike) -> Policy:
    """The policy in a file. Raises PolicyError."""
    try:
        return policies.parse(Path(path).read_text("utf-8"))
    except (OSError, UnicodeDecodeError) as error:
        raise PolicyError(f"{path}: {error}") from error
    except PolicyError as error:
        raise PolicyError(f"{path}: {error}") from error


def recorded_policy(path: PathLike) -> Policy:
    """The policy by which an audit on disk was decided; the default policy if none is recorded. Raises AuditFileError,
    PolicyError."""
    decision = audit_json.read_decision(audit_path(path))
    if decision is None or not decision.policy:
        return policies.default()
    try:
        return policies.from_dict(decision.policy)
    except PolicyError as error:
        raise PolicyError(f"{path}: {error}; give a policy with --policy") from error


def continued_policy(folder: Path) -> Policy:
    """The policy of the audit in a folder. Raises NoSuchInput if there is no finished audit."""
    if not audit_path(folder).is_file():
        raise NoSuchInput(
            "name a dataset: --out has no finished audit to continue with its dataset, policy and options"
        )
    return recorded_policy(folder)


def policy_of(policy: Policy | PathLike | None) -> Policy:
    """The given policy (read if it is a path), or the default policy. Raises PolicyError."""
    if policy is None:
        return policies.default()
    return policy if isinstance(policy, Policy) else read_policy(policy)
