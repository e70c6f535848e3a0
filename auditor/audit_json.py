"""Writes audit.json (an audit, its policy and its decision) and reads it back. The schema is auditor/2.

Within a schema, fields are added but never renamed. The same audit gives the same bytes.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import fields
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from auditor import values
from auditor.config import Config
from auditor.decision import Decision, MadStatus
from auditor.errors import AuditFileError
from auditor.results import SCHEMA, UNCHECKABLE, Audit

if TYPE_CHECKING:
    from cattrs import Converter

_CONFIG_PARTS = frozenset(part.name for part in fields(Config))  # required, because a default would be a guess
_TOLERANCE = 1e-9  # rounding error allowed at the ends of intervals


def dumps(audit: Audit, decision: Decision) -> str:
    """The JSON text."""
    converter = _converter()
    plain_decision = converter.unstructure(decision)
    top_level = {key: plain_decision.pop(key) for key in ("mad", "policy")}
    content = {**converter.unstructure(audit), **top_level, "decision": plain_decision}
    first = {key: content.pop(key) for key in ("schema", "tool", "inputs", "digests", "config")}
    content["not_checked"] = UNCHECKABLE
    return json.dumps({**first, **content}, indent=2, ensure_ascii=False, allow_nan=False) + "\n"


def read(path: Path) -> Audit:
    """The audit in a file. Raises AuditFileError, which names the file."""
    with _named(path):
        return loads(path.read_bytes())


def read_decision(path: Path) -> Decision | None:
    """The decision in a file, if there is one. Raises AuditFileError, which names the file."""
    with _named(path):
        return decision_of(path.read_bytes())


@contextmanager
def _named(path: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise AuditFileError(f"{path}: {error.strerror or error}") from error
    except AuditFileError as error:
        raise AuditFileError(f"{path}: {error}") from error


def loads(text: str | bytes) -> Audit:
    """The audit of an audit.json. Raises AuditFileError for anything else."""
    content = _content(text)
    if missing := _CONFIG_PARTS.difference(content.get("config") or ()):
        raise AuditFileError(f"not an audit of schema {SCHEMA}: config lacks {min(missing)}; scan again")
    audit: Audit = _structured(content, Audit)
    _check_share("confirmed", audit.confirmed.low, audit.confirmed.share, audit.confirmed.high)
    if audit.estimate:
        _check_share("estimate", audit.estimate.low, audit.estimate.point, audit.estimate.high)
    for subgroup in audit.subgroups:
        _check_share(f"subgroups, {subgroup.value}", subgroup.low, subgroup.share, subgroup.high)
        if e := subgroup.estimate:
            _check_share(f"estimate of subgroup {subgroup.value}", e.low, e.point, e.high)
            _check_share(f"dataset without subgroup {subgroup.value}", None, e.fraction_without, None)
    return audit


def _check_share(what: str, low: float | None, point: float | None, high: float | None) -> None:
    """Raises AuditFileError for impossible numbers, which a policy's rule could let pass."""
    known = [number for number in (low, point, high) if number is not None]
    is_ordered = low is None or high is None or low <= high + _TOLERANCE
    if not is_ordered or not all(-_TOLERANCE <= number <= 1 + _TOLERANCE for number in known):
        raise AuditFileError(
            f"not an audit of schema {SCHEMA}: {what}: shares must be from 0 to 1, got {point} "
            f"({low} to {high}); scan again"
        )


def decision_of(text: str | bytes) -> Decision | None:
    """The decision in an audit.json, if there is one."""
    content = _content(text)
    decision = content.get("decision")
    if not decision:
        return None
    nested = {**decision, "policy": content.get("policy") or {}, "mad": content.get("mad")}
    structured: Decision = _structured(nested, Decision)
    return structured


def _content(text: str | bytes) -> dict[str, Any]:
    try:
        content = json.loads(text, parse_constant=_refuse_constant)
    except (ValueError, RecursionError) as error:
        raise AuditFileError(f"not JSON: {error}") from error
    if not isinstance(content, Mapping) or content.get("schema") != SCHEMA:
        schema = content.get("schema") if isinstance(content, Mapping) else None
        hint = "; scan again. docs/audit-json-2.md lists the renamed keys" if schema == "auditor/1" else ""
        raise AuditFileError(f"not an audit of schema {SCHEMA} (found {schema}){hint}")
    return dict(content)


def _refuse_constant(name: str) -> None:
    raise ValueError(f"{name} is not a number")


def _structured(content: Mapping[str, Any], cls: type[Any]) -> Any:
    from cattrs.errors import BaseValidationError

    try:
        return _converter().structure(content, cls)
    except BaseValidationError as error:
        faults = "; ".join(values.faults(error)[:3])
        raise AuditFileError(f"not an audit of schema {SCHEMA}: {faults}; scan again") from error
    except (TypeError, ValueError, KeyError) as error:
        raise AuditFileError(f"not an audit of schema {SCHEMA}: {error}; scan again") from error


@cache
def _converter() -> Converter:
    from cattrs.gen import make_dict_structure_fn, make_dict_unstructure_fn, override

    converter = values.converter().copy()
    renamed = override(rename="lambda")  # a keyword in Python
    converter.register_unstructure_hook(MadStatus, make_dict_unstructure_fn(MadStatus, converter, lambda_=renamed))
    converter.register_structure_hook(MadStatus, make_dict_structure_fn(MadStatus, converter, lambda_=renamed))
    return converter
