"""Writes audit.json (an audit, its policy and its decision) and reads it back. The schema is auditor/2.

Within a schema, fields are added but never renamed. The same audit gives the same bytes.
"""

from __future__ import annotations

import itertools
import json
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import fields
from enum import StrEnum
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from auditor import audit_checks, values
from auditor.config import Config
from auditor.decision import Decision, MadStatus
from auditor.errors import AuditFileError
from auditor.results import SCHEMA, UNCHECKABLE, Audit
from auditor.safe_text import safe_json
from auditor.values import InvalidValue

if TYPE_CHECKING:
    from cattrs import Converter

_CONFIG_PARTS = frozenset(part.name for part in fields(Config))  # required, because a default would be a guess
_MAX_FAULTS = 3  # reported
_MAX_WHOLE = 2**63 - 1


def dumps(audit: Audit, decision: Decision) -> str:
    """The JSON text."""
    converter = _converter()
    plain_decision = converter.unstructure(decision)
    del plain_decision["date"]  # the same dataset gives the same bytes on another day
    top_level = {key: plain_decision.pop(key) for key in ("mad", "policy")}
    content = {**converter.unstructure(audit), **top_level, "decision": plain_decision}
    first = {key: content.pop(key) for key in ("schema", "tool", "inputs", "digests", "config")}
    content["not_checked"] = UNCHECKABLE
    return safe_json(json.dumps({**first, **content}, indent=2, ensure_ascii=False, allow_nan=False)) + "\n"


def plain(audit: Audit) -> dict[str, Any]:
    """The audit as values of JSON, from which `loads` makes it again."""
    content: dict[str, Any] = _converter().unstructure(audit)
    return content


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
    config = content.get("config")
    if missing := _CONFIG_PARTS.difference(config if isinstance(config, Mapping) else ()):
        raise AuditFileError(f"not an audit of schema {SCHEMA}: config lacks {min(missing)}; scan again")
    if isinstance(content.get("captions"), list):  # audits of earlier versions
        content["caption_similarity"] = content.pop("captions")
    audit: Audit = _checked(_structured(content, Audit))
    return audit


def _checked(value: Any) -> Any:
    """The audit or decision. Raises AuditFileError for impossible numbers, which a policy's rule could let pass."""
    if found := list(itertools.islice(audit_checks.faults(value), _MAX_FAULTS)):
        raise AuditFileError(f"not an audit of schema {SCHEMA}: {'; '.join(found)}; scan again")
    return value


def decision_of(text: str | bytes) -> Decision | None:
    """The decision in an audit.json, if there is one."""
    content = _content(text)
    decision = content.get("decision")
    if not decision:
        return None
    if not isinstance(decision, Mapping):
        raise AuditFileError(f"not an audit of schema {SCHEMA}: decision: must be an object; scan again")
    nested = {**decision, "policy": content.get("policy") or {}, "mad": content.get("mad")}
    structured: Decision = _checked(_structured(nested, Decision))
    return structured


def _content(text: str | bytes) -> dict[str, Any]:
    try:
        content = json.loads(text, parse_constant=_refuse_constant)
    except (ValueError, RecursionError) as error:
        raise AuditFileError(f"not JSON: {error}") from error
    if not isinstance(content, Mapping) or content.get("schema") != SCHEMA:
        schema = content.get("schema") if isinstance(content, Mapping) else None
        hint = "; scan again. docs/reference/audit-json-2.md lists the renamed keys" if schema == "auditor/1" else ""
        raise AuditFileError(f"not an audit of schema {SCHEMA} (found {schema}){hint}")
    return dict(content)


def _refuse_constant(name: str) -> None:
    raise ValueError(f"{name} is not a number")


def _structured(content: Mapping[str, Any], cls: type[Any]) -> Any:
    from cattrs.errors import BaseValidationError

    try:
        return _converter().structure(content, cls)
    except BaseValidationError as error:
        faults = "; ".join(values.faults(error)[:_MAX_FAULTS])
        raise AuditFileError(f"not an audit of schema {SCHEMA}: {faults}; scan again") from error
    except (TypeError, ValueError, KeyError) as error:
        raise AuditFileError(f"not an audit of schema {SCHEMA}: {error}; scan again") from error


@cache
def _converter() -> Converter:
    from cattrs.gen import make_dict_structure_fn, make_dict_unstructure_fn, override

    converter = values.converter().copy()
    renamed = override(rename="lambda")  # a keyword in Python
    converter.register_unstructure_hook(MadStatus, make_dict_unstructure_fn(MadStatus, converter, lambda_=renamed))
    hooks = {int: _whole, float: _number, str: _text, bool: _truth, StrEnum: _member}
    for kind, structure in hooks.items():
        converter.register_structure_hook(kind, structure)
    converter.register_structure_hook(MadStatus, make_dict_structure_fn(MadStatus, converter, lambda_=renamed))
    return converter


# Without these, cattrs would take "3" for a number, and 0 for a text.


def _whole(value: Any, _: Any) -> int:
    if type(value) is not int or not 0 <= value <= _MAX_WHOLE:
        raise InvalidValue(f"must be a whole number from 0 to 2^63, got {value!r:.40}")
    return value


def _number(value: Any, _: Any) -> float:
    if type(value) not in (int, float) or not abs(value) <= sys.float_info.max:
        raise InvalidValue(f"must be a finite number, got {value!r:.40}")
    return float(value)


def _text(value: Any, _: Any) -> str:
    if not isinstance(value, str):
        raise InvalidValue(f"must be a text, got {value!r:.40}")
    return value


def _member(value: Any, kind: type[StrEnum]) -> StrEnum:
    if value not in list(kind):
        raise InvalidValue(f"must be one of {', '.join(kind)}, got {value!r:.40}")
    return kind(value)


def _truth(value: Any, _: Any) -> bool:
    if not isinstance(value, bool):
        raise InvalidValue(f"must be true or false, got {value!r:.40}")
    return value
