"""The base class of a policy's rules, and the checks of their settings, as metadata of their fields. Pure.

A check takes a value from TOML and returns the rule's value. It raises ValueError, whose text says what the setting
must be.
"""

from __future__ import annotations

import datetime
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from dataclasses import Field, dataclass, fields
from typing import Any, ClassVar, TypeVar

from auditor import sentences
from auditor.decision import MadLevel, MadStatus, Outcome, RuleResult
from auditor.results import Audit
from auditor.types import Evidence

Choice = TypeVar("Choice", bound=str)
Metadata = Mapping[str, Callable[[Any], Any]]
CHECK = "check"


@dataclass(frozen=True, slots=True)
class Context:
    """What rules use apart from the audit: today, the day of the audit, the baseline audit that it is compared with,
    and the MAD status under the policy's assumptions.
    """

    today: datetime.date | None = None
    audited: datetime.date | None = None
    baseline: Audit | None = None
    mad: MadStatus | None = None


class Rule(ABC):
    """A rule with its settings. is_on_synthetic_share: its setting `max` limits the share of synthetic images."""

    __slots__ = ()
    __dataclass_fields__: ClassVar[dict[str, Field[Any]]]
    id: ClassVar[str]
    is_on_synthetic_share: ClassVar[bool] = False

    @abstractmethod
    def evaluate(self, audit: Audit, context: Context) -> RuleResult:
        """The result of the rule for this audit."""

    @classmethod
    def setting_names(cls) -> tuple[str, ...]:
        """The names of its settings in a policy."""
        return tuple(setting_name(each.name) for each in fields(cls))

    def _result(
        self, outcome: Outcome, value: float | str | None, limit: float | str | None, reason: str
    ) -> RuleResult:
        return RuleResult(self.id, outcome, value, limit, reason)

    def _missing(self, limit: float | str | None, reason: str) -> RuleResult:
        return self._result(Outcome.INCONCLUSIVE, None, limit, reason)

    def _at_most(self, what: str, share: float, low: float, high: float, limit: float) -> RuleResult:
        """Compares a share and its interval with the largest share allowed. what: text that follows the share."""
        outcome = Outcome.FAIL if low > limit else Outcome.INCONCLUSIVE if high > limit else Outcome.PASS
        return self._result(outcome, share, limit, sentences.at_most(low, high, limit, what))

    def _at_least(self, what: str, share: float, limit: float, below: Outcome) -> RuleResult:
        """Compares a share with the smallest share allowed; below: the outcome if it is smaller. what: text that
        follows the share."""
        outcome = Outcome.PASS if share >= limit else below
        return self._result(outcome, share, limit, sentences.at_least(share, limit, what))


def setting_name(field: str) -> str:
    """The name of a field in a policy."""
    return field.replace("_", "-")


# ---- settings -------------------------------------------------------------------------------------------------------


def _is_number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _share(value: Any) -> float:
    if not _is_number(value) or not 0 <= value <= 1:
        raise ValueError("must be a fraction from 0 to 1 (5 % is 0.05)")
    return float(value)


def _share_or_mad_limit(value: Any) -> float | str:
    return "mad-limit" if value == "mad-limit" else _share(value)


def _factor(value: Any) -> float:
    if not _is_number(value) or not 1 <= value <= 20:
        raise ValueError("must be a factor from 1 to 20")
    return float(value)


def _whole(value: Any) -> int:
    if not isinstance(value, int) or isinstance(value, bool) or value <= 0:
        raise ValueError("must be a whole number above 0")
    return value


def _one_of(*choices: Choice) -> Callable[[Any], Choice]:
    def check(value: Any) -> Choice:
        for choice in choices:
            if value == choice:
                return choice
        raise ValueError(f"must be one of {', '.join(choices)}")

    return check


SHARE: Metadata = {CHECK: _share}
SHARE_OR_MAD_LIMIT: Metadata = {CHECK: _share_or_mad_limit}
FACTOR: Metadata = {CHECK: _factor}
WHOLE: Metadata = {CHECK: _whole}
BELOW: Metadata = {CHECK: _one_of(Outcome.INCONCLUSIVE, Outcome.FAIL)}
BASIS: Metadata = {CHECK: _one_of("labels", "any")}
FATAL_LEVEL: Metadata = {CHECK: _one_of(MadLevel.OVER, MadLevel.NEAR)}
WARN_LEVEL: Metadata = {CHECK: _one_of(MadLevel.NEAR)}
ABOVE: Metadata = {CHECK: _one_of(Outcome.WARN, Outcome.INCONCLUSIVE, Outcome.FAIL)}
EVIDENCE: Metadata = {CHECK: _one_of(*Evidence)}
