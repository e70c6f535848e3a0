"""Policies in TOML, and decide(), which checks an audit against a policy. Pure."""

from __future__ import annotations

import datetime
import difflib
import tomllib
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, field, fields, replace
from functools import cache, partial
from typing import TYPE_CHECKING, Any

from auditor import sentences
from auditor.decision import Decision, MadStatus, Outcome, RuleResult
from auditor.errors import PolicyError
from auditor.estimate.intervals import Interval
from auditor.mad import criteria
from auditor.policy.rule import CHECK, Context, Rule, setting_name
from auditor.policy.rules import RULES
from auditor.results import Audit
from auditor.types import Evidence

if TYPE_CHECKING:
    from cattrs import Converter
    from cattrs.errors import ClassValidationError

_LEADING = ("synthetic-fraction", "mad", "declared")  # the rule whose reason leads a pass: the first of these
EXIT_CODE = {Outcome.PASS: 0, Outcome.FAIL: 1, Outcome.INCONCLUSIVE: 4}

DEFAULT = """\
name = "default"

[rules.mad]                 # the synthetic fraction and the MAD limit
fail = "over"
warn = "near"

[rules.declared]            # the confirmed share: a lower bound of the synthetic fraction
max = "mad-limit"

[rules.decoded]             # rows that could be read
min = 0.5
below = "inconclusive"

[rules.unreadable]          # rows that should have been readable
max = 0.2

[rules.passed-over]         # files that were not read, although they may hold images
max = 0
above = "warn"
"""


@dataclass(frozen=True, slots=True)
class Exemption:
    """A rule that does not count until the end of a day (ISO), and the reason."""

    rule: str
    reason: str
    expires: str


@dataclass(frozen=True, slots=True)
class Policy:
    """Rules, exemptions, and the assumptions of the MAD criteria. written: rule -> its settings as in the file."""

    name: str
    rules: tuple[Rule, ...]
    written: Mapping[str, Mapping[str, Any]]
    exemptions: tuple[Exemption, ...] = ()
    mad: criteria.Assumptions = field(default_factory=criteria.Assumptions)


def default() -> Policy:
    """The default policy, used if no policy is given."""
    return parse(DEFAULT)


def parse(text: str) -> Policy:
    """A policy from TOML, or from the [tool.auditor] table of a pyproject.toml. Raises PolicyError."""
    try:
        content = tomllib.loads(text.removeprefix("\ufeff"))  # the mark that some editors write
    except tomllib.TOMLDecodeError as error:
        raise PolicyError(f"not TOML: {error}") from error
    return _parsed(content["tool"].get("auditor", {}) if isinstance(content.get("tool"), dict) else content)


def from_dict(plain: Mapping[str, Any]) -> Policy:
    """The policy that to_dict wrote. Raises PolicyError."""
    try:
        rules = {entry["id"]: entry["settings"] for entry in plain["rules"]}
        exemptions = [
            {**entry, "expires": datetime.date.fromisoformat(entry["expires"])} for entry in plain.get("exemptions", [])
        ]
    except (KeyError, TypeError, ValueError) as error:
        raise PolicyError(f"not the policy of an audit: {error!r}") from error
    named = {key: plain[key] for key in ("name", "mad") if key in plain}
    return _parsed({**named, "rules": rules, "exemptions": exemptions})


def _parsed(content: Mapping[str, Any]) -> Policy:
    """A policy from its table. Raises PolicyError."""
    unknown = set(content) - {"name", "rules", "exemptions", "mad"}
    if unknown:
        raise PolicyError(
            f"unknown keys {', '.join(sorted(unknown))}; a policy can have name, rules, exemptions and mad"
        )
    rules = content.get("rules")
    if not isinstance(rules, dict) or not rules:
        raise PolicyError(
            "a policy needs at least one [rules.…] table; `auditor doctor --policy` prints the default one"
        )
    return Policy(
        name=str(content.get("name", "unnamed")),
        rules=tuple(_rule(id, written) for id, written in rules.items()),
        written=rules,
        exemptions=_exemptions(content.get("exemptions", []), rules),
        mad=_assumptions(content.get("mad", {})),
    )


def _rule(id: str, written: Any) -> Rule:
    """A rule from its table. Raises PolicyError for the first wrong setting."""
    from cattrs.errors import ClassValidationError

    if id not in RULES:
        raise PolicyError(f"no rule '{id}'{_suggestion(id, RULES) or ';'} there are: {', '.join(RULES)}")
    kind = RULES[id]
    if not isinstance(written, dict):
        raise PolicyError(f"rules.{id} must be a table with {', '.join(kind.setting_names())}, got {written!r}")
    try:
        return _converter().structure(written, kind)
    except ClassValidationError as error:
        raise PolicyError(f"rules.{id}{_problem(error, kind, written)}") from error


def _problem(error: ClassValidationError, kind: type[Rule], written: Mapping[str, Any]) -> str:
    """The problem with a rule's settings, as text that follows the rule's name."""
    names = kind.setting_names()
    unknown = next((name for name in written if name not in names), None)
    if unknown is not None:
        return f" has no setting '{unknown}'; there are: {', '.join(names)}{_suggestion(unknown, names)}"
    wrong = {setting_name(note.name): problem for problem, note in error.group_exceptions()[0]}
    for name, problem in wrong.items():
        if name in written:
            return f".{name} {problem}, got {written[name]!r}"
    return f" needs {', '.join(wrong)}"


def _suggestion(word: str, known: Iterable[str]) -> str:
    """The closest known word, if any is close."""
    close = difflib.get_close_matches(word, known, n=1)
    return f"; did you mean {close[0]}?" if close else ""


@cache
def _converter() -> Converter:
    """Makes rules from their tables; refuses settings that a rule does not have."""
    from cattrs import Converter
    from cattrs.gen import make_dict_structure_fn, override

    converter = Converter(forbid_extra_keys=True)
    for kind in RULES.values():
        overrides: dict[str, Any] = {
            each.name: override(rename=setting_name(each.name), struct_hook=partial(_validate, each.metadata[CHECK]))
            for each in fields(kind)
        }
        converter.register_structure_hook(kind, make_dict_structure_fn(kind, converter, **overrides))
    return converter


def _validate(check: Callable[[Any], Any], value: Any, _: Any) -> Any:
    return check(value)


def _assumptions(entry: Any) -> criteria.Assumptions:
    """From [mad] lambda = 0.7, lambda-range = [0.5, 0.9], delta = 0.05, dimension = 100; each is optional."""
    if not isinstance(entry, dict) or (unknown := set(entry) - {"lambda", "lambda-range", "delta", "dimension"}):
        problem = f"unknown {', '.join(sorted(unknown))}" if isinstance(entry, dict) else "not a table"
        raise PolicyError(f"[mad]: {problem}; it can have lambda, lambda-range, delta and dimension")
    defaults = criteria.Assumptions()
    ends = entry.get("lambda-range")
    if ends is not None and not (isinstance(ends, list) and len(ends) == 2):
        raise PolicyError(f"[mad]: lambda-range must be two numbers, like [0.5, 0.9], got {ends!r:.40}")
    given = [value for name, value in entry.items() if name != "lambda-range"] + (ends or [])
    if wrong := [value for value in given if isinstance(value, bool) or not isinstance(value, int | float)]:
        raise PolicyError(f"[mad]: its values must be numbers, got {wrong[0]!r:.40}")
    try:
        lambda_ = float(entry.get("lambda", defaults.lambda_))
        low, high = ends or (min(lambda_, defaults.lambda_low), max(lambda_, defaults.lambda_high))
        return criteria.Assumptions(
            lambda_=lambda_,
            lambda_low=low,
            lambda_high=high,
            delta=float(entry.get("delta", defaults.delta)),
            dimension=float(entry.get("dimension", defaults.dimension)),
            is_dimension_given="dimension" in entry,
        )
    except (TypeError, ValueError) as error:
        raise PolicyError(f"[mad]: {error}") from error


def _exemptions(entries: Any, rules: Mapping[str, Any]) -> tuple[Exemption, ...]:
    """For each rule, the exemption that ends last."""
    exemptions = [_exemption(entry, rules) for entry in (entries if isinstance(entries, list) else [entries])]
    return tuple({entry.rule: entry for entry in sorted(exemptions, key=lambda entry: entry.expires)}.values())


def _exemption(entry: Any, rules: Mapping[str, Any]) -> Exemption:
    if not isinstance(entry, dict) or set(entry) != {"rule", "reason", "expires"}:
        raise PolicyError("each of [[exemptions]] needs a rule, a reason and its last day: expires = 2027-01-31")
    if entry["rule"] not in list(rules):
        raise PolicyError(f"an exemption for '{entry['rule']}', which is not a rule of this policy")
    if not isinstance(entry["expires"], datetime.date) or not str(entry["reason"]).strip():
        raise PolicyError(f"the exemption for {entry['rule']} needs a reason and its last day: expires = 2027-01-31")
    return Exemption(entry["rule"], str(entry["reason"]), entry["expires"].isoformat()[:10])


def decide(audit: Audit, policy: Policy, context: Context = Context()) -> Decision:
    """The policy fails if any rule fails, is inconclusive if any rule is, and passes otherwise."""
    mad = mad_status(audit, policy.mad)
    context = replace(context, mad=mad)
    results = (*_no_evidence(audit), *(_evaluate(audit, rule, policy, context) for rule in policy.rules))
    outcome = next((each for each in (Outcome.FAIL, Outcome.INCONCLUSIVE) if _of(results, each)), Outcome.PASS)
    finding = _finding(outcome, results)
    return Decision(
        outcome,
        EXIT_CODE[outcome],
        " · ".join([*([finding] if finding else []), _counted(outcome, results)]),
        results,
        to_dict(policy),
        mad,
        finding,
        context.audited.isoformat() if context.audited else None,
    )


def _of(results: Iterable[RuleResult], outcome: Outcome) -> list[RuleResult]:
    return [result for result in results if result.outcome is outcome]


def _finding(outcome: Outcome, results: Sequence[RuleResult]) -> str:
    """The sentence that decides: of the first rule that failed or is inconclusive; if all passed, the warnings or,
    without any, the most telling rule on the synthetic share."""
    if outcome is not Outcome.PASS:
        return _of(results, outcome)[0].reason
    warnings = [result.reason for result in _of(results, Outcome.WARN)]
    on_share = (result for result in _of(results, Outcome.PASS) if result.id in _LEADING)
    leading = sorted(on_share, key=lambda result: _LEADING.index(result.id))
    return " · ".join(warnings or [result.reason for result in leading[:1]])


def _counted(outcome: Outcome, results: Sequence[RuleResult]) -> str:
    """How many rules agree."""
    count = len(results)
    if outcome is not Outcome.PASS:
        verb = "failed" if outcome is Outcome.FAIL else "inconclusive"
        return f"{len(_of(results, outcome))} of {sentences.counted(count, 'rule')} {verb}"
    exempt = len(_of(results, Outcome.EXEMPT))
    return f"{sentences.counted(count - exempt, 'rule')} passed" + (f" · {exempt} exempt" if exempt else "")


def mad_status(audit: Audit, assumptions: criteria.Assumptions) -> MadStatus | None:
    """The MAD status under these assumptions; None if no image could be read."""
    if not audit.counts.ok or audit.confirmed.low is None:
        return None
    if not assumptions.is_dimension_given and audit.diversity and audit.diversity.dimension:
        assumptions = replace(assumptions, dimension=max(1.0, audit.diversity.dimension))
    e = audit.estimate
    fraction = Interval(e.point, e.low, e.high) if e else None
    status = criteria.status(fraction, audit.confirmed.low, _readable_rows(audit), assumptions)
    if audit.weights and status.advice:
        return replace(status, advice=f"{status.advice}, counted in rows of average weight")
    return status


def _readable_rows(audit: Audit) -> int:
    """Readable rows of the whole dataset; extrapolated if only a sample of rows, or of shards, was read."""
    if audit.shards:
        return round(audit.counts.ok * audit.shards.of / audit.shards.read)
    if audit.sample is None or not audit.sample.rows:
        return audit.counts.ok
    return round(audit.counts.rows * audit.sample.ok / audit.sample.rows)


def to_dict(policy: Policy) -> dict[str, Any]:
    """The policy as plain values, with the names of its file."""
    m = policy.mad
    assumed = {"lambda": m.lambda_, "lambda-range": [m.lambda_low, m.lambda_high], "delta": m.delta}
    return {
        "name": policy.name,
        "rules": [{"id": id, "settings": dict(written)} for id, written in policy.written.items()],
        "exemptions": [asdict(exemption) for exemption in policy.exemptions],
        "mad": {**assumed, **({"dimension": m.dimension} if m.is_dimension_given else {})},
    }


def _evaluate(audit: Audit, rule: Rule, policy: Policy, context: Context) -> RuleResult:
    result = rule.evaluate(audit, context)
    exemption = next((each for each in policy.exemptions if each.rule == rule.id), None)
    if exemption is None or result.outcome in (Outcome.PASS, Outcome.WARN):
        return result
    if context.today is None or context.today.isoformat() > exemption.expires:
        return replace(result, reason=f"{result.reason} (its exemption ended on {exemption.expires})")
    reason = f"{result.reason}; exempt until {exemption.expires}: {exemption.reason}"
    return replace(result, outcome=Outcome.EXEMPT, reason=reason)


def _no_evidence(audit: Audit) -> tuple[RuleResult, ...]:
    """An inconclusive result, whatever the policy says, if there are no rows or nothing that could be checked."""
    if audit.counts.rows == 0:
        lost = audit.inventory.lost if audit.inventory else 0
        reason = "the input has no rows" + (f"; {sentences.counted(lost, 'file')} skipped" if lost else "")
        return (RuleResult("rows", Outcome.INCONCLUSIVE, 0, None, reason),)
    indecisive = {Evidence.PRIOR.value, *([] if audit.estimate else [Evidence.STATISTICAL.value])}
    deciding = (coverage for kind, coverage in audit.coverage.items() if kind not in indecisive)
    if not any(coverage.evaluable for coverage in deciding):
        reason = "no row could be checked for evidence other than weak hints"
        return (RuleResult("rows", Outcome.INCONCLUSIVE, 0, None, reason),)
    return ()
