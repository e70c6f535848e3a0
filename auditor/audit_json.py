"""audit.json: an audit, its policy and its decision as plain values, and back. The schema is auditor/2.

Fields are added, never renamed. The same audit gives the same bytes.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import fields
from functools import cache
from typing import TYPE_CHECKING, Any

from auditor import values
from auditor.config import Config
from auditor.errors import AuditFileError
from auditor.results import SCHEMA, UNCHECKABLE, Audit, Decision, MadStatus

if TYPE_CHECKING:
    from cattrs import Converter

_PARTS = frozenset(part.name for part in fields(Config))  # of a configuration: a default would be a guess
_ROUNDED = 1e-9  # what an end of an interval may be off by


def dumps(audit: Audit, decision: Decision) -> str:
    """The JSON text."""
    converter = _converter()
    decided = converter.unstructure(decision)
    apart = {"mad": decided.pop("mad"), "policy": decided.pop("policy")}
    content = {**converter.unstructure(audit), **apart, "decision": decided}
    first = {key: content.pop(key) for key in ("schema", "tool", "inputs", "digests", "config")}
    content["not_checked"] = UNCHECKABLE
    return json.dumps({**first, **content}, indent=2, ensure_ascii=False, allow_nan=False) + "\n"


def loads(text: str | bytes) -> Audit:
    """The audit of an audit.json. Raises AuditFileError for anything else."""
    content = _content(text)
    if missing := _PARTS.difference(content.get("config") or ()):
        raise AuditFileError(f"not an audit of schema {SCHEMA}: config lacks {min(missing)}; scan again")
    audit: Audit = _structured(content, Audit)
    _refuse_what_is_no_share("confirmed", audit.confirmed.low, audit.confirmed.share, audit.confirmed.high)
    if audit.estimate:
        _refuse_what_is_no_share("estimate", audit.estimate.low, audit.estimate.point, audit.estimate.high)
    for stratum in audit.subgroups:
        _refuse_what_is_no_share(f"subgroups, {stratum.value}", stratum.low, stratum.share, stratum.high)
    return audit


def _refuse_what_is_no_share(what: str, low: float | None, point: float | None, high: float | None) -> None:
    """A rule would let it pass, because it exceeds no limit."""
    known = [number for number in (low, point, high) if number is not None]
    is_ordered = low is None or high is None or low <= high + _ROUNDED
    if not is_ordered or not all(-_ROUNDED <= number <= 1 + _ROUNDED for number in known):
        raise AuditFileError(
            f"not an audit of schema {SCHEMA}: {what}: a share of {point} from {low} to {high}; scan again"
        )


def decision_of(text: str | bytes) -> Decision | None:
    """The decision that stands in an audit.json."""
    content = _content(text)
    found = content.get("decision")
    return (
        _structured({**found, "policy": content.get("policy") or {}, "mad": content.get("mad")}, Decision)
        if found
        else None
    )


def _content(text: str | bytes) -> dict[str, Any]:
    try:
        content = json.loads(text, parse_constant=_refuse_constant)
    except (ValueError, RecursionError) as error:
        raise AuditFileError(f"not JSON: {error}") from error
    if not isinstance(content, Mapping) or content.get("schema") != SCHEMA:
        found = content.get("schema") if isinstance(content, Mapping) else None
        raise AuditFileError(f"not an audit of schema {SCHEMA} (found {found})")
    return dict(content)


def _refuse_constant(name: str) -> None:
    raise ValueError(f"{name} is no number")


def _structured(content: Mapping[str, Any], cls: type[Any]) -> Any:
    from cattrs.errors import BaseValidationError
    from cattrs.v import transform_error

    try:
        return _converter().structure(content, cls)
    except BaseValidationError as error:
        faults = "; ".join(transform_error(error)[:3])
        raise AuditFileError(f"not an audit of schema {SCHEMA}: {faults}; scan again") from error
    except (TypeError, ValueError, KeyError) as error:
        raise AuditFileError(f"not an audit of schema {SCHEMA}: {error}; scan again") from error


@cache
def _converter() -> Converter:
    from cattrs.gen import make_dict_structure_fn, make_dict_unstructure_fn, override

    converter = values.converter().copy()
    named = override(rename="lambda")  # a keyword of Python's
    converter.register_unstructure_hook(MadStatus, make_dict_unstructure_fn(MadStatus, converter, lambda_=named))
    converter.register_structure_hook(MadStatus, make_dict_structure_fn(MadStatus, converter, lambda_=named))
    return converter
