"""What a dataset must keep to: a policy in TOML, and decide(), which holds an audit against it. Pure."""

from __future__ import annotations

import datetime
import difflib
import tomllib
from collections.abc import Callable, Iterable, Mapping
from dataclasses import asdict, dataclass, field, fields, replace
from functools import cache, partial
from typing import TYPE_CHECKING, Any

from auditor.errors import PolicyError
from auditor.estimate.intervals import Interval
from auditor.mad import criteria
from auditor.policy.rule import CHECK, Context, Rule, setting_name
from auditor.policy.rules import RULES
from auditor.results import Audit, Decision, MadStatus, Outcome, RuleResult
from auditor.types import Evidence

if TYPE_CHECKING:
    from cattrs import Converter
    from cattrs.errors import ClassValidationError

EXIT_CODE = {Outcome.PASS: 0, Outcome.FAIL: 1, Outcome.INCONCLUSIVE: 4}

DEFAULT = """\
name = "default"

[rules.mad]                 # where the dataset stands against the MAD criterion
fail = "over"
warn = "near"

[rules.declared]            # what the files themselves admit: a floor of the synthetic fraction
max = "mad-limit"

[rules.decoded]             # rows that could be read
min = 0.5
below = "inconclusive"

[rules.unreadable]          # rows that should have been readable
max = 0.2
"""


@dataclass(frozen=True, slots=True)
class Exemption:
    """A rule that is let off through a day (ISO), and why."""

    rule: str
    reason: str
    expires: str


@dataclass(frozen=True, slots=True)
class Policy:
    """Rules, exemptions, and what the MAD criteria assume. written: rule -> its settings as the file has them."""

    name: str
    rules: tuple[Rule, ...]
    written: Mapping[str, Mapping[str, Any]]
    exemptions: tuple[Exemption, ...] = ()
    mad: criteria.Assumptions = field(default_factory=criteria.Assumptions)


def default() -> Policy:
    """The policy that holds where none is given."""
    return parse(DEFAULT)


def parse(text: str) -> Policy:
    """A policy from TOML, or from the [tool.auditor] table of a pyproject.toml. Raises PolicyError."""
    try:
        content = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise PolicyError(f"not TOML: {error}") from error
    content = content["tool"].get("auditor", {}) if isinstance(content.get("tool"), dict) else content
    unknown = set(content) - {"name", "rules", "exemptions", "mad"}
    if unknown:
        raise PolicyError(f"unknown keys {', '.join(sorted(unknown))}; a policy has name, rules, exemptions and mad")
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
    """A rule by its table. Raises PolicyError for the first of its settings that is wrong."""
    from cattrs.errors import ClassValidationError

    if id not in RULES:
        raise PolicyError(f"no rule '{id}'{_meant(id, RULES) or ';'} there are: {', '.join(RULES)}")
    kind = RULES[id]
    if not isinstance(written, dict):
        raise PolicyError(f"rules.{id} is a table with {', '.join(kind.setting_names())}")
    try:
        return _converter().structure(written, kind)
    except ClassValidationError as error:
        raise PolicyError(f"rules.{id}{_problem(error, kind, written)}") from error


def _problem(error: ClassValidationError, kind: type[Rule], written: Mapping[str, Any]) -> str:
    """What is wrong with a rule's settings, to follow its name."""
    names = kind.setting_names()
    unknown = next((name for name in written if name not in names), None)
    if unknown is not None:
        return f" has no setting '{unknown}'; there are: {', '.join(names)}{_meant(unknown, names)}"
    wrong = {setting_name(note.name): found for found, note in error.group_exceptions()[0]}
    for name, found in wrong.items():
        if name in written:
            return f".{name} = {written[name]!r}: {found}"
    return f" needs {', '.join(wrong)}"


def _meant(word: str, known: Iterable[str]) -> str:
    """The known word that is closest, if one is close."""
    close = difflib.get_close_matches(word, known, n=1)
    return f"; did you mean {close[0]}?" if close else ""


@cache
def _converter() -> Converter:
    """Rules from their tables; what a rule has no field for is refused."""
    from cattrs import Converter
    from cattrs.gen import make_dict_structure_fn, override

    converter = Converter(forbid_extra_keys=True)
    for kind in RULES.values():
        of_fields: dict[str, Any] = {
            found.name: override(rename=setting_name(found.name), struct_hook=partial(_checked, found.metadata[CHECK]))
            for found in fields(kind)
        }
        converter.register_structure_hook(kind, make_dict_structure_fn(kind, converter, **of_fields))
    return converter


def _checked(check: Callable[[Any], Any], value: Any, _: Any) -> Any:
    return check(value)


def _assumptions(entry: Any) -> criteria.Assumptions:
    """From [mad] lambda = 0.7, lambda-range = [0.5, 0.9], delta = 0.05, dimension = 100; each may be left out."""
    if not isinstance(entry, dict) or (unknown := set(entry) - {"lambda", "lambda-range", "delta", "dimension"}):
        problem = f"unknown {', '.join(sorted(unknown))}" if isinstance(entry, dict) else "not a table"
        raise PolicyError(f"[mad]: {problem}; it has lambda, lambda-range, delta and dimension")
    usual = criteria.Assumptions()
    try:
        lambda_ = float(entry.get("lambda", usual.lambda_))
        around = min(lambda_, usual.lambda_low), max(lambda_, usual.lambda_high)
        low, high = (float(end) for end in entry.get("lambda-range", around))
        return criteria.Assumptions(
            lambda_=lambda_,
            lambda_low=low,
            lambda_high=high,
            delta=float(entry.get("delta", usual.delta)),
            dimension=float(entry.get("dimension", usual.dimension)),
            is_dimension_given="dimension" in entry,
        )
    except (TypeError, ValueError) as error:
        raise PolicyError(f"[mad]: {error}") from error


def _exemptions(entries: Any, rules: Mapping[str, Any]) -> tuple[Exemption, ...]:
    """Of each rule the one that ends last."""
    found = [_exemption(entry, rules) for entry in (entries if isinstance(entries, list) else [entries])]
    return tuple({entry.rule: entry for entry in sorted(found, key=lambda entry: entry.expires)}.values())


def _exemption(entry: Any, rules: Mapping[str, Any]) -> Exemption:
    if not isinstance(entry, dict) or set(entry) != {"rule", "reason", "expires"}:
        raise PolicyError(
            "each of [[exemptions]] has a rule, a reason and a day on which it ends: expires = 2027-01-31"
        )
    if entry["rule"] not in list(rules):
        raise PolicyError(f"an exemption for '{entry['rule']}', which is no rule of this policy")
    if not isinstance(entry["expires"], datetime.date) or not str(entry["reason"]).strip():
        raise PolicyError(f"the exemption for {entry['rule']} needs a reason and a day: expires = 2027-01-31")
    return Exemption(entry["rule"], str(entry["reason"]), entry["expires"].isoformat()[:10])


def decide(audit: Audit, policy: Policy, context: Context = Context()) -> Decision:
    """Any rule that fails fails the policy; else any inconclusive one leaves it inconclusive; else it passes."""
    stands = mad_status(audit, policy.mad)
    context = replace(context, mad=stands)
    results = (*_seen_at_all(audit), *(_judged(audit, rule, policy, context) for rule in policy.rules))
    for outcome, verb in ((Outcome.FAIL, "failed"), (Outcome.INCONCLUSIVE, "inconclusive")):
        mine = [result for result in results if result.outcome is outcome]
        if mine:
            reason = f"{mine[0].reason} · {len(mine)} of {len(results)} rules {verb}"
            return Decision(outcome, EXIT_CODE[outcome], reason, results, plain(policy), stands)
    warnings = [result.reason for result in results if result.outcome is Outcome.WARN]
    exempt = sum(result.outcome is Outcome.EXEMPT for result in results)
    passed = f"{len(results) - exempt} rules passed" + (f" · {exempt} exempt" if exempt else "")
    reason = passed + "".join(f" · warning: {warning}" for warning in warnings)
    return Decision(Outcome.PASS, EXIT_CODE[Outcome.PASS], reason, results, plain(policy), stands)


def mad_status(audit: Audit, assumptions: criteria.Assumptions) -> MadStatus | None:
    """Where the dataset stands by these assumptions; None where no image could be read."""
    if not audit.counts.ok or audit.confirmed.low is None:
        return None
    if not assumptions.is_dimension_given and audit.diversity and audit.diversity.dimension:
        assumptions = replace(assumptions, dimension=max(1.0, audit.diversity.dimension))
    found = audit.estimate
    fraction = Interval(found.point, found.low, found.high) if found else None
    stands = criteria.status(fraction, audit.confirmed.low, _readable(audit), assumptions)
    if audit.weights and stands.advice:
        return replace(stands, advice=f"{stands.advice}, counted in rows of average weight")
    return stands


def _readable(audit: Audit) -> int:
    """Rows of the dataset that can be read: of a sample, as many as its share of them makes likely; of some shards, as
    many as that share of all makes likely."""
    if audit.shards:
        return round(audit.counts.ok * audit.shards.of / audit.shards.read)
    if audit.sample is None or not audit.sample.rows:
        return audit.counts.ok
    return round(audit.counts.rows * audit.sample.ok / audit.sample.rows)


def plain(policy: Policy) -> dict[str, Any]:
    """The policy as plain values, named as in its file."""
    m = policy.mad
    assumed = {"lambda": m.lambda_, "lambda-range": [m.lambda_low, m.lambda_high], "delta": m.delta}
    return {
        "name": policy.name,
        "rules": [{"id": id, "settings": dict(written)} for id, written in policy.written.items()],
        "exemptions": [asdict(exemption) for exemption in policy.exemptions],
        "mad": {**assumed, "dimension": m.dimension},
    }


def _judged(audit: Audit, rule: Rule, policy: Policy, context: Context) -> RuleResult:
    result = rule.judge(audit, context)
    exemption = next((found for found in policy.exemptions if found.rule == rule.id), None)
    if exemption is None or result.outcome in (Outcome.PASS, Outcome.WARN):
        return result
    if context.today is None or context.today.isoformat() > exemption.expires:
        return replace(result, reason=f"{result.reason} (its exemption ended on {exemption.expires})")
    reason = f"{result.reason}; exempt until {exemption.expires}: {exemption.reason}"
    return replace(result, outcome=Outcome.EXEMPT, reason=reason)


def _seen_at_all(audit: Audit) -> tuple[RuleResult, ...]:
    """Whatever the policy says, nothing can be concluded of nothing."""
    if audit.counts.rows == 0:
        return (RuleResult("rows", Outcome.INCONCLUSIVE, 0, None, "the input has no rows"),)
    never_deciding = {Evidence.PRIOR.value, *([] if audit.estimate else [Evidence.STATISTICAL.value])}
    deciding = (coverage for kind, coverage in audit.coverage.items() if kind not in never_deciding)
    if not any(coverage.evaluable for coverage in deciding):
        reason = "no evidence that could decide an image could be seen on any row"
        return (RuleResult("rows", Outcome.INCONCLUSIVE, 0, None, reason),)
    return ()
