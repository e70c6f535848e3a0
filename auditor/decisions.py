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


class MadLevel(StrEnum):
    """Where the synthetic fraction's interval lies against the MAD limit (auditor/mad/criteria.py)."""

    SAFE = "safe"  # its upper end is below half of the limit at the conservative λ
    NEAR = "near"
    INCONCLUSIVE = "inconclusive"  # its upper end is above the limit, or there is no estimate
    OVER = "over"  # its lower end is above the limit


class MadCriterion(StrEnum):
    """Which criterion sets the limit."""

    DIVERSITY = "diversity"  # the tolerated loss of variance
    STABILITY = "stability"  # the cap


@dataclass(frozen=True, slots=True)
class MadLimits:
    """Each criterion's limit on the synthetic fraction, from 0 to 1.

    diversity_conservative: the same as diversity, at the lower end of the range of λ.
    """

    diversity: float
    diversity_conservative: float
    stability: float
    admissible: float
    half: float


@dataclass(frozen=True, slots=True)
class MadStatus:
    """Where the dataset stands against a MAD criterion, by which assumptions; limits: those of all criteria."""

    status: MadLevel
    criterion: MadCriterion
    limit: float
    lambda_: float
    lambda_range: tuple[float, float]
    delta: float
    reason: str
    advice: str = ""
    dimension: float = 100.0
    limits: MadLimits = field(kw_only=True)


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
