"""Data types of a decision: the policy's conclusions from an audit. Values, as in types.py."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any


class Outcome(StrEnum):
    """The outcome of a rule or of a policy."""

    PASS = "pass"  # noqa: S105  no password
    WARN = "warn"
    FAIL = "fail"
    INCONCLUSIVE = "inconclusive"
    EXEMPT = "exempt"


class MadLevel(StrEnum):
    """The position of the synthetic fraction's interval relative to the MAD limit (auditor/mad/criteria.py)."""

    SAFE = "safe"  # its upper end is below half of the limit at the conservative λ
    NEAR = "near"
    INCONCLUSIVE = "inconclusive"  # its upper end is above the limit, or there is no estimate
    OVER = "over"  # its lower end is above the limit


class MadCriterion(StrEnum):
    """The criterion that sets the limit."""

    DIVERSITY = "diversity"  # the tolerated loss of variance
    STABILITY = "stability"  # the cap


@dataclass(frozen=True, slots=True)
class MadLimits:
    """The limit of each criterion on the synthetic fraction, from 0 to 1.

    diversity_conservative: the diversity limit at the lower end of the range of λ.
    """

    diversity: float
    diversity_conservative: float
    stability: float
    admissible: float
    half: float

    @property
    def near_from(self) -> float:
        """The upper end of the fraction from which on a dataset is not safe any more."""
        return self.diversity_conservative / 2


@dataclass(frozen=True, slots=True)
class MadStatus:
    """The dataset's status under a MAD (Model Autophagy Disorder) criterion, with its assumptions. limits: of all
    criteria."""

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
    """The outcome of one rule of a policy, with the value that it compared. note: what qualifies the reason, such as
    how robust it is."""

    id: str
    outcome: Outcome
    value: float | str | None
    limit: float | str | None
    reason: str
    note: str = ""

    @property
    def text(self) -> str:
        """The reason and its note."""
        return f"{self.reason}. {self.note}" if self.note else self.reason


@dataclass(frozen=True, slots=True)
class Decision:
    """The outcome of the policy; true if the policy passed. policy: as plain values. exit_code: of the command line.

    reason: the sentence that decides, and how many rules agree. finding: that sentence. mad: the dataset's MAD status
    by the policy's assumptions; None if no image could be read. date: of the audit, in ISO 8601, if it is known; it is
    not in audit.json.
    """

    outcome: Outcome
    exit_code: int
    reason: str
    rules: tuple[RuleResult, ...]
    policy: Mapping[str, Any] = field(default_factory=dict)
    mad: MadStatus | None = None
    finding: str = ""
    date: str | None = None

    def __bool__(self) -> bool:
        return self.outcome is Outcome.PASS

    @property
    def deciding(self) -> tuple[RuleResult, ...]:
        """The rules that led to the outcome; of a pass, its warnings."""
        if self.appearance is Outcome.PASS:
            return ()
        return tuple(rule for rule in self.rules if rule.outcome is self.appearance)

    @property
    def appearance(self) -> Outcome:
        """The outcome, or a warning for a pass with warnings."""
        has_warning = any(rule.outcome is Outcome.WARN for rule in self.rules)
        return Outcome.WARN if has_warning and self.outcome is Outcome.PASS else self.outcome

    @property
    def headline(self) -> str:
        """The outcome in words."""
        return _HEADLINES[self.appearance]


_HEADLINES = {
    Outcome.PASS: "OK",
    Outcome.WARN: "OK, with a warning",
    Outcome.FAIL: "Do not train yet",
    Outcome.INCONCLUSIVE: "Cannot decide yet",
}
