"""The nouns of a decision: what was made of an audit, by which assumptions. Values like those of types.py."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any


class Outcome(StrEnum):
    """How a rule, or a whole policy, ends."""

    PASS = "pass"  # noqa: S105  no password
    WARN = "warn"
    FAIL = "fail"
    INCONCLUSIVE = "inconclusive"
    EXEMPT = "exempt"


@dataclass(frozen=True, slots=True)
class MadStatus:
    """Where the dataset stands against a MAD criterion, by which assumptions; limits: what each criterion allows."""

    status: str
    criterion: str
    limit: float
    lambda_: float
    lambda_range: tuple[float, float]
    delta: float
    reason: str
    advice: str = ""
    dimension: float = 100.0
    limits: Mapping[str, float] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class RuleResult:
    """How one rule of a policy ended, with the number it looked at."""

    id: str
    outcome: Outcome
    value: float | str | None
    limit: float | str | None
    reason: str


@dataclass(frozen=True, slots=True)
class Decision:
    """How the policy ended, and the policy as plain values. exit_code is what the command line exits with.

    mad: where the dataset stands by the policy's assumptions; None where no image could be read.
    """

    outcome: Outcome
    exit_code: int
    reason: str
    rules: tuple[RuleResult, ...]
    policy: Mapping[str, Any] = field(default_factory=dict)
    mad: MadStatus | None = None
